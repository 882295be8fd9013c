"""What is happening: procedures from checks, and the service's health from procedures."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from servicesop.api.procedures import Procedure, Row, Severity, Step
from servicesop.api.sop import Spec
from servicesop.api.status import CheckState, Tri
from servicesop.judge.debounce import Memory
from servicesop.judge.dependencies import causes

Checks = Mapping[str, Memory]

BLIND_STATES = (CheckState.INCONCLUSIVE, CheckState.ERROR, CheckState.NOT_RUN)
"""States in which a check cannot tell. Pending is not among them: it will tell within its `for`.
Nor is Suspended: somebody has switched it off. For a Skipped one see `blind_checks`."""


@dataclass(frozen=True, slots=True)
class Section:
    """A procedure with everything it borrows from others resolved."""

    procedure: Procedure
    checks: tuple[str, ...]
    steps: tuple[Step, ...]
    rows: tuple[Row, ...]
    titles: tuple[str, ...]
    """Its own name first, then those that are the same under another title."""

    @property
    def name(self) -> str:
        """The procedure's name."""
        return self.procedure.name


def sections_of(spec: Spec) -> tuple[Section, ...]:
    """Give the procedures that have a life of their own, in order; `sameAs` is only a title."""
    by_name = {procedure.name: procedure for procedure in spec.procedures}
    sections = []
    for procedure in spec.procedures:
        if procedure.same_as:
            continue
        source = by_name[procedure.steps_from] if procedure.steps_from else procedure
        same = (other.name for other in spec.procedures if other.same_as == procedure.name)
        sections.append(
            Section(
                procedure=procedure,
                checks=procedure.checks or (),
                steps=procedure.steps or source.steps,
                rows=source.handle or (),
                titles=(procedure.name, *same),
            )
        )
    return tuple(sections)


def state_of(section: Section, checks: Checks) -> Tri:
    """Say whether a procedure is happening."""
    states = {checks[name].state for name in section.checks}
    if CheckState.FAILED in states:
        return Tri.TRUE
    return Tri.FALSE if states == {CheckState.PASSED} else Tri.UNKNOWN


def is_blind(section: Section, checks: Checks, handled: Collection[str]) -> bool:
    """Say whether a procedure is unknown because checks cannot tell."""
    unknown = state_of(section, checks) is Tri.UNKNOWN
    return unknown and bool(blind_checks(section.checks, checks, handled))


def blind_checks(names: Iterable[str], checks: Checks, handled: Collection[str]) -> tuple[str, ...]:
    """Give the checks because of which some of these cannot tell.

    For a Skipped check that is what it waits for. Where that has failed and a procedure handles it
    (`handled`), somebody is told already; where it was suspended, somebody wanted it.
    """
    found: dict[str, None] = {}
    for name in names:
        reasons = causes(name, checks)
        states = {checks[cause].state for cause in reasons}
        if CheckState.SUSPENDED in states:
            continue
        for cause in reasons:
            state = checks[cause].state
            unseen = state is CheckState.FAILED and cause != name and cause not in handled
            if state in BLIND_STATES or unseen:
                found[cause] = None
    return tuple(found)


def handled_checks(sections: Iterable[Section]) -> frozenset[str]:
    """Give the checks whose failure makes some procedure happen."""
    return frozenset(name for section in sections for name in section.checks)


def failed_checks(section: Section, checks: Checks) -> tuple[str, ...]:
    """Give the failed checks of a procedure."""
    return tuple(name for name in section.checks if checks[name].state is CheckState.FAILED)


def health_of(states: Mapping[str, Tri], severities: Mapping[str, Severity]) -> Tri:
    """Judge the service by its procedures; `info` ones never make it unhealthy."""
    bad = (Severity.CRITICAL, Severity.WARNING)
    if any(state is Tri.TRUE and severities[name] in bad for name, state in states.items()):
        return Tri.FALSE
    return Tri.UNKNOWN if Tri.UNKNOWN in states.values() else Tri.TRUE
