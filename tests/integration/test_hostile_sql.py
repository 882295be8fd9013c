"""SQL that does harm through a plain connection, by a role that owns the tables, and none here."""

import asyncio
from collections.abc import Callable, Iterator

import psycopg
import pytest

from integration.hostile_sql import (
    FAMILIES,
    LIMIT,
    SETTINGS,
    Prepare,
    World,
    ask_everything,
    world_of,
)
from integration.reader import PASSWORD, new_reader
from polling import until
from servicesop.sources.postgres.exchange import exchange
from testbed import Postgres

PATIENCE = LIMIT
"""Seconds after which a query runs on, in a plain connection: through ours it has ended then."""
HARMFUL_SHARE = 0.6


@pytest.fixture
def world(postgres: Postgres) -> Iterator[World]:
    with world_of(new_reader(postgres)) as world:
        yield world


async def plain(world: World, name: str = "plain") -> psycopg.AsyncConnection[tuple[object, ...]]:
    dsn = world.reader.server.superuser_dsn
    return await psycopg.AsyncConnection.connect(
        host=dsn["host"],
        port=dsn["port"],
        dbname=world.reader.database,
        user=world.reader.user,
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
    connection = await plain(world)
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
        world.do("SELECT pg_terminate_backend(%s)", pid)
        await asyncio.gather(asking, return_exceptions=True)
        await connection.close()


async def alive(victim: psycopg.AsyncConnection[tuple[object, ...]]) -> bool:
    try:
        await victim.execute("SELECT 1")
    except psycopg.Error:
        return False
    return True


def fresh(world: World) -> Prepare:
    """Each query has a new connection."""

    async def prepare() -> None:
        world.reader.databases.close()

    return prepare


def reused(world: World) -> Prepare:
    """Each query has the connection of the one before, after its DISCARD ALL."""

    async def prepare() -> None:
        """Leave it as it is."""

    return prepare


def dirtied(world: World) -> Prepare:
    """A proxy hands on a session that another client has set up for itself."""

    async def prepare() -> None:
        for pool in world.reader.databases._pools.values():
            for kept in pool._idle:
                pgconn = kept.session._pgconn
                for setting in SETTINGS:
                    pgconn.send_query_params(f"SET {setting}".encode(), None)
                    pgconn.pipeline_sync()
                await exchange(pgconn, len(SETTINGS))

    return prepare


def role(world: World) -> Prepare:
    """The role's own settings are as bad."""
    for setting in SETTINGS:
        if not setting.startswith("session_replication_role"):
            world.do(f"ALTER ROLE {world.reader.user} SET {setting}")
    return reused(world)


def test_the_corpus_is_as_large_as_it_says() -> None:
    texts = [text for family in FAMILIES.values() for text in family]
    assert len(FAMILIES) >= 20
    assert len(set(texts)) == len(texts) >= 200


@pytest.mark.hostile
async def test_most_of_it_does_harm_through_a_plain_connection(world: World) -> None:
    done: dict[str, str | None] = {}
    before = world.content()
    victim = await plain(world, "victim")
    dsn = world.reader.server.superuser_dsn | {"dbname": world.reader.database}
    with psycopg.connect(**dsn, autocommit=True) as listener:
        listener.execute("LISTEN canary")
        for text in (text for family in FAMILIES.values() for text in family):
            done[text] = await harm(world, text, before, victim, listener)
            if done[text] == "signals":
                await victim.close()
                victim = await plain(world, "victim")
            if done[text] is not None:
                list(listener.notifies(timeout=0))
                world.renew()
                before = world.content()
    await victim.close()
    kinds = [kind for kind in done.values() if kind is not None]
    print(
        f"PostgreSQL {world.reader.server.version}: {len(kinds)} of {len(done)} do harm:",
        {kind: kinds.count(kind) for kind in sorted(set(kinds))},
    )
    assert len(kinds) >= HARMFUL_SHARE * len(done)
    assert set(kinds) >= {"writes", "locks", "runs on", "signals", "notifies"}


@pytest.mark.hostile
@pytest.mark.parametrize("way", [fresh, reused, dirtied, role])
async def test_through_ours_nothing_is_written_or_left_locked_and_all_ends(
    world: World, way: Callable[[World], Prepare]
) -> None:
    prepare = way(world)
    await world.reader.ask("SELECT 1")
    await ask_everything(world, prepare)
    await until(lambda: world.reader.sessions() == 0)
