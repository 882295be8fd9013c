"""A database with a role that may only read, and the operator's way to it."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from psycopg import sql

from servicesop.api.sop import Connection
from servicesop.checks.runner import Surroundings
from servicesop.sources.dial import DialGuard
from servicesop.sources.errors import SourceError
from servicesop.sources.postgres.pool import Databases, PooledDatabase
from surroundings import NOBODY
from testbed import Postgres

NAMESPACE = "shop"
SECRET = "orders-db"
PASSWORD = "canary-password @:/%'\"\\ ü"

ENCRYPTED = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
"""Whether the session uses TLS; behind a pool, the pool's own session with the server."""

_NUMBERS = itertools.count(1)


class FakeClock:
    """Monotonic seconds that only a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Reader:
    """A database of its own, and a role with the right to connect and nothing else."""

    server: Postgres
    database: str
    user: str
    secret: dict[str, bytes]
    way: dict[str, object]
    """What the connection says besides the Secret's name."""
    clock: FakeClock = field(default_factory=FakeClock)
    secret_failure: SourceError | None = None

    def __post_init__(self) -> None:
        guard = DialGuard(frozenset({("127.0.0.1", self.server.port)}))
        self.databases = Databases(guard, self._read_secret, self.clock)

    async def _read_secret(self, namespace: str, name: str) -> Mapping[str, bytes]:
        assert (namespace, name) == (NAMESPACE, SECRET)
        if self.secret_failure is not None:
            raise self.secret_failure
        return self.secret

    @property
    def connection(self) -> Connection:
        return Connection.model_validate(
            {"name": "database", "postgres": {"secretRef": {"name": SECRET}} | self.way}
        )

    @property
    def source(self) -> PooledDatabase:
        return self.databases.for_sop(NAMESPACE)(self.connection)

    @property
    def surroundings(self) -> Surroundings:
        return replace(
            NOBODY,
            namespace=NAMESPACE,
            database=self.databases.for_sop(NAMESPACE),
            connections={"database": self.connection},
        )

    async def ask(
        self, text: str, *parameters: object, seconds: float = 5.0, rows: int = 10
    ) -> list[tuple[object, ...]]:
        return await self.source.query(text, parameters, timeout=seconds, max_rows=rows)

    async def refused(self, text: str = "SELECT 1", *, seconds: float = 5.0) -> SourceError:
        try:
            answer = await self.ask(text, seconds=seconds)
        except SourceError as failure:
            return failure
        raise AssertionError(f"no SourceError, but {len(answer)} rows")

    def do(self, statement: str, *parameters: object) -> list[tuple[object, ...]]:
        """Run a statement as superuser, committed."""
        return self.server.execute(statement, *parameters, database=self.database)

    def sessions(self) -> int:
        """Count the server's sessions of the role."""
        ((count,),) = self.server.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE usename = %s", self.user
        )
        assert isinstance(count, int)
        return count


def new_reader(server: Postgres, password: str = PASSWORD) -> Reader:
    """Create the database and the role."""
    number = next(_NUMBERS)
    database, user = f"canary_database_{number}", f"canary_user_{number}"
    server.create_database(database)
    create = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(
        sql.Identifier(user), sql.Literal(password)
    )
    server.execute(create.as_string())
    secret = {
        "host": b"127.0.0.1",
        "port": str(server.port).encode(),
        "database": database.encode(),
        "user": user.encode(),
        "password": password.encode(),
    }
    if server.certificate is None:
        return Reader(server, database, user, secret, {"tls": "Disable"})
    secret["ca"] = server.certificate.authority.encode()
    return Reader(server, database, user, secret, {"keys": {"ca": "ca"}})
