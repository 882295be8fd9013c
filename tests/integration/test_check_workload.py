"""The check `workload` on real workloads: breaks are seen at once, rollouts are no failures."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from integration.checked_workload import BOTH, WORKLOAD, Service, manifest
from polling import until
from servicesop.api.checks.check import Check
from servicesop.api.kinds import WorkloadKind
from servicesop.api.reasons import UnknownReason
from servicesop.api.sop import Target
from servicesop.checks.progress import DEADLINE
from servicesop.checks.runner import Surroundings
from servicesop.checks.workload import workload_check
from servicesop.judge.results import Verdict
from servicesop.judge.rollout import PodView, WorkloadView
from servicesop.sources.errors import SourceError
from servicesop.sources.kubernetes.client import KubeClient
from servicesop.sources.kubernetes.workloads import WorkloadCache
from surroundings import NOBODY
from testbed import ControlPlane

RUNNING = {"running": {"startedAt": "2026-01-01T00:00:00Z"}}


def container(state: dict[str, Any], name: str = "service", **fields: object) -> dict[str, Any]:
    whole = {"name": name, "image": "i", "imageID": "", "ready": False, "restartCount": 0}
    return whole | {"state": state} | fields


def waiting(reason: str) -> dict[str, Any]:
    return {"waiting": {"reason": reason, "message": "https://user:secret@registry.example.org"}}


@pytest.fixture(params=BOTH)
def kind(request: pytest.FixtureRequest) -> WorkloadKind:
    return WorkloadKind(request.param)


@pytest.fixture
def spec() -> dict[str, Any]:
    """What is special in the workload's spec."""
    return {}


@pytest.fixture
def service(
    control_plane: ControlPlane, kind: WorkloadKind, spec: dict[str, Any]
) -> Iterator[Service]:
    service = Service(control_plane, kind)
    control_plane.kubectl("create", "namespace", service.namespace)
    service.kubectl("apply", "-f", "-", stdin=manifest(kind, **spec))
    yield service
    control_plane.kubectl("delete", "namespace", service.namespace, "--wait=false")


@pytest.fixture
async def around(service: Service) -> AsyncIterator[Surroundings]:
    async with await KubeClient.connect(service.control_plane.kubeconfig) as client:
        dirty = asyncio.Event()
        cache = WorkloadCache(client, lambda _: dirty.set())
        cache.hold(service.namespace, frozenset(BOTH))
        await cache.synced(service.namespace)
        target = Target.model_validate({"name": "a", "ref": {"kind": service.kind, "name": "api"}})
        service.around = replace(
            NOBODY,
            namespace=service.namespace,
            targets={"a": target},
            default_target=target,
            workloads=cache.view(service.namespace),
        )
        check = Check.model_validate({"name": "r", "workload": WORKLOAD})
        service.runner = workload_check(check, service.around)
        assert service.runner.reacts_to == target.ref

        async def react() -> None:
            while True:
                dirty.clear()
                await service.sample()
                await dirty.wait()

        reacting = asyncio.create_task(react())
        await service.until(Verdict.PASSED)
        yield service.around
        reacting.cancel()
        await asyncio.gather(reacting, return_exceptions=True)
        await cache.close()


@pytest.mark.usefixtures("around")
async def test_a_new_workload_is_not_failed_while_its_first_pods_start(service: Service) -> None:
    await service.until(Verdict.PASSED, "")
    assert Verdict.FAILED not in service.said()


@pytest.mark.usefixtures("around")
async def test_a_deleted_pod_is_seen_within_a_second_and_its_return_too(service: Service) -> None:
    for _ in range(5):
        await service.until(Verdict.PASSED)
        pod = await asyncio.to_thread(service.pod)
        service.samples.clear()
        await asyncio.to_thread(service.kubectl, "delete", "pod", pod, "--wait=false")
        answered = time.monotonic()
        sample = await service.missed(0)
        seen = next(at for at, sample in service.samples if sample.verdict is Verdict.FAILED)
        assert seen - answered < 1
        assert sample.message == "2 pods are ready, at least 3 expected"
        # The deletion is not taken for a rollout, not even for a moment.
        assert Verdict.INCONCLUSIVE not in service.said()


@pytest.mark.usefixtures("around")
async def test_a_rollout_that_takes_one_pod_at_a_time_never_fails(service: Service) -> None:
    service.samples.clear()
    await service.roll()
    await asyncio.to_thread(service.kubectl, "rollout", "status", service.name)
    await service.sampled(lambda sample: sample.verdict is Verdict.PASSED and not sample.message)
    said = {sample.reason for _, sample in service.samples}
    assert UnknownReason.ROLLING_OUT in said
    assert Verdict.FAILED not in service.said()
    assert service.view().updated == 3


@pytest.mark.usefixtures("around")
async def test_a_rollout_that_does_not_get_ready_is_unknown_until_it_is_rolled_back(
    service: Service,
) -> None:
    service.samples.clear()
    await service.roll(**{"testbed/ready-after": "1h"})
    sample = await service.sampled(lambda sample: bool(sample.evidence))
    assert (sample.verdict, sample.reason) == (Verdict.INCONCLUSIVE, UnknownReason.ROLLING_OUT)
    ordered = service.kind is WorkloadKind.STATEFUL_SET
    (line,) = sample.evidence
    assert line.endswith("not ready; the pods after it wait for it" if ordered else "not ready")
    await asyncio.to_thread(service.kubectl, "rollout", "undo", service.name)
    if ordered:
        # The controller has taken the old template back, and waits for the broken pod for ever;
        # the documentation of Kubernetes tells people to delete it.
        await service.viewed(lambda view: view.observed_generation == view.generation == 3)
        assert service.view().update_revision == service.view().current_revision
        stuck = await service.sample()
        assert stuck is not None
        assert (stuck.reason, stuck.evidence) == (UnknownReason.ROLLING_OUT, (line,))
        pod = line.partition(":")[0]
        await asyncio.to_thread(service.kubectl, "delete", "pod", pod, "--wait=false")
    await service.sampled(lambda sample: sample.verdict is Verdict.PASSED and not sample.message)
    assert Verdict.FAILED not in service.said()


@pytest.mark.usefixtures("around")
async def test_what_a_container_waits_for_is_a_finding_while_the_others_are_ready(
    service: Service,
) -> None:
    pod = await asyncio.to_thread(service.pod)
    await service.patch_pod(pod, containerStatuses=[container(waiting("ImagePullBackOff"))])
    sample = await service.until(Verdict.FAILED, "ImagePull")
    assert sample.evidence == (f"{pod}: service ImagePullBackOff",)
    lacks = [container(waiting("CreateContainerConfigError"))]
    await service.patch_pod(pod, containerStatuses=lacks)
    sample = await service.until(Verdict.FAILED, "ConfigError")
    assert sample.findings == {"ConfigError"}
    crashed = {"terminated": {"reason": "OOMKilled", "exitCode": 137, "message": "secret"}}
    crashes = [container(waiting("CrashLoopBackOff"), lastState=crashed)]
    await service.patch_pod(pod, containerStatuses=crashes)
    sample = await service.until(Verdict.FAILED, "CrashLoop")
    assert sample.evidence == (f"{pod}: service CrashLoopBackOff (OOMKilled)",)
    # The migration that runs before the service needs the database.
    await service.patch_pod(
        pod,
        containerStatuses=[container(waiting("PodInitializing"))],
        initContainerStatuses=[container(waiting("CrashLoopBackOff"), "migration")],
    )
    sample = await service.sampled(lambda sample: "migration" in "".join(sample.evidence))
    assert sample.findings == {"CrashLoop"}
    assert sample.evidence == (f"{pod}: migration CrashLoopBackOff",)
    assert "secret" not in str(service.samples)


@pytest.mark.usefixtures("around")
async def test_more_restarts_than_allowed_are_found_although_the_pods_are_ready(
    service: Service,
) -> None:
    pod = await asyncio.to_thread(service.pod)
    for count in (1, 2):
        assert service.samples[-1][1].verdict is Verdict.PASSED
        service.samples.clear()
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        ended = {"reason": "OOMKilled", "exitCode": 137, "finishedAt": now, "startedAt": now}
        again = container(
            {"running": {"startedAt": now}},
            ready=True,
            restartCount=count,
            lastState={"terminated": ended},
        )
        await service.patch_pod(pod, containerStatuses=[again])
        await service.sampled(lambda _: True)
    sample = await service.until(Verdict.FAILED, "Restarting")
    assert sample.findings == {"Restarting"}
    assert sample.message == "more than 1 restarts within 1h"
    assert sample.evidence == (f"{pod}: service restarted, 2 in the window, OOMKilled",)
    # A new process has seen neither; it knows when the last one was, and when the pod began.
    check = Check.model_validate({"name": "r", "workload": WORKLOAD})
    fresh = workload_check(check, service.around)
    assert (await fresh.run(datetime.now(UTC))).findings == {"Restarting"}
    late = workload_check(check, service.around)
    unknown = await late.run(datetime.now(UTC) + timedelta(hours=1))
    assert unknown.verdict is Verdict.PASSED


@pytest.mark.usefixtures("around")
async def test_a_pod_that_no_node_takes_is_seen_in_the_evidence(service: Service) -> None:
    assert service.samples[-1][1].verdict is Verdict.PASSED
    await service.patch({"template": {"spec": {"nodeSelector": {"none": "such"}}}})
    sample = await service.sampled(lambda sample: "Unschedulable" in "".join(sample.evidence))
    assert (sample.verdict, sample.reason) == (Verdict.INCONCLUSIVE, UnknownReason.ROLLING_OUT)


@pytest.mark.usefixtures("around")
async def test_configured_replicas_are_judged_at_once_zero_too_and_more_is_no_finding(
    service: Service,
) -> None:
    await asyncio.to_thread(service.kubectl, "scale", service.name, "--replicas=4")
    await service.viewed(lambda view: view.ready == 4)
    assert Verdict.FAILED not in service.said()
    await asyncio.to_thread(service.kubectl, "scale", service.name, "--replicas=2")
    sample = await service.until(Verdict.FAILED, "TooFewConfigured")
    assert "2 replicas are configured, at least 3 expected" in sample.message
    await asyncio.to_thread(service.kubectl, "scale", service.name, "--replicas=0")
    sample = await service.sampled(lambda sample: sample.message.startswith("0 replicas"))
    assert sample.findings == {"TooFewConfigured", "NotReady"}


async def test_a_workload_that_is_gone_is_an_error_that_names_it(
    service: Service, around: Surroundings
) -> None:
    assert service.runner is not None
    await asyncio.to_thread(service.kubectl, "delete", service.name)
    await until(lambda: around.workloads.get(service.kind, "api") is None)
    with pytest.raises(SourceError, match=f"no {service.kind} api") as error:
        await service.runner.run(datetime.now(UTC))
    assert error.value.reason is UnknownReason.TARGET_NOT_FOUND


@pytest.mark.usefixtures("around")
async def test_a_workload_of_the_other_kind_with_the_same_name_is_another_one(
    service: Service,
) -> None:
    (other,) = (one for one in BOTH if one is not service.kind)
    service.samples.clear()
    text = manifest(other, app="other", ready_after="1h", replicas=1)
    await asyncio.to_thread(service.kubectl, "apply", "-f", "-", stdin=text)

    def its_pods() -> tuple[PodView, ...]:
        found = service.around.workloads.get(other, "api")
        return service.around.workloads.pods(found) if found else ()

    await until(its_pods)
    assert len(its_pods()) == 1
    assert len(service.around.workloads.pods(service.view())) == 3
    sample = await service.sample()
    assert sample is not None
    assert set(service.said()) == {Verdict.PASSED}


@pytest.mark.parametrize("kind", [WorkloadKind.DEPLOYMENT], indirect=True)
@pytest.mark.parametrize("spec", [{"progressDeadlineSeconds": 3}])
@pytest.mark.usefixtures("around")
async def test_a_deployment_past_its_deadline_has_failed(service: Service) -> None:
    await service.roll(**{"testbed/ready-after": "1h"})
    sample = await service.until(Verdict.FAILED, "RolloutFailed")
    assert sample.findings == {"NotReady", "RolloutFailed"}


def ready_pods(service: Service, view: WorkloadView) -> int:
    return sum(pod.ready for pod in service.around.workloads.pods(view) if pod.counts)


@pytest.mark.parametrize("kind", [WorkloadKind.STATEFUL_SET], indirect=True)
@pytest.mark.usefixtures("around")
async def test_a_stateful_set_without_progress_for_ten_minutes_has_failed(
    service: Service,
) -> None:
    await service.roll(**{"testbed/ready-after": "1h"})
    await service.until(Verdict.INCONCLUSIVE, UnknownReason.ROLLING_OUT)
    # Its pods are replaced one after the other: whatever still moves begins the deadline anew.
    await service.viewed(lambda view: view.updated == 1 and ready_pods(service, view) == 2)
    before = await service.sample(DEADLINE - timedelta(minutes=1))
    late = await service.sample(DEADLINE + timedelta(minutes=1))
    assert before is not None
    assert late is not None
    assert before.verdict is Verdict.INCONCLUSIVE
    assert late.findings == {"NotReady", "RolloutFailed"}


@pytest.mark.parametrize("kind", [WorkloadKind.STATEFUL_SET], indirect=True)
@pytest.mark.parametrize(
    ("spec", "updated"),
    [
        ({"updateStrategy": {"rollingUpdate": {"partition": 2}}}, 1),
        ({"updateStrategy": {"type": "OnDelete"}}, 0),
    ],
    ids=["partition", "OnDelete"],
)
@pytest.mark.usefixtures("around")
async def test_a_stateful_set_that_keeps_old_pods_on_purpose_is_not_rolling_out(
    service: Service, updated: int
) -> None:
    await service.roll()
    await service.sampled(
        lambda sample: (
            (sample.verdict, sample.message) == (Verdict.PASSED, "")
            and service.view().update_revision != service.view().current_revision
            and service.view().updated == updated
        )
    )
    pod, since = "api-0", len(service.samples)
    await asyncio.to_thread(service.kubectl, "delete", "pod", pod, "--wait=false")
    await service.missed(since)
    await service.until(Verdict.PASSED)


@pytest.mark.parametrize("kind", [WorkloadKind.STATEFUL_SET], indirect=True)
@pytest.mark.parametrize("spec", [{"podManagementPolicy": "Parallel", "replicas": 10}])
@pytest.mark.usefixtures("around")
async def test_ten_parallel_pods_that_are_lost_together_are_missed_and_come_back(
    service: Service,
) -> None:
    await service.sampled(lambda _: service.view().ready == 10)
    since = len(service.samples)
    await asyncio.to_thread(
        service.kubectl, "delete", "pods", "-l", "app=api", "--wait=false", "--now"
    )
    sample = await service.missed(since)
    assert not any("wait for it" in line for line in sample.evidence)
    await service.until(Verdict.PASSED)
