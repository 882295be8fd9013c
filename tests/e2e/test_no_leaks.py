"""Nothing that the operator reads gets out: no Secret, row, log line, or word of a server.

Canaries sit in all of these. Each is proven to have been used, then searched for in everything that
the operator says and that anybody else says about it.
"""

import base64
import json
import urllib.parse
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from e2e.canaries import Canaries
from e2e.canary_service import ID, NO_ANSWER, NO_CONNECTION, Service, database_of
from e2e.said import OPERATOR, Said, everything_said, found, read_as_runner
from e2e.sops import Json, check, rows, sop
from testbed import ControlPlane, Postgres, Run
from testbed.broken_build import broken_build
from testbed.operator import Operator, forget_actions, start_operator
from testbed.team import Team, is_

_SECONDS = 30.0


@pytest.fixture
def service(team: Team, postgres: Postgres) -> Service:
    return Service(team, postgres)


Begin = Callable[..., Operator]


@pytest.fixture
def begin(
    run: Run, installed: ControlPlane, operator_kubeconfig: Path, service: Service
) -> Iterator[Begin]:
    """Start an operator that says all that it ever says; of another build if `source` is given."""
    forget_actions(installed)
    begun: list[Operator] = []

    def begin(source: Path | None = None) -> Operator:
        operator = start_operator(
            run,
            operator_kubeconfig,
            "--start-hold=1s",
            f"--allow-dial=127.0.0.1:{service.postgres.port}",
            f"--allow-dial=127.0.0.1:{service.closed_port}",
            log_level="debug",
            source=source,
        )
        begun.append(operator)
        return operator

    yield begin
    for operator in begun:
        operator.stop()


def test_no_canary_gets_out(service: Service, begin: Begin) -> None:
    team = service.team
    operator = begin()
    service.apply_healthy()
    team.wait(lambda status: is_(status, "Healthy", "True"), _SECONDS, "healthy")
    # Now, while no other SOP has the pool's connections closed.
    assert _logins(service), "the operator has logged in as the canary, to the canary"
    service.do(f"SELECT pg_terminate_backend(pid) FROM ({_SESSIONS.format(service.user)}) AS s")
    service.complain()
    service.apply_failing()
    service.apply_without_connection()
    service.apply_without_answer()
    pods = team.pod_uids("api")
    service.do("DELETE FROM leases WHERE lease_type = 'w'")
    failing = team.wait(lambda status: is_(status, "Escalated", "True"), _SECONDS, "failing")
    for name, reasons in (("no-connection", NO_CONNECTION), ("no-answer", NO_ANSWER)):
        _wait_for_reasons(team, name, reasons)
        blind = team.wait(lambda status: is_(status, "Escalated", "True"), _SECONDS, name)
        assert blind["escalations"][0]["reason"] == "Blind"
    team.wait(lambda _: not pods & team.pod_uids("api"), _SECONDS, "healthy")
    service.lead()
    healthy = team.wait(
        lambda status: is_(status, "Healthy", "True") and status.get("history"),
        _SECONDS,
        "healthy",
    )

    # Every canary was where the operator, or a server that answered it, came by.
    assert check(team.status("no-answer"), "warns")["state"] == "Passed"
    assert healthy["history"][0]["outcome"] == "Helped"
    assert _evidence(failing, "moves-on") == [f"{ID} accepted over 1s"]
    assert _evidence(failing, "one-leader") == ["v: 2 leaders"]
    assert [line.rpartition(": ")[2] for line in _evidence(failing, "quiet")] == ["1"]
    assert _restarts(service) == ["api"]
    _assert_secrets_were_read(service)
    _assert_the_server_named_them(service)

    said = everything_said(service, operator)
    assert found(service.canaries, said) == {}
    # The same places do hold what may be shown, so the search had something to look through.
    assert f"{ID} accepted over 1s" in said.objects
    assert f"{ID} accepted over 1s" in said.requests
    assert 'Secret \\"wrong-password\\"' in said.requests
    assert "ServiceSOP" in {item["regarding"]["kind"] for item in _events(said)}
    assert 'servicesop_check_runs_total{type="stuckRows",verdict="Error"}' in said.metrics
    assert "restart of Deployment api" in said.output
    assert "DEBUG" in said.output


_SESSIONS = "SELECT pid FROM pg_stat_activity WHERE usename = '{}'"


def _logins(service: Service) -> list[tuple[object, ...]]:
    return service.do(
        f"{_SESSIONS.format(service.user)} AND datname = '{service.database}'"
        " AND application_name = 'servicesop'"
    )


def _wait_for_reasons(team: Team, name: str, reasons: dict[str, str]) -> None:
    def said(status: Json) -> dict[str, str]:
        return {
            one["name"]: one.get("reason", "")
            for one in status.get("checks", [])
            if one["state"] == "Error"
        }

    team.wait(lambda status: said(status) == reasons, _SECONDS, name)


def _restarts(service: Service) -> list[str]:
    return [
        record.name
        for record in service.audit.mutations(by=OPERATOR, since=service.mark)
        if record.resource == "deployments" and record.code == 200
    ]


def _evidence(status: Json, name: str) -> list[str]:
    lines: list[str] = check(status, name)["evidence"]
    return lines


def _events(said: Said) -> list[Json]:
    items: list[Json] = json.loads(said.objects)["items"]
    return [item for item in items if item["apiVersion"] == "events.k8s.io/v1"]


def _assert_secrets_were_read(service: Service) -> None:
    read = {name for resource, _, name in read_as_runner(service) if resource == "secrets"}
    assert read == set(service.secrets)


def _assert_the_server_named_them(service: Service) -> None:
    """PostgreSQL's own log has the messages, as it sent them."""
    log = service.postgres.log_text()
    texts = service.server_words
    for line in (
        f'password authentication failed for user "{service.user}"',
        f'password authentication failed for user "{service.no_such_role}"',
        f'role "{service.no_login}" is not permitted to log in',
        f'database "{service.no_such_database[:63]}',
        f'invalid input syntax for type timestamp with time zone: "{texts["bad-cast"]}"',
        f"no {texts['raises']}",
        f'relation "{texts["missing-relation"]}" does not exist',
        f"permission denied for table hidden_{texts['hidden-relation']}",
        f"beware {texts['warns']}",
        f"no {texts['leases-that-raise']}",
    ):
        assert line in log


# ---- the search finds what there is

_LEAKS = {
    "the text of an exception": (
        "sources/postgres/session.py",
        "failures.failure_of_attempt(secret, str(error))",
        "failures.bad_answer(secret, str(error))",
        {"objects", "requests"},
    ),
    "the content of a row": (
        "checks/row_queries.py",
        "THEN {column}::text\nELSE",
        "THEN {column}::text || ' ' || note\nELSE",
        {"objects", "requests"},
    ),
    "a Secret as the API server gave it": (
        "sources/kubernetes/secrets.py",
        "        try:\n            return {\n",
        "        print(secret)\n        try:\n            return {\n",
        {"output"},
    ),
}


@pytest.mark.parametrize("leak", _LEAKS)
def test_a_build_that_leaks_is_caught(
    service: Service, begin: Begin, tmp_path: Path, leak: str
) -> None:
    file, old, new, where = _LEAKS[leak]
    operator = begin(broken_build(tmp_path, file, old, new))
    spec = sop(
        checks=[rows(), rows("wrong-password", connection="wrong-password")],
        connections=[database_of("good"), database_of("wrong-password", "wrong-password")],
    )
    service.team.apply(spec, "leaking")
    service.team.wait(
        lambda status: (
            check(status, "moves-on").get("state") == "Failed"
            and check(status, "wrong-password").get("state") == "Error"
        ),
        _SECONDS,
        "leaking",
    )
    hits = found(service.canaries, everything_said(service, operator))
    print(json.dumps(hits, indent=1))
    assert hits.keys() >= where


@pytest.mark.parametrize("before", ["", "a", "ab"])
@pytest.mark.parametrize(
    "dress",
    [
        lambda text: text,
        str.upper,
        json.dumps,
        urllib.parse.quote_plus,
        lambda text: "".join(f"%{byte:02X}" for byte in text.encode()),
        lambda text: base64.b64encode(text.encode()).decode(),
        lambda text: base64.urlsafe_b64encode(text.encode()).decode().rstrip("="),
        lambda text: text.encode().hex(),
    ],
)
def test_the_search_sees_a_canary_in_every_dress(dress: Callable[[str], str], before: str) -> None:
    canaries = Canaries()
    text = canaries.awkward("password")
    assert len(canaries.found_in(f"x={dress(before + text)}&y")) == 7
    assert Canaries().found_in(dress(before + text)) == []
