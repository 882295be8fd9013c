"""Each cause in Observatorium's way leads to its row, and to no act."""

from collections.abc import Callable

import pytest

from standins.observatorium import Observatorium
from standins.scenario import Scenario
from standins.stage import Stage
from testbed.team import Team

pytestmark = pytest.mark.standins

TIMES = 60


PROCEDURE = "ObservatoriumNon200Status"


def cause(
    words: str, switch: Callable[[Observatorium], object], row: str
) -> Scenario[Observatorium]:
    return Scenario(words, switch, {PROCEDURE: row})


def without_logs(service: Observatorium) -> None:
    service.take_logs_away()
    service.expire_client_secret()


SCENARIOS: list[Scenario[Observatorium]] = [
    cause(
        "the token refresher has the URL of production",
        Observatorium.point_refresher_to_production,
        "wrong-url",
    ),
    cause("the Secret has no client", Observatorium.empty_client, "not-configured"),
    cause("a policy keeps the fleet manager out", Observatorium.keep_out, "kept-out"),
    cause("the token refresher crashes", Observatorium.crash_refresher, "refresher-down"),
    cause("the client secret expires", Observatorium.expire_client_secret, "credentials-refused"),
    cause("the SSO answers 503", lambda service: service.sso.web.answers(503), "issuer-fails"),
    cause(
        "Observatorium answers 500",
        lambda service: service.observatorium.answers(500),
        "observatorium-down",
    ),
    cause(
        "Observatorium is gone", lambda service: service.observatorium.stop(), "observatorium-down"
    ),
    cause("the network loses packets", Observatorium.lose_packets, "timeouts"),
    cause("the store of metrics is broken", Observatorium.break_store, "otherwise"),
    cause("the client secret expires and no log can be read", without_logs, "otherwise"),
    Scenario("Prometheus is gone", Observatorium.end_prometheus, {}, unknown=(PROCEDURE,)),
]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
def test_a_cause_leads_to_its_procedures_and_to_nothing_else(
    stage: Stage, team: Team, scenario: Scenario[Observatorium]
) -> None:
    with Observatorium(team) as service:
        stage.play("observatorium", TIMES, team, service, scenario)
