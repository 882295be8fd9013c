"""The check `workload` on a real Deployment: breaks are seen at once, rollouts are no failures."""

import asyncio
import json
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from servicesop.api.checks.check import Check
from servicesop.api.kinds import WorkloadKind
from servicesop.api.reasons import UnknownReason
from servicesop.api.sop import Target
from servicesop.checks.runner import CheckRunner, Surroundings
from servicesop.checks.workload import workload_check
from servicesop.judge.results import Sample, Verdict
from servicesop.sources.errors import SourceError
from servicesop.sources.kubernetes.client import KubeClient
from servicesop.sources.kubernetes.workloads import WorkloadCache
from surroundings import NOBODY
from testbed import ControlPlane

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def manifest(ready_after: str = "2s") -> str:
    template = {
        "metadata": {"labels": {"app": "api"}, "annotations": {"testbed/ready-after": ready_after}},
        "spec": {
            "containers": [{"name": "service", "image": "example.org/service:1"}],
            "terminationGracePeriodSeconds": 1,
        },
    }
    spec = {
        "replicas": 3,
        "selector": {"matchLabels": {"app": "api"}},
        "strategy": {"rollingUpdate": {"maxUnavailable": 1, "maxSurge": 0}},
        "template": template,
    }
    return json.dumps(
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "api"}, "spec": spec}
    )


class Service:
    """A Deployment in a namespace of its own, and the check of it at each of its changes."""

    def __init__(self, control_plane: ControlPlane, namespace: str) -> None:
        self.control_plane = control_plane
        self.namespace = namespace
        self.samples: list[tuple[float, Sample]] = []
        self.changed = asyncio.Event()
        self.runner: CheckRunner | None = None

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        return self.control_plane.kubectl(*arguments, "-n", self.namespace, input=stdin)

    async def until(self, verdict: Verdict, finding: str = "", seconds: float = 20) -> Sample:
        async with asyncio.timeout(seconds):
            while True:
                self.changed.clear()
                sample = self.samples[-1][1] if self.samples else None
                if (
                    sample
                    and sample.verdict is verdict
                    and (not finding or finding in sample.findings)
                ):
                    return sample
                await self.changed.wait()

    async def sample(self) -> None:
        assert self.runner is not None
        try:
            self.samples.append((time.monotonic(), await self.runner.run(NOW)))
        except SourceError:
            return
        self.changed.set()


@pytest.fixture
def service(control_plane: ControlPlane) -> Iterator[Service]:
    service = Service(control_plane, f"workload-{uuid.uuid4().hex[:8]}")
    control_plane.kubectl("create", "namespace", service.namespace)
    service.kubectl("apply", "-f", "-", stdin=manifest())
    yield service
    control_plane.kubectl("delete", "namespace", service.namespace, "--wait=false")


@pytest.fixture
async def around(service: Service) -> AsyncIterator[Surroundings]:
    async with await KubeClient.connect(service.control_plane.kubeconfig) as client:
        dirty = asyncio.Event()
        cache = WorkloadCache(client, lambda *_: dirty.set())
        cache.hold(service.namespace)
        await cache.synced(service.namespace)
        target = Target.model_validate({"name": "a", "ref": {"kind": "Deployment", "name": "api"}})
        around = replace(
            NOBODY,
            namespace=service.namespace,
            targets={"a": target},
            default_target=target,
            workloads=cache.view(service.namespace),
        )
        check = Check.model_validate({"name": "r", "workload": {"replicas": 3, "minReady": 3}})
        service.runner = workload_check(check, around)
        assert service.runner.reacts_to == target.ref

        async def react() -> None:
            while True:
                dirty.clear()
                await service.sample()
                await dirty.wait()

        reacting = asyncio.create_task(react())
        await service.until(Verdict.PASSED)
        yield around
        reacting.cancel()
        await asyncio.gather(reacting, return_exceptions=True)
        await cache.close()


async def test_a_deleted_pod_is_seen_within_a_second_and_its_return_too(
    service: Service, around: Surroundings
) -> None:
    for _ in range(5):
        await service.until(Verdict.PASSED)
        pod = service.kubectl("get", "pods", "-o", "jsonpath={.items[0].metadata.name}")
        service.samples.clear()
        await asyncio.to_thread(service.kubectl, "delete", "pod", pod, "--wait=false")
        answered = time.monotonic()
        sample = await service.until(Verdict.FAILED, "NotReady")
        seen = next(at for at, sample in service.samples if sample.verdict is Verdict.FAILED)
        assert seen - answered < 1
        assert sample.message == "2 pods are ready, at least 3 expected"
        # The deletion is not taken for a rollout, not even for a moment.
        assert Verdict.INCONCLUSIVE not in [sample.verdict for _, sample in service.samples]


async def test_a_rollout_that_takes_one_pod_at_a_time_never_fails(
    service: Service, around: Surroundings
) -> None:
    service.samples.clear()
    patch = {"spec": {"template": {"metadata": {"annotations": {"roll": "1"}}}}}
    await asyncio.to_thread(service.kubectl, "patch", "deployment/api", "-p", json.dumps(patch))
    await asyncio.to_thread(service.kubectl, "rollout", "status", "deployment/api")
    await service.until(Verdict.PASSED)
    said = {sample.reason for _, sample in service.samples}
    assert UnknownReason.ROLLING_OUT in said
    assert Verdict.FAILED not in [sample.verdict for _, sample in service.samples]
    deployment = around.workloads.get(WorkloadKind.DEPLOYMENT, "api")
    assert deployment is not None
    assert deployment.updated == 3


async def test_an_image_that_cannot_be_pulled_is_a_finding_while_the_old_pods_are_ready(
    service: Service, around: Surroundings
) -> None:
    pod = service.kubectl("get", "pods", "-o", "jsonpath={.items[0].metadata.name}")
    status = {
        "containerStatuses": [
            {
                "name": "service",
                "image": "example.org/service:1",
                "imageID": "",
                "ready": False,
                "restartCount": 0,
                "state": {"waiting": {"reason": "ImagePullBackOff", "message": "secret text"}},
            }
        ]
    }
    service.kubectl(
        *("patch", "pod", pod, "--subresource=status", "--type=merge"),
        *("-p", json.dumps({"status": status})),
    )
    sample = await service.until(Verdict.FAILED, "ImagePull")
    assert sample.evidence == (f"{pod}: service ImagePullBackOff",)


async def test_fewer_configured_replicas_are_a_finding_of_their_own(
    service: Service, around: Surroundings
) -> None:
    await asyncio.to_thread(service.kubectl, "scale", "deployment/api", "--replicas=2")
    sample = await service.until(Verdict.FAILED, "TooFewConfigured")
    assert "2 replicas are configured, at least 3 expected" in sample.message


async def test_a_deployment_that_is_gone_is_an_error_that_names_it(
    service: Service, around: Surroundings
) -> None:
    assert service.runner is not None
    await asyncio.to_thread(service.kubectl, "delete", "deployment/api")
    async with asyncio.timeout(10):
        while around.workloads.get(WorkloadKind.DEPLOYMENT, "api") is not None:  # noqa: ASYNC110 - a cache's state
            await asyncio.sleep(0.02)
    with pytest.raises(SourceError, match="no Deployment api") as error:
        await service.runner.run(NOW)
    assert error.value.reason is UnknownReason.TARGET_NOT_FOUND
