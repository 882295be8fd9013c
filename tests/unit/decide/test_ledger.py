"""What is remembered outside the SOPs: claims, actions, budgets, and what makes them void."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from servicesop.api.procedures import TotalLimit
from servicesop.api.status import HistoryItem, Outcome
from servicesop.decide import ledger
from servicesop.decide.ledger import ActionEntry, Budget, BudgetEntry, Claim, TargetRecord
from unit.decide.scenes import NOW, entry, minutes, remediate_of, seconds

EMPTY = TargetRecord(namespace="ns", kind="Deployment", name="fleet-manager")
NOBODY: set[str] = set()
SOP = "uid"
NO_BUDGET = Budget()


def claim_of(identity: str, at: datetime = NOW) -> Claim:
    return Claim(id=identity, sop="ns/sop", uid=SOP, deadline=at + ledger.CLAIM_TIME)


def claimed(identity: str, at: datetime = NOW, record: TargetRecord = EMPTY) -> TargetRecord:
    return ledger.claim(record, claim_of(identity, at), "restart", at)


def record_of(*actions: ActionEntry) -> TargetRecord:
    return EMPTY.model_copy(update={"actions": actions})


def item(identity: str, ago: timedelta, outcome: Outcome, **changes: Any) -> HistoryItem:
    whole = {"time": NOW - ago, "id": identity, "action": "restart", "workload": "fleet-manager"}
    return HistoryItem.model_validate(whole | {"procedure": "P", "outcome": outcome} | changes)


def test_a_claim_enters_its_action_and_keeps_others_out() -> None:
    record = claimed("a")

    assert [(one.id, one.time, one.outcome) for one in record.actions] == [("a", NOW, None)]
    assert ledger.claimed_by_other(record, "b", NOW, NOBODY)
    assert not ledger.claimed_by_other(record, "a", NOW, NOBODY)
    assert not ledger.claimed_by_other(EMPTY, "b", NOW, NOBODY)


def test_claiming_again_moves_only_the_deadline() -> None:
    again = claimed("a", NOW + minutes(1), claimed("a"))

    assert again.actions == claimed("a").actions
    assert again.claim == claim_of("a", NOW + minutes(1))


def test_a_claim_lasts_until_its_deadline_or_as_long_as_its_intent_is_open() -> None:
    record = claimed("a")
    last, over = NOW + ledger.CLAIM_TIME - seconds(1), NOW + ledger.CLAIM_TIME

    assert ledger.claimed_by_other(record, "b", last, NOBODY)
    assert not ledger.claimed_by_other(record, "b", over, NOBODY)
    assert ledger.claimed_by_other(record, "b", NOW + minutes(600), {"a"})


def reclaimed(record: TargetRecord, open_ids: set[str], alive: set[str], later: timedelta) -> Any:
    return ledger.reclaim(record, open_ids, alive, NOW + later)


def test_a_void_claim_of_an_sop_that_is_there_is_reclaimed_with_its_action() -> None:
    assert reclaimed(claimed("a"), NOBODY, {SOP}, ledger.CLAIM_TIME) == EMPTY


def test_a_void_claim_of_an_sop_that_is_gone_leaves_an_action_that_may_have_happened() -> None:
    left = reclaimed(claimed("a"), NOBODY, {"another"}, ledger.CLAIM_TIME)

    assert left.claim is None
    assert [(one.id, one.outcome) for one in left.actions] == [("a", Outcome.UNPROVEN)]


@pytest.mark.parametrize(
    ("record", "open_ids", "later"),
    [
        (EMPTY, NOBODY, minutes(600)),
        (claimed("a"), NOBODY, ledger.CLAIM_TIME - seconds(1)),
        (claimed("a"), {"a"}, minutes(600)),
    ],
    ids=["nothing claimed", "before the deadline", "the intent is open"],
)
def test_nothing_else_is_reclaimed(
    record: TargetRecord, open_ids: set[str], later: timedelta
) -> None:
    assert reclaimed(record, open_ids, {SOP}, later) is record


def test_reclaiming_forgets_no_action_whose_outcome_is_known() -> None:
    record = ledger.finish(claimed("a"), "a", Outcome.DID_NOT_HELP)
    left = reclaimed(record, NOBODY, {SOP}, ledger.CLAIM_TIME)

    assert left.claim is None
    assert [one.outcome for one in left.actions] == [Outcome.DID_NOT_HELP]


@pytest.mark.parametrize("outcome", list(Outcome))
def test_finishing_remembers_exactly_the_actions_that_had_an_effect(outcome: Outcome) -> None:
    record = ledger.finish(claimed("a", record=record_of(entry("z", minutes(9)))), "a", outcome)
    without = (
        Outcome.REFUSED,
        Outcome.DISRUPTION_REFUSED,
        Outcome.ABANDONED,
        Outcome.NOT_NEEDED,
    )

    expected = [("z", None)] + ([] if outcome in without else [("a", outcome)])
    assert [(one.id, one.outcome) for one in record.actions] == expected
    assert record.claim is not None, "the claim is given back last"


def test_a_claim_is_given_back_only_by_its_own_action() -> None:
    assert ledger.release(claimed("a"), "b") == claimed("a")
    assert ledger.release(claimed("a"), "a").claim is None
    assert ledger.release(EMPTY, "a") is EMPTY


def test_a_record_keeps_the_newest_actions() -> None:
    record = EMPTY
    for number in range(ledger.KEEP_ACTIONS + 5):
        record = claimed(f"a{number}", NOW + minutes(number), record)

    assert len(record.actions) == ledger.KEEP_ACTIONS
    assert record.actions[-1].id == f"a{ledger.KEEP_ACTIONS + 4}"


def test_more_is_kept_than_any_limit_counts() -> None:
    most = TotalLimit.model_json_schema()["properties"]["max"]["maximum"]
    assert most <= ledger.KEEP_ACTIONS


def test_what_either_memory_knows_counts() -> None:
    recorded = record_of(entry("a", minutes(30), outcome=Outcome.HELPED))
    own = [item("b", minutes(20), Outcome.DID_NOT_HELP)]

    assert [(one.id, one.outcome) for one in ledger.joined(recorded, own)] == [
        ("a", Outcome.HELPED),
        ("b", Outcome.DID_NOT_HELP),
    ]


def test_without_a_record_the_sops_own_history_still_limits() -> None:
    own = [item(f"a{hour}", minutes(60 * hour), Outcome.DID_NOT_HELP) for hour in (1, 2)]

    assert ledger.spent_attempts(ledger.joined(EMPTY, own), remediate_of(), NOW) == 2


def test_an_action_known_to_both_counts_once() -> None:
    recorded = record_of(entry("a", minutes(30), outcome=Outcome.DID_NOT_HELP))

    joined = ledger.joined(recorded, [item("a", minutes(20), Outcome.DID_NOT_HELP)])
    assert [one.id for one in joined] == ["a"]


@pytest.mark.parametrize(
    ("recorded", "own", "strictest"),
    [
        (None, Outcome.DID_NOT_HELP, Outcome.DID_NOT_HELP),
        (None, Outcome.HELPED, Outcome.HELPED),
        (Outcome.HELPED, Outcome.UNPROVEN, Outcome.UNPROVEN),
        (Outcome.UNPROVEN, Outcome.HELPED, Outcome.UNPROVEN),
        # The record has it, so it may have happened.
        (None, Outcome.NOT_NEEDED, None),
    ],
)
def test_where_they_differ_the_strictest_counts(
    recorded: Outcome | None, own: Outcome, strictest: Outcome | None
) -> None:
    record = record_of(entry("a", minutes(30), outcome=recorded))

    (joined,) = ledger.joined(record, [item("a", minutes(20), own)])
    assert joined.outcome is strictest


def test_history_of_other_targets_and_without_effect_is_left_out() -> None:
    own = [
        item("a", minutes(1), Outcome.HELPED, workload="other"),
        item("b", minutes(1), Outcome.NOT_NEEDED),
        item("c", minutes(1), Outcome.REFUSED),
    ]

    assert ledger.joined(EMPTY, own) == ()


def test_the_cooldown_counts_from_the_latest_action() -> None:
    entries = (entry("a", minutes(5)), entry("b", minutes(50)))

    assert ledger.cooldown_ends(entries, remediate_of(cooldown="15m")) == NOW + minutes(10)
    assert ledger.cooldown_ends((), remediate_of()) is None


# A clock that was set back.


def test_an_action_of_the_future_counts_from_now_and_no_longer() -> None:
    record = record_of(entry("a", -minutes(600), outcome=Outcome.HELPED), entry("b", minutes(600)))
    (future, past) = ledger.not_later(record, NOW).actions

    assert (future.time, past.time) == (NOW, NOW - minutes(600))
    assert ledger.cooldown_ends((future,), remediate_of(cooldown="15m")) == NOW + minutes(15)


def test_a_claim_of_the_future_lasts_for_one_claim_time() -> None:
    record = claimed("a", NOW + minutes(600))

    capped = ledger.not_later(record, NOW)
    assert capped.claim is not None
    assert capped.claim.deadline == NOW + ledger.CLAIM_TIME
    assert ledger.claimed_by_other(capped, "b", NOW + seconds(119), NOBODY)


def test_clocks_that_hardly_differ_change_nothing() -> None:
    record = claimed("a", NOW + seconds(1))
    budget = spent("a", at=NOW + seconds(1))

    assert ledger.not_later(record, NOW) == record
    assert ledger.budget_not_later(budget, NOW) == budget


def test_a_budget_of_the_future_blocks_for_an_hour_at_most() -> None:
    budget = Budget()
    for number in range(ledger.MAX_PER_HOUR):
        budget = spent(f"a{number}", at=NOW + minutes(600), budget=budget)
        budget = ledger.close(budget, f"a{number}", had_effect=True)
    capped = ledger.budget_not_later(budget, NOW)

    assert not left(capped, now=NOW)
    assert left(capped, now=NOW + minutes(60))


# The budgets.


def spent(
    identity: str, namespace: str = "ns", at: datetime = NOW, budget: Budget = NO_BUDGET
) -> Budget:
    made = BudgetEntry(id=identity, namespace=namespace, time=at, deadline=at + ledger.CLAIM_TIME)
    return ledger.spend(budget, made, set(), at)


def left(
    budget: Budget,
    *,
    now: datetime = NOW,
    namespace: str = "ns",
    targets: int = 1000,
    action: str = "new",
    open_ids: set[str] = NOBODY,
) -> bool:
    return ledger.budget_left(budget, namespace, targets, action, open_ids, now)


def flying(count: int, namespace: str = "ns-{}") -> Budget:
    budget = Budget()
    for number in range(count):
        budget = spent(f"a{number}", namespace.format(number), budget=budget)
    return budget


@pytest.mark.parametrize(
    ("targets", "most"), [(1, 1), (20, 1), (39, 1), (40, 2), (60, 3), (100, 5), (10000, 5)]
)
def test_a_share_of_all_targets_may_be_in_flight(targets: int, most: int) -> None:
    assert left(flying(most - 1), targets=targets)
    assert not left(flying(most), targets=targets)


def test_two_may_be_in_flight_per_namespace() -> None:
    assert left(flying(1, "ns"))
    assert not left(flying(2, "ns"))
    assert left(flying(2, "other"))


def test_an_action_does_not_stand_in_its_own_way() -> None:
    assert left(flying(2, "ns"), action="a0")


def test_in_flight_ends_at_the_deadline_unless_the_intent_is_open() -> None:
    over = NOW + ledger.CLAIM_TIME

    assert not left(flying(2, "ns"), now=over - seconds(1))
    assert left(flying(2, "ns"), now=over)
    assert not left(flying(2, "ns"), now=over, open_ids={"a0", "a1"})


def test_twenty_per_hour_are_the_most() -> None:
    budget = Budget()
    for number in range(ledger.MAX_PER_HOUR):
        assert left(budget)
        budget = ledger.close(spent(f"a{number}", budget=budget), f"a{number}", had_effect=True)
    assert not left(budget, now=NOW + minutes(59))
    assert left(budget, now=NOW + minutes(60))


def test_what_had_no_effect_does_not_count() -> None:
    budget = ledger.close(flying(2, "ns"), "a0", had_effect=False)
    assert [one.id for one in budget.entries] == ["a1"]

    budget = ledger.close(flying(2, "ns"), "a0", had_effect=True)
    assert [(one.id, one.open) for one in budget.entries] == [("a0", False), ("a1", True)]


def test_spending_twice_enters_once() -> None:
    assert len(spent("a", budget=spent("a")).entries) == 1


def test_spending_drops_what_no_longer_counts() -> None:
    later = NOW + minutes(61)

    assert [one.id for one in spent("b", at=later, budget=spent("a")).entries] == ["b"]
    made = BudgetEntry(id="b", namespace="ns", time=later, deadline=later)
    kept = ledger.spend(spent("a"), made, {"a"}, later)
    assert [one.id for one in kept.entries] == ["a", "b"]


def test_sweeping_takes_out_of_flight_what_a_crash_left_behind_and_nothing_else() -> None:
    budget = ledger.close(flying(3, "ns"), "a2", had_effect=True)

    assert ledger.sweep(budget, NOBODY, NOW) is budget
    swept = ledger.sweep(budget, {"a0"}, NOW + ledger.CLAIM_TIME)
    assert [(one.id, one.open) for one in swept.entries] == [
        ("a0", True),
        ("a1", False),
        ("a2", False),
    ]


def test_what_was_done_to_a_target_of_another_kind_with_the_same_name_is_not_joined() -> None:
    own = [item("a", minutes(20), Outcome.DID_NOT_HELP)]
    other = EMPTY.model_copy(update={"kind": "StatefulSet"})
    assert [one.id for one in ledger.joined(EMPTY, own)] == ["a"]
    assert ledger.joined(other, own) == ()
