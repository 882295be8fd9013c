"""The connections to one database, shared by all SOPs that use its Secret."""

import asyncio
import dataclasses
import time
from datetime import datetime

import pytest

from integration.reader import NAMESPACE, Reader
from polling import until
from servicesop.api.reasons import UnknownReason
from servicesop.sources.errors import SourceError
from servicesop.sources.postgres.pool import MAX_AGE, SECRET_AGE, PooledDatabase
from testbed import Postgres


def sop(reader: Reader) -> PooledDatabase:
    """Give the database as one more SOP has it."""
    return reader.databases.for_sop(NAMESPACE)(reader.connection)


async def begins(source: PooledDatabase, seconds: float) -> datetime:
    """Ask something that takes `seconds`; give when it began."""
    ((begun, _),) = await source.query(
        "SELECT clock_timestamp(), pg_sleep($1)", (seconds,), timeout=20.0, max_rows=1
    )
    assert isinstance(begun, datetime)
    return begun


async def fails(source: PooledDatabase, text: str, seconds: float) -> SourceError:
    with pytest.raises(SourceError) as caught:
        await source.query(text, timeout=seconds, max_rows=1)
    return caught.value


async def pids(reader: Reader) -> set[object]:
    asking = [reader.ask("SELECT pg_backend_pid(), pg_sleep(0.2)") for _ in range(2)]
    return {pid for ((pid, _),) in await asyncio.gather(*asking)}


async def test_an_sop_that_asks_much_delays_itself_and_not_the_others(reader: Reader) -> None:
    greedy = sop(reader)
    many = [asyncio.create_task(begins(greedy, 0.2)) for _ in range(16)]
    await until(lambda: reader.sessions() == 2)
    ((asked,),) = reader.do("SELECT clock_timestamp()")
    assert isinstance(asked, datetime)
    others = [asyncio.create_task(begins(sop(reader), 0.2)) for _ in range(2)]
    last = max(await asyncio.gather(*others))
    # One turn may lie between those of the others, and some before they came; in one queue for all
    # twelve and more would have been before them.
    assert sum(asked < one < last for one in await asyncio.gather(*many)) <= 5


async def test_a_query_at_its_limit_delays_others_by_that_limit_at_most(reader: Reader) -> None:
    limit = 1.5
    slow = sop(reader)
    many = [asyncio.create_task(fails(slow, "SELECT pg_sleep(60)", limit)) for _ in range(6)]
    await until(lambda: reader.sessions() == 2)
    waited = []
    for _ in range(3):
        asked = time.monotonic()
        assert await sop(reader).query("SELECT 1", timeout=10.0, max_rows=1) == [(1,)]
        waited.append(time.monotonic() - asked)
    # And what a connection and the query itself take.
    assert max(waited) < limit + 1.0
    reasons = [failure.reason for failure in await asyncio.gather(*many)]
    # What waited for its own SOP was not asked, and says so.
    assert reasons[:2] == [UnknownReason.TIMED_OUT] * 2
    assert set(reasons[2:]) == {UnknownReason.SOURCE_BUSY}


async def test_what_waited_for_most_of_its_time_and_then_ran_out_of_it_was_busy(
    reader: Reader,
) -> None:
    holding = [asyncio.create_task(begins(sop(reader), 2.0)) for _ in range(2)]
    await until(lambda: reader.sessions() == 2)
    failure = await fails(sop(reader), "SELECT pg_sleep(60)", 2.5)
    assert failure.reason is UnknownReason.SOURCE_BUSY
    assert failure.message == (
        'Secret "orders-db": other checks of this database held its two connections for most of '
        "the check's timeout; make them faster or less frequent"
    )
    await asyncio.gather(*holding)


async def test_a_connection_limit_of_two_is_enough(reader: Reader) -> None:
    reader.do(f"ALTER ROLE {reader.user} CONNECTION LIMIT 2")
    for _ in range(5):
        rows = await asyncio.gather(*(reader.ask("SELECT 1") for _ in range(6)))
        assert rows == [[(1,)]] * 6
        # All connections are replaced, while the server may still count the old ones.
        reader.clock.now += MAX_AGE
        await fails(reader.source, "SELECT 1 / 0", 5.0)
    assert reader.sessions() <= 2


async def test_limits_that_the_role_was_given_do_not_replace_ours(reader: Reader) -> None:
    for setting in ("statement_timeout = '50ms'", "lock_timeout = 0"):
        reader.do(f"ALTER ROLE {reader.user} SET {setting}")
    assert len(await pids(reader)) == 2
    assert await reader.ask("SELECT current_setting('lock_timeout')") == [("500ms",)]
    reader.do(f"ALTER ROLE {reader.user} SET statement_timeout = 0")
    reader.databases.close()
    failure = await reader.refused("SELECT pg_sleep(60)", seconds=0.5)
    assert failure.reason is UnknownReason.TIMED_OUT
    await until(lambda: reader.sessions() == 0)


async def test_after_a_restart_of_the_server_both_connections_are_new(
    reader: Reader, postgres: Postgres
) -> None:
    before = await pids(reader)
    postgres.shutdown("immediate")
    postgres.start()
    after = await pids(reader)
    assert len(before) == len(after) == 2
    assert not before & after


async def test_connections_opened_in_another_way_make_room(reader: Reader) -> None:
    await pids(reader)
    other = dataclasses.replace(reader, way=reader.way | {"allowPrivilegedRole": True})
    source = reader.databases.for_sop(NAMESPACE)(other.connection)
    for _ in range(3):
        assert await source.query("SELECT 1", timeout=5.0, max_rows=1) == [(1,)]
        assert await reader.ask("SELECT 1") == [(1,)]
        await until(lambda: reader.sessions() <= 2)


async def test_a_changed_secret_drops_the_old_connections(reader: Reader) -> None:
    before = await pids(reader)
    reader.secret = reader.secret | {"password": b"canary-other"}
    reader.do(f"ALTER ROLE {reader.user} PASSWORD 'canary-other'")
    assert await pids(reader) == before
    reader.clock.now += SECRET_AGE
    # Those who ask do not wait for it.
    assert await pids(reader) == before
    await until(lambda: reader.sessions() == 0)
    after = await pids(reader)
    assert not before & after


async def test_an_unchanged_secret_keeps_them(reader: Reader) -> None:
    before = await pids(reader)
    for _ in range(3):
        reader.clock.now += SECRET_AGE
        assert await pids(reader) == before


async def test_a_password_that_changed_in_the_server_too_is_read_before_it_is_told(
    reader: Reader,
) -> None:
    await reader.ask("SELECT 1")
    reader.secret = reader.secret | {"password": b"canary-other"}
    reader.do(f"ALTER ROLE {reader.user} PASSWORD 'canary-other'")
    reader.do(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s", reader.user
    )
    assert await reader.ask("SELECT 1") == [(1,)]


async def test_without_the_api_server_what_is_known_goes_on(reader: Reader) -> None:
    before = await pids(reader)
    reader.secret_failure = SourceError(UnknownReason.API_UNAVAILABLE, "away")
    for _ in range(3):
        reader.clock.now += SECRET_AGE
        assert await pids(reader) == before


async def test_a_right_that_was_taken_away_ends_the_connections(reader: Reader) -> None:
    await pids(reader)
    reader.secret_failure = SourceError(UnknownReason.ACCESS_DENIED, "no longer")
    reader.clock.now += SECRET_AGE
    await reader.ask("SELECT 1")
    await until(lambda: reader.sessions() == 0)
    assert (await reader.refused()).reason is UnknownReason.ACCESS_DENIED


async def test_a_secret_that_is_not_given_in_time_is_asked_for_again(reader: Reader) -> None:
    await reader.ask("SELECT 1")
    released = asyncio.Event()
    read = reader._read_secret

    async def hang(namespace: str, name: str) -> dict[str, bytes]:
        await released.wait()
        return dict(await read(namespace, name))

    reader.databases._read_secret = hang
    reader.clock.now += SECRET_AGE
    begun = time.monotonic()
    assert await reader.ask("SELECT 1") == [(1,)]
    assert time.monotonic() - begun < 1.0
    released.set()
    assert await reader.ask("SELECT 1") == [(1,)]
