"""The check `logs` on real pods, with their logs served as a kubelet serves them."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from servicesop.api.checks.check import Check
from servicesop.api.kinds import WorkloadKind
from servicesop.api.reasons import UnknownReason
from servicesop.api.sop import Target
from servicesop.checks.logs import logs_check
from servicesop.checks.runner import CheckRunner, Surroundings
from servicesop.judge.results import Sample, Verdict
from servicesop.sources.errors import SourceError
from servicesop.sources.kubernetes.client import KubeClient
from servicesop.sources.kubernetes.logs import LogReader
from servicesop.sources.kubernetes.workloads import WorkloadCache
from surroundings import NOBODY
from testbed import ControlPlane, PodLog

CANARY = "canary-in-a-log-line"


def manifest(pods: int) -> str:
    container = {"name": "service", "image": "example.org/service:1"}
    template = {
        "metadata": {"labels": {"app": "api"}},
        "spec": {"containers": [container], "terminationGracePeriodSeconds": 1},
    }
    spec = {"replicas": pods, "selector": {"matchLabels": {"app": "api"}}, "template": template}
    meta = {"name": "api"}
    return json.dumps(
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": spec}
    )


class Service:
    """A Deployment in a namespace of its own, and the logs of its pods."""

    def __init__(self, control_plane: ControlPlane, namespace: str) -> None:
        self.control_plane = control_plane
        self.namespace = namespace

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        return self.control_plane.kubectl(*arguments, "-n", self.namespace, input=stdin)

    def pods(self) -> list[str]:
        return sorted(
            self.kubectl("get", "pods", "-o", "jsonpath={.items[*].metadata.name}").split()
        )

    def logs(self) -> dict[str, PodLog]:
        return {
            pod: self.control_plane.pod_log(self.namespace, pod, "service") for pod in self.pods()
        }


@pytest.fixture
def service(control_plane: ControlPlane) -> Iterator[Service]:
    service = Service(control_plane, f"logs-{uuid.uuid4().hex[:8]}")
    control_plane.kubectl("create", "namespace", service.namespace)
    service.kubectl("create", "serviceaccount", "servicesop-runner")
    service.kubectl("create", "role", "runner", "--verb=get", "--resource=pods/log")
    service.kubectl(
        *("create", "rolebinding", "runner", "--role=runner"),
        f"--serviceaccount={service.namespace}:servicesop-runner",
    )
    service.kubectl("apply", "-f", "-", stdin=manifest(2))
    service.kubectl("rollout", "status", "deployment/api")
    yield service
    control_plane.kubectl("delete", "namespace", service.namespace, "--wait=false")


@pytest.fixture
async def around(service: Service) -> AsyncIterator[Surroundings]:
    async with await KubeClient.connect(service.control_plane.kubeconfig) as client:
        cache = WorkloadCache(client, lambda *_: None)
        cache.hold(service.namespace)
        await cache.synced(service.namespace)
        target = Target.model_validate({"name": "a", "ref": {"kind": "Deployment", "name": "api"}})
        yield replace(
            NOBODY,
            namespace=service.namespace,
            targets={"a": target},
            default_target=target,
            workloads=cache.view(service.namespace),
            logs=LogReader(client).of(service.namespace),
        )
        await cache.close()


def check(around: Surroundings, **spec: object) -> CheckRunner:
    fields = {"pattern": "failed to create cluster", "within": "1m", "max": 0} | spec
    return logs_check(Check.model_validate({"name": "ocm-accepts", "logs": fields}), around)


def counts(sample: Sample) -> list[int]:
    return [int(line.rsplit(" ", 1)[1]) for line in sample.evidence]


async def known(around: Surroundings, pods: list[str]) -> None:
    async with asyncio.timeout(10):
        while True:
            deployment = around.workloads.get(WorkloadKind.DEPLOYMENT, "api")
            assert deployment is not None
            if sorted(pod.name for pod in around.workloads.pods(deployment)) == pods:
                return
            await asyncio.sleep(0.02)


async def test_lines_are_counted_once_over_pods_runs_and_the_end_of_a_pod(
    service: Service, around: Surroundings
) -> None:
    logs = service.logs()
    for log in logs.values():
        log.append("started")
    runner = check(around, max=2)
    assert (await runner.run(datetime.now(UTC))).verdict is Verdict.PASSED
    one, two = logs
    logs[one].append(f"failed to create cluster {CANARY}")
    logs[two].append(f"failed to create cluster {CANARY}")
    assert (await runner.run(datetime.now(UTC))).verdict is Verdict.PASSED
    logs[one].append(f"failed to create cluster {CANARY}")
    many = await runner.run(datetime.now(UTC))
    again = await runner.run(datetime.now(UTC))
    await asyncio.to_thread(service.kubectl, "delete", "pod", one)
    await asyncio.to_thread(service.kubectl, "rollout", "status", "deployment/api")
    await known(around, service.pods())
    after = await runner.run(datetime.now(UTC))

    assert many.findings == {"TooMany"}
    assert many.evidence == (f"{one}: 2", f"{two}: 1")
    assert counts(again) == [2, 1]
    assert after.findings == {"TooMany"}
    assert sorted(counts(after)) == [0, 1, 2]
    assert CANARY not in repr((many, again, after))


async def test_a_rotation_between_two_runs_makes_it_unknown_until_the_window_has_passed(
    service: Service, around: Surroundings
) -> None:
    logs = service.logs()
    for log in logs.values():
        log.append("started")
    runner = check(around, within="10s")
    assert (await runner.run(datetime.now(UTC))).verdict is Verdict.PASSED
    rotated = next(iter(logs.values()))
    rotated.append("failed to create cluster, and nobody saw it")
    rotated.rotate()
    rotated.append("in the new file")
    sample = await runner.run(datetime.now(UTC))
    assert (sample.verdict, sample.reason) == (Verdict.INCONCLUSIVE, UnknownReason.NOT_COVERED)
    later = await runner.run(datetime.now(UTC) + timedelta(seconds=11))
    assert later.verdict is Verdict.PASSED


async def test_the_crash_of_a_container_is_found_in_its_previous_log(
    service: Service, around: Surroundings
) -> None:
    logs = service.logs()
    for log in logs.values():
        log.append("started", datetime.now(UTC))
    runner = check(around)
    assert (await runner.run(datetime.now(UTC))).verdict is Verdict.PASSED
    pod, log = next(iter(logs.items()))
    before = log.current.read_text()
    log.set_previous(["failed to create cluster"])
    log.previous.write_text(before + log.previous.read_text())
    log.current.write_text("")
    now = datetime.now(UTC)
    restarted = {
        "status": {
            "containerStatuses": [
                {
                    "name": "service",
                    "image": "example.org/service:1",
                    "imageID": "",
                    "ready": True,
                    "restartCount": 1,
                    "containerID": "containerd://second",
                    "state": {"running": {"startedAt": f"{now:%Y-%m-%dT%H:%M:%SZ}"}},
                }
            ]
        }
    }
    service.kubectl(
        "patch", "pod", pod, "--subresource=status", "--type=merge", "-p", json.dumps(restarted)
    )
    log.append("started again")

    async with asyncio.timeout(10):
        while True:
            deployment = around.workloads.get(WorkloadKind.DEPLOYMENT, "api")
            assert deployment is not None
            if any(c.restarts for p in around.workloads.pods(deployment) for c in p.containers):
                break
            await asyncio.sleep(0.02)
    sample = await runner.run(datetime.now(UTC))
    assert sample.findings == {"TooMany"}
    assert sample.evidence[0] == f"{pod}: 1"
    # The overlap was found in the previous container's log, so nothing counts as missed.
    later = await runner.run(datetime.now(UTC) + timedelta(seconds=61))
    assert later.verdict is Verdict.PASSED


async def test_a_file_that_begins_inside_the_window_does_not_cover_it(
    service: Service, around: Surroundings
) -> None:
    logs = service.logs()
    # As long after the start as a kubelet's file is once it has been rotated.
    for log in logs.values():
        log.append("in a newer file", datetime.now(UTC) + timedelta(seconds=30))
    now = datetime.now(UTC) + timedelta(seconds=40)
    many = check(around, pattern="newer file")
    sample = await check(around).run(now)
    assert (sample.verdict, sample.reason) == (Verdict.INCONCLUSIVE, UnknownReason.NOT_COVERED)
    assert (await many.run(now)).findings == {"TooMany"}


async def test_a_namespace_that_lets_nobody_read_its_logs_is_an_error(
    service: Service, around: Surroundings
) -> None:
    service.logs()
    service.kubectl("delete", "rolebinding", "runner")

    async def refused() -> SourceError:
        async with asyncio.timeout(10):
            while True:
                try:
                    await check(around).run(datetime.now(UTC))
                except SourceError as error:
                    return error
                await asyncio.sleep(0.1)

    assert (await refused()).reason is UnknownReason.ACCESS_DENIED


async def test_a_line_read_by_nobody_but_the_runner_leaves_its_name_in_the_audit_log(
    service: Service, around: Surroundings
) -> None:
    logs = service.logs()
    mark = service.control_plane.audit().mark()
    await check(around).run(datetime.now(UTC))
    reads = [
        record
        for record in service.control_plane.audit().since(mark)
        if record.subresource == "log" and record.namespace == service.namespace
    ]
    assert {record.name for record in reads} == set(logs)
    assert {record.impersonated_user for record in reads} == {
        f"system:serviceaccount:{service.namespace}:servicesop-runner"
    }
