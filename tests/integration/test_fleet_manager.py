"""The stand-in behaves as the real service was measured to."""

import re
import time
from collections.abc import Iterator

import psycopg
import pytest

from polling import eventually
from standins.fleet_manager import WORKERS, FleetManager
from testbed import ControlPlane, Postgres, Run

NAMESPACE = "stand-in"
LEASE = 2.0
ELECTION = 0.25


@pytest.fixture(scope="module")
def database(run: Run) -> Iterator[Postgres]:
    # Its own server: these tests stop it.
    with Postgres(run) as postgres:
        yield postgres


@pytest.fixture
def fleet_manager(
    run: Run, control_plane: ControlPlane, database: Postgres
) -> Iterator[FleetManager]:
    with FleetManager(
        run,
        control_plane,
        database,
        namespace=NAMESPACE,
        lease=LEASE,
        election=ELECTION,
        reconcile=ELECTION,
    ) as fleet_manager:
        yield fleet_manager


def logs(control_plane: ControlPlane, fleet_manager: FleetManager) -> dict[str, list[str]]:
    return {
        pod: control_plane.kubectl("-n", NAMESPACE, "logs", pod, "-c", "service").splitlines()
        for pod in fleet_manager.pod_uids()
    }


def restart(control_plane: ControlPlane) -> None:
    control_plane.kubectl("-n", NAMESPACE, "rollout", "restart", "deployment/kas-fleet-manager")
    control_plane.kubectl("-n", NAMESPACE, "rollout", "status", "deployment/kas-fleet-manager")


def test_each_worker_is_led_by_one_of_three_pods_and_the_orphan_row_by_nobody(
    control_plane: ControlPlane, fleet_manager: FleetManager
) -> None:
    assert fleet_manager.leaders().keys() == WORKERS.keys()
    assert len(WORKERS) == 14
    # Every replica must have had a turn, or its log may still be empty.
    eventually(lambda: all(logs(control_plane, fleet_manager).values()), "lines of all pods")
    lines = logs(control_plane, fleet_manager)
    assert len(lines) == 3
    leader = fleet_manager.leaders()["cluster"]
    running = f"Running as the leader and starting worker *cluster_mgrs.ClusterManager [{leader}]"
    assert sum(any(running in line for line in pod) for pod in lines.values()) == 1
    glog = re.compile(r"[IWE]\d{4} \d\d:\d\d:\d\d\.\d{6} +\d+ \w+\.go:\d+\] \S")
    assert all(glog.match(line) for pod in lines.values() for line in pod)


def test_a_healthy_leader_keeps_its_leases_and_shows_a_heartbeat(
    control_plane: ControlPlane, fleet_manager: FleetManager
) -> None:
    before = fleet_manager.leaders()
    deadline = time.monotonic() + 2 * LEASE
    while time.monotonic() < deadline:
        assert fleet_manager.leaders() == before
        time.sleep(0.1)
    beat = f"Timeout triggered reconciliation loop for {WORKERS['cluster']} [{before['cluster']}]"
    lines = logs(control_plane, fleet_manager)
    assert max(sum(beat in line for line in pod) for pod in lines.values()) >= 3


def test_leases_of_replaced_pods_are_not_released_but_run_out(
    control_plane: ControlPlane, fleet_manager: FleetManager
) -> None:
    before = set(fleet_manager.leaders().values())
    control_plane.kubectl("-n", NAMESPACE, "scale", "deployment/kas-fleet-manager", "--replicas=0")
    eventually(lambda: not fleet_manager.pod_uids(), "no pods")
    holders = fleet_manager.execute("SELECT DISTINCT leader FROM leader_leases WHERE leader <> ''")
    assert before <= {holder for (holder,) in holders}
    eventually(lambda: not fleet_manager.leaders(), "no valid lease", LEASE + 1)
    control_plane.kubectl("-n", NAMESPACE, "scale", "deployment/kas-fleet-manager", "--replicas=3")
    eventually(lambda: len(fleet_manager.leaders()) == len(WORKERS), "all led again")
    assert before.isdisjoint(fleet_manager.leaders().values())


def test_a_lost_leader_stays_lost_until_all_pods_are_new(
    control_plane: ControlPlane, fleet_manager: FleetManager
) -> None:
    fleet_manager.lose_leader("cluster")
    eventually(lambda: "cluster" not in fleet_manager.leaders(), "nobody leads", LEASE + 2)
    first, second, _ = fleet_manager.pod_uids()
    control_plane.kubectl("-n", NAMESPACE, "delete", "pod", first, second)
    control_plane.kubectl("-n", NAMESPACE, "rollout", "status", "deployment/kas-fleet-manager")
    deadline = time.monotonic() + 2 * LEASE
    while time.monotonic() < deadline:
        assert "cluster" not in fleet_manager.leaders()
        time.sleep(0.1)
    others = WORKERS.keys() - {"cluster"}
    eventually(lambda: fleet_manager.leaders().keys() == others, "the others are led")
    restart(control_plane)
    eventually(lambda: fleet_manager.leaders().keys() == WORKERS.keys(), "all led again")


def test_an_accepted_cluster_moves_on_until_it_is_ready(fleet_manager: FleetManager) -> None:
    cluster = fleet_manager.request_cluster()
    eventually(lambda: fleet_manager.cluster_status(cluster) == "ready", "ready")


def test_while_ocm_refuses_an_accepted_cluster_stays_and_the_leader_says_why(
    control_plane: ControlPlane, fleet_manager: FleetManager
) -> None:
    fleet_manager.refuse_clusters()
    cluster = fleet_manager.request_cluster()
    said = f"failed to reconcile accepted cluster {cluster}: failed to create cluster"

    def lines() -> int:
        pods = logs(control_plane, fleet_manager).values()
        return sum(said in line for pod in pods for line in pod)

    eventually(lambda: lines() >= 3, "the error in each round")
    assert fleet_manager.cluster_status(cluster) == "cluster_accepted"
    assert fleet_manager.leaders().keys() == WORKERS.keys()
    fleet_manager.accept_clusters()
    eventually(lambda: fleet_manager.cluster_status(cluster) == "ready", "ready")


def test_without_its_database_it_stops_working_says_so_and_recovers_by_itself(
    control_plane: ControlPlane, fleet_manager: FleetManager, database: Postgres
) -> None:
    before = fleet_manager.pod_uids()
    leader = fleet_manager.leaders()["cluster"]
    database.shutdown("fast")
    lost = f"No longer the leader and stopping worker {WORKERS['cluster']} [{leader}]"

    def said() -> bool:
        pods = logs(control_plane, fleet_manager).values()
        return any(lost in line for pod in pods for line in pod)

    try:
        eventually(said, "the leader notices")
    finally:
        database.start()
    eventually(lambda: fleet_manager.leaders().keys() == WORKERS.keys(), "all led again")
    assert fleet_manager.pod_uids() == before


def test_a_database_that_never_answers_is_a_lost_one(
    control_plane: ControlPlane, fleet_manager: FleetManager, database: Postgres
) -> None:
    database.freeze()
    try:
        eventually(
            lambda: any(
                "failed to acquire leader lease: cluster" in line
                for pod in logs(control_plane, fleet_manager).values()
                for line in pod
            ),
            "the replicas notice",
        )
    finally:
        database.thaw()
    eventually(lambda: fleet_manager.leaders().keys() == WORKERS.keys(), "all led again")


def test_the_reader_may_select_and_nothing_else(fleet_manager: FleetManager) -> None:
    with psycopg.connect(**fleet_manager.reader, autocommit=True) as connection:
        row = connection.execute("SELECT client_secret FROM clusters WHERE id = 'stage-1'")
        assert row.fetchone() == (fleet_manager.canaries["row"],)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("UPDATE clusters SET status = 'failed'")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("CREATE TABLE mine (id int)")
    [(superuser, memberships)] = fleet_manager.execute(
        "SELECT rolsuper, (SELECT count(*) FROM pg_auth_members m WHERE m.member = r.oid)"
        " FROM pg_roles r WHERE rolname = 'servicesop_reader'"
    )
    assert (superuser, memberships) == (False, 0)


def test_its_process_sees_pods_and_changes_nothing_but_their_logs(
    control_plane: ControlPlane, fleet_manager: FleetManager
) -> None:
    account = f"system:serviceaccount:{NAMESPACE}:fleet-manager-stand-in"
    seen = {
        (record.verb, record.resource, record.code)
        for record in control_plane.audit().since()
        if record.by(account)
    }
    assert seen <= {("list", "pods", 200), ("patch", "logs", 200), ("patch", "logs", 201)}
    assert ("list", "pods", 200) in seen
