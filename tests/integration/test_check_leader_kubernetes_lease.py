"""The check `leader` on Leases of Kubernetes."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from integration.electing_pods import BEAT, RUNNING, ElectingPods, judged, logs_of
from servicesop.api.checks.check import Check
from servicesop.api.reasons import UnknownReason
from servicesop.checks.leader import leader_check
from servicesop.checks.runner import CheckRunner, Surroundings
from servicesop.judge.results import Verdict
from servicesop.sources.errors import SourceError
from testbed import ControlPlane


@pytest.fixture
def service(control_plane: ControlPlane) -> Iterator[ElectingPods]:
    with ElectingPods.made(control_plane) as service:
        yield service


@pytest.fixture
async def cluster(service: ElectingPods) -> AsyncIterator[Surroundings]:
    async with service.surroundings() as cluster:
        yield cluster


def held_by(holder: str, ago: float = 2, seconds: int = 15) -> dict[str, object]:
    renewed = datetime.now(UTC) - timedelta(seconds=ago)
    return {
        "holderIdentity": holder,
        "renewTime": f"{renewed:%Y-%m-%dT%H:%M:%S.%fZ}",
        "leaseDurationSeconds": seconds,
    }


def leases(around: Surroundings, **spec: object) -> CheckRunner:
    return leader_check(Check.model_validate({"name": "led", "leader": spec}), around)


async def test_a_lease_of_kubernetes_is_read_as_the_runner(
    service: ElectingPods, cluster: Surroundings
) -> None:
    service.grant("leases.coordination.k8s.io")
    check = leases(cluster, kubernetesLease={"name": "orders"})
    sample = await judged(check)
    assert (sample.message, sample.evidence) == (
        "no leader: orders",
        ("orders: no valid lease",),
    )
    service.lease("orders", held_by("canary-pod"))
    mark = service.control_plane.audit().mark()
    assert (await judged(check)).verdict is Verdict.PASSED
    (read,) = [
        record
        for record in service.control_plane.audit().since(mark)
        if record.resource == "leases" and record.namespace == service.namespace
    ]
    assert (read.verb, read.name) == ("get", "orders")
    assert read.impersonated_user == f"system:serviceaccount:{service.namespace}:servicesop-runner"
    assert (await judged(check, after=20)).findings == {"None"}
    service.lease("orders", held_by(""))
    assert (await judged(check)).findings == {"None"}


@pytest.mark.parametrize(
    ("lease", "reason"),
    [
        ({}, UnknownReason.INCOMPLETE_LEASE),
        ({"holderIdentity": "canary"}, UnknownReason.INCOMPLETE_LEASE),
        (held_by("canary", ago=-3600), UnknownReason.CLOCKS_DIFFER),
    ],
)
async def test_a_lease_that_does_not_tell_is_unknown(
    service: ElectingPods, cluster: Surroundings, lease: dict[str, object], reason: UnknownReason
) -> None:
    service.grant("leases.coordination.k8s.io")
    service.lease("orders", lease)
    sample = await judged(leases(cluster, kubernetesLease={"name": "orders"}))
    assert (sample.verdict, sample.reason) == (Verdict.INCONCLUSIVE, reason)


async def test_one_lease_per_worker(service: ElectingPods, cluster: Surroundings) -> None:
    service.grant("leases.coordination.k8s.io")
    service.lease("orders-a", held_by("x"))
    service.lease("orders-b", held_by("x", ago=60))
    check = leases(cluster, workers=["a", "b"], kubernetesLease={"name": "orders-{worker}"})
    assert (await judged(check)).message == "no leader: b"


async def test_a_runner_that_may_not_get_leases_is_an_error(
    service: ElectingPods, cluster: Surroundings
) -> None:
    service.lease("orders", held_by("x"))
    with pytest.raises(SourceError) as refused:
        await judged(leases(cluster, kubernetesLease={"name": "orders"}))
    assert refused.value.reason is UnknownReason.ACCESS_DENIED


async def test_a_lease_of_kubernetes_and_logs_name_the_pod(
    service: ElectingPods, cluster: Surroundings
) -> None:
    service.grant("leases.coordination.k8s.io")
    service.grant("pods/log")
    service.deploy(3)
    leader = service.pods()[2]
    await service.seen(cluster, lambda pods: len(pods) == 3)
    service.lease("orders", held_by(leader.identity))
    leader.says(RUNNING, ago=100)
    leader.says(BEAT)
    check = leases(
        cluster,
        workers=["cluster"],
        kubernetesLease={"name": "orders"},
        logs=logs_of("cluster"),
    )
    sample = await judged(check)
    assert sample.evidence == (f"cluster: led by {leader.name}",)
