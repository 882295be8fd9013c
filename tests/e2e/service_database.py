"""The database of a service under watch, and the operator's login to it."""

import itertools

from testbed import Postgres
from testbed.team import Team

_NUMBERS = itertools.count(1)


class ServiceDatabase:
    """A database of its own with the tables `leases` and `jobs`, and a role that may only read."""

    def __init__(self, postgres: Postgres) -> None:
        number = next(_NUMBERS)
        self.server = postgres
        self.name = f"service_{number}"
        self.role = f"watcher_{number}"
        postgres.create_database(self.name)
        self.do("CREATE TABLE leases (lease_type text, leader text, expires timestamptz)")
        self.do(
            "CREATE TABLE jobs (id text PRIMARY KEY, status text, updated_at timestamptz,"
            " deleted_at timestamptz)"
        )
        self.do(f"CREATE ROLE {self.role} LOGIN PASSWORD 'watcher'")
        self.do(f"GRANT SELECT ON leases, jobs TO {self.role}")
        self.lead()

    def do(self, statement: str) -> list[tuple[object, ...]]:
        """Run one statement as superuser."""
        return self.server.execute(statement, database=self.name)

    def lead(self) -> None:
        """Give the worker `w` a leader for good."""
        self.do("INSERT INTO leases VALUES ('w', 'pod', now() + '1 day'::interval)")

    def lose_leader(self) -> None:
        self.do("DELETE FROM leases")

    def reads(self, table: str) -> int:
        """Count the reads of a table, by the server's own statistics (a second late)."""
        [(count,)] = self.do(
            "SELECT coalesce(seq_scan, 0) + coalesce(idx_scan, 0) FROM pg_stat_user_tables"
            f" WHERE relname = '{table}'"
        )
        assert isinstance(count, int)
        return count

    def login(self, **changes: str) -> dict[str, str]:
        """Give the content of a Secret with the operator's login."""
        return {
            "host": "127.0.0.1",
            "port": str(self.server.port),
            "database": self.name,
            "user": self.role,
            "password": "watcher",
        } | changes

    def give_login(self, team: Team) -> None:
        """Put the login into the Secret `db` of the team's namespace."""
        team.secret("db", **self.login())
