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
from e2e.said import OPERATOR, Said, everything_said, found, read_as_runner
from e2e.sops import Json, check, leader, logs, restart, rows, sop, target
from testbed import ControlPlane, Postgres, Run, free_port
from testbed.broken_build import broken_build
from testbed.operator import Operator, forget_actions, start_operator
from testbed.team import Team, is_

_ID = "job-1"
_SECONDS = 30.0

# What each check of an SOP must say; all of them are Error.
_NO_CONNECTION = {
    "wrong-password": "AuthenticationFailed",
    "no-login": "AuthenticationFailed",
    "no-such-role": "AuthenticationFailed",
    "superuser": "PrivilegedDatabaseRole",
    "url-as-host": "AddressRefused",
    "unknown-host": "HostNotFound",
    "no-number-as-port": "InvalidConnection",
    "url-as-database": "InvalidConnection",
    "line-break": "InvalidConnection",
    "closed-port": "Unreachable",
}
_NO_ANSWER = {
    "bad-cast": "QueryRefused",
    "raises": "BadAnswer",
    "missing-relation": "QueryRefused",
    "hidden-relation": "QueryRefused",
    "leases-that-raise": "BadAnswer",
}
_RELATIONS = ("bad-cast", "raises", "missing-relation", "hidden-relation")


class Service:
    """A service whose every secret is a canary: database, Secrets, log."""

    def __init__(self, team: Team, postgres: Postgres) -> None:
        self.team = team
        self.canaries = Canaries()
        self.postgres = postgres
        self.audit = team.control_plane.audit()
        self.mark = self.audit.mark()
        self.closed_port = free_port()
        self.server_words: dict[str, str] = {}
        new = self.canaries.new
        self.database = f"service_{new('database')}"
        self.user = f"watcher_{new('user')}"
        self.password = self.canaries.awkward("password")
        self._make_database()
        self._make_secrets()
        team.deploy("api", replicas=1)
        team.deploy("worker", replicas=1)
        team.grant(secrets=tuple(self.secrets), deployments=("api",))
        pods = json.loads(team.kubectl("get", "pods", "-l", "app=worker", "-o", "json"))
        pod = pods["items"][0]["metadata"]["name"]
        self.log = team.control_plane.pod_log(team.namespace, pod, "service")

    def do(self, statement: str) -> list[tuple[object, ...]]:
        return self.postgres.execute(statement, database=self.database)

    def lead(self) -> None:
        """Give the worker `w` its leader, in place of none."""
        holder = self.canaries.new("holder of a lease")
        note = self.canaries.new("column of a lease")
        self.do(f"INSERT INTO leases VALUES ('w', '{holder}', now() + '1 day'::interval, '{note}')")

    def complain(self) -> None:
        """Log a line that nobody looks for, and then one that the check does look for."""
        self.log.append(f"debug password={self.canaries.new('line that does not match')}")
        self.log.append(f"panic: {self.canaries.new('line that matches')}")

    def _role(self, options: str, purpose: str) -> tuple[str, str]:
        name = f"role_{self.canaries.new(f'user, {purpose}')}"
        password = self.canaries.new(f"password, {purpose}")
        self.postgres.execute(f"CREATE ROLE {name} {options} PASSWORD '{password}'")
        return name, password

    def _make_database(self) -> None:
        new = self.canaries.new
        self.postgres.create_database(self.database)
        password = self.password.replace("'", "''")
        self.postgres.execute(f"CREATE ROLE {self.user} LOGIN PASSWORD '{password}'")
        self.do(
            "CREATE TABLE leases (lease_type text, leader text, expires timestamptz, note text)"
        )
        self.lead()
        for worker in ("v", "v", new("worker that nobody asks for")):
            holder, note = new("one of two holders"), new("column of a lease")
            self.do(f"INSERT INTO leases VALUES ('{worker}', '{holder}', 'infinity', '{note}')")
        self.do(
            "CREATE TABLE jobs (id text, status text, updated_at timestamptz,"
            " deleted_at timestamptz, note text)"
        )
        for number, status in enumerate(("accepted", new("status that nobody asks for")), 1):
            self.do(
                f"INSERT INTO jobs VALUES ('job-{number}', '{status}', now() - '1 h'::interval,"
                f" NULL, '{new('column of a row')}')"
            )
        self.do(f"GRANT SELECT ON leases, jobs TO {self.user}")
        self._make_relations_that_fail()

    def _make_relations_that_fail(self) -> None:
        """Make views whose every reading ends with a server's message that holds a canary."""
        place = {name: self.canaries.new(f"message of {name}") for name in _RELATIONS}
        place["warns"] = self.canaries.new("warning")
        place["leases-that-raise"] = self.canaries.new("message of leases-that-raise")
        self.server_words = place
        self.do(f"CREATE TABLE hidden_{place['hidden-relation']} (x int)")
        function = "CREATE FUNCTION {}(note text) RETURNS timestamptz LANGUAGE plpgsql AS $$ {} $$"
        fail = "BEGIN RAISE EXCEPTION 'no %', note USING DETAIL = note, HINT = note; END"
        warn = "BEGIN RAISE WARNING 'beware %', note; RETURN now(); END"
        read = "BEGIN EXECUTE 'SELECT FROM ' || quote_ident(note); RETURN now(); END"
        self.do(function.format("fail", fail))
        self.do(function.format("warn", warn))
        self.do(function.format("read_from", read))
        updated = {
            "bad-cast": "note::timestamptz",
            "raises": "fail(note)",
            "missing-relation": "read_from(note)",
            "hidden-relation": "read_from('hidden_' || note)",
            "warns": "warn(note)",
        }
        for name, expression in updated.items():
            view = name.replace("-", "_")
            self.do(f"CREATE TABLE {view}_rows AS SELECT '{place[name]}'::text AS note")
            self.do(
                f"CREATE VIEW {view} AS SELECT 'job-9' AS id, 'accepted' AS status,"
                f" {expression} AS updated_at, NULL::timestamptz AS deleted_at FROM {view}_rows"
            )
            self.do(f"GRANT SELECT ON {view} TO {self.user}")
        self.do(
            "CREATE VIEW leases_that_raise AS SELECT 'w' AS lease_type, 'x' AS leader,"
            f" fail('{place['leases-that-raise']}') AS expires"
        )
        self.do(f"GRANT SELECT ON leases_that_raise TO {self.user}")

    def _make_secrets(self) -> None:
        new = self.canaries.new
        good = {
            "host": "127.0.0.1",
            "port": str(self.postgres.port),
            "database": self.database,
            "user": self.user,
            "password": self.password,
        }
        no_login = self._role("NOLOGIN", "no-login")
        superuser = self._role("LOGIN SUPERUSER", "superuser")
        self.no_login, self.superuser = no_login[0], superuser[0]
        self.no_such_role = f"role_{new('user, no-such-role')}"
        self.no_such_database = f"postgresql://{self.canaries.awkward('url-as-database')}/x"
        url = f"postgres://{new('url-as-host, user')}:{self.canaries.awkward('url-as-host')}@h/d"
        changes: dict[str, dict[str, str]] = {
            "good": {f"other-{new('name of a key')}": new("key that nobody asks for")},
            "wrong-password": {"password": self.canaries.awkward("wrong-password")},
            "no-login": {"user": no_login[0], "password": no_login[1]},
            "no-such-role": {"user": self.no_such_role},
            "superuser": {"user": superuser[0], "password": superuser[1]},
            "url-as-host": {"host": url},
            "unknown-host": {"host": f"{new('unknown-host')}.invalid"},
            "no-number-as-port": {"port": f"5432 password={new('no-number-as-port')}"},
            "url-as-database": {"database": self.no_such_database},
            "line-break": {"password": f"{new('line-break')}\n{new('line-break, rest')}"},
            "closed-port": {"port": str(self.closed_port)},
        }
        self.secrets = list(changes)
        items = [
            {
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {"name": name, "namespace": self.team.namespace},
                "stringData": good | change,
            }
            for name, change in changes.items()
        ]
        text = json.dumps({"apiVersion": "v1", "kind": "List", "items": items})
        self.team.kubectl("create", "-f", "-", input=text)

    # ---- its SOPs

    def apply_healthy(self) -> None:
        """Apply an SOP that is healthy, until the worker `w` is without a leader."""
        row = restart("led")
        spec = sop(mode="Enforce", checks=[leader()], rows=(row,), connections=[_secret("good")])
        self.team.apply(spec, "healthy")

    def apply_failing(self) -> None:
        """Apply an SOP of which every check fails, for every kind of finding."""
        two_leaders = leader("one-leader", workers=["v"], forMany="1s")
        # A long window: under load a short one would be over before anybody has looked.
        quiet = logs(within="5m")
        spec = sop(
            checks=[rows(), quiet, two_leaders],
            targets=[target("worker")],
            connections=[_secret("good")],
        )
        self.team.apply(spec, "failing")

    def apply_without_connection(self) -> None:
        """Apply an SOP whose checks each have a Secret of their own that does not do."""
        connections = [_secret(name, name) for name in _NO_CONNECTION]
        checks = [rows(name, connection=name) | _PATIENT for name in _NO_CONNECTION]
        spec = sop(checks=checks, connections=connections, blindFor="1s")
        self.team.apply(spec, "no-connection")

    def apply_without_answer(self) -> None:
        """Apply an SOP whose checks each meet an error of the server, and one only a warning."""
        checks = [
            rows(name, table=name.replace("-", "_"), olderThan="1h") | _PATIENT
            for name in (*_RELATIONS, "warns")
        ]
        lease = {"connection": "database", "table": "leases_that_raise"}
        checks.append(leader("leases-that-raise", lease=lease) | _PATIENT)
        spec = sop(checks=checks, connections=[_secret("good")], blindFor="1s")
        self.team.apply(spec, "no-answer")


# A name server may take its time, and two connections are shared by all checks.
_PATIENT: Json = {"timeout": "8s"}


def _secret(secret: str, name: str = "database") -> Json:
    return {"name": name, "postgres": {"secretRef": {"name": secret}, "tls": "Disable"}}


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
    for name, reasons in (("no-connection", _NO_CONNECTION), ("no-answer", _NO_ANSWER)):
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
    assert _evidence(failing, "moves-on") == [f"{_ID} accepted over 1s"]
    assert _evidence(failing, "one-leader") == ["v: 2 leaders"]
    assert [line.rpartition(": ")[2] for line in _evidence(failing, "quiet")] == ["1"]
    assert _restarts(service) == ["api"]
    _assert_secrets_were_read(service)
    _assert_the_server_named_them(service)

    said = everything_said(service, operator)
    assert found(service.canaries, said) == {}
    # The same places do hold what may be shown, so the search had something to look through.
    assert f"{_ID} accepted over 1s" in said.objects
    assert f"{_ID} accepted over 1s" in said.requests
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
        connections=[_secret("good"), _secret("wrong-password", "wrong-password")],
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
