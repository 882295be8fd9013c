"""What the cluster says of the SOP now, as the page shows it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from servicesop.api.base import KIND
from servicesop.api.sop import Spec
from servicesop.api.status import CheckState, CheckStatus, Escalation, ProcedureStatus, Status
from servicesop.api.times import format_time
from servicesop.api.validation import InvalidSpecError, valid_spec
from servicesop.render.markdown import bullets, code, plain, table
from servicesop.render.texts import Filled, filled_texts

_NEVER_SEEN = -1


@dataclass(frozen=True, slots=True)
class Live:
    """The current state."""

    text: str
    """Of the whole SOP, as Markdown."""
    procedures: Mapping[str, str] = field(default_factory=dict)
    """A line for each procedure that the operator knows."""
    texts: tuple[Filled, ...] = ()
    """What goes with the open escalations."""


def live_state(
    spec: Spec, place: tuple[str, str], applied: Mapping[str, Any] | None, now: datetime
) -> Live:
    """Say what the applied SOP says; `place` is its namespace and name, None is not applied."""
    namespace, name = place
    read = f"Read at {format_time(now)} from the namespace {code(namespace)}."
    if applied is None:
        return Live(
            f"{read}\n\n**There is no {KIND} {code(name)} there: this page is not applied.**"
        )
    try:
        status = Status.model_validate(applied.get("status") or {})
    except ValidationError:
        unread = "Its status is not one of this version of servicesop, and cannot be shown."
        return Live(f"{read}\n\n**{unread}**")
    if status.observed_generation == _NEVER_SEEN:
        return Live(f"{read}\n\n**It is applied, but no operator has looked at it yet.**")
    parts = [read, *_warnings(spec, applied, status), _conditions(status)]
    bad = [check for check in status.checks if check.state is not CheckState.PASSED]
    parts.append(_checks(bad) if bad else f"All {len(status.checks)} checks are Passed.")
    if status.escalations:
        parts += ["Open escalations:", bullets(map(_escalation, status.escalations))]
    procedures = {one.name: _procedure(one) for one in status.procedures}
    return Live("\n\n".join(parts), procedures, filled_texts(spec, namespace, status))


def _warnings(spec: Spec, applied: Mapping[str, Any], status: Status) -> list[str]:
    told = []
    if applied.get("metadata", {}).get("generation") != status.observed_generation:
        told.append(
            "**The operator has not seen the last edit yet: this is about the one before.**"
        )
    try:
        same = valid_spec(applied.get("spec")) == spec
    except InvalidSpecError:
        same = False
    if not same:
        told.append("**What is applied differs from this page.**")
    return told


def _conditions(status: Status) -> str:
    rows = [
        (
            code(one.type),
            one.status.value,
            format_time(one.last_transition_time),
            plain(one.reason),
            plain(one.message),
        )
        for one in status.conditions
    ]
    return table(("Condition", "Status", "Since", "Reason", "Message"), rows)


def _checks(checks: list[CheckStatus]) -> str:
    rows = [
        (
            code(check.name),
            check.state.value,
            format_time(check.since),
            plain(", ".join(check.findings) or check.reason or ""),
            plain("; ".join([check.message or "", *check.evidence])),
        )
        for check in checks
    ]
    return table(("Check", "State", "Since", "Reason", "Message"), rows)


def _escalation(one: Escalation) -> str:
    teams = ", ".join(map(code, one.to))
    about = ", ".join(map(code, one.procedures))
    return (
        f"to {teams} since {format_time(one.opened)}, about {about}:"
        f" {plain(one.message or one.reason.value)}"
    )


def _procedure(one: ProcedureStatus) -> str:
    says = f"Now: **{one.state.value}** since {format_time(one.since)}"
    if one.episode is not None and one.episode.row is not None:
        says += f", by {code(one.episode.row)}"
    return f"{says}: {plain(one.doing)}" if one.doing else f"{says}."
