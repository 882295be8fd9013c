"""Memories of checks of which something is supposed, made by the operator's own debouncing."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from servicesop.api.reasons import UnknownReason
from servicesop.judge import debounce
from servicesop.judge.debounce import Memory, Windows
from servicesop.judge.results import Sample, error, failed, inconclusive, passed

AT = datetime(2000, 1, 1, tzinfo=UTC)
"""When all of this is supposed to be."""
_ROUND = timedelta(seconds=1)

PASSED = passed()
CANNOT_TELL = inconclusive(UnknownReason.NOT_COVERED, "cannot tell")
CANNOT_ASK = error(UnknownReason.UNREACHABLE, "cannot be asked")


def found(findings: frozenset[str]) -> Sample:
    """Give the sample of a run that found these."""
    return failed(set(findings), "does not hold")


def after(samples: Sequence[Sample]) -> Memory:
    """Give the memory after these runs, where two of a kind are enough and nothing recovers."""
    names = {name for sample in samples for name in sample.findings}
    windows = Windows(fail=dict.fromkeys(names, timedelta()), recover=timedelta(days=1))
    memory = debounce.begin(AT)
    for number, sample in enumerate(samples):
        memory = debounce.step(memory, sample, AT + number * _ROUND, windows)
    return memory


def changing() -> Memory:
    """Give the memory of a check that fails in every run, but for changing reasons."""
    return after([found(frozenset({"One"})), found(frozenset({"Other"}))])
