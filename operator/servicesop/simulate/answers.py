"""What each check answers in a test: what was given plainly, or what its judge makes of it all."""

import contextlib
from dataclasses import dataclass, field
from datetime import datetime

from servicesop.api.checks.check import Check
from servicesop.api.reasons import UnknownReason
from servicesop.api.sop import TargetRef
from servicesop.checks.runner import CheckRunner, Turn
from servicesop.judge.results import Sample, Verdict, error, failed, inconclusive, passed
from servicesop.simulate.cases import Given
from servicesop.sources.errors import SourceError


@dataclass
class Answers:
    """Who answers for which check at the moment."""

    plain: dict[str, Sample] = field(default_factory=dict)
    """Checks to which a plain answer was given last."""
    observed: set[str] = field(default_factory=set)
    """Checks to which an observation was given last: their judges answer."""
    others: Sample | None = None
    """What all the rest answer; None: their judges do, too."""

    def give(self, given: Given) -> None:
        """Take over a plain result."""
        if given.all is not None:
            self.others = _sample(given.all)
        if given.check is not None:
            self.observed.discard(given.check)
            finding = given.finding
            self.plain[given.check] = (
                failed(set(finding), "as the test says") if finding else _sample(given.result)
            )

    def observe(self, checks: frozenset[str]) -> None:
        """Let the judges of these checks answer from now on."""
        self.observed |= checks
        for name in checks:
            self.plain.pop(name, None)

    def of(self, name: str) -> Sample | None:
        """Give the plain answer of a check; None where its judge answers."""
        if name in self.plain:
            return self.plain[name]
        return None if name in self.observed else self.others


def _sample(result: Verdict | None) -> Sample:
    match result:
        case Verdict.PASSED:
            return passed("as the test says")
        case Verdict.INCONCLUSIVE:
            return inconclusive(UnknownReason.NOT_COVERED, "as the test says")
        case _:
            return error(UnknownReason.UNREACHABLE, "as the test says")


class AnsweringRunner:
    """A check in a test. Its judge is run all along, so that it knows what came before."""

    def __init__(
        self, check: Check, judge: CheckRunner, answers: Answers, *, follows: bool
    ) -> None:
        """`follows`: it is given something to observe sooner or later."""
        self._follows = follows
        self._check = check
        self._judge = judge
        self._answers = answers

    @property
    def reacts_to(self) -> TargetRef | None:
        """The workload whose changes make this check run at once."""
        return self._judge.reacts_to

    @property
    def turn(self) -> Turn:
        """What to enter before `run`."""
        return self._judge.turn

    async def run(self, now: datetime) -> Sample:
        """Observe and judge, unless the answer was given."""
        said = self._answers.of(self._check.name)
        if said is None:
            return await self._judge.run(now)
        if self._follows:
            with contextlib.suppress(SourceError):
                await self._judge.run(now)
        return said
