"""How objects of the API server become views, and how pods find their Deployment."""

import asyncio
import copy
from collections.abc import AsyncGenerator, Mapping
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from servicesop.api.kinds import WorkloadKind
from servicesop.judge.rollout import ContainerView, PodView, WorkloadView
from servicesop.sources.errors import SourceError
from servicesop.sources.kubernetes.client import ApiError, Json, KubeClient, Page
from servicesop.sources.kubernetes.views import workload_view
from servicesop.sources.kubernetes.workloads import Place, WorkloadCache

DEPLOYMENT: Json = {
    "metadata": {"namespace": "ns", "name": "api", "uid": "d1", "generation": 4},
    "spec": {
        "replicas": 3,
        "template": {"metadata": {"annotations": {"servicesop.io/action": "a-1"}}, "spec": {}},
    },
    "status": {
        "observedGeneration": 3,
        "replicas": 4,
        "updatedReplicas": 2,
        "readyReplicas": 3,
        "availableReplicas": 1,
        "conditions": [
            {"type": "Available", "status": "False", "reason": "ProgressDeadlineExceeded"}
        ],
    },
}


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


STATEFUL_SET: Json = {
    "metadata": {
        "namespace": "ns",
        "name": "api",
        "uid": "s1",
        "generation": 4,
        "creationTimestamp": "2026-11-21T12:00:00Z",
    },
    "spec": {
        "replicas": 10,
        "podManagementPolicy": "Parallel",
        "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 2}},
        "template": {"metadata": {"annotations": {"servicesop.io/action": "a-1"}}, "spec": {}},
    },
    "status": {
        "observedGeneration": 3,
        "replicas": 9,
        "updatedReplicas": 5,
        "currentReplicas": 4,
        "readyReplicas": 7,
        "availableReplicas": 6,
        "currentRevision": "api-1",
        "updateRevision": "api-2",
    },
}


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


def replica_set(uid: str, deployment: str = "d1", *, controller: bool = True) -> Json:
    owner = {"kind": "Deployment", "name": "api", "uid": deployment, "controller": controller}
    metadata = {"namespace": "ns", "name": uid, "uid": uid, "ownerReferences": [owner]}
    return {"metadata": metadata}


def pod(name: str, owner: str, **status: object) -> Json:
    reference = {"kind": "ReplicaSet", "name": owner, "uid": owner, "controller": True}
    metadata = {
        "namespace": "ns",
        "name": name,
        "uid": name,
        "labels": {"pod-template-hash": f"hash-{owner}"},
        "ownerReferences": [reference],
    }
    return {"metadata": metadata, "status": status}


def member(name: str, owner: str = "s1", **status: object) -> Json:
    """A pod of the StatefulSet."""
    item = pod(name, owner, **status)
    metadata = item["metadata"]
    metadata["labels"] = {"controller-revision-hash": "api-2", "pod-template-hash": "forged"}
    metadata["ownerReferences"][0] |= {"kind": "StatefulSet", "name": "api"}
    return item


BOTH = frozenset(WorkloadKind)
SET_PLACE: Place = ("ns", WorkloadKind.STATEFUL_SET, "api")


class Cluster:
    """Serves fixed lists, then the events that a test sends."""

    def __init__(self, **lists: list[Json]) -> None:
        self.lists = lists
        self.refuse = False
        self.queues: dict[str, asyncio.Queue[tuple[str, Json]]] = {}
        self.version = 0

    unwatchable = KubeClient.unwatchable

    def _versioned(self, item: Json) -> Json:
        self.version += 1
        item = copy.deepcopy(item)
        item["metadata"]["resourceVersion"] = str(self.version)
        return item

    async def list_pages(self, path: str, _query: Mapping[str, str]) -> AsyncGenerator[Page, None]:
        if self.refuse:
            raise ApiError(403, "Forbidden")
        items = self.lists.get(path.rsplit("/", 1)[1], [])
        yield Page([self._versioned(item) for item in items], "1")

    async def watch(
        self, path: str, _query: Mapping[str, str], *, on_open: Any
    ) -> AsyncGenerator[tuple[str, Json], None]:
        on_open()
        queue = self.queues.setdefault(path.rsplit("/", 1)[1], asyncio.Queue())
        while True:
            yield await queue.get()
            queue.task_done()

    async def send(self, kind: str, event: str, item: Json) -> None:
        queue = self.queues.setdefault(kind, asyncio.Queue())
        await queue.put((event, self._versioned(item)))
        await queue.join()
        # The event is taken; the informer handles it before it asks for the next.
        await asyncio.sleep(0)


def cache_of(cluster: Cluster, told: list[Place]) -> WorkloadCache:
    return WorkloadCache(cast("KubeClient", cluster), told.append)


async def test_pods_are_joined_by_their_controllers_and_others_are_left_out() -> None:
    cluster = Cluster(
        deployments=[DEPLOYMENT],
        replicasets=[
            replica_set("r1"),
            replica_set("r2"),
            replica_set("r3", "d2"),
            replica_set("r4", controller=False),
        ],
        pods=[pod("a", "r1"), pod("b", "r2"), pod("c", "r3"), pod("d", "r4"), pod("e", "none")],
    )
    cache = cache_of(cluster, [])
    cache.hold("ns")
    await cache.synced("ns")
    view = cache.view("ns")
    deployment = view.get(WorkloadKind.DEPLOYMENT, "api")
    assert deployment is not None
    assert {(p.name, p.template) for p in view.pods(deployment)} == {
        ("a", "hash-r1"),
        ("b", "hash-r2"),
    }
    assert view.get(WorkloadKind.DEPLOYMENT, "other") is None
    await cache.close()


async def test_a_pods_end_is_told_even_after_its_replica_set_is_gone() -> None:
    told: list[Place] = []
    cluster = Cluster(
        deployments=[DEPLOYMENT],
        replicasets=[replica_set("r1")],
        pods=[pod("a", "r1"), pod("b", "r1")],
    )
    cache = cache_of(cluster, told)
    cache.hold("ns")
    await cache.synced("ns")
    for kind, item in [
        ("replicasets", replica_set("r1")),
        ("pods", pod("a", "r1")),
        ("pods", pod("b", "r1")),
    ]:
        told.clear()
        await cluster.send(kind, "DELETED", item)
        assert told == [("ns", WorkloadKind.DEPLOYMENT, "api")]
    scope = cache._scopes["ns"]
    assert (scope._deployment_of, dict(scope._pods_of)) == ({}, {})
    assert dict(scope._replica_sets_of) == {}
    await cache.close()


async def test_a_pod_seen_before_its_replica_set_is_told_when_that_comes() -> None:
    told: list[Place] = []
    cluster = Cluster(deployments=[DEPLOYMENT])
    cache = cache_of(cluster, told)
    cache.hold("ns")
    await cache.synced("ns")
    told.clear()
    await cluster.send("pods", "ADDED", pod("a", "r1"))
    assert told == []
    await cluster.send("replicasets", "ADDED", replica_set("r1"))
    assert told == [("ns", WorkloadKind.DEPLOYMENT, "api")]
    deployment = cache.view("ns").get(WorkloadKind.DEPLOYMENT, "api")
    assert deployment is not None
    assert [p.name for p in cache.view("ns").pods(deployment)] == ["a"]
    await cache.close()


async def test_nothing_that_is_kept_changes_nothing_is_told() -> None:
    told: list[Place] = []
    cluster = Cluster(
        deployments=[DEPLOYMENT], replicasets=[replica_set("r1")], pods=[pod("a", "r1")]
    )
    cache = cache_of(cluster, told)
    cache.hold("ns")
    await cache.synced("ns")
    told.clear()
    await cluster.send("pods", "MODIFIED", pod("a", "r1", podIP="10.0.0.9"))
    assert told == []
    await cache.close()


async def test_a_pod_is_read_with_its_init_containers_and_what_they_wait_for() -> None:
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
    cluster = Cluster(deployments=[DEPLOYMENT], replicasets=[replica_set("r1")], pods=[item])
    cache = cache_of(cluster, [])
    cache.hold("ns")
    await cache.synced("ns")
    deployment = cache.view("ns").get(WorkloadKind.DEPLOYMENT, "api")
    assert deployment is not None
    noon = datetime(2026, 11, 21, 12, tzinfo=UTC)
    assert cache.view("ns").pods(deployment) == (
        PodView(
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
        ),
    )
    await cache.close()


async def test_a_namespace_is_watched_until_its_last_hold_is_released() -> None:
    cache = cache_of(Cluster(deployments=[DEPLOYMENT]), [])
    cache.hold("ns")
    cache.hold("ns")
    await cache.synced("ns")
    cache.release("ns")
    assert cache.view("ns").get(WorkloadKind.DEPLOYMENT, "api") is not None
    cache.release("ns")
    with pytest.raises(SourceError):
        cache.view("ns").get(WorkloadKind.DEPLOYMENT, "api")
    await cache.close()


async def test_a_view_that_may_not_be_had_says_which_rights_are_missing() -> None:
    cluster = Cluster()
    cluster.refuse = True
    cache = cache_of(cluster, [])
    cache.hold("ns")
    async with asyncio.timeout(5):
        while not cache._scopes["ns"].refused(WorkloadKind.DEPLOYMENT):  # noqa: ASYNC110 - nothing tells of a refusal
            await asyncio.sleep(0.01)
    with pytest.raises(SourceError, match="may not list and watch"):
        cache.view("ns").get(WorkloadKind.DEPLOYMENT, "api")
    await cache.close()


async def test_a_deployment_and_a_stateful_set_of_one_name_are_two_workloads() -> None:
    told: list[Place] = []
    cluster = Cluster(
        deployments=[DEPLOYMENT],
        statefulsets=[STATEFUL_SET],
        replicasets=[replica_set("r1")],
        pods=[pod("a", "r1"), member("api-0"), member("api-1", "other")],
    )
    cache = cache_of(cluster, told)
    cache.hold("ns", BOTH)
    await cache.synced("ns")
    view = cache.view("ns")
    deployment = view.get(WorkloadKind.DEPLOYMENT, "api")
    stateful_set = view.get(WorkloadKind.STATEFUL_SET, "api")
    assert deployment is not None
    assert stateful_set is not None
    assert (deployment.uid, stateful_set.uid) == ("d1", "s1")
    assert [(p.name, p.template) for p in view.pods(deployment)] == [("a", "hash-r1")]
    assert [(p.name, p.template) for p in view.pods(stateful_set)] == [("api-0", "api-2")]
    for kind, item, place in [
        ("statefulsets", STATEFUL_SET, SET_PLACE),
        ("deployments", DEPLOYMENT, ("ns", WorkloadKind.DEPLOYMENT, "api")),
    ]:
        told.clear()
        await cluster.send(kind, "DELETED", item)
        assert told == [place]
    assert view.get(WorkloadKind.STATEFUL_SET, "api") is None
    await cache.close()


async def test_every_change_of_a_stateful_sets_pod_is_told() -> None:
    told: list[Place] = []
    cluster = Cluster(statefulsets=[STATEFUL_SET], pods=[member("api-0")])
    cache = cache_of(cluster, told)
    cache.hold("ns", BOTH)
    await cache.synced("ns")
    for event, item in [
        ("ADDED", member("api-1")),
        ("MODIFIED", member("api-0", phase="Failed")),
        ("DELETED", member("api-0")),
    ]:
        told.clear()
        await cluster.send("pods", event, item)
        assert told == [SET_PLACE]
    await cluster.send("pods", "DELETED", member("api-1"))
    assert dict(cache._scopes["ns"]._pods_of) == {}
    await cache.close()


async def test_a_kind_is_watched_from_when_somebody_needs_it() -> None:
    cluster = Cluster(deployments=[DEPLOYMENT], statefulsets=[STATEFUL_SET])
    cache = cache_of(cluster, [])
    cache.hold("ns")
    await cache.synced("ns")
    view = cache.view("ns")
    assert view.get(WorkloadKind.DEPLOYMENT, "api") is not None
    assert "statefulsets" not in cluster.queues
    with pytest.raises(SourceError, match="no complete view"):
        view.get(WorkloadKind.STATEFUL_SET, "api")
    cache.hold("ns", BOTH)
    await cache.synced("ns")
    assert view.get(WorkloadKind.STATEFUL_SET, "api") is not None
    cache.release("ns")
    assert view.get(WorkloadKind.STATEFUL_SET, "api") is not None
    await cache.close()


async def test_kinds_asked_for_before_a_cluster_wide_watch_are_seen_by_it_too() -> None:
    cluster = Cluster(statefulsets=[STATEFUL_SET])
    told: list[Place] = []
    cache = WorkloadCache(cast("KubeClient", cluster), told.append, max_namespaces=1)
    cache.hold("ns", BOTH)
    cache.hold("other")
    async with asyncio.timeout(5):
        while cache._scopes:  # noqa: ASYNC110 - nothing tells of the change of hands
            await asyncio.sleep(0.01)
    assert cache.view("ns").get(WorkloadKind.STATEFUL_SET, "api") is not None
    # And one that is asked for afterwards.
    cache.hold("third", BOTH)
    await cache.synced("third")
    assert cache.view("third").get(WorkloadKind.STATEFUL_SET, "api") is None
    await cache.close()


async def test_one_kind_that_may_not_be_seen_does_not_hide_the_other() -> None:
    class NoStatefulSets(Cluster):
        async def list_pages(
            self, path: str, query: Mapping[str, str]
        ) -> AsyncGenerator[Page, None]:
            if path.endswith("/statefulsets"):
                raise ApiError(403, "Forbidden")
            async for page in super().list_pages(path, query):
                yield page

    cache = cache_of(NoStatefulSets(deployments=[DEPLOYMENT]), [])
    cache.hold("ns", BOTH)
    async with asyncio.timeout(5):
        while not cache._scopes["ns"].refused(WorkloadKind.STATEFUL_SET):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        while not cache._scopes["ns"].current(WorkloadKind.DEPLOYMENT):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert cache.view("ns").get(WorkloadKind.DEPLOYMENT, "api") is not None
    with pytest.raises(SourceError, match="may not list and watch StatefulSets and Pods"):
        cache.view("ns").get(WorkloadKind.STATEFUL_SET, "api")
    await cache.close()


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
async def test_a_pod_without_a_node_says_why(conditions: list[Json], unscheduled: str) -> None:
    item = member("api-0", phase="Pending", conditions=conditions)
    cache = cache_of(Cluster(statefulsets=[STATEFUL_SET], pods=[item]), [])
    cache.hold("ns", BOTH)
    await cache.synced("ns")
    stateful_set = cache.view("ns").get(WorkloadKind.STATEFUL_SET, "api")
    assert stateful_set is not None
    (found,) = cache.view("ns").pods(stateful_set)
    assert (found.unscheduled, found.ended, found.ordinal) == (unscheduled, False, 0)


async def test_the_nodes_of_all_pods_are_known_while_a_pod_is_there() -> None:
    cluster = Cluster(
        pods=[
            pod("p1", "r1", hostIPs=[{"ip": "10.0.0.7"}, {"ip": "fd12::7"}]),
            pod("p2", "r1", hostIPs=[{"ip": "10.0.0.7"}]),
            pod("pending", "r1"),
        ]
    )
    cache = cache_of(cluster, [])
    assert cache.nodes() == frozenset()
    cache.hold("ns")
    await cache.synced("ns")
    assert cache.nodes() == {"10.0.0.7", "fd12::7"}
    await cluster.send("pods", "DELETED", pod("p1", "r1"))
    assert cache.nodes() == {"10.0.0.7"}
    await cluster.send("pods", "MODIFIED", pod("p2", "r1", hostIPs=[{"ip": "10.0.0.8"}]))
    assert cache.nodes() == {"10.0.0.8"}
    cache.release("ns")
    assert cache.nodes() == frozenset()
    await cache.close()
