"""A real PgBouncer between us and the database, in each of its pool modes.

It refuses what it does not know among the parameters that a session begins with, which is its
default: that it answers says that we send none of these. In front of PostgreSQL 13, which demands
TLS, it demands that too.
"""

import contextlib
from collections.abc import AsyncIterator

import pytest

from integration.pooled import client, lead, through_pgbouncer
from integration.reader import ENCRYPTED, Reader, new_reader
from integration.relay import relaying
from polling import until
from servicesop.api.reasons import UnknownReason
from servicesop.sources.errors import SourceError
from testbed import PoolMode, Postgres, Run, Version

# Its message: a letter, the length, an empty name, the text.
DISCARD = b"P\0\0\0\x13\0DISCARD ALL\0"
ADVISORY = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"


@pytest.fixture
def reader(postgres: Postgres) -> Reader:
    return new_reader(postgres)


@pytest.mark.parametrize("mode", ["session", "transaction"])
async def test_pools_by_session_and_by_transaction_answer(
    run: Run, reader: Reader, mode: PoolMode
) -> None:
    with through_pgbouncer(run, reader, mode):
        for number in range(3):
            assert await reader.ask("SELECT $1::int + 1", number) == [(number + 1,)]
        refused = await reader.refused("SELECT * FROM missing")
        assert refused.reason is UnknownReason.QUERY_REFUSED
        assert await reader.ask("SELECT 'on'") == [("on",)]
        read_only = await reader.ask("SELECT current_setting('transaction_read_only')")
        assert read_only == [("on",)]
        assert await reader.ask(ENCRYPTED) == [(reader.server.certificate is not None,)]


async def test_a_pool_by_statement_is_refused_with_what_to_do(run: Run, reader: Reader) -> None:
    with through_pgbouncer(run, reader, "statement"):
        refused = await reader.refused()
        assert refused.reason is UnknownReason.INVALID_CONNECTION
        assert "pool_mode transaction or session" in refused.message
        assert 'Secret "orders-db"' in refused.message


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ("password", UnknownReason.AUTHENTICATION_FAILED),
        ("user", UnknownReason.AUTHENTICATION_FAILED),
        ("database", UnknownReason.INVALID_CONNECTION),
    ],
)
async def test_what_it_refuses_is_told_as_what_the_database_refuses(
    run: Run, reader: Reader, key: str, reason: UnknownReason
) -> None:
    reader.secret[key] = b"canary_other"
    with through_pgbouncer(run, reader, "transaction"):
        refused = await reader.refused()
    assert refused.reason is reason
    assert "canary" not in refused.message


async def test_no_room_for_one_more_client_is_a_busy_source(run: Run, reader: Reader) -> None:
    with through_pgbouncer(run, reader, "transaction", max_client_conn="1") as bouncer:
        async with await client(reader, bouncer) as other:
            await other.execute("SELECT 1")
            refused = await reader.refused(seconds=2.0)
    assert refused.reason is UnknownReason.SOURCE_BUSY


async def test_a_pool_whose_connections_are_all_held_is_a_busy_source(
    run: Run, reader: Reader
) -> None:
    size = {"default_pool_size": "1", "query_wait_timeout": "1"}
    with through_pgbouncer(run, reader, "transaction", **size) as bouncer:
        async with await client(reader, bouncer) as other, other.transaction():
            await other.execute("SELECT 1")
            refused = await reader.refused(seconds=10.0)
    assert refused.reason is UnknownReason.SOURCE_BUSY
    assert "pool" in refused.message


# Encrypted, one cannot tell where the last of what we send begins.
@pytest.mark.parametrize(
    "postgres",
    [Version.V18, pytest.param(Version.V16, marks=pytest.mark.databases)],
    indirect=True,
)
@pytest.mark.parametrize("column", ["", ", 1 / (random() * 0)::int"])
async def test_a_lock_does_not_stay_in_a_session_that_somebody_else_gets(
    run: Run, reader: Reader, column: str
) -> None:
    """The last of what we send comes late, and somebody else is faster."""
    with through_pgbouncer(run, reader, "transaction", default_pool_size="1") as bouncer:
        async with relaying(bouncer.port) as relay, await client(reader, bouncer) as other:
            lead(reader, relay.port)
            await reader.ask("SELECT 1")

            async def overtaken(chunk: bytes) -> AsyncIterator[bytes]:
                first, last, rest = chunk.partition(DISCARD)
                if first:
                    yield first
                if last:
                    # Waits until PgBouncer has no more use for the session.
                    await other.execute("BEGIN")
                    yield last + rest

            relay.pieces = overtaken
            with contextlib.suppress(SourceError):
                await reader.ask(f"SELECT pg_advisory_lock(7){column}", seconds=2.0)
            assert reader.do(ADVISORY) == [(0,)]
            ((state,),) = reader.do(
                "SELECT state FROM pg_stat_activity WHERE usename = %s", reader.user
            )
            assert state == "idle in transaction"
            await other.execute("ROLLBACK")
            reader.databases.close()


async def test_limits_hold_in_a_session_that_somebody_else_has_set_up(
    run: Run, reader: Reader
) -> None:
    with through_pgbouncer(run, reader, "transaction", default_pool_size="1") as bouncer:
        async with await client(reader, bouncer) as other:
            await other.execute("SET statement_timeout = 0")
            await other.execute("SET default_transaction_read_only = off")
            told = "SELECT current_setting('statement_timeout') <> '0'"
            assert await reader.ask(f"{told}, current_setting('transaction_read_only')") == [
                (True, "on")
            ]
            await other.execute("SET statement_timeout = 0")
            refused = await reader.refused("SELECT pg_sleep(60)", seconds=0.6)
            assert refused.reason is UnknownReason.TIMED_OUT
            await until(lambda: active(reader) == 0)


def active(reader: Reader) -> object:
    """Count what goes on in the server for the role."""
    ((count,),) = reader.do(
        "SELECT count(*) FROM pg_stat_activity WHERE usename = %s AND state <> 'idle'", reader.user
    )
    return count
