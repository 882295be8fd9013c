"""The fleet manager's SOP, from causes: which procedures are told, by which row, what is done."""

from collections.abc import Callable

import pytest

from standins.fleet_manager import KAS_FLEET_MANAGER, FleetManager, Kind
from standins.fleet_manager.causes import CAUSES, TIMES
from standins.scenario import Scenario
from standins.stage import Stage
from testbed.team import Team

pytestmark = pytest.mark.standins

RESTART = ("patch deployments/kas-fleet-manager: 200",)

DOWN = "KafkaServiceFleetManagerDown"
AVAILABILITY = "KafkaServiceFleetManagerAvailability"
LATENCY = "KafkaServiceFleetManagerLatency"
CLUSTERS_LATE = "OSDClusterProvisioningLatency"
CLUSTERS_WRONG = "OSDClusterProvisioningCorrectness"
KAFKAS_LATE = "KafkaClusterProvisioningLatency"
KAFKAS_WRONG = "KafkaClusterProvisioningCorrectness"
KAFKAS_STAY = "KafkaClusterDeletionCorrectness"

# Nobody leads, but the pods cannot reach their database: no restart would help.
UNLED = dict.fromkeys((CLUSTERS_LATE, KAFKAS_LATE, KAFKAS_STAY), "pods-lack-database")

EXPECTED: dict[str, dict[str, str]] = {
    "the password of the pods runs out": {
        DOWN: "pods-lack-database",
        AVAILABILITY: "pods-lack-database",
        **UNLED,
    },
    # The operator cannot ask it either, so nothing is known of the workers.
    "the database is down": {DOWN: "pods-lack-database", AVAILABILITY: "pods-lack-database"},
    "the certificate of the API runs out": {DOWN: "otherwise"},
    "the nodes take no pods": {
        DOWN: "cluster-has-no-room",
        AVAILABILITY: "cluster-has-no-room",
        **UNLED,
    },
    "an image is released that is missing": {AVAILABILITY: "release-cannot-start"},
    "OCM does not answer for accounts": {AVAILABILITY: "ocm-fails"},
    "the database's queries are slow": {LATENCY: "overloaded"},
    "OCM refuses a cluster": {CLUSTERS_LATE: "ocm-refuses"},
    "OCM gives a cluster up": {CLUSTERS_WRONG: "idle-over-45m"},
    "an agent reports an error of a Kafka": {KAFKAS_WRONG: "otherwise"},
    "an agent says nothing of a deleted Kafka": {KAFKAS_STAY: "data-plane"},
}
RESTARTED: dict[str, dict[str, str]] = {
    "the pods block each other from leading cluster": {CLUSTERS_LATE: "no-leader"},
    "the worker cluster hangs": {CLUSTERS_LATE: "worker-hangs"},
    "the pods block each other from leading accepted_kafka": {KAFKAS_LATE: "no-leader"},
}
SCENARIOS = [
    *(Scenario(cause, CAUSES[cause], rows) for cause, rows in EXPECTED.items()),
    *(Scenario(cause, CAUSES[cause], rows, RESTART) for cause, rows in RESTARTED.items()),
]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
def test_a_cause_leads_to_its_procedures_and_to_nothing_else(
    stage: Stage,
    manager_of: Callable[[Kind], FleetManager],
    team: Team,
    scenario: Scenario[FleetManager],
) -> None:
    stage.play("kas-fleet-manager", TIMES, team, manager_of(KAS_FLEET_MANAGER), scenario)
