"""Each cause in Telemeter leads to its row, to no other procedure, and to no act."""

import pytest

from standins.scenario import Scenario
from standins.stage import Stage
from standins.telemeter import Telemeter
from testbed.team import Team

pytestmark = pytest.mark.standins

TIMES = 60
TOLLBOOTH = "AuthorizeClientErrorsHigh"
KEYCLOAK = "OAuthClientErrorsHigh"
DOWN = "TelemeterDown"
SCENARIOS: list[Scenario[Telemeter]] = [
    Scenario(
        "Tollbooth answers 500",
        lambda telemeter: telemeter.tollbooth.answers(500),
        {TOLLBOOTH: "tollbooth-fails"},
    ),
    Scenario(
        "Tollbooth is gone",
        lambda telemeter: telemeter.tollbooth.stop(),
        {TOLLBOOTH: "otherwise"},
    ),
    Scenario(
        "the client secret expires",
        Telemeter.expire_client_secret,
        {KEYCLOAK: "client-refused"},
    ),
    Scenario(
        "Keycloak is gone",
        lambda telemeter: telemeter.keycloak.web.stop(),
        {KEYCLOAK: "out-of-reach"},
    ),
    Scenario(
        "Keycloak answers 503",
        lambda telemeter: telemeter.keycloak.web.answers(503),
        {KEYCLOAK: "otherwise"},
    ),
    Scenario("the image is gone", Telemeter.lose_image, {DOWN: "cannot-start"}),
    Scenario(
        "the servers find no issuer at their start",
        Telemeter.lose_issuer_at_start,
        {DOWN: "crashes"},
    ),
    Scenario("Prometheus is kept out", Telemeter.keep_prometheus_out, {DOWN: "not-scraped"}),
    Scenario("the servers hang", Telemeter.hang, {DOWN: "otherwise"}),
    Scenario(
        "Prometheus is gone",
        Telemeter.end_prometheus,
        {},
        unknown=(TOLLBOOTH, KEYCLOAK, DOWN),
    ),
    Scenario("no log can be read", Telemeter.take_logs_away, {}, unknown=(TOLLBOOTH, KEYCLOAK)),
]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
def test_a_cause_leads_to_its_procedures_and_to_nothing_else(
    stage: Stage, team: Team, scenario: Scenario[Telemeter]
) -> None:
    with Telemeter(team) as service:
        stage.play("telemeter", TIMES, team, service, scenario)
