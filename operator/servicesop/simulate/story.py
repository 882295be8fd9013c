"""One test, from its start to its last expectation."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from servicesop.api.procedures import Mode
from servicesop.api.sop import Spec
from servicesop.checks.registry import build
from servicesop.simulate.acts import Act
from servicesop.simulate.answers import AnsweringRunner, Answers
from servicesop.simulate.api_server import MemoryClient
from servicesop.simulate.bearing import observed_by
from servicesop.simulate.cases import Case
from servicesop.simulate.changes import Change, changes
from servicesop.simulate.clock import SetClock
from servicesop.simulate.expectations import Story, differences
from servicesop.simulate.operator import Moment, SimulatedOperator
from servicesop.simulate.reach import Reached, reached
from servicesop.simulate.surroundings import surroundings_of
from servicesop.simulate.world import MalformedError, World

_INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Subject:
    """An SOP that is tested."""

    name: str
    namespace: str
    spec: Spec

    def in_mode(self, mode: Mode | None) -> "Subject":
        """Give it as if this were its mode."""
        if mode is None:
            return self
        return Subject(self.name, self.namespace, self.spec.model_copy(update={"mode": mode}))


class UnusableError(Exception):
    """Something that is given cannot be used; the message says which."""

    def __init__(self, case: Case, number: int) -> None:
        (thing,) = case.given[number].things
        super().__init__(
            f"test {case.name!r}: given[{number}].{thing}: has not the form in which Kubernetes"
            " gives it; compare with `kubectl get -o yaml`"
        )


@dataclass(frozen=True, slots=True)
class Told:
    """What came of a test."""

    case: Case
    faults: tuple[str, ...]
    """What was not as expected; none where the test passed."""
    rows: frozenset[Reached]
    """The rows of decision tables that won in it."""
    changes: tuple[Change, ...]
    """What was said."""
    acts: tuple[Act, ...]
    """What was done."""


async def tell(
    subject: Subject,
    case: Case,
    start: datetime,
    on_defect: Callable[[Exception], None],
    *,
    to_the_end: bool = True,
) -> Told:
    """Let a test happen, and compare; to its end, or until something is not as expected.

    Raise UnusableError.
    """
    spec = subject.spec
    clock, answers = SetClock(start), Answers()
    world = World(
        spec, subject.namespace, case, clock, lambda place: operator.workload_changed(place)
    )
    client = MemoryClient(world.server)
    around = surroundings_of(spec, world, client, clock.now)
    observed = {name for given in case.given for name in observed_by(given, spec)}
    moments: list[Moment] = []
    rows: set[Reached] = set()

    def said(moment: Moment) -> None:
        moments.append(moment)
        rows.update(reached(operator.sop, moment.status, lambda name: answers.of(name) is not None))

    operator = SimulatedOperator(
        name=subject.name,
        namespace=subject.namespace,
        spec=spec,
        clock=clock,
        server=world.server,
        views=world.workloads,
        client=client,
        build=lambda check: AnsweringRunner(
            check, build(check, around(check)), answers, follows=check.name in observed
        ),
        on_moment=said,
        on_defect=on_defect,
    )
    await operator.start(case.acted)
    story = Story(spec, start, moments, world.acts)
    found: dict[int, list[str]] = {}
    for since in sorted({one.at for one in case.given} | {one.end for one in case.expect}):
        at = start + since
        if at > clock.now():
            await operator.run_until(at - _INSTANT)
            clock.set(at)
        for number, given in enumerate(case.given):
            if given.at == since:
                try:
                    world.give(given)
                except MalformedError:
                    raise UnusableError(case, number) from None
                answers.give(given)
                answers.observe(observed_by(given, spec))
        ended = {number: one for number, one in enumerate(case.expect) if one.end == since}
        if ended:
            await operator.run_until(at)
        found |= {number: differences(one, story) for number, one in ended.items()}
        if not to_the_end and any(found.values()):
            break
    faults = tuple(f"expect[{number}] {one}" for number in sorted(found) for one in found[number])
    return Told(case, faults, frozenset(rows), changes(story), tuple(world.acts))
