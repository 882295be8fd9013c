"""The fleet manager's SOP, from causes: which procedures are told, by which row, what is done."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from standins.fleet_manager import KAS_FLEET_MANAGER, Cause, FleetManager
from standins.fleet_manager.causes import close_nodes, release_what_is_missing, scale
from standins.scenario import Scenario
from standins.stage import Stage
from testbed.team import Team

pytestmark = pytest.mark.standins

TIMES = 30
"""How much faster time runs: 30 s are 1 s, which is the least that the CRD takes."""
LONG_AGO = timedelta(hours=1) / TIMES
RESTART = ("patch deployments/kas-fleet-manager: 200",)

DOWN = "KafkaServiceFleetManagerDown"
AVAILABILITY = "KafkaServiceFleetManagerAvailability"
LATENCY = "KafkaServiceFleetManagerLatency"
CLUSTERS_LATE = "OSDClusterProvisioningLatency"
CLUSTERS_WRONG = "OSDClusterProvisioningCorrectness"
KAFKAS_LATE = "KafkaClusterProvisioningLatency"
KAFKAS_WRONG = "KafkaClusterProvisioningCorrectness"
KAFKAS_STAY = "KafkaClusterDeletionCorrectness"

Manager = Scenario[FleetManager]


def refuse_a_cluster(service: FleetManager) -> None:
    service.begin(Cause.OCM_REFUSES)
    service.request_cluster()


def give_a_cluster_up(service: FleetManager) -> None:
    service.begin(Cause.OCM_GIVES_UP)
    service.request_cluster()


def leave_a_cluster(service: FleetManager) -> None:
    service.begin(Cause.OCM_IS_SILENT)
    service.add("clusters", "cluster_provisioning", LONG_AGO)


def fail_a_kafka(service: FleetManager) -> None:
    service.begin(Cause.AGENTS_REPORT_ERRORS)
    service.add("kafka_requests", "accepted")


def leave_a_deletion(service: FleetManager) -> None:
    service.begin(Cause.AGENTS_ARE_SILENT)
    service.add("kafka_requests", "deprovision", LONG_AGO)


UNWELL_PODS = {
    DOWN: "pods-lack-database",
    AVAILABILITY: "pods-lack-database",
}
UNLED = {
    CLUSTERS_LATE: "pods-lack-database",
    KAFKAS_LATE: "pods-lack-database",
    KAFKAS_STAY: "pods-lack-database",
}
NO_ROOM = {DOWN: "cluster-has-no-room", AVAILABILITY: "cluster-has-no-room"}

SCENARIOS = [
    # Its pods no longer lead, for they have no database: a restart would not give them one.
    Manager("the password of the pods runs out", FleetManager.expire_password, UNWELL_PODS | UNLED),
    # The operator cannot ask it either, so of the workers and rows nothing is known.
    Manager("the database is down", FleetManager.stop_database, UNWELL_PODS),
    Manager(
        "the certificate of the API runs out",
        lambda service: service.certify(until=datetime.now(UTC) - timedelta(days=1)),
        {DOWN: "otherwise"},
    ),
    Manager("the nodes take no pods", close_nodes, NO_ROOM | UNLED),
    Manager(
        "an image is released that is missing",
        release_what_is_missing,
        {AVAILABILITY: "release-cannot-start"},
    ),
    Manager(
        "somebody scales to two replicas",
        lambda service: scale(service, 2),
        {AVAILABILITY: "too-few-replicas"},
    ),
    Manager(
        "OCM does not answer for accounts",
        lambda service: service.begin(Cause.ACCOUNTS_FAIL),
        {AVAILABILITY: "ocm-fails"},
    ),
    Manager(
        "the queries of the database are slow",
        lambda service: service.begin(Cause.QUERIES_ARE_SLOW),
        {LATENCY: "overloaded"},
    ),
    Manager(
        "the pods block each other from leading the cluster worker",
        lambda service: service.lose_leader("cluster"),
        {CLUSTERS_LATE: "no-leader"},
        RESTART,
    ),
    Manager(
        "the cluster worker hangs",
        lambda service: service.hang("cluster"),
        {CLUSTERS_LATE: "worker-hangs"},
        RESTART,
    ),
    Manager("OCM refuses a cluster", refuse_a_cluster, {CLUSTERS_LATE: "ocm-refuses"}),
    Manager("OCM says nothing of a cluster", leave_a_cluster, {CLUSTERS_LATE: "idle-over-45m"}),
    Manager("OCM gives a cluster up", give_a_cluster_up, {CLUSTERS_WRONG: "idle-over-45m"}),
    Manager(
        "the pods block each other from leading the worker that places Kafkas",
        lambda service: service.lose_leader("accepted_kafka"),
        {KAFKAS_LATE: "no-leader"},
        RESTART,
    ),
    Manager("an agent reports an error of a Kafka", fail_a_kafka, {KAFKAS_WRONG: "otherwise"}),
    Manager("agents say nothing of a deletion", leave_a_deletion, {KAFKAS_STAY: "data-plane"}),
    Manager(
        "the pods block each other from leading the worker that deletes Kafkas",
        lambda service: service.lose_leader("deleting_kafka"),
        {KAFKAS_STAY: "no-leader"},
        RESTART,
    ),
]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
def test_a_cause_leads_to_its_procedures_and_to_nothing_else(
    stage: Stage, manager_of: Callable[..., FleetManager], team: Team, scenario: Manager
) -> None:
    # As it is, in the same time: 60 s, 15 s and 30 s.
    service = manager_of(KAS_FLEET_MANAGER, lease=2.0, election=0.5, reconcile=1.0)

    stage.play("kas-fleet-manager", TIMES, team, service, scenario)


def test_every_procedure_has_a_cause() -> None:
    caused = {procedure for scenario in SCENARIOS for procedure in scenario.rows}
    assert caused == {
        DOWN,
        AVAILABILITY,
        LATENCY,
        CLUSTERS_LATE,
        CLUSTERS_WRONG,
        KAFKAS_LATE,
        KAFKAS_WRONG,
        KAFKAS_STAY,
    }
