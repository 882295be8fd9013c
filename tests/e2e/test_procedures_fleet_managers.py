"""The SOPs of the fleet manager and of the Managed Services API, its first form, from causes.

Which procedures are told, by which row, and what is done.
"""

from collections.abc import Callable

import pytest

from standins.fleet_manager import KAS_FLEET_MANAGER, MANAGED_SERVICES_API, FleetManager, Kind
from standins.fleet_manager.causes import CAUSES, TIMES
from standins.scenario import Scenario
from standins.stage import Stage
from testbed.team import Team

pytestmark = pytest.mark.standins

CLUSTERS_LATE = "OSDClusterProvisioningLatency"
CLUSTERS_WRONG = "OSDClusterProvisioningCorrectness"
KAFKAS_LATE = "KafkaClusterProvisioningLatency"
KAFKAS_WRONG = "KafkaClusterProvisioningCorrectness"
KAFKAS_STAY = "KafkaClusterDeletionCorrectness"


def scenarios(
    kind: Kind, told: dict[str, dict[str, str]], restarted: dict[str, dict[str, str]]
) -> list[Scenario[FleetManager]]:
    """Both say which row wins, by cause and procedure; in `restarted` the row restarts the pods."""
    restart = (f"patch deployments/{kind.name}: 200",)
    return [
        *(Scenario(cause, CAUSES[cause], rows) for cause, rows in told.items()),
        *(Scenario(cause, CAUSES[cause], rows, restart) for cause, rows in restarted.items()),
    ]


DOWN = "KafkaServiceFleetManagerDown"
AVAILABILITY = "KafkaServiceFleetManagerAvailability"
LATENCY = "KafkaServiceFleetManagerLatency"
# Nobody leads, but the pods cannot reach their database: no restart would help.
UNLED = dict.fromkeys((CLUSTERS_LATE, KAFKAS_LATE, KAFKAS_STAY), "pods-lack-database")

OF_THE_FLEET_MANAGER = scenarios(
    KAS_FLEET_MANAGER,
    {
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
    },
    {
        "the pods block each other from leading cluster": {CLUSTERS_LATE: "no-leader"},
        "the worker cluster hangs": {CLUSTERS_LATE: "worker-hangs"},
        "the pods block each other from leading accepted_kafka": {KAFKAS_LATE: "no-leader"},
    },
)

API_DOWN = "ManagedServicesAPIDown"
API_AVAILABILITY = "ManagedServicesAPIAvailability"
API_LATENCY = "ManagedServicesAPILatency"

OF_THE_API = scenarios(
    MANAGED_SERVICES_API,
    {
        "the database is down": {
            API_DOWN: "pods-lack-database",
            API_AVAILABILITY: "pods-lack-database",
        },
        # Three pods still serve: that is not down.
        "an image is released that is missing": {API_AVAILABILITY: "release-cannot-start"},
        "the database's queries are slow": {API_LATENCY: "overloaded"},
        "OCM refuses a cluster": {CLUSTERS_LATE: "ocm-fails"},
        "OCM gives a cluster up": {CLUSTERS_WRONG: "otherwise"},
        "an agent says nothing of a new Kafka": {KAFKAS_LATE: "kafkas-idle-over-45m"},
        "an agent reports an error of a Kafka": {KAFKAS_WRONG: "otherwise"},
        "an agent says nothing of a deleted Kafka": {KAFKAS_STAY: "kafkas-idle-over-45m"},
    },
    {
        "the pods block each other from leading cluster": {CLUSTERS_LATE: "no-leader"},
        "the worker cluster hangs while a cluster waits": {CLUSTERS_LATE: "accepted-idle"},
        "the worker kafka hangs": {KAFKAS_LATE: "worker-hangs"},
    },
)


@pytest.mark.parametrize(
    ("kind", "scenario"),
    [
        pytest.param(kind, scenario, id=f"{kind.name}-{scenario}")
        for kind, of_it in (
            (KAS_FLEET_MANAGER, OF_THE_FLEET_MANAGER),
            (MANAGED_SERVICES_API, OF_THE_API),
        )
        for scenario in of_it
    ],
)
def test_a_cause_leads_to_its_procedures_and_to_nothing_else(
    stage: Stage,
    manager_of: Callable[[Kind], FleetManager],
    team: Team,
    kind: Kind,
    scenario: Scenario[FleetManager],
) -> None:
    stage.play(kind.name, TIMES, team, manager_of(kind), scenario)
