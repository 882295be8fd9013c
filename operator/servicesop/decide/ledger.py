"""What is remembered per target and for the whole cluster, and what may still be done.

These records live outside the SOPs, so that deleting and recreating an SOP resets nothing. Each
function gives the next value of a record; writing it is a compare-and-swap elsewhere.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Annotated

from pydantic import Field

from servicesop.api.base import ApiModel
from servicesop.api.procedures import Remediate
from servicesop.api.status import ActionId, HistoryItem, Outcome, Uid, Word
from servicesop.api.times import Time, whole_seconds

CLAIM_TIME = timedelta(minutes=2)
"""A claim or budget entry that no open intent names is void after this time."""
KEEP_IDLE = timedelta(days=7)
"""A target's record is dropped after this time without an action."""
KEEP_ACTIONS = 50
_CLOCKS_DIFFER = timedelta(seconds=1)
"""Times are whole seconds, and two machines' clocks are never quite the same."""

MAX_IN_FLIGHT_PER_NAMESPACE = 2
MAX_IN_FLIGHT = 5
IN_FLIGHT_SHARE = 0.05
MAX_PER_HOUR = 20
HOUR = timedelta(hours=1)


class Claim(ApiModel):
    """Who may act on the target now."""

    id: ActionId
    sop: Word
    """`namespace/name` of the SOP."""
    uid: Uid
    """Its uid."""
    deadline: Time
    """Void after this time, unless an open intent carries the id."""


class ActionEntry(ApiModel):
    """One action on the target."""

    id: ActionId
    action: Word
    time: Time
    """When it was claimed."""
    outcome: Outcome | None = None
    """How it ended; none while it is open."""


class TargetRecord(ApiModel):
    """What was done to one target, by whichever SOP."""

    namespace: Word
    kind: Word
    name: Annotated[str, Field(max_length=253)]
    claim: Claim | None = None
    actions: Annotated[tuple[ActionEntry, ...], Field(max_length=KEEP_ACTIONS)] = ()
    """Oldest first."""


class BudgetEntry(ApiModel):
    """One action that counts against the budgets."""

    id: ActionId
    namespace: Word
    time: Time
    """When it was entered."""
    deadline: Time
    """Void after this time, unless an open intent carries the id."""
    open: bool = True
    """Still in flight; a closed one counts for the hourly limit only."""


class Budget(ApiModel):
    """All recent actions of the cluster."""

    entries: Annotated[tuple[BudgetEntry, ...], Field(max_length=200)] = ()


def claim(record: TargetRecord, made: Claim, action: str, now: datetime) -> TargetRecord:
    """Enter a claim and its action; entering the same id again changes nothing but the deadline."""
    known = any(entry.id == made.id for entry in record.actions)
    entry = ActionEntry(id=made.id, action=action, time=now)
    actions = record.actions if known else (*record.actions, entry)
    return record.model_copy(update={"claim": made, "actions": actions[-KEEP_ACTIONS:]})


def finish(record: TargetRecord, action_id: str, outcome: Outcome) -> TargetRecord:
    """Write down how an action ended; one that had no effect is forgotten."""
    actions = tuple(
        entry if entry.id != action_id else entry.model_copy(update={"outcome": outcome})
        for entry in record.actions
        if entry.id != action_id or outcome.had_effect
    )
    return record.model_copy(update={"actions": actions})


def release(record: TargetRecord, action_id: str) -> TargetRecord:
    """Give the claim back, if it is this action's."""
    if record.claim is None or record.claim.id != action_id:
        return record
    return record.model_copy(update={"claim": None})


def reclaim(
    record: TargetRecord, open_ids: Iterable[str], alive: Iterable[str], now: datetime
) -> TargetRecord:
    """Void a claim past its deadline that no open intent names. `alive` are the uids of all SOPs.

    An SOP that is there would have an intent, had anything been sent: the intent comes before the
    act. One that is gone took its intents with it, so its action may have had its effect.
    """
    held = record.claim
    if held is None or held.id in set(open_ids) or now < held.deadline:
        return record
    unfinished = any(entry.id == held.id and entry.outcome is None for entry in record.actions)
    outcome = Outcome.ABANDONED if held.uid in set(alive) else Outcome.UNPROVEN
    ended = finish(record, held.id, outcome) if unfinished else record
    return release(ended, held.id)


def claimed_by_other(
    record: TargetRecord, action_id: str, now: datetime, open_ids: set[str]
) -> bool:
    """Say whether somebody else may act on the target now."""
    held = record.claim
    return (
        held is not None and held.id != action_id and (held.id in open_ids or now < held.deadline)
    )


def joined(record: TargetRecord, history: Iterable[HistoryItem]) -> tuple[ActionEntry, ...]:
    """Join the target's actions with an SOP's own history: the strictest memory counts.

    The record lags behind the history between the two writes that end an action.
    """
    own = {
        item.id: ActionEntry(id=item.id, action=item.action, time=item.time, outcome=item.outcome)
        for item in history
        if (item.kind, item.workload) == (record.kind, record.name) and item.outcome.had_effect
    }
    entries = tuple(_stricter(entry, own.pop(entry.id, entry)) for entry in record.actions)
    return (*entries, *own.values())


def _stricter(recorded: ActionEntry, own: ActionEntry) -> ActionEntry:
    outcomes = (recorded.outcome, own.outcome)
    spent = next((one for one in outcomes if one and one.spent), None)
    outcome = spent or recorded.outcome or own.outcome
    return recorded.model_copy(update={"outcome": outcome})


def not_later(record: TargetRecord, now: datetime) -> TargetRecord:
    """Let times in the future count from now: a clock was set back, and nothing blocks for ever."""
    late = now + _CLOCKS_DIFFER
    actions = tuple(
        entry.model_copy(update={"time": whole_seconds(now)}) if entry.time > late else entry
        for entry in record.actions
    )
    held = record.claim
    if held is not None and held.deadline > late + CLAIM_TIME:
        held = held.model_copy(update={"deadline": whole_seconds(now + CLAIM_TIME)})
    return record.model_copy(update={"actions": actions, "claim": held})


def budget_not_later(budget: Budget, now: datetime) -> Budget:
    """Let times in the future count from now, as `not_later` does."""
    late = now + _CLOCKS_DIFFER
    entries = tuple(
        entry.model_copy(
            update={
                "time": whole_seconds(now),
                "deadline": min(entry.deadline, whole_seconds(now + CLAIM_TIME)),
            }
        )
        if entry.time > late
        else entry
        for entry in budget.entries
    )
    return budget.model_copy(update={"entries": entries})


def cooldown_ends(entries: Iterable[ActionEntry], remediate: Remediate) -> datetime | None:
    """Give the end of the cooldown after the latest action."""
    latest = max((entry.time for entry in entries), default=None)
    return latest + remediate.cooldown if latest else None


def spent_attempts(entries: Iterable[ActionEntry], remediate: Remediate, now: datetime) -> int:
    """Count the actions that did not help, in the span that the SOP names."""
    since = now - remediate.attempts.per
    return sum(1 for one in entries if one.outcome and one.outcome.spent and one.time > since)


def all_actions(entries: Iterable[ActionEntry], remediate: Remediate, now: datetime) -> int:
    """Count all actions, in the span that the SOP names."""
    since = now - remediate.at_most.per
    return sum(1 for one in entries if one.time > since)


def ends(record: TargetRecord, budget: Budget) -> tuple[datetime, ...]:
    """Give the times at which time alone may change who may act on a target."""
    claims = [record.claim.deadline] if record.claim is not None else []
    entries = [one for entry in budget.entries for one in (entry.deadline, entry.time + HOUR)]
    return (*claims, *entries)


def budget_left(
    budget: Budget, namespace: str, targets: int, action_id: str, open_ids: set[str], now: datetime
) -> bool:
    """Say whether one more action fits the limits of its namespace and of the cluster."""
    others = [entry for entry in budget.entries if entry.id != action_id]
    flying = [
        entry for entry in others if entry.open and (entry.id in open_ids or now < entry.deadline)
    ]
    most = min(MAX_IN_FLIGHT, max(1, int(targets * IN_FLIGHT_SHARE)))
    recent = [entry for entry in others if now - entry.time < HOUR]
    return (
        len(flying) < most
        and sum(1 for entry in flying if entry.namespace == namespace) < MAX_IN_FLIGHT_PER_NAMESPACE
        and len(recent) < MAX_PER_HOUR
    )


def spend(budget: Budget, entry: BudgetEntry, open_ids: set[str], now: datetime) -> Budget:
    """Enter an action; drop what no longer counts."""
    kept = tuple(
        one
        for one in budget.entries
        if one.id != entry.id and (now - one.time < HOUR or (one.open and one.id in open_ids))
    )
    return budget.model_copy(update={"entries": (*kept, entry)})


def close(budget: Budget, action_id: str, *, had_effect: bool) -> Budget:
    """Take an action out of flight; one that had no effect does not count at all."""
    entries = tuple(
        one.model_copy(update={"open": False}) if one.id == action_id else one
        for one in budget.entries
        if one.id != action_id or had_effect
    )
    return budget.model_copy(update={"entries": entries})


def sweep(budget: Budget, open_ids: set[str], now: datetime) -> Budget:
    """Take entries past their deadline that no open intent names out of flight.

    They count on for the hourly limit: whether something was sent for them is not known here.
    """
    entries = tuple(
        one.model_copy(update={"open": False})
        if one.open and one.id not in open_ids and now >= one.deadline
        else one
        for one in budget.entries
    )
    return budget if entries == budget.entries else budget.model_copy(update={"entries": entries})
