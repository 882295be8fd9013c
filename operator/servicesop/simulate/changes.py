"""What was said in a test, as a list of what changed when."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from servicesop.api.procedures import FIXED_CONDITIONS
from servicesop.api.sop import Spec
from servicesop.api.status import Status
from servicesop.simulate.expectations import Story, conditions_of, winning


@dataclass(frozen=True, slots=True)
class Change:
    """From a time on something else is said of one thing."""

    at: timedelta
    """Counted from the start."""
    what: str
    """A condition, procedure, check, row or escalation: `check led`."""
    now: str | None
    """What is said; None where nothing is said of it any more."""


def changes(story: Story) -> tuple[Change, ...]:
    """Give all changes, in the order of time; messages are prose, and are left out."""
    found: list[Change] = []
    before: dict[str, str] = {}
    for moment in story.moments:
        at, after = moment.time - story.start, dict(_facts(moment.status, story.spec))
        found += [
            Change(at, what, after.get(what))
            for what in before | after
            if before.get(what) != after.get(what)
        ]
        before = after
    return tuple(found)


def _facts(status: Status, spec: Spec) -> Iterator[tuple[str, str]]:
    for check in status.checks:
        why = ",".join(check.findings) or check.reason
        yield f"check {check.name}", f"{check.state}/{why}" if why else str(check.state)
    for name, condition in conditions_of(status, spec).items():
        kind = "condition" if name in FIXED_CONDITIONS else "procedure"
        yield f"{kind} {name}", f"{condition.status}/{condition.reason}"
    for procedure, row in winning(status).items():
        yield f"row {procedure}", row
    calls: dict[str, list[str]] = {}
    for one in status.escalations:
        for procedure in one.procedures:
            calls.setdefault(procedure, []).append(f"{one.reason} to {', '.join(one.to)}")
    for procedure, said in calls.items():
        yield f"escalation {procedure}", "; ".join(said)
