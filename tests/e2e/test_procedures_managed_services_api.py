"""The Managed Services API's SOP, from causes: what is told, by which row, and what is done."""

from collections.abc import Callable

import pytest

from standins.fleet_manager import MANAGED_SERVICES_API, FleetManager, Kind
from standins.fleet_manager.causes import CAUSES, TIMES
from standins.scenario import Scenario
from standins.stage import Stage
from testbed.team import Team

pytestmark = pytest.mark.standins

RESTART = ("patch deployments/managed-services-api: 200",)

DOWN = "ManagedServicesAPIDown"
AVAILABILITY = "ManagedServicesAPIAvailability"
LATENCY = "ManagedServicesAPILatency"
CLUSTERS_LATE = "OSDClusterProvisioningLatency"
CLUSTERS_WRONG = "OSDClusterProvisioningCorrectness"
KAFKAS_LATE = "KafkaClusterProvisioningLatency"
KAFKAS_WRONG = "KafkaClusterProvisioningCorrectness"
KAFKAS_STAY = "KafkaClusterDeletionCorrectness"

DATABASE = {DOWN: "pods-lack-database", AVAILABILITY: "pods-lack-database"}
RELEASE = {AVAILABILITY: "release-cannot-start"}

SCENARIOS = [
    Scenario(cause, CAUSES[cause], rows, acts)
    for cause, rows, acts in [
        ("the database is down", DATABASE, ()),
        # Three pods still serve: that is not down.
        ("an image is released that is missing", RELEASE, ()),
        ("the database's queries are slow", {LATENCY: "overloaded"}, ()),
        ("OCM refuses a cluster", {CLUSTERS_LATE: "ocm-fails"}, ()),
        ("the pods block each other from leading cluster", {CLUSTERS_LATE: "no-leader"}, RESTART),
        (
            "the worker cluster hangs while a cluster waits",
            {CLUSTERS_LATE: "accepted-idle"},
            RESTART,
        ),
        ("OCM gives a cluster up", {CLUSTERS_WRONG: "otherwise"}, ()),
        ("the worker kafka hangs", {KAFKAS_LATE: "worker-hangs"}, RESTART),
        ("an agent says nothing of a new Kafka", {KAFKAS_LATE: "kafkas-idle-over-45m"}, ()),
        ("an agent reports an error of a Kafka", {KAFKAS_WRONG: "otherwise"}, ()),
        ("an agent says nothing of a deleted Kafka", {KAFKAS_STAY: "kafkas-idle-over-45m"}, ()),
    ]
]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
def test_a_cause_leads_to_its_procedures_and_to_nothing_else(
    stage: Stage,
    manager_of: Callable[[Kind], FleetManager],
    team: Team,
    scenario: Scenario[FleetManager],
) -> None:
    stage.play("managed-services-api", TIMES, team, manager_of(MANAGED_SERVICES_API), scenario)
