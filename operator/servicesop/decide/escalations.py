"""Open calls for people: who joins which, and when one is over.

One cause is one incident: procedures whose rows escalate to the same team on the same failed check
share an escalation. While it is open, teams are only added; it is over when the last of its
procedures' episodes is over.
"""

import hashlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from servicesop.api.status import Escalation, EscalationReason
from servicesop.api.texts import fitted
from servicesop.api.times import whole_seconds

MAX_MESSAGE = 512
MAX_OPEN = 24


@dataclass(frozen=True, slots=True)
class Call:
    """One procedure's wish to call people."""

    procedure: str
    reason: EscalationReason
    to: tuple[str, ...]
    checks: tuple[str, ...]
    message: str


def update(
    opened: tuple[Escalation, ...],
    calls: Iterable[Call],
    alive: frozenset[str],
    sop_uid: str,
    now: datetime,
) -> tuple[Escalation, ...]:
    """Give the open escalations after this decision.

    `alive` are the procedures whose episode goes on; an escalation without any of them is over.
    """
    current = [one for one in opened if one.reason is EscalationReason.BLIND]
    for one in opened:
        left = tuple(name for name in one.procedures if name in alive)
        if one.reason is not EscalationReason.BLIND and left:
            current.append(one.evolve(procedures=left))
    for call in calls:
        index = _matching(current, call)
        if index is None:
            current.append(_open(call, sop_uid, now))
        else:
            current[index] = _join(current[index], call)
    return tuple(current)


def _matching(current: list[Escalation], call: Call) -> int | None:
    ours = [one.reason is not EscalationReason.BLIND for one in current]
    for index, one in enumerate(current):
        if ours[index] and call.procedure in one.procedures:
            return index
    for index, one in enumerate(current):
        if ours[index] and set(one.to) & set(call.to) and set(one.checks) & set(call.checks):
            return index
    return None


def _open(call: Call, sop_uid: str, now: datetime) -> Escalation:
    opened = whole_seconds(now)
    return Escalation(
        key=_key(sop_uid, call.procedure, opened.isoformat()),
        reason=call.reason,
        to=call.to,
        procedures=(call.procedure,),
        checks=call.checks,
        opened=opened,
        message=fitted(call.message, MAX_MESSAGE),
    )


def _join(one: Escalation, call: Call) -> Escalation:
    leads = one.procedures[0] == call.procedure
    return one.evolve(
        to=one.to + tuple(team for team in call.to if team not in one.to),
        procedures=one.procedures
        if call.procedure in one.procedures
        else (*one.procedures, call.procedure),
        checks=one.checks + tuple(name for name in call.checks if name not in one.checks),
        # The procedure that opened it keeps telling the story.
        reason=call.reason if leads else one.reason,
        message=fitted(call.message, MAX_MESSAGE) if leads else one.message,
    )


def blind(
    opened: tuple[Escalation, ...],
    procedures: tuple[str, ...],
    checks: tuple[str, ...],
    to: tuple[str, ...],
    message: str,
    sop_uid: str,
    now: datetime,
) -> tuple[Escalation, ...]:
    """Open, update or end the one escalation that says that the SOP cannot see."""
    others = tuple(one for one in opened if one.reason is not EscalationReason.BLIND)
    # A full list names every procedure already: there is nobody left to tell.
    if not procedures or len(others) >= MAX_OPEN:
        return others
    before = next((one for one in opened if one.reason is EscalationReason.BLIND), None)
    began = before.opened if before else whole_seconds(now)
    teams = before.to if before else ()
    return (
        *others,
        Escalation(
            key=_key(sop_uid, "Blind", began.isoformat()),
            reason=EscalationReason.BLIND,
            to=teams + tuple(team for team in to if team not in teams),
            procedures=procedures,
            checks=checks,
            opened=began,
            message=fitted(message, MAX_MESSAGE),
        ),
    )


def named(
    opened: tuple[Escalation, ...], teams: Collection[str], checks: Collection[str]
) -> tuple[Escalation, ...]:
    """Drop names that the spec no longer has; nobody could be called by them.

    That also bounds lists that only grow while the spec changes under an open escalation. An
    escalation none of whose teams is left keeps them: somebody has been called.
    """
    return tuple(
        one.evolve(
            to=tuple(team for team in one.to if team in teams) or one.to,
            checks=tuple(name for name in one.checks if name in checks),
        )
        for one in opened
    )


def _key(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
