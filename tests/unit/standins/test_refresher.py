"""What the token refresher's stand-in logs and answers: as the real one was measured to."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from standins.issuer import Issuer
from standins.pods import Pod
from standins.refresher import Refresher
from standins.web import Answered, Asked, Asker, NoAnswerError, WebServer
from testbed import PodLog

REFRESHER = "http://token-refresher"


@dataclass
class Place:
    """A refresher that runs, between an issuer and a server that wants its tokens."""

    issuer: Issuer
    server: WebServer
    refresher: Refresher
    log: PodLog

    def ask(self) -> int:
        asker = Asker({REFRESHER: self.refresher.url}, 5.0)
        return asker.ask(f"{REFRESHER}/api/v1/query").code

    def logged(self) -> str:
        return self.log.current.read_text()


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    issuer = Issuer("realm")

    def answer(asked: Asked) -> Answered:
        assert asked.target == "/tenant/api/v1/query"
        return Answered(200 if issuer.admits(asked) else 403)

    with issuer, WebServer(answer) as server:
        origins = {"https://sso": issuer.web.url, "https://observatorium": server.url}
        refresher = Refresher(Asker(origins, 5.0))
        values = {
            "CLIENT_ID": "client",
            "CLIENT_SECRET": issuer.register("client"),
            "ISSUER_URL": "https://sso/auth/realms/realm",
            "OBSERVATORIUM_URL": "https://observatorium/tenant",
        }
        env = [{"name": name, "value": value} for name, value in values.items()]
        manifest: dict[str, Any] = {
            "metadata": {"uid": "1"},
            "spec": {"containers": [{"env": env}]},
        }
        log = PodLog(tmp_path)
        refresher.start(Pod(manifest, log), {})
        yield Place(issuer, server, refresher, log)
        refresher.end()


def test_it_adds_a_token_and_passes_on_what_is_answered(place: Place) -> None:
    assert place.ask() == 200
    place.server.answers(503)
    assert place.ask() == 503
    assert place.logged() == ""


def test_an_expired_secret_is_a_refusal_by_name(place: Place) -> None:
    place.issuer.register("client")
    assert place.ask() == 502
    assert 'http: proxy error: oauth2: "unauthorized_client" "Inv' in place.logged()


def test_an_issuer_that_fails_is_told_by_its_code(place: Place) -> None:
    place.issuer.web.answers(503)
    assert place.ask() == 502
    assert "http: proxy error: oauth2: cannot fetch token: 503" in place.logged()


@pytest.mark.parametrize("gone", ["issuer", "server"])
def test_a_connection_that_fails_is_none_of_the_library_for_tokens(place: Place, gone: str) -> None:
    (place.issuer.web if gone == "issuer" else place.server).stop()
    assert place.ask() == 502
    assert place.logged().rstrip().endswith(": connect: connection refused")
    assert "oauth2" not in place.logged()


def test_one_that_has_ended_refuses_connections(place: Place) -> None:
    place.refresher.end()
    with pytest.raises(NoAnswerError, match="connection refused"):
        place.ask()
