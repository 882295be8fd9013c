"""A service whose every secret is a canary: its database, its Secrets, its log."""

import json

from e2e.canaries import Canaries
from e2e.sops import Json, leader, logs, restart, rows, sop, target
from testbed import Postgres, free_port
from testbed.team import Team

ID = "job-1"

# What each check of an SOP must say; all of them are Error.
NO_CONNECTION = {
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
NO_ANSWER = {
    "bad-cast": "QueryRefused",
    "raises": "BadAnswer",
    "missing-relation": "QueryRefused",
    "hidden-relation": "QueryRefused",
    "leases-that-raise": "BadAnswer",
}
_RELATIONS = ("bad-cast", "raises", "missing-relation", "hidden-relation")


class Service:
    """It and its SOPs: one that heals, and those whose checks are refused."""

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
        pods = team.read("v1", "pods?labelSelector=app%3Dworker")
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
        spec = sop(
            mode="Enforce", checks=[leader()], rows=(row,), connections=[database_of("good")]
        )
        self.team.apply(spec, "healthy")

    def apply_failing(self) -> None:
        """Apply an SOP of which every check fails, for every kind of finding."""
        two_leaders = leader("one-leader", workers=["v"], forMany="1s")
        # A long window: under load a short one would be over before anybody has looked.
        quiet = logs(within="5m")
        spec = sop(
            checks=[rows(), quiet, two_leaders],
            targets=[target("worker")],
            connections=[database_of("good")],
        )
        self.team.apply(spec, "failing")

    def apply_without_connection(self) -> None:
        """Apply an SOP whose checks each have a Secret of their own that does not do."""
        connections = [database_of(name, name) for name in NO_CONNECTION]
        checks = [rows(name, connection=name) | _PATIENT for name in NO_CONNECTION]
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
        spec = sop(checks=checks, connections=[database_of("good")], blindFor="1s")
        self.team.apply(spec, "no-answer")


# A name server may take its time, and two connections are shared by all checks.
_PATIENT: Json = {"timeout": "8s"}


def database_of(secret: str, name: str = "database") -> Json:
    return {"name": name, "postgres": {"secretRef": {"name": secret}, "tls": "Disable"}}
