"""What follows from what is known: `decide(snapshot, status, now)`.

It reads the last status as its memory and gives the next one's procedures and escalations, and the
actions that every guard allows. It does nothing itself.
"""

from dataclasses import dataclass
from datetime import datetime

from servicesop.api.status import (
    Escalation,
    EscalationReason,
    ProcedureStatus,
    Status,
)
from servicesop.decide import escalations, gates
from servicesop.decide.course import Plan, Procedure
from servicesop.decide.gates import Allowed, Refused
from servicesop.decide.procedures import (
    Section,
    blind_checks,
    handled_checks,
    sections_of,
)
from servicesop.decide.snapshot import Snapshot, facts_of


@dataclass(frozen=True, slots=True)
class Decision:
    """The next memory, and what may be done."""

    procedures: tuple[ProcedureStatus, ...]
    escalations: tuple[Escalation, ...]
    plans: tuple[Plan, ...]
    allowed: Refused | None
    """Why no action would be permitted now; None where one would be."""


def decide(snapshot: Snapshot, status: Status, now: datetime) -> Decision:
    """Decide everything about one SOP. Pure; `status` is what was last written."""
    before = {procedure.name: procedure for procedure in status.procedures}
    procedures, calls, plans = [], [], []
    sections = sections_of(snapshot.spec)
    handled = handled_checks(sections)
    for section in sections:
        one = Procedure(snapshot, section, handled, status.intents, now)
        outcome = one.decide(before.get(section.name))
        procedures.append(outcome.status)
        calls += [outcome.call] if outcome.call else []
        plans += [outcome.plan] if outcome.plan else []
    # Nobody is called about what was suspended on purpose.
    alive = frozenset(
        one.name for one in procedures if one.episode is not None and not snapshot.spec.suspend
    )
    opened = escalations.update(status.escalations, calls, alive, snapshot.uid, now)
    opened = _blind(snapshot, sections, handled, procedures, opened, now)
    teams = {team.name for team in snapshot.spec.teams}
    opened = escalations.named(opened, teams, snapshot.checks)
    return Decision(tuple(procedures), opened, tuple(plans), _allowed(snapshot, sections, now))


def _blind(
    snapshot: Snapshot,
    sections: tuple[Section, ...],
    handled: frozenset[str],
    procedures: list[ProcedureStatus],
    opened: tuple[Escalation, ...],
    now: datetime,
) -> tuple[Escalation, ...]:
    is_open = any(one.reason is EscalationReason.BLIND for one in opened)
    names, checks, teams = [], [], []
    for section, status in zip(sections, procedures, strict=True):
        since = status.blind_since
        # Once it is open, every blind procedure joins, and the last one that sees again ends it.
        if since is None or not (is_open or now - since >= snapshot.spec.blind_for):
            continue
        names.append(section.name)
        found = blind_checks(section.checks, snapshot.checks, handled)
        checks += [name for name in found if name not in checks]
        last = section.rows[-1].escalate
        teams += [team for team in (last.to if last else ()) if team not in teams]
    message = f"cannot tell: {', '.join(checks)}"
    return escalations.blind(
        opened, tuple(names), tuple(checks), tuple(teams), message, snapshot.uid, now
    )


def _allowed(snapshot: Snapshot, sections: tuple[Section, ...], now: datetime) -> Refused | None:
    """Say why no action of the SOP would be permitted now, evidence aside."""
    first: Refused | None = None
    asked = []
    for section in sections:
        for row in section.rows:
            # Rows often name the same action, in the same limits.
            if row.remediate is None or row.remediate in asked:
                continue
            asked.append(row.remediate)
            facts = facts_of(snapshot, row.remediate)
            refused = gates.refusal(facts, row.remediate, now)
            if refused is None:
                return None
            first = first or refused
    return first or Refused(Allowed.NO_REMEDIATION, "no row names an action")
