"""Tries the mutants of an SOP in several processes."""

import logging
import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from multiprocessing import connection
from pathlib import Path

from mutation.equivalents import Equivalents
from mutation.mutants import Mutant, mutants_of
from mutation.report import Report
from mutation.trial import Baseline, Outcome, SopTest, baseline, likeliest_first, outcome, sop_tests
from servicesop.cli.suites import find_suites

_BATCH = 20
"""After how many mutants a line says how far it is."""


class FailingError(Exception):
    """The SOP's tests fail as it is: they would kill every mutant."""


_tests: list[SopTest] = []
"""The tests of the SOP that this process tries mutants of."""


def load(directory: Path) -> None:
    """Make a process ready to try mutants; it ends when the one that has started it does."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()
    logging.getLogger("servicesop").setLevel(logging.CRITICAL)
    _tests[:] = sop_tests(find_suites([directory]))


def _end_with(sentinel: int) -> None:
    connection.wait([sentinel])
    os._exit(1)


def _baseline(number: int) -> Baseline:
    return baseline(_tests[number])


def _outcome(mutant: Mutant, order: Sequence[int]) -> Outcome:
    return outcome(mutant, [_tests[number] for number in order])


def try_mutants(directory: Path, equivalents: Equivalents, say: Callable[[str], None]) -> Report:
    """Try all mutants of the one SOP whose tests are in a directory. Raise FailingError."""
    start = time.monotonic()
    tests = list(sop_tests(find_suites([directory])))
    (subject,) = {test.file.sop.resolve(): test.file.subject for test in tests}.values()
    with processes(directory) as pool:
        firsts = list(pool.map(_baseline, range(len(tests))))
        failing = [str(test) for test, one in zip(tests, firsts, strict=True) if one.faults]
        if failing:
            raise FailingError(f"{subject.name} fails as it is: {'; '.join(failing)}")
        mutants = list(mutants_of(subject.spec))
        tried = [pool.submit(_outcome, one, likeliest_first(firsts, one.about)) for one in mutants]
        for done, one in enumerate(as_completed(tried), 1):
            if one.result().survived:
                say(f"{subject.name}: survived: {one.result().name}")
            if done % _BATCH == 0:
                say(f"{subject.name}: {done} of {len(mutants)} mutants")
        outcomes = [one.result() for one in tried]
    return Report(subject.name, outcomes, equivalents.of(subject.name), time.monotonic() - start)


@contextmanager
def processes(directory: Path) -> Iterator[Executor]:
    """Give as many processes as there are cores; what is not begun when it fails is left."""
    cores = len(os.sched_getaffinity(0))
    pool = ProcessPoolExecutor(cores, multiprocessing.get_context("spawn"), load, (directory,))
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)
