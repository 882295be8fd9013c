"""Runs an SOP's own tests against a mutant of it, up to the first that fails."""

import asyncio
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from mutation.mutants import Mutant
from servicesop.api.sop import Spec
from servicesop.api.validation import InvalidSpecError, valid_spec
from servicesop.checks.patterns import matcher
from servicesop.cli.suites import RefusedFile, SuiteError, SuiteFile
from servicesop.lint.fields import patterns
from servicesop.simulate.bearing import observed_by
from servicesop.simulate.cases import Case, Facts
from servicesop.simulate.story import tell
from servicesop.sources.errors import SourceError


@dataclass(frozen=True, slots=True)
class SopTest:
    """One test of an SOP."""

    file: SuiteFile
    case: Case

    def __str__(self) -> str:
        return f"{self.file.path.name}: {self.case.name}"

    def faults(self, spec: Spec | None = None) -> tuple[str, ...]:
        """Run it on the SOP, or on a mutant in its place; say what was not as expected.

        What the test names and the mutant lacks is no fault by itself: a test has to notice by what
        is said and done that a check is gone.
        """
        subject = self.file.subject
        if spec is not None:
            subject = replace(subject, spec=spec).in_mode(self.file.suite.mode)
        # A mutant fails by one fault, whatever comes after it.
        story = tell(subject, self.case, self.file.suite.start, _defect, to_the_end=False)
        return asyncio.run(story).faults


def _defect(defect: Exception) -> None:
    """An operator that breaks is no proof that a test would have noticed the mutant."""
    raise defect


def sop_tests(files: Iterable[SuiteFile | RefusedFile]) -> Iterator[SopTest]:
    """Give all tests in the files. Raise SuiteError for one that cannot be run."""
    for file in files:
        if isinstance(file, RefusedFile):
            raise SuiteError(file.faults)
        yield from (SopTest(file, case) for case in file.suite.tests)


@dataclass(frozen=True, slots=True)
class Baseline:
    """One test of the SOP as it is."""

    faults: tuple[str, ...]
    seconds: float
    named: frozenset[str]
    """The checks and rows of which it expects something, or which it answers by name."""
    observed: frozenset[str]
    """The checks that it lets observe something."""


def baseline(test: SopTest) -> Baseline:
    """Run a test on the SOP itself."""
    start = time.process_time()
    faults = test.faults()
    seconds = time.process_time() - start
    case, spec = test.case, test.file.subject.spec
    facts: list[Facts] = [*case.expect, *(one.never for one in case.expect if one.never)]
    named = {name for one in facts for name in (*(one.row or ()), *(one.checks or {}))}
    given = (one for each in case.given for one in (each.samples, each.sql, each.http) if one)
    named |= {one.check for one in given}
    observed = frozenset[str]().union(*(observed_by(one, spec) for one in case.given))
    return Baseline(faults, seconds, frozenset(named), observed)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a mutant: refused by the API, killed by a test, or neither: it survived."""

    name: str
    refused: str | None = None
    killed_by: str | None = None

    @property
    def survived(self) -> bool:
        """Whether no test has told it from the SOP."""
        return self.refused is None and self.killed_by is None


def outcome(mutant: Mutant, tests: Sequence[SopTest]) -> Outcome:
    """Try a mutant with the tests in this order, which should begin with the likeliest."""
    try:
        spec = valid_spec(mutant.values)
        for _, pattern in patterns(spec):
            matcher(pattern)
    except InvalidSpecError as invalid:
        return Outcome(mutant.name, refused=invalid.faults[0])
    except SourceError as not_run:
        # The operator would not run such a check at all, which is no proof of anything.
        return Outcome(mutant.name, refused=str(not_run))
    killer = next((test for test in tests if test.faults(spec)), None)
    return Outcome(mutant.name, killed_by=None if killer is None else str(killer))


def likeliest_first(tests: Sequence[Baseline], about: frozenset[str]) -> tuple[int, ...]:
    """Order tests, given by their numbers: those that name what is changed, then those that let it
    be observed, then the rest; the quick ones first among each."""

    def place(number: int) -> tuple[bool, bool, float]:
        test = tests[number]
        return not test.named & about, not test.observed & about, test.seconds

    return tuple(sorted(range(len(tests)), key=place))
