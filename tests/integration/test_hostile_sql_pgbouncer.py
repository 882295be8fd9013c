"""Hostile SQL through a real PgBouncer: the session that we get is one that others have used."""

import contextlib
from collections.abc import Callable

import psycopg
import pytest

from integration.hostile_sql import FAMILIES, SETTINGS, ask_everything, world_of
from integration.pooled import client, through_pgbouncer
from integration.reader import new_reader
from polling import until
from servicesop.api.reasons import UnknownReason
from testbed import PoolMode, Postgres, Run, Version

ENTRIES = sum(map(len, FAMILIES.values()))
ONE = {"default_pool_size": "1"}
"""One session for all: what we get is what the client before us has left."""

pytestmark = pytest.mark.hostile


@pytest.mark.parametrize(
    ("mode", "settings"),
    [
        pytest.param("session", {}, id="session"),
        pytest.param("session", {"server_reset_query": ""}, id="session, never reset"),
        pytest.param("transaction", {}, id="transaction"),
        pytest.param(
            "transaction", {"server_reset_query_always": "1"}, id="transaction, always reset"
        ),
    ],
)
async def test_nothing_is_written_or_left_locked_and_all_ends(
    run: Run,
    postgres_of: Callable[[Version], Postgres],
    mode: PoolMode,
    settings: dict[str, str],
) -> None:
    reader = new_reader(postgres_of(Version.V18))
    with world_of(reader) as world:
        with through_pgbouncer(run, reader, mode, **ONE, **settings) as bouncer:

            async def dirtied() -> None:
                # By session, the one session is ours as long as we keep our connection.
                reader.databases.close()
                async with await client(reader, bouncer, "other") as other:
                    for setting in SETTINGS:
                        # One of them is not for everybody, in any session.
                        with contextlib.suppress(psycopg.errors.InsufficientPrivilege):
                            await other.execute(f"SET {setting}".encode())

            reasons = await ask_everything(world, dirtied)
        print(mode, settings, dict(reasons))
        # The texts did reach the database, but for a few that end the session or wait for one.
        answered = ENTRIES - reasons[UnknownReason.UNREACHABLE] - reasons[UnknownReason.SOURCE_BUSY]
        assert answered > 0.9 * ENTRIES
        assert reasons[UnknownReason.QUERY_REFUSED] > 0.6 * ENTRIES
        await until(lambda: reader.sessions() == 0)


async def test_by_statement_nothing_is_either(
    run: Run, postgres_of: Callable[[Version], Postgres]
) -> None:
    reader = new_reader(postgres_of(Version.V18))
    # Whether the role may do too much is asked first, and would be refused before the text.
    reader.way["allowPrivilegedRole"] = True
    with world_of(reader) as world:
        with through_pgbouncer(run, reader, "statement"):

            async def nothing() -> None:
                """Leave it as it is."""

            reasons = await ask_everything(world, nothing)
        print("statement", dict(reasons))
        # None is answered. PgBouncer ends the session at the first statement, and what PostgreSQL
        # has said of the text may come before that or not.
        assert reasons.total() == ENTRIES
        assert reasons.most_common(1)[0][0] is UnknownReason.INVALID_CONNECTION
        await until(lambda: reader.sessions() == 0)
