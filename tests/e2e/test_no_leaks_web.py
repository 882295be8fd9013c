"""Nothing of a credential that is sent, or of an answer that comes, gets out: HTTP and PromQL."""

import json
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from e2e.canaries import Canaries
from e2e.said import Said, found, read_as_runner, wait_for_states, watch
from e2e.sops import Json, check, sop
from testbed import ControlPlane, Run
from testbed.broken_build import broken_build
from testbed.team import Team

STATES = {
    "passes": "Passed",
    "body": "Failed",
    "status": "Failed",
    "malformed": "Failed",
    "refused": "Error",
    "no-token": "Error",
    "no-header": "Error",
    "above": "Failed",
    "bad-query": "Error",
    "bad-answer": "Error",
    "denied": "Error",
}
"""What each check of the SOP must say."""


class Web:
    """Servers, a token's issuer and two Prometheus, all at one port; every word is a canary."""

    def __init__(self, team: Team, directory: Path) -> None:
        self.team = team
        self.canaries = Canaries()
        self.audit = team.control_plane.audit()
        self.mark = self.audit.mark()
        self.sent: set[str] = set()
        """The credentials that came."""
        new = self.canaries.new
        self.header, self.token = new("a header's Secret"), new("an issued token")
        self.client, self.secret = new("a client's id"), new("a client's secret")
        self.bearer = new("a bearer token of an endpoint")
        self.user, self.password = new("a user of an endpoint"), new("a password of an endpoint")
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.address = f"127.0.0.1:{self.server.server_port}"
        team.deploy("api", replicas=1)
        keys = {"client-id": self.client, "client-secret": self.secret}
        team.secret("client", **keys)
        team.secret("login", key=self.header, bad=f"{new('half a key')}\n{new('its rest')}")
        team.grant(secrets=("client", "login"))
        self.endpoints = self._endpoints(directory)

    def _endpoints(self, directory: Path) -> Path:
        for name in ("bearer", "user", "password"):
            (directory / name).write_text(getattr(self, name))
        login = {"usernameFile": str(directory / "user")}
        common: Json = {"kind": "Prometheus", "namespaces": [self.team.namespace]}
        endpoints: list[Json] = [
            {
                "name": "metrics",
                "url": f"http://{self.address}/metrics",
                "bearerTokenFile": str(directory / "bearer"),
            },
            {
                "name": "denying",
                "url": f"http://{self.address}/denying",
                "basicAuth": login | {"passwordFile": str(directory / "password")},
            },
        ]
        path = directory / "endpoints.yaml"
        path.write_text(json.dumps({"endpoints": [common | each for each in endpoints]}))
        return path

    # ---- what it answers

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        web = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                web._answer(self)

            do_POST = do_GET  # noqa: N815 - named by the library

            def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
                """Say nothing."""

        return Handler

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        length = int(request.headers.get("Content-Length", 0))
        request.rfile.read(length)
        for name in ("Authorization", "X-Api-Key"):
            self.sent.add(request.headers.get(name, ""))
        path = request.path.partition("?")[0]
        new = self.canaries.new
        if path == "/malformed":
            request.wfile.write(f"{new('an answer that is no HTTP')}\r\n\r\n".encode())
            return
        code, body = self._said(path, request.path)
        request.send_response(code, new("a reason phrase"))
        content = json.dumps(body).encode()
        request.send_header("X-Detail", new("a header of an answer"))
        request.send_header("Content-Length", str(len(content)))
        request.end_headers()
        request.wfile.write(content)

    def _said(self, path: str, whole: str) -> tuple[int, Json]:
        new = self.canaries.new
        if path == "/token":
            granted = {"access_token": self.token, "token_type": "Bearer", "expires_in": 300}
            return 200, granted | {"scope": new("a scope")}
        if path == "/refusing":
            words = {"error": new("an issuer's error"), "error_description": new("its words")}
            return 401, words
        if path == "/denying/api/v1/query":
            return 401, {"status": "error", "error": new("a refusal of Prometheus")}
        if path != "/metrics/api/v1/query":
            return 500 if path == "/ill" else 200, {"detail": new(f"the body of {path}")}
        if "bad_query" in whole:
            error = {"errorType": new("a type of error"), "error": new("an error of Prometheus")}
            return 400, {"status": "error"} | error
        if "bad_answer" in whole:
            return 200, {"status": "success", "data": {"resultType": new("a type of result")}}
        labels = {"__name__": "up", "job": new("the value of a label")}
        series = {"metric": labels, "value": [1, "7"]}
        return 200, {"status": "success", "data": {"resultType": "vector", "result": [series]}}

    # ---- its SOP

    def apply(self) -> None:
        """Apply an SOP whose checks have every result that comes by a credential or an answer."""
        token = {"tokenUrl": f"http://{self.address}/token", "secretRef": {"name": "client"}}
        refused = token | {"tokenUrl": f"http://{self.address}/refusing"}
        key = {"header": "X-Api-Key", "secretKeyRef": {"name": "login", "key": "key"}}
        bad = key | {"secretKeyRef": {"name": "login", "key": "bad"}}
        self.team.apply(
            sop(
                blindFor="1s",
                connections=[
                    {"name": name, "prometheus": {"endpoint": name}}
                    for name in ("metrics", "denying")
                ],
                checks=[
                    self._http("passes", "/well", headers=[key], oauth2=token),
                    self._http("body", "/well", body={"matches": "^nothing$"}),
                    self._http("status", "/ill", headers=[key], oauth2=token),
                    self._http("malformed", "/malformed", headers=[key]),
                    self._http("refused", "/well", oauth2=refused),
                    self._http("no-token", "/well", oauth2=token | {"tokenUrl": self._url("/ill")}),
                    self._http("no-header", "/well", headers=[bad]),
                    _query("above", "up"),
                    _query("bad-query", "bad_query"),
                    _query("bad-answer", "bad_answer"),
                    _query("denied", "up", "denying"),
                ],
            ),
            "web",
        )

    def wait(self) -> Json:
        return wait_for_states(self.team, "web", STATES)

    def _url(self, path: str) -> str:
        return f"http://{self.address}{path}"

    def _http(self, name: str, path: str, **http: Any) -> Json:
        return {"name": name, "for": "1s", "http": {"url": self._url(path)} | http}


def _query(name: str, expr: str, connection: str = "metrics") -> Json:
    query = {"expr": expr, "max": "1", "onEmpty": "Inconclusive"}
    return {"name": name, "for": "1s", "prometheus": {"connection": connection, "query": query}}


@pytest.fixture
def web(team: Team, tmp_path: Path) -> Iterator[Web]:
    web = Web(team, tmp_path)
    thread = Thread(target=web.server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield web
    web.server.shutdown()
    thread.join()
    web.server.server_close()


Look = Callable[..., tuple[Json, Said]]


@pytest.fixture
def look(run: Run, installed: ControlPlane, operator_kubeconfig: Path, web: Web) -> Look:
    def look(source: Path | None = None) -> tuple[Json, Said]:
        options = (f"--allow-dial={web.address}", f"--endpoints={web.endpoints}")
        return watch(run, installed, operator_kubeconfig, web, *options, source=source)

    return look


def test_no_credential_and_no_word_of_an_answer_gets_out(web: Web, look: Look) -> None:
    status, said = look()

    assert found(web.canaries, said) == {}
    # Each canary was where it could have leaked from: it was read, sent, or answered.
    assert {"client", "login"} == {name for _, _, name in read_as_runner(web)}
    assert {web.header, f"Bearer {web.token}", f"Bearer {web.bearer}"} < web.sent
    assert len([one for one in web.sent if one.startswith("Basic ")]) == 2
    reasons = {name: check(status, name).get("reason") for name in STATES}
    assert {name: reason for name, reason in reasons.items() if reason} == {
        "refused": "CredentialsRefused",
        "no-token": "IssuerUnavailable",
        "no-header": "InvalidConnection",
        "bad-query": "QueryRefused",
        "bad-answer": "BadAnswer",
        "denied": "AuthenticationFailed",
    }
    assert check(status, "status")["evidence"] == ["code 500"]
    assert 'key \\"bad\\" of the Secret \\"login\\"' in said.requests
    assert 'servicesop_check_runs_total{type="http",verdict="Failed"}' in said.metrics


_LEAKS = {
    "an issued token": (
        "sources/http/targets.py",
        'headers["Authorization"] = f"Bearer {token}"\n',
        'headers["Authorization"] = f"Bearer {token}"\n            print(headers)\n',
        "output",
        "an issued token (raw)",
    ),
    "the body of an answer": (
        "checks/http_judgement.py",
        '    code = (f"code {answer.status}",)\n',
        '    code = (f"code {answer.status}", readable(answer.body))\n',
        "objects",
        "the body of /ill (raw)",
    ),
}


@pytest.mark.parametrize("leak", _LEAKS)
def test_a_build_that_leaks_is_caught(web: Web, look: Look, tmp_path: Path, leak: str) -> None:
    file, old, new, where, what = _LEAKS[leak]
    _, said = look(broken_build(tmp_path / "build", file, old, new))

    assert what in found(web.canaries, said)[where]
