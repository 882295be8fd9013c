"""SQL that does harm through a plain connection, by a role that owns the tables, and none here."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
import yaml
from psycopg import sql

from integration.reader import PASSWORD, Reader, new_reader
from polling import until
from servicesop.sources.errors import SourceError
from servicesop.sources.postgres.exchange import exchange
from testbed import Postgres, Version

CORPORA = Path(__file__).parents[1] / "corpora"
FAMILIES: Mapping[str, list[str]] = yaml.safe_load((CORPORA / "hostile_sql.yaml").read_text())[
    "families"
]
TABLES = (CORPORA / "hostile_sql_tables.sql").read_text()
LIMIT = 0.6
"""Seconds that a query has here."""
PATIENCE = 1.0
"""Seconds after which a query runs on, in a plain connection."""
HARMFUL_SHARE = 0.6

# All that is stored in the database and is not just statistics.
CONTENT = """
SELECT (SELECT array_agg(o::text ORDER BY o::text) FROM public.orders AS o)::text,
       (SELECT array_agg(j::text ORDER BY j::text) FROM public.jobs AS j)::text,
       (SELECT (last_value, is_called)::text FROM public.numbers),
       (SELECT array_agg(l::text ORDER BY l::text) FROM pg_largeobject AS l)::text,
       (SELECT array_agg(l::text ORDER BY l::text) FROM pg_largeobject_metadata AS l)::text,
       (SELECT array_agg((oid, relname, relnamespace, relowner, relkind, relacl, reloptions,
                          relrowsecurity)::text ORDER BY oid) FROM pg_class)::text,
       (SELECT array_agg((attrelid, attname, attnum, attacl, attisdropped)::text
                         ORDER BY attrelid, attnum) FROM pg_attribute)::text,
       (SELECT array_agg(p::text ORDER BY oid) FROM pg_proc AS p)::text,
       (SELECT array_agg((oid, typname)::text ORDER BY oid) FROM pg_type)::text,
       (SELECT array_agg(n::text ORDER BY oid) FROM pg_namespace AS n)::text,
       (SELECT array_agg(c::text ORDER BY oid) FROM pg_constraint AS c)::text,
       (SELECT array_agg(t::text ORDER BY oid) FROM pg_trigger AS t)::text,
       (SELECT array_agg((oid, rulename, ev_class)::text ORDER BY oid) FROM pg_rewrite)::text,
       (SELECT array_agg(p::text ORDER BY oid) FROM pg_policy AS p)::text,
       (SELECT array_agg(a::text ORDER BY oid) FROM pg_attrdef AS a)::text,
       (SELECT array_agg(a::text ORDER BY oid) FROM pg_default_acl AS a)::text,
       (SELECT array_agg(d::text ORDER BY d::text) FROM pg_description AS d)::text,
       (SELECT array_agg(s::text ORDER BY s::text) FROM pg_db_role_setting AS s)::text,
       (SELECT array_agg(a::text ORDER BY oid) FROM pg_authid AS a)::text
"""
# A virtual transaction holds itself; everything else is in somebody's way.
LOCKS = """
SELECT count(*) FROM pg_locks AS l JOIN pg_stat_activity AS a USING (pid)
WHERE a.usename = %s AND a.application_name <> 'victim' AND l.locktype <> 'virtualxid'
  AND l.mode <> 'AccessShareLock'
"""


@dataclass
class World:
    """A database, and a role that owns what is in it."""

    reader: Reader

    @classmethod
    def of(cls, server: Postgres) -> "World":
        world = cls(new_reader(server))
        world.fill()
        return world

    def fill(self) -> None:
        user, database = self.reader.user, self.reader.database
        self.reader.do(f"GRANT ALL ON DATABASE {database} TO {user}")
        self.reader.do(f"GRANT ALL ON SCHEMA public TO {user}")
        self.reader.do(f"SET SESSION AUTHORIZATION {user};\n{TABLES}")

    def renew(self) -> None:
        """Put everything back to what it was."""
        user = sql.Identifier(self.reader.user)
        for statement in (
            sql.SQL("DROP OWNED BY {} CASCADE").format(user),
            sql.SQL("ALTER ROLE {} RESET ALL").format(user),
            sql.SQL("ALTER ROLE {} PASSWORD {}").format(user, sql.Literal(PASSWORD)),
        ):
            self.reader.do(statement.as_string())
        self.fill()

    def content(self) -> object:
        """Give all that could be written."""
        try:
            return self.reader.do(CONTENT)
        except psycopg.Error as error:
            return type(error)

    def locks(self) -> object:
        ((count,),) = self.reader.do(LOCKS, self.reader.user)
        return count

    async def plain(self, name: str = "plain") -> psycopg.AsyncConnection[tuple[object, ...]]:
        dsn = self.reader.server.superuser_dsn
        return await psycopg.AsyncConnection.connect(
            host=dsn["host"],
            port=dsn["port"],
            dbname=self.reader.database,
            user=self.reader.user,
            password=PASSWORD,
            application_name=name,
            autocommit=True,
        )


async def harm(
    world: World,
    text: str,
    before: object,
    victim: psycopg.AsyncConnection[tuple[object, ...]],
    listener: psycopg.Connection[tuple[object, ...]],
) -> str | None:
    """Run it in a plain connection; say what it did."""
    connection = await world.plain()
    pid = connection.info.backend_pid
    asking = asyncio.create_task(connection.execute(text.encode()))
    try:
        _, runs = await asyncio.wait([asking], timeout=PATIENCE)
        if world.locks():
            return "locks"
        if runs:
            return "runs on"
        if not await alive(victim):
            return "signals"
        if list(listener.notifies(timeout=0, stop_after=1)):
            return "notifies"
        await connection.close()
        return "writes" if world.content() != before else None
    finally:
        world.reader.do("SELECT pg_terminate_backend(%s)", pid)
        await asyncio.gather(asking, return_exceptions=True)
        await connection.close()


async def alive(victim: psycopg.AsyncConnection[tuple[object, ...]]) -> bool:
    try:
        await victim.execute("SELECT 1")
    except psycopg.Error:
        return False
    return True


async def fresh(world: World) -> None:
    """Each query has a new connection."""
    world.reader.databases.close()


async def reused(world: World) -> None:
    """Each query has the connection of the one before, after its DISCARD ALL."""


async def dirtied(world: World) -> None:
    """A proxy hands on a session that another client has set up for itself."""
    for pool in world.reader.databases._pools.values():
        for kept in pool._idle:
            pgconn = kept.session._pgconn
            for setting in SETTINGS:
                pgconn.send_query_params(f"SET {setting}".encode(), None)
                pgconn.pipeline_sync()
            await exchange(pgconn, len(SETTINGS))


SETTINGS = (
    "default_transaction_read_only = off",
    "default_transaction_isolation = 'read committed'",
    "statement_timeout = 0",
    "lock_timeout = 0",
    "idle_in_transaction_session_timeout = 0",
    "search_path = public, pg_catalog",
    "standard_conforming_strings = off",
    "session_replication_role = DEFAULT",
    "work_mem = '64MB'",
)
PREPARATIONS: Mapping[str, Callable[[World], Awaitable[None]]] = {
    "fresh": fresh,
    "reused": reused,
    "dirtied": dirtied,
    "role": reused,
}


def test_the_corpus_is_as_large_as_it_says() -> None:
    texts = [text for family in FAMILIES.values() for text in family]
    assert len(FAMILIES) >= 20
    assert len(set(texts)) == len(texts) >= 200


@pytest.mark.hostile
async def test_most_of_it_does_harm_through_a_plain_connection(postgres: Postgres) -> None:
    world = World.of(postgres)
    done: dict[str, str | None] = {}
    before = world.content()
    victim = await world.plain("victim")
    dsn = postgres.superuser_dsn | {"dbname": world.reader.database}
    with psycopg.connect(**dsn, autocommit=True) as listener:
        listener.execute("LISTEN canary")
        for text in (text for family in FAMILIES.values() for text in family):
            done[text] = await harm(world, text, before, victim, listener)
            if done[text] == "signals":
                await victim.close()
                victim = await world.plain("victim")
            if done[text] is not None:
                list(listener.notifies(timeout=0))
                world.renew()
                before = world.content()
    await victim.close()
    kinds = [kind for kind in done.values() if kind is not None]
    print(
        f"PostgreSQL {postgres.version}: {len(kinds)} of {len(done)} do harm:",
        {kind: kinds.count(kind) for kind in sorted(set(kinds))},
    )
    assert len(kinds) >= HARMFUL_SHARE * len(done)
    assert set(kinds) >= {"writes", "locks", "runs on", "signals", "notifies"}


@pytest.mark.hostile
@pytest.mark.parametrize("way", PREPARATIONS)
async def test_through_ours_nothing_is_written_or_left_locked_and_all_ends(
    postgres: Postgres, way: str
) -> None:
    world = World.of(postgres)
    reader = world.reader
    if way == "role":
        for setting in SETTINGS:
            if not setting.startswith("session_replication_role"):
                reader.do(f"ALTER ROLE {reader.user} SET {setting}")
    before = world.content()
    assert isinstance(before, list)
    await reader.ask("SELECT 1")
    for name, family in FAMILIES.items():
        for text in family:
            await PREPARATIONS[way](world)
            begun = time.monotonic()
            with contextlib.suppress(SourceError):
                await reader.ask(text, seconds=LIMIT)
            assert time.monotonic() - begun < LIMIT + 2.0, text
            # What was closed ends in the server a moment later; what is kept holds nothing.
            if postgres.version is Version.V13 and "stubborn" in text:
                # It catches its own end, and this version does not look whether anybody is there.
                reader.do(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s",
                    reader.user,
                )
            await until(lambda: world.locks() == 0)
        assert world.content() == before, name
    # Nothing of it goes on in the server.
    reader.databases.close()
    await until(lambda: reader.sessions() == 0)
