"""What pod, workload and PodDisruptionBudgets say of an eviction."""

from typing import Any

import pytest

from servicesop.judge.eviction import PodFacts, pod_facts
from servicesop.judge.results import PodRef
from servicesop.judge.rollout import PodView

REF = PodRef("api-1", "u1")
APP = {"matchLabels": {"app": "api"}}


def pod(**metadata: Any) -> dict[str, Any]:
    return {"metadata": {"name": "api-1", "uid": "u1", "labels": {"app": "api"}} | metadata}


def budget(selector: object = APP, allowed: int = 1, **status: int) -> dict[str, Any]:
    return {
        "metadata": {"name": "api", "generation": 2},
        "spec": {"minAvailable": 1, "selector": selector},
        "status": {"observedGeneration": 2, "disruptionsAllowed": allowed} | status,
    }


def view(uid: str, *, ready: bool = True, deleting: bool = False, ended: bool = False) -> PodView:
    return PodView(uid, uid, "t", ready, deleting, (), ended=ended)


PODS = (view("u1"), view("u2"), view("u3", ready=False), view("u4", deleting=True))


def facts(
    live: dict[str, Any] | None = None, *budgets: dict[str, Any], pods: Any = PODS
) -> PodFacts:
    return pod_facts(REF, live, budgets, pods)


def test_a_pod_of_the_target_with_one_budget() -> None:
    assert facts(pod(), budget()) == PodFacts(
        ref=REF, there=True, owned=True, others_ready=1, budgets=1, disruptions=1
    )


@pytest.mark.parametrize(
    "live", [None, pod(uid="u9"), pod(deletionTimestamp="2026-05-04T12:00:00Z")]
)
def test_a_pod_that_is_gone_replaced_or_going_is_not_there(live: dict[str, Any] | None) -> None:
    assert not facts(live, budget()).there


def test_the_pods_of_the_target_say_whether_it_is_one_of_them() -> None:
    assert facts(pod(), pods=(view("u2"),)).owned is False
    assert facts(pod(), pods=None).owned is None


def test_pods_that_ended_are_no_others() -> None:
    assert facts(pod(), pods=(view("u2", ended=True),)).others_ready == 0


@pytest.mark.parametrize(
    ("selector", "count"),
    [
        (APP, 1),
        ({}, 1),
        (None, 0),
        ({"matchLabels": {"app": "other"}}, 0),
        ({"matchExpressions": [{"key": "app", "operator": "In", "values": ["api", "b"]}]}, 1),
        ({"matchExpressions": [{"key": "app", "operator": "DoesNotExist"}]}, 0),
    ],
)
def test_a_budget_counts_when_it_selects_the_pod(selector: object, count: int) -> None:
    assert facts(pod(), budget(selector)).budgets == count


def test_the_strictest_of_several_budgets_counts() -> None:
    found = facts(pod(), budget(allowed=2), budget(allowed=0), budget(None, allowed=5))
    assert (found.budgets, found.disruptions) == (2, 0)


def test_a_budget_that_its_controller_has_not_seen_allows_nothing() -> None:
    assert facts(pod(), budget(observedGeneration=1)).disruptions == 0
    assert facts(pod(), budget() | {"status": {}}).disruptions == 0


@pytest.mark.parametrize(
    "wrong",
    [
        {"metadata": {}},
        budget("app=api"),
        budget({"matchExpressions": [{"key": "app", "operator": "Near"}]}),
        budget({"matchFields": {}}),
        budget(disruptionsAllowed="x"),  # type: ignore[arg-type]  # what no server sends
    ],
)
def test_a_budget_that_cannot_be_read_is_no_missing_one(wrong: dict[str, Any]) -> None:
    assert facts(pod(), budget(), wrong).budgets is None


def test_budgets_that_could_not_be_listed_are_unknown() -> None:
    assert pod_facts(REF, pod(), None, PODS).budgets is None
