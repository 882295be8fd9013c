"""The client, the watches and the log streams against a real API server."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from integration.operator_account import operator_account
from integration.source_accounts import OPERATOR, RUNNER, deployment
from polling import until
from servicesop.api.kinds import WorkloadKind
from servicesop.api.reasons import UnknownReason
from servicesop.sources.errors import PodGone, SourceError
from servicesop.sources.kubernetes.client import ApiError, ApiUnreachable, KubeClient
from servicesop.sources.kubernetes.informer import Informer
from servicesop.sources.kubernetes.logs import LogReader, LogRequest
from servicesop.sources.kubernetes.workloads import NamespaceView, Place, WorkloadCache
from testbed import ControlPlane
from testbed.operator import wait_allowed

pytestmark = pytest.mark.long


@pytest.fixture
def namespace(control_plane: ControlPlane) -> Iterator[str]:
    name = f"source-{uuid.uuid4().hex[:8]}"
    control_plane.kubectl("create", "namespace", name)
    yield name
    control_plane.kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture
def kubeconfig(control_plane: ControlPlane, namespace: str) -> Iterator[Path]:
    control_plane.kubectl("apply", "-f", "-", input=operator_account(namespace, OPERATOR))
    yield control_plane.service_account_kubeconfig(namespace, "operator")
    control_plane.kubectl("delete", "clusterrole,clusterrolebinding", namespace)


@pytest.fixture
async def client(kubeconfig: Path) -> AsyncIterator[KubeClient]:
    async with await KubeClient.connect(kubeconfig) as client:
        yield client


@pytest.fixture
async def admin(control_plane: ControlPlane) -> AsyncIterator[KubeClient]:
    async with await KubeClient.connect(control_plane.kubeconfig) as client:
        yield client


def ready_pods(view: NamespaceView, name: str) -> set[str]:
    try:
        found = view.get(WorkloadKind.DEPLOYMENT, name)
        return {p.uid for p in view.pods(found) if p.ready and not p.deleting} if found else set()
    except SourceError:
        return set()


async def test_every_verb_works_and_a_refusal_is_one_word(
    admin: KubeClient, namespace: str
) -> None:
    maps = f"/api/v1/namespaces/{namespace}/configmaps"
    made = await admin.create(maps, {"metadata": {"name": "one"}, "data": {"a": "1"}})
    with pytest.raises(ApiError) as conflict:
        await admin.create(maps, {"metadata": {"name": "one"}})
    made["data"] = {"a": "2"}
    replaced = await admin.replace(f"{maps}/one", made)
    with pytest.raises(ApiError) as stale:
        await admin.replace(f"{maps}/one", made)
    await admin.merge_patch(f"{maps}/one", {"data": {"b": "3"}}, "test")
    with pytest.raises(ApiError) as failed_test:
        await admin.json_patch(
            f"{maps}/one", [{"op": "test", "path": "/data/a", "value": "other"}], "test"
        )
    applied = await admin.apply(
        f"{maps}/one",
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "one"},
            "data": {"a": "4"},
        },
        "other-manager",
    )
    await admin.delete(f"{maps}/one", {"preconditions": {"uid": made["metadata"]["uid"]}})
    with pytest.raises(ApiError) as gone:
        await admin.get(f"{maps}/one")

    assert replaced["data"] == {"a": "2"}
    assert applied["data"] == {"a": "4", "b": "3"}
    assert (conflict.value.status, conflict.value.reason) == (409, "AlreadyExists")
    assert (stale.value.status, stale.value.reason) == (409, "Conflict")
    assert (failed_test.value.status, failed_test.value.reason) == (422, "Invalid")
    assert (gone.value.status, gone.value.reason) == (404, "NotFound")
    assert str(gone.value) == "404 NotFound"


async def test_a_list_comes_in_pages_of_one_version(admin: KubeClient, namespace: str) -> None:
    maps = f"/api/v1/namespaces/{namespace}/configmaps"
    for index in range(5):
        await admin.create(maps, {"metadata": {"name": f"page-{index}"}})

    pages = [page async for page in admin.list_pages(maps, limit=2)]

    assert len(pages) >= 3
    assert len({page.resource_version for page in pages}) == 1
    names = [item["metadata"]["name"] for page in pages for item in page.items]
    assert [n for n in names if n.startswith("page-")] == [f"page-{i}" for i in range(5)]


async def test_the_runner_is_seen_as_the_runner_and_has_only_its_rights(
    control_plane: ControlPlane, client: KubeClient, namespace: str
) -> None:
    assert not await client.runner_exists(namespace)
    control_plane.kubectl("apply", "-n", namespace, "-f", "-", input=RUNNER)
    control_plane.kubectl("apply", "-n", namespace, "-f", "-", input=deployment("api", 0))
    mark = control_plane.audit().mark()

    assert await client.runner_exists(namespace)
    assert await client.runner_may(namespace, "patch", "apps", "deployments", "api")
    assert not await client.runner_may(namespace, "patch", "apps", "deployments", "other")
    assert await client.runner_may(namespace, "get", "", "pods", "any", "log")
    assert not await client.runner_may(namespace, "get", "", "secrets", "any")
    runner = client.as_runner(namespace)
    base = f"/apis/apps/v1/namespaces/{namespace}/deployments"
    assert (await runner.get(f"{base}/api"))["metadata"]["name"] == "api"
    with pytest.raises(ApiError) as refused:
        await runner.get(f"{base}/other")
    assert refused.value.status == 403

    seen = [
        record
        for record in control_plane.audit().since(mark)
        if record.resource == "deployments" and record.impersonated_user
    ]
    assert {record.impersonated_user for record in seen} == {
        f"system:serviceaccount:{namespace}:servicesop-runner"
    }
    assert {record.user for record in seen} == {f"system:serviceaccount:{namespace}:operator"}
    assert all(record.user_agent.startswith("servicesop/") for record in seen)


async def test_the_cache_joins_pods_to_their_deployment_and_tells_of_each_change(
    control_plane: ControlPlane, client: KubeClient, namespace: str
) -> None:
    control_plane.kubectl("apply", "-n", namespace, "-f", "-", input=deployment("api", 2))
    told: list[Place] = []
    cache = WorkloadCache(client, told.append)
    view = cache.view(namespace)
    with pytest.raises(SourceError) as before:
        view.get(WorkloadKind.DEPLOYMENT, "api")
    cache.hold(namespace)
    try:
        await cache.synced(namespace)
        await until(lambda: len(ready_pods(view, "api")) == 2)
        old = ready_pods(view, "api")
        first = view.get(WorkloadKind.DEPLOYMENT, "api")
        assert first is not None
        assert (first.replicas, first.max_unavailable, first.action) == (2, 0, "")
        victim = next(pod.name for pod in view.pods(first))
        told.clear()
        control_plane.kubectl("delete", "pod", victim, "-n", namespace, "--wait=false")
        await until(lambda: bool(told))
        await until(lambda: len(ready_pods(view, "api")) == 2 and ready_pods(view, "api") != old)
        control_plane.kubectl(
            "patch",
            "deployment/api",
            "-n",
            namespace,
            "--type=merge",
            "-p",
            '{"spec":{"template":{"metadata":{"annotations":{"servicesop.io/action":"one"}}}}}',
        )

        def rolled_out() -> bool:
            now = view.get(WorkloadKind.DEPLOYMENT, "api")
            return now is not None and now.action == "one" and now.updated == now.current == 2

        await until(rolled_out)
        second = view.get(WorkloadKind.DEPLOYMENT, "api")
        assert second is not None
        assert second.template_hash != first.template_hash
        await until(lambda: len({pod.template for pod in view.pods(second)}) == 1)
        told.clear()
        control_plane.kubectl("delete", "deployment/api", "-n", namespace)
        await until(lambda: view.get(WorkloadKind.DEPLOYMENT, "api") is None)
        await until(lambda: view.pods(second) == ())
    finally:
        await cache.close()

    assert before.value.reason is UnknownReason.API_UNAVAILABLE
    assert set(told) == {(namespace, WorkloadKind.DEPLOYMENT, "api")}


async def test_above_the_limit_one_cluster_wide_set_of_watches_serves_all_namespaces(
    control_plane: ControlPlane, client: KubeClient, namespace: str
) -> None:
    control_plane.kubectl("apply", "-n", namespace, "-f", "-", input=deployment("api", 1))
    told: list[Place] = []
    cache = WorkloadCache(client, told.append, max_namespaces=1)
    mark = control_plane.audit().mark()
    try:
        cache.hold("default")
        await cache.synced("default")
        cache.hold(namespace)
        await cache.synced(namespace)
        view = cache.view(namespace)
        await until(lambda: len(ready_pods(view, "api")) == 1)
        await until(lambda: len(cache._scopes) == 0)
        assert cache.view("default").get(WorkloadKind.DEPLOYMENT, "none") is None
        cache.release(namespace)
        with pytest.raises(SourceError):
            view.get(WorkloadKind.DEPLOYMENT, "api")
        told.clear()
        control_plane.kubectl("scale", "deployment/api", "--replicas=2", "-n", namespace)
        await asyncio.to_thread(
            control_plane.kubectl, "rollout", "status", "deployment/api", "-n", namespace
        )
        assert told == []
    finally:
        await cache.close()
    watched = {
        record.namespace
        for record in control_plane.audit().since(mark)
        if record.verb == "watch" and record.user.endswith(":operator")
    }
    assert watched == {"default", ""}


async def test_a_restarted_api_server_with_compacted_history_is_seen_again_within_10_s(
    control_plane: ControlPlane, client: KubeClient, namespace: str
) -> None:
    control_plane.kubectl("apply", "-n", namespace, "-f", "-", input=deployment("api", 2))
    control_plane.kubectl("apply", "-n", namespace, "-f", "-", input=deployment("other", 0))
    cache = WorkloadCache(client, lambda *_: None)
    cache.hold(namespace)
    try:
        await cache.synced(namespace)
        view = cache.view(namespace)
        await until(lambda: len(ready_pods(view, "api")) == 2)
        control_plane.stop_api_server()
        with pytest.raises(ApiUnreachable):
            await client.get(f"/apis/apps/v1/namespaces/{namespace}/deployments/api")
        await asyncio.to_thread(control_plane.start_api_server)
        # While our watches are still off or just back, something vanishes for good.
        await asyncio.to_thread(
            control_plane.kubectl, "delete", "deployment/other", "-n", namespace
        )
        control_plane.compact_etcd()

        def gone() -> bool:
            try:
                return view.get(WorkloadKind.DEPLOYMENT, "other") is None
            except SourceError:
                return False

        await until(gone, seconds=10)
        assert view.get(WorkloadKind.DEPLOYMENT, "api") is not None
    finally:
        await cache.close()


async def test_a_deletion_during_an_outage_whose_history_is_gone_is_told_as_a_deletion(
    control_plane: ControlPlane, client: KubeClient, admin: KubeClient, namespace: str
) -> None:
    control_plane.kubectl("apply", "-n", namespace, "-f", "-", input=deployment("api", 0))
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments"
    told: list[tuple[str, bool]] = []
    pause = asyncio.Event()
    pause.set()
    resumed = asyncio.Event()

    async def sleep(seconds: float) -> None:
        await asyncio.sleep(seconds)
        if not pause.is_set():
            resumed.set()
            await pause.wait()

    informer = Informer(
        client,
        path,
        slim=lambda item: str(item["metadata"]["uid"]),
        on_change=lambda key, _old, new: told.append((key[1], new is None)),
        sleep=sleep,
    )
    task = asyncio.create_task(informer.run())
    try:
        await asyncio.wait_for(informer.synced.wait(), 10)
        await until(lambda: (namespace, "api") in informer.objects)
        pause.clear()
        control_plane.stop_api_server()
        await asyncio.wait_for(resumed.wait(), 10)
        await asyncio.to_thread(control_plane.start_api_server)
        # The informer is still held back: this deletion, and its history, it cannot see.
        await asyncio.to_thread(control_plane.kubectl, "delete", "deployment/api", "-n", namespace)
        control_plane.kubectl("create", "configmap", "later", "-n", namespace)
        control_plane.compact_etcd()
        control_plane.stop_api_server()
        await asyncio.to_thread(control_plane.start_api_server)
        mark = control_plane.audit().mark()
        pause.set()
        await until(lambda: ("api", True) in told, seconds=10)
        assert informer.objects == {}
        lists = [
            record
            for record in control_plane.audit().since(mark)
            if record.verb == "list" and record.namespace == namespace
        ]
        assert lists
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_logs_are_read_as_the_runner_with_timestamps_from_a_time_on(
    control_plane: ControlPlane, client: KubeClient, namespace: str
) -> None:
    control_plane.kubectl("apply", "-n", namespace, "-f", "-", input=deployment("api", 1))
    control_plane.kubectl("rollout", "status", "deployment/api", "-n", namespace)
    pod = control_plane.kubectl(
        "get", "pods", "-n", namespace, "-o", "jsonpath={.items[0].metadata.name}"
    )
    log = control_plane.pod_log(namespace, pod, "service")
    now = datetime.now(UTC)
    log.append("old", now - timedelta(minutes=5))
    log.append("new", now)
    log.set_previous(["from before"], now - timedelta(minutes=9))
    logs = LogReader(client).of(namespace)

    async def read(since: datetime | None = None, previous: bool = False) -> list[bytes]:
        chunks: list[bytes] = []

        def take(chunk: bytes) -> bool:
            chunks.append(chunk)
            return True

        await logs.read(LogRequest(pod, "service", since, previous=previous), take)
        return b"".join(chunks).splitlines()

    with pytest.raises(SourceError) as no_runner:
        await read()
    control_plane.kubectl("create", "serviceaccount", "servicesop-runner", "-n", namespace)
    with pytest.raises(SourceError) as no_rights:
        await read()
    control_plane.kubectl("apply", "-n", namespace, "-f", "-", input=RUNNER)
    wait_allowed(control_plane, namespace, "get", "pods", "--subresource=log")

    everything = await read()
    assert [line.split(b" ", 1)[1] for line in everything] == [b"old", b"new"]
    assert [line[:4] for line in everything] == [b"%d" % now.year] * 2
    assert [line.split(b" ", 1)[1] for line in await read(now)] == [b"new"]
    assert [line.split(b" ", 1)[1] for line in await read(previous=True)] == [b"from before"]
    assert no_runner.value.reason is UnknownReason.NO_RUNNER
    assert no_rights.value.reason is UnknownReason.ACCESS_DENIED
    chunks: list[bytes] = []

    def take_all(chunk: bytes) -> bool:
        chunks.append(chunk)
        return True

    await logs.read(LogRequest(pod, "service", tail=1), take_all)
    assert b"".join(chunks) == everything[-1] + b"\n"
    with pytest.raises(PodGone):
        await logs.read(LogRequest("no-such-pod", "service"), take_all)
