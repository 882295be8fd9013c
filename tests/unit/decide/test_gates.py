"""The guards in front of an action: each refuses for its own reason, in a fixed order."""

from dataclasses import replace
from typing import Any

import pytest

from servicesop.api.kinds import WorkloadKind
from servicesop.api.procedures import Mode, Remediate
from servicesop.api.reasons import UnknownReason
from servicesop.api.status import CheckState, Outcome
from servicesop.decide import gates
from servicesop.decide.gates import Allowed
from servicesop.decide.ledger import ActionEntry
from servicesop.decide.snapshot import facts_of
from servicesop.judge.debounce import Memory
from servicesop.judge.results import error, failed, passed
from unit.decide.scenes import (
    NOW,
    bad,
    blind,
    deployment,
    entry,
    facts,
    good,
    maybe,
    memory,
    minutes,
    one_pod_fails,
    pod_facts,
    remediate_of,
    seconds,
    skipped,
    snapshot,
    spec_of,
    suspended,
)


def evicting(**changes: Any) -> dict[str, Any]:
    """What there is to know of one pod that fails, and may be evicted."""
    return {"pod_check": one_pod_fails(), "pod": pod_facts(**changes)}


def asked(changes: dict[str, Any], **remediate: Any) -> Remediate:
    """The action that these facts are about."""
    if "pod_check" in changes:
        return remediate_of(restart=None, deletePod={"podFrom": "ocm"} | remediate)
    return remediate_of(**remediate)


IN_VAIN = tuple(entry(f"v{hour}", minutes(60 * hour), outcome=Outcome.UNPROVEN) for hour in (1, 2))
OFTEN = tuple(entry(f"o{hour}", minutes(60 * hour), outcome=Outcome.HELPED) for hour in (1, 2, 3))

REFUSALS: list[tuple[Allowed, dict[str, Any]]] = [
    (Allowed.KIND_NOT_SUPPORTED, {"kind": WorkloadKind.STATEFUL_SET}),
    (Allowed.NOT_EXACTLY_ONE_POD, {"pod_check": bad("TooMany")}),
    (Allowed.POD_GONE, evicting(there=False)),
    (Allowed.NO_DISRUPTION_BUDGET, evicting(budgets=0)),
    (Allowed.OBSERVE, {"mode": Mode.OBSERVE}),
    (Allowed.SUSPENDED, {"suspended": True}),
    (Allowed.OPERATOR_STARTING, {"starting": True}),
    (Allowed.TARGET_NOT_FOUND, {"target": None}),
    (Allowed.ACCESS_DENIED, {"may_act": False}),
    (Allowed.SCALED_TO_ZERO, {"target": deployment(replicas=0, current=0, updated=0)}),
    (Allowed.DEPLOYMENT_PAUSED, {"target": deployment(paused=True)}),
    (Allowed.OUTAGE, {"target": deployment(recreate=True)}),
    (Allowed.TARGET_CONFLICT, {"conflict": True}),
    (Allowed.ATTEMPTS_SPENT, {"entries": IN_VAIN}),
    (Allowed.COOLDOWN, {"entries": (entry("c", minutes(1), outcome=Outcome.HELPED),)}),
    (Allowed.BUDGET_EXHAUSTED, {"budget": False}),
    (Allowed.EVIDENCE_STALE, {"evidence": (blind(),)}),
]
"""One refusal per guard, in the order in which they are asked."""

MORE: list[tuple[Allowed, dict[str, Any]]] = [
    (Allowed.EVIDENCE_STALE, {"pod_check": good()}),
    (Allowed.EVIDENCE_STALE, {"pod_check": one_pod_fails(newest=passed())}),
    (Allowed.EVIDENCE_STALE, {"pod_check": one_pod_fails(newest=error(UnknownReason.STALE, ""))}),
    (Allowed.EVIDENCE_STALE, {"pod_check": replace(one_pod_fails(), confirmed=frozenset())}),
    (Allowed.NOT_EXACTLY_ONE_POD, {"pod_check": one_pod_fails(newest=failed({"TooMany"}, ""))}),
    (
        Allowed.EVIDENCE_STALE,
        {"pod_check": one_pod_fails(newest=failed({"TooMany"}, "", pod_unclear=True))},
    ),
    (Allowed.POD_UNKNOWN, evicting() | {"pod": None}),
    (Allowed.POD_UNKNOWN, evicting(owned=None)),
    (Allowed.POD_UNKNOWN, evicting(budgets=None)),
    (Allowed.POD_NOT_OF_TARGET, evicting(owned=False)),
    (Allowed.SEVERAL_DISRUPTION_BUDGETS, evicting(budgets=2)),
    (Allowed.DISRUPTION_NOT_ALLOWED, evicting(disruptions=0)),
    (Allowed.OUTAGE, evicting(others_ready=0)),
    (Allowed.KIND_NOT_SUPPORTED, evicting() | {"kind": WorkloadKind.STATEFUL_SET}),
    (Allowed.DEPLOYMENT_PAUSED, evicting() | {"target": deployment(paused=True)}),
    (Allowed.ROLLOUT_IN_PROGRESS, evicting() | {"target": deployment(updated=2)}),
    (Allowed.ACCESS_DENIED, evicting() | {"may_act": False}),
    (Allowed.DRY_RUN, {"mode": Mode.DRY_RUN}),
    (Allowed.TARGET_UNKNOWN, {"target_known": False}),
    (Allowed.TARGET_UNKNOWN, {"target_known": False, "target": None}),
    (Allowed.ACCESS_UNKNOWN, {"may_act": None}),
    (Allowed.ROLLOUT_IN_PROGRESS, {"target": deployment(updated=2)}),
    (Allowed.ROLLOUT_IN_PROGRESS, {"target": deployment(current=4)}),
    (Allowed.ROLLOUT_IN_PROGRESS, {"target": deployment(observed_generation=6)}),
    (Allowed.ROLLOUT_FAILED, {"target": deployment(deadline_exceeded=True)}),
    (Allowed.OUTAGE, {"target": deployment(max_unavailable=2)}),
    (Allowed.OUTAGE, {"floor": 3}),
    (Allowed.OUTAGE, {"target": deployment(replicas=2, current=2, updated=2)}),
    (
        Allowed.LIMIT_REACHED,
        {"entries": OFTEN},
    ),
    (Allowed.EVIDENCE_STALE, {"evidence": (good(), memory(CheckState.NOT_RUN))}),
    (Allowed.EVIDENCE_STALE, {"evidence": (good(), skipped("leader"))}),
    (Allowed.EVIDENCE_STALE, {"evidence": (good(), suspended())}),
    (Allowed.EVIDENCE_STALE, {"evidence": (replace(bad(), known_runs=1),)}),
    (Allowed.EVIDENCE_STALE, {"evidence": (replace(bad(), newest=None),)}),
    (
        Allowed.EVIDENCE_STALE,
        {"evidence": (replace(bad(), newest=error(UnknownReason.TIMED_OUT, "")),)},
    ),
    (Allowed.EVIDENCE_STALE, {"evidence": (replace(blind(), known_runs=2, newest=passed()),)}),
]  # fmt: skip


@pytest.mark.parametrize(("reason", "changes"), REFUSALS + MORE)
def test_each_guard_refuses_for_its_own_reason(reason: Allowed, changes: dict[str, Any]) -> None:
    refused = gates.refusal(facts(**changes), asked(changes), NOW)

    assert refused is not None
    assert refused.reason is reason
    assert refused.message


def test_without_a_reason_against_it_an_action_is_allowed() -> None:
    assert gates.refusal(facts(), remediate_of(), NOW) is None


def test_every_guard_has_a_refusal_here() -> None:
    refusing = [
        next(gate for gate in gates.GATES if _refuses(gate, changes)) for _, changes in REFUSALS
    ]

    assert refusing == list(gates.GATES)


def _refuses(gate: gates.Gate, changes: dict[str, Any]) -> bool:
    found = facts(**changes)
    if found.target is None and gate in (gates.rollout_at_rest, gates.capacity_kept):
        return False
    if found.pod is None and gate is gates.disruption_allowed:
        return False
    return gate(found, asked(changes), NOW) is not None


def test_the_first_guard_that_refuses_decides() -> None:
    changes = [one for _, one in REFUSALS]
    for index, (reason, _) in enumerate(REFUSALS):
        # Later changes must not undo the one in question: of a shared fact the first one stands.
        everything: dict[str, Any] = {}
        for one in reversed(changes[index:]):
            everything |= one
        refused = gates.refusal(facts(**everything), asked(everything), NOW)

        assert refused is not None
        assert refused.reason is reason


def test_every_reason_but_two_is_given_by_a_guard() -> None:
    given = {reason for reason, _ in REFUSALS + MORE}

    # These two are about having nothing against an action, or having none.
    assert set(Allowed) - given == {Allowed.ALLOWED, Allowed.NO_REMEDIATION}


def test_the_one_pod_that_fails_may_be_evicted() -> None:
    assert gates.refusal(facts(**evicting()), asked(evicting()), NOW) is None


@pytest.mark.parametrize(("ready", "allowed"), [(1, False), (2, True)])
def test_without_a_budget_as_many_must_stay_as_the_sop_asks_for(ready: int, allowed: bool) -> None:
    found = evicting(budgets=0, disruptions=0, others_ready=ready)
    refused = gates.refusal(facts(**found), asked(found, allowWithoutPDB=True), NOW)

    assert (refused is None) == allowed
    assert refused is None or refused.reason is Allowed.OUTAGE


def test_attempts_are_counted_by_action_and_the_cooldown_over_all() -> None:
    found = evicting() | {"entries": IN_VAIN}
    assert gates.refusal(facts(**found), asked(found), NOW) is None

    found["entries"] = (entry("c", minutes(1), outcome=Outcome.HELPED),)
    refused = gates.refusal(facts(**found), asked(found), NOW)
    assert refused is not None
    assert refused.reason is Allowed.COOLDOWN


@pytest.mark.parametrize("state", [good(), bad(), maybe()], ids=["passed", "failed", "pending"])
def test_evidence_that_is_known_is_fresh(state: Memory) -> None:
    assert gates.refusal(facts(evidence=(state,)), remediate_of(), NOW) is None


@pytest.mark.parametrize(
    "view", [deployment(recreate=True), deployment(max_unavailable=3)], ids=["Recreate", "all"]
)
def test_an_outage_may_be_allowed(view: Any) -> None:
    allowed = remediate_of(restart={"allowOutage": True})

    assert gates.refusal(facts(target=view), allowed, NOW) is None


@pytest.mark.parametrize(
    ("ago", "reason"),
    [(minutes(15) - seconds(1), Allowed.COOLDOWN), (minutes(15), None)],
)
def test_the_cooldown_ends_on_time(ago: Any, reason: Allowed | None) -> None:
    refused = gates.refusal(facts(entries=(entry("a", ago),)), remediate_of(), NOW)

    assert (refused.reason if refused else None) is reason


@pytest.mark.parametrize("outcome", list(Outcome))
def test_attempts_are_spent_by_effect(outcome: Outcome) -> None:
    entries = tuple(entry(f"a{hour}", minutes(60 * hour), outcome=outcome) for hour in (1, 2))
    refused = gates.refusal(facts(entries=entries), remediate_of(), NOW)
    spent = outcome in (
        Outcome.DID_NOT_HELP,
        Outcome.ROLLOUT_FAILED,
        Outcome.NOT_REPLACED,
        Outcome.REVERTED,
        Outcome.UNPROVEN,
    )

    assert (refused is not None) == spent


def test_what_is_still_open_counts_for_all_actions_but_not_as_spent() -> None:
    two = tuple(entry(f"a{hour}", minutes(60 * hour)) for hour in (1, 2))
    assert gates.refusal(facts(entries=two), remediate_of(), NOW) is None

    refused = gates.refusal(facts(entries=two), remediate_of(atMost={"max": 2}), NOW)
    assert refused is not None
    assert refused.reason is Allowed.LIMIT_REACHED


@pytest.mark.parametrize(
    ("entries", "limits"),
    [
        (tuple(entry(f"a{h}", minutes(60 * h), outcome=Outcome.UNPROVEN) for h in (6, 6)), {}),
        (tuple(entry(f"a{h}", minutes(60 * h), outcome=Outcome.HELPED) for h in (24, 24, 24)), {}),
        (IN_VAIN, {"attempts": {"max": 3}}),
        (IN_VAIN, {"attempts": {"per": "90m"}}),
    ],
    ids=["attempts have left their span", "all have left theirs", "more are allowed", "short span"],
)
def test_limits_count_in_their_span(
    entries: tuple[ActionEntry, ...], limits: dict[str, Any]
) -> None:
    assert gates.refusal(facts(entries=entries), remediate_of(**limits), NOW) is None


def test_the_floor_is_what_the_workload_checks_of_the_target_ask_for() -> None:
    remediate = remediate_of()
    assert facts_of(snapshot({}), remediate).floor == 2

    other = {"name": "ready", "workload": {"target": "refresher", "minReady": 3}}
    spec = spec_of(checks=[*spec_of().model_dump(by_alias=True, mode="json")["checks"][:3], other])
    assert facts_of(snapshot({}, spec), remediate).floor == 1
    elsewhere = remediate_of(restart={"target": "refresher"})
    assert facts_of(snapshot({}, spec), elsewhere).floor == 3
