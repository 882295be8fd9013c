"""How objects of the API server become views."""

import copy
from datetime import UTC, datetime
from typing import Any

import pytest

from servicesop.api.kinds import WorkloadKind
from servicesop.judge.rollout import ContainerView, PodView, WorkloadView
from servicesop.sources.kubernetes.client import Json
from servicesop.sources.kubernetes.views import read_pod, workload_view
from unit.sources.kube_objects import DEPLOYMENT, STATEFUL_SET, member, pod


def changed(*path_and_value: object) -> Json:
    *path, last, value = path_and_value
    item = copy.deepcopy(DEPLOYMENT)
    inner: Any = item
    for key in path:
        inner = inner.setdefault(key, {})
    inner[last] = value
    return item


def deployment_view(item: Json) -> WorkloadView:
    return workload_view(WorkloadKind.DEPLOYMENT, item)


def test_a_deployment_is_read_field_by_field() -> None:
    view = deployment_view(DEPLOYMENT)
    assert (view.name, view.uid, view.generation, view.observed_generation) == ("api", "d1", 4, 3)
    assert (view.replicas, view.current, view.updated) == (3, 4, 2)
    assert (view.ready, view.available, view.action) == (3, 1, "a-1")
    assert (view.paused, view.deadline_exceeded, view.recreate) == (False, False, False)


def test_a_new_deployment_without_a_status_is_unobserved() -> None:
    item = copy.deepcopy(DEPLOYMENT)
    del item["status"]
    view = deployment_view(item)
    assert (view.observed_generation, view.current, view.ready) == (0, 0, 0)


def test_only_the_progressing_condition_says_that_the_deadline_has_passed() -> None:
    exceeded = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}
    assert workload_view(
        WorkloadKind.DEPLOYMENT, changed("status", "conditions", [exceeded])
    ).deadline_exceeded
    progress = exceeded | {"status": "True", "reason": "NewReplicaSetAvailable"}
    assert not workload_view(
        WorkloadKind.DEPLOYMENT, changed("status", "conditions", [progress])
    ).deadline_exceeded


@pytest.mark.parametrize(
    ("status", "reason", "progressing"),
    [
        ("True", "NewReplicaSetCreated", True),
        ("True", "FoundNewReplicaSet", True),
        ("True", "ReplicaSetUpdated", True),
        ("True", "NewReplicaSetAvailable", False),
        ("False", "ProgressDeadlineExceeded", False),
        ("Unknown", "DeploymentPaused", False),
    ],
)
def test_a_rollout_progresses_until_its_pods_have_been_available(
    status: str, reason: str, progressing: bool
) -> None:
    condition = {"type": "Progressing", "status": status, "reason": reason}
    assert (
        workload_view(
            WorkloadKind.DEPLOYMENT, changed("status", "conditions", [condition])
        ).progressing
        is progressing
    )


def test_the_template_hash_moves_with_the_template_only() -> None:
    first = deployment_view(DEPLOYMENT)
    assert deployment_view(changed("spec", "replicas", 9)).template_hash == first.template_hash
    moved = changed("spec", "template", "spec", "nodeName", "n")
    assert deployment_view(moved).template_hash != first.template_hash
    reordered = copy.deepcopy(DEPLOYMENT)
    template = reordered["spec"]["template"]
    reordered["spec"]["template"] = dict(reversed(list(template.items())))
    assert deployment_view(reordered).template_hash == first.template_hash


@pytest.mark.parametrize(
    ("replicas", "strategy", "unavailable"),
    [
        (3, {}, 0),
        (4, {}, 1),
        (10, {}, 2),
        (10, {"rollingUpdate": {"maxUnavailable": "35%"}}, 3),
        (10, {"rollingUpdate": {"maxUnavailable": 4}}, 4),
        (10, {"rollingUpdate": {"maxUnavailable": 0, "maxSurge": 0}}, 1),
        (3, {"rollingUpdate": {"maxUnavailable": "25%", "maxSurge": "0%"}}, 1),
        (3, {"rollingUpdate": {"maxUnavailable": "25%", "maxSurge": "1%"}}, 0),
        (5, {"type": "Recreate"}, 5),
    ],
)
def test_what_a_rollout_may_take_is_rounded_as_the_controller_does(
    replicas: int, strategy: Json, unavailable: int
) -> None:
    item = changed("spec", "strategy", strategy)
    item["spec"]["replicas"] = replicas
    assert deployment_view(item).max_unavailable == unavailable


def stateful_set_view(item: Json = STATEFUL_SET, **spec: object) -> WorkloadView:
    item = copy.deepcopy(item)
    item["spec"] |= spec
    return workload_view(WorkloadKind.STATEFUL_SET, item)


def test_a_stateful_set_is_read_field_by_field() -> None:
    view = stateful_set_view()
    assert (view.kind, view.name, view.uid) == (WorkloadKind.STATEFUL_SET, "api", "s1")
    assert view.created == datetime(2026, 11, 21, 12, tzinfo=UTC)
    assert (view.generation, view.observed_generation, view.replicas) == (4, 3, 10)
    assert (view.current, view.updated, view.ready, view.available) == (9, 5, 7, 6)
    assert (view.current_revision, view.update_revision) == ("api-1", "api-2")
    assert (view.partition, view.on_delete, view.ordered) == (2, False, False)
    assert (view.paused, view.deadline_exceeded, view.progressing) == (False, False, False)
    assert (view.action, view.max_unavailable) == ("a-1", 1)
    assert view.template_hash == deployment_view(DEPLOYMENT).template_hash


def test_a_new_stateful_set_without_a_status_is_unobserved_and_its_pods_come_in_order() -> None:
    item = copy.deepcopy(STATEFUL_SET)
    del item["status"], item["spec"]["podManagementPolicy"], item["spec"]["updateStrategy"]
    view = stateful_set_view(item)
    assert (view.observed_generation, view.current, view.ready, view.available) == (0, 0, 0, 0)
    assert (view.ordered, view.on_delete, view.partition) == (True, False, 0)


@pytest.mark.parametrize(
    ("most", "unavailable"), [(None, 1), (3, 3), ("35%", 3), ("5%", 1), (0, 1)]
)
def test_a_stateful_sets_rollout_takes_at_least_one_pod(
    most: int | str | None, unavailable: int
) -> None:
    rolling = {} if most is None else {"maxUnavailable": most}
    strategy = {"type": "RollingUpdate", "rollingUpdate": rolling}
    assert stateful_set_view(updateStrategy=strategy).max_unavailable == unavailable


def test_a_stateful_set_may_leave_its_pods_to_whoever_deletes_them() -> None:
    view = stateful_set_view(updateStrategy={"type": "OnDelete"})
    assert (view.on_delete, view.partition) == (True, 0)


def test_a_pod_is_read_with_its_init_containers_and_what_they_wait_for() -> None:
    started = "2026-11-21T12:00:00Z"
    status = {
        "conditions": [{"type": "Ready", "status": "True"}],
        "initContainerStatuses": [
            {
                "name": "migration",
                "containerID": "c://1",
                "restartCount": 0,
                "ready": True,
                "state": {"terminated": {"startedAt": started}},
            }
        ],
        "containerStatuses": [
            {
                "name": "service",
                "containerID": "c://2",
                "restartCount": 2,
                "ready": False,
                "state": {"waiting": {"reason": "CrashLoopBackOff"}},
                "lastState": {"terminated": {"startedAt": started, "reason": "OOMKilled"}},
            },
            {"name": "sidecar", "restartCount": 0, "ready": False, "state": {"waiting": {}}},
        ],
    }
    item = pod("a", "r1", **status)
    item["metadata"]["deletionTimestamp"] = started
    noon = datetime(2026, 11, 21, 12, tzinfo=UTC)
    assert read_pod(item).view == PodView(
        name="a",
        uid="a",
        template="hash-r1",
        ready=True,
        deleting=True,
        containers=(
            ContainerView("migration", "c://1", 0, True, "", noon),
            ContainerView("service", "c://2", 2, False, "CrashLoopBackOff", noon, "OOMKilled"),
            ContainerView("sidecar", "", 0, False, "", None),
        ),
    )


@pytest.mark.parametrize(
    ("conditions", "unscheduled"),
    [
        ([], ""),
        ([{"type": "PodScheduled", "status": "True"}], ""),
        (
            [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}],
            "Unschedulable",
        ),
        ([{"type": "PodScheduled", "status": "False"}], "NotScheduled"),
    ],
)
def test_a_pod_without_a_node_says_why(conditions: list[Json], unscheduled: str) -> None:
    found = read_pod(member("api-0", phase="Pending", conditions=conditions)).view
    assert (found.unscheduled, found.ended, found.ordinal) == (unscheduled, False, 0)
