"""How pods find their workload, and what is watched for whom."""

import asyncio
import copy
from collections.abc import AsyncGenerator, Mapping
from typing import Any, cast

import pytest

from servicesop.api.kinds import WorkloadKind
from servicesop.sources.errors import SourceError
from servicesop.sources.kubernetes.client import ApiError, Json, KubeClient, Page
from servicesop.sources.kubernetes.workloads import Place, WorkloadCache
from unit.sources.kube_objects import DEPLOYMENT, STATEFUL_SET, member, pod, replica_set

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
