"""The API server goes away for a minute, is replaced, and has forgotten its history."""

import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from e2e.actions import OPERATOR
from e2e.service_database import ServiceDatabase
from e2e.sops import database, leader, ready, sop
from testbed import ControlPlane, Postgres, Run
from testbed.gate import Gate
from testbed.observer import Observer
from testbed.operator import ACCOUNT, NAMESPACE, Operator, install, start_operator
from testbed.team import Json, Team, condition, is_

pytestmark = pytest.mark.long

GONE_SECONDS = 60.0
BACK_SECONDS = 10.0
START_SECONDS = 25.0
"""Enough for the API server to be up again, changed under, and replaced once more."""


@dataclass(frozen=True)
class World:
    control_plane: ControlPlane
    gate: Gate
    operator: Operator


@pytest.fixture
def world(run: Run, postgres: Postgres) -> Iterator[World]:
    """Servers of its own: nobody else's test can stand an outage."""
    with ControlPlane(run) as control_plane:
        install(control_plane)
        with Gate(int(control_plane.url.rpartition(":")[2])) as gate:
            operator = start_operator(
                run,
                gate.kubeconfig(control_plane.service_account_kubeconfig(NAMESPACE, ACCOUNT)),
                "--start-hold=1s",
                f"--allow-dial=127.0.0.1:{postgres.port}",
            )
            try:
                yield World(control_plane, gate, operator)
            finally:
                operator.stop()


def test_it_survives_and_catches_up(world: World, postgres: Postgres) -> None:
    control_plane, operator = world.control_plane, world.operator
    team = Team(control_plane)
    team.deploy(replicas=2)
    kept, dropped = ServiceDatabase(postgres), ServiceDatabase(postgres)
    team.secret("kept", **kept.login())
    team.secret("dropped", **dropped.login())
    team.grant(secrets=("kept", "dropped"))
    team.apply(sop(checks=[leader()], connections=[database("kept")]), "database")
    team.apply(sop(checks=[leader()], connections=[database("dropped")]), "deleted")
    team.apply(sop(checks=[ready(replicas=2)]), "workload")
    team.apply(sop(checks=[ready(replicas=2)]), "edited")
    names = ("database", "deleted", "workload", "edited")
    for name in names:
        team.wait(lambda status: is_(status, "Healthy", "True"), 30, name)
    pid = operator.process.pid
    asked, done, began = kept.reads("leases"), runs(operator), time.monotonic()

    control_plane.stop_api_server(signal.SIGKILL)
    world.gate.close()
    gone = time.monotonic()
    kept.lose_leader()
    sleep_until(gone + GONE_SECONDS - START_SECONDS)
    control_plane.start_api_server()
    # The operator is still cut off: what happens now happens unseen.
    cut_off = control_plane.audit().mark()
    team.kubectl("scale", "deployment/api", "--replicas=1")
    team.kubectl("delete", "servicesop", "deleted", "--wait=true")
    team.apply(sop(checks=[ready(replicas=1)]), "edited")
    team.apply(sop(checks=[ready(replicas=1)]), "created")
    team.kubectl("wait", "--for=jsonpath={.status.observedGeneration}=2", "deployment/api")
    # What it knows is compacted away, and the new server has nothing of it in its cache either.
    control_plane.compact_etcd()
    control_plane.stop_api_server(signal.SIGKILL)
    control_plane.start_api_server()
    assert [one for one in control_plane.audit().since(cut_off) if one.by(OPERATOR)] == []
    sleep_until(gone + GONE_SECONDS)

    # All the while it asked whom it could ask: nothing was due and not run.
    seconds = time.monotonic() - began
    assert operator.process.poll() is None
    checks_due = int(len(names) * (seconds - 3))
    assert runs(operator) - done >= checks_due
    assert kept.reads("leases") - asked >= int(seconds - 3)

    path = f"/apis/servicesop.io/v1alpha1/namespaces/{team.namespace}/servicesops"
    with Observer(control_plane, path) as observer:
        back = time.monotonic()
        world.gate.open()
        seen = {
            "database": observer.wait(is_down, "database", 30),
            "workload": observer.wait(is_down, "workload", 30),
            "edited": observer.wait(is_second_generation_well, "edited", 30),
            "created": observer.wait(is_well, "created", 30),
        }
    took = {name: moment - back for name, moment in seen.items()}
    print(
        "back after 60 s; in status after",
        ", ".join(f"{name} {seconds:.1f} s" for name, seconds in took.items()),
    )
    assert max(took.values()) < BACK_SECONDS
    # The one that was deleted is not asked about any more.
    sleep_until(back + BACK_SECONDS)
    reads = settled_reads(dropped)
    sleep_until(time.monotonic() + 3)
    assert dropped.reads("leases") == reads
    assert operator.process.poll() is None
    assert operator.process.pid == pid
    assert operator.get("/readyz")[0] == 200
    assert defects(operator) == []


def sleep_until(moment: float) -> None:
    """Let time pass: how long the outage lasts is the test."""
    time.sleep(max(0.0, moment - time.monotonic()))


def settled_reads(served: ServiceDatabase) -> int:
    """Count the reads, once the server's statistics have caught up.

    A session that is idle delivers its last ones after 10 s.
    """
    sleep_until(time.monotonic() + 11)
    return served.reads("leases")


def runs(operator: Operator) -> float:
    """Count the checks that were run, or counted as missed."""
    wanted = ("servicesop_check_runs_total{", "servicesop_check_runs_missed_total ")
    lines = operator.get("/metrics")[1].splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(wanted))


def defects(operator: Operator) -> list[str]:
    lines = operator.get("/metrics")[1].splitlines()
    return [line for line in lines if line.startswith("servicesop_internal_errors_total{")]


def is_down(item: Json) -> bool:
    return is_(item.get("status", {}), "Down", "True")


def is_well(item: Json) -> bool:
    return is_(item.get("status", {}), "Healthy", "True")


def is_second_generation_well(item: Json) -> bool:
    healthy = condition(item.get("status", {}), "Healthy")
    return (healthy.get("status"), healthy.get("observedGeneration")) == ("True", 2)
