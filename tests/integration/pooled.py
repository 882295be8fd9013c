"""A PgBouncer in front of a reader's database, and the operator's way through it."""

import contextlib
from collections.abc import Iterator

import psycopg

from integration.reader import PASSWORD, Reader
from servicesop.sources.dial import DialGuard
from servicesop.sources.postgres.pool import Databases
from testbed import PgBouncer, PoolMode, Run


@contextlib.contextmanager
def through_pgbouncer(
    run: Run, reader: Reader, pool_mode: PoolMode, **settings: str
) -> Iterator[PgBouncer]:
    """Let the reader ask through a PgBouncer as long as the context lasts."""
    with PgBouncer(run, reader.server, {reader.user: PASSWORD}, pool_mode, **settings) as bouncer:
        lead(reader, bouncer.port)
        yield bouncer
        reader.databases.close()


def lead(reader: Reader, port: int) -> None:
    """Let the reader's Secret name this port, and forget what was open."""
    reader.databases.close()
    reader.secret["port"] = str(port).encode()
    guard = DialGuard(frozenset({("127.0.0.1", port)}))
    reader.databases = Databases(guard, reader._read_secret, reader.clock)


async def client(
    reader: Reader, bouncer: PgBouncer, application_name: str = "plain"
) -> psycopg.AsyncConnection[tuple[object, ...]]:
    """Connect through PgBouncer as anybody does who is not the operator."""
    return await psycopg.AsyncConnection.connect(
        host="127.0.0.1",
        port=bouncer.port,
        dbname=reader.database,
        user=reader.user,
        password=PASSWORD,
        application_name=application_name,
        autocommit=True,
        prepare_threshold=None,
    )
