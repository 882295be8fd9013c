"""What the API server makes of the operator's evictions: conditions, budgets, admission."""

import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from integration.logged_pods import LoggedPods
from polling import eventually
from servicesop.actions.action import Look, Sent, Subject
from servicesop.actions.delete_pod import DeletePod, eviction_of
from servicesop.api.kinds import WorkloadKind
from servicesop.api.status import Intent
from servicesop.judge.results import PodRef
from servicesop.sources.kubernetes.client import ApiError, Json, KubeClient
from servicesop.sources.kubernetes.workloads import WorkloadCache
from testbed import ControlPlane
from testbed.operator import grant, install

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)


@pytest.fixture
def pods(control_plane: ControlPlane) -> Iterator[LoggedPods]:
    """Two pods, in a namespace that lets its runner evict, under the shipped policy."""
    install(control_plane)
    with LoggedPods.made(control_plane) as pods:
        pods.deploy(2)
        grant(control_plane, pods.namespace, evictions=True)
        yield pods


@pytest.fixture
async def client(control_plane: ControlPlane) -> AsyncIterator[KubeClient]:
    async with await KubeClient.connect(control_plane.kubeconfig) as client:
        yield client


class Evicting:
    """The action on the first pod."""

    def __init__(self, pods: LoggedPods, client: KubeClient) -> None:
        name = pods.names()[0]
        uid = json.loads(pods.kubectl("get", "pod", name, "-o", "json"))["metadata"]["uid"]
        self.pod = PodRef(name, uid)
        self.action = DeletePod(client, WorkloadCache(client, lambda *_: None))
        self.subject = Subject(pods.namespace, WorkloadKind.DEPLOYMENT, "api", self.pod)

    async def look(self) -> Look:
        return await self.action.look(self.subject)

    async def send(self, look: Look, uid: str = "") -> Sent:
        return (await self.action.send(self.subject, self.intent(look, uid), look)).sent

    def intent(self, look: Look, uid: str = "") -> Intent:
        assert look.live.target is not None
        return Intent.model_validate(
            {
                "id": "0123456789abcdef",
                "action": "deletePod",
                "procedure": "Noisy",
                "row": "one-pod",
                "target": "api",
                "workload": "api",
                "uid": look.live.target.uid,
                "generation": look.live.target.generation,
                "template_hash": look.live.target.template_hash,
                "pod": self.pod.name,
                "pod_uid": uid or self.pod.uid,
                "attempt": 0,
                "planned": NOW,
                "phase_since": NOW,
            }
        )


def protect(pods: LoggedPods, name: str, minimum: int, healthy: int = 2) -> None:
    selector = {"matchLabels": {"app": "api"}}
    body = {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": name},
        "spec": {"minAvailable": minimum, "selector": selector},
    }
    pods.kubectl("apply", "-f", "-", stdin=json.dumps(body))
    path = "jsonpath={.status.currentHealthy}"
    eventually(lambda: pods.kubectl("get", "pdb", name, "-o", path) == str(healthy), "it counts")


def stale(look: Look) -> Look:
    """The same look, as if the pod had changed since."""
    (pod,) = look.objects
    older: Json = pod | {"metadata": pod["metadata"] | {"resourceVersion": "1"}}
    return replace(look, objects=(older,))


async def test_only_the_very_pod_is_evicted_and_only_as_it_was_seen(
    pods: LoggedPods, client: KubeClient
) -> None:
    # The server charges the budget before it looks at the conditions: two refusals and an eviction.
    pods.deploy(4)
    evicting = Evicting(pods, client)
    protect(pods, "api", 1, healthy=4)
    look = await evicting.look()
    assert look.live.pod is not None
    assert (look.live.pod.there, look.live.pod.budgets, look.live.pod.disruptions) == (True, 1, 3)

    assert await evicting.send(look, "b6f1a7a2-0000-4000-8000-000000000009") is Sent.STALE
    assert await evicting.send(stale(look)) is Sent.STALE
    after = (await evicting.look()).live.pod
    assert after is not None
    assert after.there

    assert await evicting.send(look) is Sent.APPLIED
    # Once more, as a late repetition: the pod is going or gone, and no other one is hit.
    assert await evicting.send(look) is Sent.APPLIED
    eventually(lambda: evicting.pod.name not in pods.names(), "the pod is gone")
    eventually(lambda: len(pods.names()) == 4, "another one is made")


async def test_a_budget_is_kept(pods: LoggedPods, client: KubeClient) -> None:
    evicting = Evicting(pods, client)
    protect(pods, "api", 2)
    look = await evicting.look()
    assert look.live.pod is not None
    assert (look.live.pod.budgets, look.live.pod.disruptions) == (1, 0)

    assert await evicting.send(look) is Sent.NOT_NOW
    protect(pods, "second", 1)
    # Two that select one pod: the server cannot tell which one counts.
    look = await evicting.look()
    assert look.live.pod is not None
    assert look.live.pod.budgets == 2
    assert await evicting.send(look) is Sent.UNKNOWN
    assert evicting.pod.name in pods.names()


async def test_the_policy_refuses_an_eviction_that_does_not_say_which_pod(
    pods: LoggedPods, client: KubeClient
) -> None:
    evicting = Evicting(pods, client)
    look = await evicting.look()
    body = eviction_of(evicting.intent(look), pods.namespace, look.objects[0])
    path = f"/api/v1/namespaces/{pods.namespace}/pods/{evicting.pod.name}/eviction"
    runner = client.as_runner(pods.namespace)

    for conditions in ({}, {"resourceVersion": "1"}, {"uid": ""}):
        with pytest.raises(ApiError) as refused:
            await runner.create(path, body | {"deleteOptions": {"preconditions": conditions}})
        assert refused.value.status == 403
    assert evicting.pod.name in pods.names()


async def test_a_runner_without_the_role_evicts_nothing(
    control_plane: ControlPlane, client: KubeClient
) -> None:
    install(control_plane)
    with LoggedPods.made(control_plane) as pods:
        pods.deploy(1)
        evicting = Evicting(pods, client)

        assert await evicting.send(await evicting.look()) is Sent.REFUSED
        assert pods.names() == [evicting.pod.name]
