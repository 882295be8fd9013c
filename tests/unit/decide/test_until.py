"""A decision that has changed nothing stands until the time that is given, whatever it is about."""

from dataclasses import replace
from datetime import datetime

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from servicesop.api.kinds import ActionKind
from servicesop.api.status import Episode, Held, Outcome, ProcedureStatus, Status, Tri
from servicesop.decide import ledger
from servicesop.decide.decide import Decision, decide
from servicesop.decide.ledger import ActionEntry, Budget, BudgetEntry, Claim, TargetRecord
from servicesop.decide.procedures import sections_of
from servicesop.decide.snapshot import Snapshot
from servicesop.decide.until import stands_until
from servicesop.judge.debounce import Memory
from unit.decide import scenes
from unit.decide.scenes import NOW, bad, blind, good, maybe, minutes, seconds, spec_of

SPEC = spec_of()
SECTIONS = sections_of(SPEC)
ROWS = [row.name for row in SECTIONS[0].rows]
LENGTHS = [0, 30, 120, 300, 600, 900, 3600, 6 * 3600, 24 * 3600]
"""All the times that something must last in this SOP: what is at its end is tried often."""

ago = st.one_of(
    st.integers(0, 90_000),
    st.integers(0, 200),
    st.builds(lambda length, by: max(0, length + by), st.sampled_from(LENGTHS), st.integers(-2, 2)),
).map(lambda length: NOW - seconds(length))
maybe_ago = st.one_of(st.none(), ago)
rows = st.one_of(st.none(), st.sampled_from(ROWS))
episodes = st.builds(
    Episode,
    started=ago,
    calm_since=maybe_ago,
    row=rows,
    candidate=rows,
    candidate_since=maybe_ago,
    unsure_since=maybe_ago,
    refused_since=maybe_ago,
    stopped=st.sampled_from([None, None, None, "AttemptsSpent"]),
    held=st.one_of(st.just(()), ago.map(lambda since: (Held(row="rolling", since=since),))),
    attempts=st.integers(0, 2),
)
statuses = st.tuples(
    *(
        st.builds(
            ProcedureStatus,
            name=st.just(section.name),
            state=st.sampled_from(Tri),
            since=ago,
            blind_since=maybe_ago,
            episode=st.one_of(st.none(), episodes),
        )
        for section in SECTIONS
    )
).map(lambda procedures: Status(procedures=procedures))
memories = st.sampled_from(
    [good(), good(), bad(), bad("None"), bad("Many"), maybe("None"), blind()]
)
checks = st.one_of(
    st.fixed_dictionaries({}, optional=dict.fromkeys(scenes.checks_of(), memories)),
    st.sampled_from(
        [scenes.NO_LEADER, scenes.OCM_REFUSES, scenes.NOTHING_KNOWN_ABOVE, {"ready": bad()}]
    ),
)
entries = st.builds(
    ActionEntry,
    id=st.sampled_from("abcdef"),
    action=st.sampled_from([ActionKind.RESTART, *ActionKind]),
    time=ago,
    outcome=st.sampled_from([None, *[Outcome.DID_NOT_HELP] * 5, *Outcome]),
)
records = st.builds(
    TargetRecord,
    namespace=st.just("ns"),
    kind=st.just("Deployment"),
    name=st.just("fleet-manager"),
    claim=st.one_of(
        st.none(),
        st.none(),
        ago.map(lambda time: Claim(id="a", sop="ns/x", uid="x", deadline=time + minutes(15))),
    ),
    actions=st.lists(entries, max_size=3, unique_by=lambda one: one.id).map(tuple),
)
spent = st.lists(
    st.builds(
        lambda time, number, still: BudgetEntry(
            id=f"b{number}", namespace="ns", time=time, deadline=time + minutes(2), open=still
        ),
        ago,
        st.integers(0, 40),
        st.booleans(),
    ),
    max_size=24,
).map(lambda found: Budget(entries=tuple(found)))
budgets = st.one_of(st.just(Budget()), st.just(Budget()), spent)


def seen(
    checks: dict[str, Memory], record: TargetRecord, budget: Budget, now: datetime
) -> Snapshot:
    """What is known at that time, if nothing but the time has changed."""
    api = replace(
        scenes.target(),
        entries=record.actions,
        conflict=lambda action: ledger.claimed_by_other(record, action, now, set()),
        affordable=lambda action: ledger.budget_left(budget, "ns", 100, action, set(), now),
        ends=ledger.ends(record, budget),
    )
    return scenes.snapshot(checks, SPEC, api=api)


def at_rest(status: Status, snapshot: Snapshot) -> tuple[Status, Decision]:
    """Decide until that changes nothing any more."""
    for _ in range(5):
        decision = decide(snapshot, status, NOW)
        after = status.evolve(procedures=decision.procedures, escalations=decision.escalations)
        if after is status:
            return status, decision
        status = after
    raise AssertionError("each decision changes what the one before has decided")


@settings(max_examples=600, deadline=None)
@given(
    checks=checks,
    status=statuses,
    record=records,
    budget=budgets,
    later=st.one_of(st.integers(0, 100_000), st.sampled_from(LENGTHS)),
)
def test_until_then_another_decision_is_the_same(
    checks: dict[str, Memory], status: Status, record: TargetRecord, budget: Budget, later: int
) -> None:
    now = seen(checks, record, budget, NOW)
    status, decision = at_rest(status, now)
    assume(not decision.plans)
    until = stands_until(now, SECTIONS, status, NOW)
    moments = [NOW + seconds(later)] if until is None else [until - seconds(0.000_001)]
    if until is not None and NOW + seconds(later) < until:
        moments.append(NOW + seconds(later))
    for moment in moments:
        assert decide(seen(checks, record, budget, moment), status, moment) == decision


def test_what_is_well_stays_so_for_ever() -> None:
    now = scenes.snapshot({})
    status, _ = at_rest(Status(), now)
    assert stands_until(now, SECTIONS, status, NOW) is None


def test_what_lasts_for_ever_is_not_looked_at_again() -> None:
    now = scenes.snapshot({"ocm": bad("TooMany")})
    status, decision = at_rest(Status(), now)
    assert decision.escalations
    assert stands_until(now, SECTIONS, status, NOW) is None


def test_a_blind_procedure_is_looked_at_when_somebody_has_to_be_called() -> None:
    now = scenes.snapshot({"leader": blind()})
    status, _ = at_rest(Status(), now)
    assert stands_until(now, SECTIONS, status, NOW) == NOW + SPEC.blind_for


@pytest.mark.parametrize(
    ("ages", "outcome", "length"),
    [
        pytest.param((60, 90), Outcome.DID_NOT_HELP, 6 * 60, id="actions in vain"),
        pytest.param((60, 90, 120), Outcome.HELPED, 24 * 60, id="actions at all"),
        pytest.param((5,), Outcome.HELPED, 15, id="cooldown"),
    ],
)
def test_a_guard_that_refuses_for_a_while_is_asked_again_when_that_ends(
    ages: tuple[int, ...], outcome: Outcome, length: int
) -> None:
    actions = tuple(
        ActionEntry(
            id=f"{age}", action=ActionKind.RESTART, time=NOW - minutes(age), outcome=outcome
        )
        for age in ages
    )
    record = TargetRecord(namespace="ns", kind="Deployment", name="x", actions=actions)
    now = seen({}, record, Budget(), NOW)
    status, decision = at_rest(Status(), now)
    assert decision.allowed is not None
    until = NOW - minutes(max(ages)) + minutes(length)
    assert until in _all_times(now, status)
    assert decide(seen({}, record, Budget(), until), status, until).allowed != decision.allowed


def _all_times(now: Snapshot, status: Status) -> list[datetime]:
    """Each time after now at which something may change, one after the other."""
    found, at = [], stands_until(now, SECTIONS, status, NOW)
    while at is not None:
        found.append(at)
        at = stands_until(now, SECTIONS, status, at)
    return found
