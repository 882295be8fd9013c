"""The cluster of a test takes what the operator sends as an API server would."""

from collections.abc import Callable
from typing import Any

import pytest

from servicesop.api.kinds import ActionKind, WorkloadKind
from servicesop.simulate.api_server import MemoryClient
from servicesop.simulate.clock import SetClock
from servicesop.simulate.world import World
from servicesop.sources.kubernetes.client import ApiError
from unit.simulate.stories import START, case_of, sop

DEPLOYMENT = "/apis/apps/v1/namespaces/stage/deployments/fleet-manager"
PODS = "/api/v1/namespaces/stage/pods"
SILENT = "given: [{at: 0s, all: Passed}]\nexpect: [{at: 1m, acts: 0}]\n"
Ask = Callable[[MemoryClient], Any]


class Scene:
    def __init__(self) -> None:
        self.changed: list[object] = []
        self.world = World(sop(), "stage", case_of(SILENT), SetClock(START), self.changed.append)
        self.client = MemoryClient(self.world.server)

    def pods(self) -> dict[str, str]:
        view = self.world.workloads.get(WorkloadKind.DEPLOYMENT, "fleet-manager")
        assert view is not None
        return {pod.name: pod.uid for pod in self.world.workloads.pods(view)}


async def restart(client: MemoryClient, generation: int = 1) -> Any:
    annotations = "/spec/template/metadata/annotations"
    operations: list[dict[str, Any]] = [
        {"op": "test", "path": "/metadata/generation", "value": generation},
        {"op": "test", "path": annotations, "value": None},
        {"op": "add", "path": annotations, "value": {"servicesop.io/action": "id"}},
    ]
    return await client.json_patch(DEPLOYMENT, operations, "tests")


async def test_a_restart_is_over_at_once_and_all_pods_are_new_ones() -> None:
    scene = Scene()
    before = scene.pods()
    after = await restart(scene.client)

    assert after["metadata"]["generation"] == after["status"]["observedGeneration"] == 2
    assert scene.pods().keys() == before.keys()
    assert not set(scene.pods().values()) & set(before.values())
    assert [(act.name, act.target) for act in scene.world.acts] == [(ActionKind.RESTART, "api")]
    assert scene.changed == [("stage", WorkloadKind.DEPLOYMENT, "fleet-manager")]


async def test_a_patch_of_what_is_not_there_any_more_changes_nothing() -> None:
    scene = Scene()
    with pytest.raises(ApiError, match="422"):
        await restart(scene.client, generation=7)

    assert scene.world.acts == []
    assert (await scene.client.get(DEPLOYMENT))["metadata"]["generation"] == 1


async def test_an_evicted_pod_is_replaced_and_no_other_is() -> None:
    scene = Scene()
    before = scene.pods()
    await scene.client.create(f"{PODS}/fleet-manager-1/eviction", {"metadata": {}})

    assert {name for name, uid in scene.pods().items() if before[name] != uid} == {
        "fleet-manager-1"
    }
    assert [(act.name, act.target) for act in scene.world.acts] == [(ActionKind.DELETE_POD, "api")]


@pytest.mark.parametrize(
    ("ask", "status"),
    [
        (lambda client: client.get(f"{PODS}/other"), 404),
        (lambda client: client.create(f"{PODS}/other/eviction", {}), 404),
        (lambda client: client.create(PODS, {"metadata": {"name": "fleet-manager-0"}}), 409),
        (
            lambda client: client.replace(
                f"{PODS}/fleet-manager-0", {"metadata": {"resourceVersion": "0"}}
            ),
            409,
        ),
        (lambda client: client.merge_patch(DEPLOYMENT, {}, "tests"), 415),
    ],
)
async def test_what_an_api_server_refuses_is_refused(ask: Ask, status: int) -> None:
    with pytest.raises(ApiError) as refused:
        await ask(Scene().client)

    assert refused.value.status == status
