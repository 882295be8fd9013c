"""The action deletePod from the decision to its end: which pod it is, and what proves it."""

from datetime import timedelta
from typing import Any

import pytest

from servicesop.api.kinds import ActionKind
from servicesop.api.sop import Spec
from servicesop.api.status import EscalationReason, Intent, Outcome, Phase
from servicesop.decide.gates import Allowed
from servicesop.decide.procedures import sections_of
from servicesop.decide.progress import (
    EVIDENCE_LIMIT,
    ROLLOUT_LIMIT,
    Live,
    NotSent,
    advance,
    recover,
)
from servicesop.decide.snapshot import evidence_of
from servicesop.judge.eviction import PodFacts
from servicesop.judge.results import PodRef, failed
from servicesop.judge.rollout import PodView, WorkloadView
from unit.decide.scenes import (
    NOW,
    POD,
    Story,
    bad,
    deployment,
    good,
    intent_of,
    minutes,
    one_pod_fails,
    pod_facts,
    procedure_of,
    seconds,
    spec_of,
)

ONE_FAILS = {"ocm": one_pod_fails()}
ROW = {
    "name": "one-pod",
    "when": {"anyFailed": ["ocm"]},
    "remediate": {"deletePod": {"podFrom": "ocm"}, "settle": "90s"},
}
REST = {"name": "otherwise", "otherwise": True, "escalate": {"to": ["control-plane"]}}


def spec(**changes: Any) -> Spec:
    return spec_of(
        procedures=[procedure_of("Errors", stepsFrom=None, handle=[ROW, REST])], **changes
    )


def test_the_plan_names_the_pod_that_the_check_singles_out() -> None:
    (plan,) = Story(spec()).at_once(ONE_FAILS, pods={POD: pod_facts()}).plans

    assert (plan.remediate.action, plan.pod) == (ActionKind.DELETE_POD, POD)
    assert plan.workload == "fleet-manager"


@pytest.mark.parametrize(
    ("found", "facts", "said"),
    [
        pytest.param(bad("TooMany"), {}, "it is not exactly one pod", id="several"),
        pytest.param(
            one_pod_fails(newest=failed({"TooMany"}, "two fail")),
            {POD: pod_facts()},
            "it is not exactly one pod",
            id="several by now",
        ),
        pytest.param(
            one_pod_fails(),
            {POD: pod_facts(budgets=0)},
            "no PodDisruptionBudget selects the pod",
            id="no budget",
        ),
    ],
)
def test_what_does_not_pass_by_itself_is_handed_over_at_once(
    found: Any, facts: dict[PodRef, PodFacts], said: str
) -> None:
    decision = Story(spec()).at_once({"ocm": found}, pods=facts)

    assert decision.plans == ()
    (called,) = decision.escalations
    assert called.reason is EscalationReason.REFUSED
    assert called.message.startswith(f"no eviction of a pod of Deployment fleet-manager: {said}")


def test_facts_of_another_pod_are_not_those_of_this_one() -> None:
    other = PodRef(POD.name, "another")
    decision = Story(spec()).at_once(ONE_FAILS, pods={other: pod_facts(ref=other)})

    assert decision.plans == ()
    (status,) = decision.procedures
    assert (status.doing or "").endswith("or its PodDisruptionBudget cannot be read now")


def test_a_dry_run_proposes_the_eviction_without_naming_the_pod() -> None:
    decision = Story(spec(mode="DryRun")).at_once(ONE_FAILS, pods={POD: pod_facts()})

    (status,) = decision.procedures
    assert (status.doing or "").startswith("would do: eviction of a pod of Deployment")
    assert POD.name not in (status.doing or "")


def test_whether_it_would_be_permitted_is_told_while_no_pod_fails() -> None:
    assert Story(spec()).at_once({}).allowed is None
    allowed = Story(spec(mode="DryRun")).at_once({}).allowed
    assert allowed is not None
    assert allowed.reason is Allowed.DRY_RUN


def test_the_check_that_names_the_pod_is_evidence_whatever_the_row_rests_on() -> None:
    row = ROW | {"when": {"anyFailed": ["moves"]}}
    changed = spec_of(procedures=[procedure_of("Errors", stepsFrom=None, handle=[row, REST])])
    (section,) = sections_of(changed)

    assert evidence_of(section, section.rows[0]) == ("moves", "ocm")


# Was it sent?


def evicting(phase: Phase = Phase.PLANNED, **changes: Any) -> Intent:
    return intent_of(
        phase,
        **{
            "action": "deletePod",
            "pod": POD.name,
            "pod_uid": POD.uid,
            "applied_hash": None if phase is Phase.PLANNED else "before",
        }
        | changes,
    )


@pytest.mark.parametrize(
    ("live", "waited", "found"),
    [
        pytest.param(Live(deployment(), pod_facts()), seconds(1), NotSent(), id="the pod is there"),
        pytest.param(
            Live(deployment(generation=9, template_hash="other"), pod_facts()),
            seconds(1),
            NotSent(),
            id="what becomes of the Deployment says nothing of the pod",
        ),
        pytest.param(
            Live(deployment(), pod_facts()),
            EVIDENCE_LIMIT + seconds(1),
            Outcome.ABANDONED,
            id="its evidence is old",
        ),
        pytest.param(
            Live(None, pod_facts(there=False)), seconds(1), Outcome.UNPROVEN, id="no Deployment"
        ),
        pytest.param(
            Live(deployment(uid="new"), pod_facts()), seconds(1), Outcome.UNPROVEN, id="recreated"
        ),
        pytest.param(Live(deployment()), seconds(1), Outcome.UNPROVEN, id="not about a pod"),
    ],
)
def test_the_live_pod_tells_what_became_of_an_intent(
    live: Live, waited: timedelta, found: object
) -> None:
    assert recover(evicting(), live, NOW + waited) == found


@pytest.mark.parametrize("waited", [seconds(1), minutes(600)])
def test_a_pod_that_is_gone_or_going_was_evicted(waited: timedelta) -> None:
    found = recover(evicting(), Live(deployment(), pod_facts(there=False)), NOW + waited)

    assert isinstance(found, Intent)
    assert (found.phase, found.applied_hash) == (Phase.ISSUED, "before")


# Was the pod replaced?


def pods(*uids: str, ready: bool = True, deleting: bool = False) -> tuple[PodView, ...]:
    return tuple(PodView(uid, uid, "t", ready, deleting, ()) for uid in uids)


def after(view: WorkloadView | None, seen: tuple[PodView, ...], waited: timedelta) -> Any:
    intent = evicting(Phase.ISSUED)
    return advance(intent, seconds(90), minutes(3), view, {}, NOW + waited, seen)


@pytest.mark.parametrize(
    ("view", "seen"),
    [
        pytest.param(deployment(), pods("a", "b", POD.uid), id="the cache is behind"),
        pytest.param(deployment(), pods("a", "b"), id="one is missing"),
        pytest.param(deployment(), pods("a", "b") + pods("c", ready=False), id="it is not ready"),
        pytest.param(deployment(), pods("a", "b") + pods("c", deleting=True), id="it goes, too"),
        pytest.param(deployment(updated=2), pods("a", "b", "c"), id="a rollout is under way"),
    ],
)
def test_settling_waits_until_the_pod_is_replaced(
    view: WorkloadView, seen: tuple[PodView, ...]
) -> None:
    assert after(view, seen, seconds(5)) == evicting(Phase.ISSUED)
    assert after(view, seen, ROLLOUT_LIMIT) == evicting(Phase.ISSUED)
    assert after(view, seen, ROLLOUT_LIMIT + seconds(1)) is Outcome.NOT_REPLACED


def test_settling_begins_when_the_uid_is_gone_and_all_are_ready() -> None:
    assert after(deployment(), pods("a", "b", "c"), seconds(5)).phase is Phase.SETTLING


@pytest.mark.parametrize(
    "view", [None, deployment(uid="new"), deployment(template_hash="new", generation=8)]
)
def test_an_eviction_proves_nothing_where_somebody_changes_the_rest(
    view: WorkloadView | None,
) -> None:
    assert after(view, pods("a", "b", "c"), seconds(5)) is Outcome.UNPROVEN


def test_it_has_helped_when_the_checks_pass() -> None:
    intent = evicting(Phase.VERIFYING)
    seen = pods("a", "b", "c")
    found = advance(
        intent, seconds(0), minutes(3), deployment(), {"ocm": good()}, NOW + seconds(1), seen
    )

    assert found is Outcome.HELPED
