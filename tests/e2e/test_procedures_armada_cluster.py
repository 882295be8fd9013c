"""Each cause leads to its row; the one pod that is not as the others is evicted, and only it."""

import pytest

from standins.armada_cluster import METERING, ArmadaCluster
from standins.scenario import Scenario
from standins.stage import Stage
from testbed.team import Team

pytestmark = pytest.mark.standins

TIMES = 120
PROCEDURE = "MeteringTokenExchangeFailures"


def cut_one_of_each_off(armada: ArmadaCluster) -> None:
    for app in METERING:
        armada.cut_one_pod_off(app)


def without_budget(armada: ArmadaCluster) -> None:
    armada.take_budgets_away()
    armada.cut_one_pod_off("armada-cluster")


def without_logs(armada: ArmadaCluster) -> None:
    armada.take_logs_away()
    armada.cut_one_pod_off("armada-cluster")


SCENARIOS: list[Scenario[ArmadaCluster]] = [
    Scenario("the API key is rotated", ArmadaCluster.rotate_key, {PROCEDURE: "key-refused"}),
    Scenario(
        "one pod has an old API key",
        lambda armada: armada.take_key_from_one_pod("armada-cluster"),
        {PROCEDURE: "key-refused"},
    ),
    Scenario(
        "IAM limits the rate", lambda armada: armada.iam.answers(429), {PROCEDURE: "rate-limited"}
    ),
    Scenario("IAM answers 503", lambda armada: armada.iam.answers(503), {PROCEDURE: "otherwise"}),
    Scenario("all lose the network", ArmadaCluster.cut_off, {PROCEDURE: "otherwise"}),
    Scenario(
        "all lose the network for a while",
        lambda armada: armada.cut_off_for(8),
        {PROCEDURE: "has-stopped"},
    ),
    Scenario(
        "one pod loses the network",
        lambda armada: armada.cut_one_pod_off("armada-cluster"),
        {PROCEDURE: "one-pod"},
        ArmadaCluster.evicted,
        afterwards={PROCEDURE: "has-stopped"},
        seconds=120,
    ),
    Scenario(
        "one pod of billing loses the network",
        lambda armada: armada.cut_one_pod_off("armada-billing"),
        {PROCEDURE: "one-billing-pod"},
        ArmadaCluster.evicted,
        afterwards={PROCEDURE: "has-stopped"},
        seconds=120,
    ),
    Scenario(
        "one pod of each service loses the network", cut_one_of_each_off, {PROCEDURE: "otherwise"}
    ),
    Scenario("one pod without a budget loses the network", without_budget, {PROCEDURE: "one-pod"}),
    Scenario(
        "one pod loses the network and no log can be read",
        without_logs,
        {},
        unknown=(PROCEDURE,),
    ),
]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
def test_a_cause_leads_to_its_procedures_and_to_nothing_else(
    stage: Stage, team: Team, scenario: Scenario[ArmadaCluster]
) -> None:
    with ArmadaCluster(team) as service:
        stage.play("armada-cluster", TIMES, team, service, scenario)
