"""The check `leader` on the logs of replicas that really elect each other, by a table of leases.

Beside it, what a person finds who follows the page: each pod whose log has the line is a leader.
"""

import asyncio
import re
import uuid
from collections.abc import AsyncIterator, Callable, Iterator

import pytest

from integration.electing_pods import ElectingPods, judged, logs_of
from polling import answer
from servicesop.api.checks.check import Check
from servicesop.checks.leader import leader_check
from servicesop.checks.runner import CheckRunner, Surroundings
from servicesop.judge.results import Sample, Verdict
from standins.fleet_manager import KAS_FLEET_MANAGER, WORKERS, FleetManager
from testbed import ControlPlane, Postgres, Run, Version

LEASE, ROUND, BEATS = 2.0, 0.25, "10s"
PAGE = "Running as the leader.*ClusterManager"
IDENTITY = re.compile(r"ClusterManager \[([0-9a-f-]{36})\]")


class Replicas(ElectingPods):
    """The pods of the stand-in; it writes their logs itself."""

    workload = KAS_FLEET_MANAGER.name

    def stands(self, pod: str) -> bool:
        """Say whether a replica has said under which name it stands for election."""
        return bool(self.identity(pod))

    def identity(self, pod: str) -> str:
        found = IDENTITY.search(self.kubectl("logs", pod, "-c", FleetManager.container))
        return found[1] if found else ""

    def leader(self, fleet_manager: FleetManager) -> str:
        """Give the pod that holds the lease of the cluster worker."""
        names = {self.identity(pod): pod for pod in self.names()}
        return names[fleet_manager.leaders()["cluster"]]


@pytest.fixture
def fleet_manager(
    run: Run, control_plane: ControlPlane, postgres_of: Callable[[Version], Postgres]
) -> Iterator[FleetManager]:
    with FleetManager(
        run,
        control_plane,
        postgres_of(Version.V18),
        namespace=f"elections-{uuid.uuid4().hex[:6]}",
        lease=LEASE,
        election=ROUND,
        reconcile=ROUND,
    ) as fleet_manager:
        yield fleet_manager
    control_plane.kubectl("delete", "namespace", fleet_manager.namespace, "--wait=false")


@pytest.fixture
def replicas(control_plane: ControlPlane, fleet_manager: FleetManager) -> Replicas:
    replicas = Replicas(control_plane, fleet_manager.namespace)
    assert replicas.names() == sorted(fleet_manager.pod_uids())
    replicas.kubectl("create", "serviceaccount", "servicesop-runner")
    replicas.grant("pods/log")
    return replicas


@pytest.fixture
async def cluster(replicas: Replicas) -> AsyncIterator[Surroundings]:
    async with replicas.surroundings() as cluster:
        await replicas.seen(cluster, lambda pods: len(pods) == FleetManager.replicas)
        yield cluster


def led(cluster: Surroundings, *workers: str) -> CheckRunner:
    heartbeat = {"pattern": r"reconciliation loop for \S*{worker} \[{holder}\]", "within": BEATS}
    spec = {"workers": workers, "logs": logs_of(*workers, heartbeat=heartbeat)}
    return leader_check(Check.model_validate({"name": "led", "leader": spec}), cluster)


async def until(check: CheckRunner, true: Callable[[Sample], bool]) -> list[Sample]:
    """Run the check until it says so; give all that it said."""
    said: list[Sample] = []

    async def ask() -> Sample:
        said.append(await judged(check))
        return said[-1]

    await answer(ask, true)
    return said


async def test_the_check_follows_a_take_over_and_a_loss_that_the_page_does_not_see(
    fleet_manager: FleetManager, replicas: Replicas, cluster: Surroundings
) -> None:
    check, all_of_them = led(cluster, "cluster"), led(cluster, *WORKERS)
    # Every replica has said who it is, by what it was not elected for if by nothing else.
    await until(check, lambda _: all(replicas.stands(pod) for pod in replicas.names()))
    first = replicas.leader(fleet_manager)
    (*_, sample) = await until(check, lambda sample: sample.verdict is Verdict.PASSED)
    assert sample.evidence == (f"cluster: led by {first}",)
    assert replicas.grep(PAGE).keys() == {first}
    assert (await until(all_of_them, lambda one: one.verdict is Verdict.PASSED))[
        -1
    ].findings == set()

    # Another replica gets the lease; the former leader finds that it has lost it, and says so.
    second = next(pod for pod in replicas.names() if pod != first)
    fleet_manager.execute(
        "UPDATE leader_leases SET leader = %s, expires = now() + %s::interval"
        " WHERE lease_type = 'cluster'",
        *(replicas.identity(second), f"{LEASE} s"),
    )
    said = await until(check, lambda sample: sample.evidence == (f"cluster: led by {second}",))
    assert replicas.leader(fleet_manager) == second
    # While each finds out in its own time, both or neither may lead; nothing else is said.
    assert {finding for sample in said for finding in sample.findings} <= {"None", "Many"}
    # To the page both lead, now and for as long as the lines are there.
    assert replicas.grep(PAGE).keys() == {first, second}
    assert (await judged(check)).verdict is Verdict.PASSED

    fleet_manager.lose_leader("cluster")
    (*_, sample) = await until(check, lambda sample: sample.verdict is Verdict.FAILED)
    assert sample.findings == {"None"}
    assert sample.evidence == ("cluster: by its log, no pod leads",)
    assert "cluster" not in fleet_manager.leaders()
    assert replicas.grep(PAGE).keys() == {first, second}
    # One worker without a leader is named among fourteen.
    assert (await judged(all_of_them)).message == "no leader: cluster"


async def test_a_leader_that_is_killed_is_followed_by_another(
    fleet_manager: FleetManager, replicas: Replicas, cluster: Surroundings
) -> None:
    check = led(cluster, "cluster")
    await until(check, lambda _: all(replicas.stands(pod) for pod in replicas.names()))
    gone = replicas.leader(fleet_manager)
    await until(check, lambda sample: sample.evidence == (f"cluster: led by {gone}",))
    await asyncio.to_thread(replicas.kubectl, "delete", "pod", gone, "--grace-period=0", "--force")
    await replicas.seen(cluster, lambda pods: gone not in {pod.name for pod in pods})
    said = await until(
        check,
        lambda sample: sample.verdict is Verdict.PASSED and gone not in "".join(sample.evidence),
    )
    # The lease of a killed pod runs out first: until then nobody leads, and nobody else is named.
    assert {sample.verdict for sample in said} <= {
        *(Verdict.PASSED, Verdict.FAILED, Verdict.INCONCLUSIVE),
    }
    assert {"None"} in [set(sample.findings) for sample in said]
    assert said[-1].evidence == (f"cluster: led by {replicas.leader(fleet_manager)}",)
