"""The PostgreSQL source against a real server: read-only, bounded, and silent about what it saw."""

import asyncio
import gc
import os
import socket
import time
import traceback
from datetime import datetime

import pytest

from integration.reader import Reader
from polling import until
from servicesop.api.reasons import UnknownReason
from servicesop.sources.errors import SourceError
from servicesop.sources.postgres.pool import MAX_AGE, MAX_IDLE
from testbed import Postgres, Version


@pytest.fixture
def reader(reader: Reader) -> Reader:
    reader.do("CREATE TABLE orders (id text PRIMARY KEY, status text, note text)")
    reader.do("INSERT INTO orders VALUES ('o-1', 'accepted', 'canary-note'), ('o-2', 'done', '')")
    reader.do("CREATE TABLE hidden (id text)")
    reader.do("CREATE SEQUENCE numbers")
    reader.do(f"GRANT SELECT ON orders TO {reader.user}")
    # More than a reader should have, so that it is the sequence that prevents the writing.
    reader.do(f"GRANT INSERT, UPDATE, DELETE, TRUNCATE ON orders TO {reader.user}")
    reader.do(f"GRANT ALL ON SEQUENCE numbers TO {reader.user}")
    return reader


def written(reader: Reader) -> tuple[object, ...]:
    """Give what would differ if anything had been written."""
    return (
        reader.do("SELECT * FROM orders ORDER BY id"),
        reader.do("SELECT last_value, is_called FROM numbers"),
        reader.do("SELECT count(*) FROM pg_largeobject_metadata"),
        reader.do("SELECT count(*) FROM pg_class WHERE relname IN ('copied', 'planted')"),
    )


async def test_rows_come_back_with_parameters_of_their_own_types(reader: Reader) -> None:
    rows = await reader.ask(
        "SELECT id, status FROM orders WHERE status = ANY($1::text[]) OR length(id) = $2",
        ["accepted", "'; DROP TABLE orders; --"],
        99,
    )
    assert rows == [("o-1", "accepted")]


async def test_no_more_rows_are_given_than_asked_for(reader: Reader) -> None:
    assert await reader.ask("SELECT * FROM generate_series(1, 10)", rows=3) == [(1,), (2,), (3,)]


async def test_an_answer_beyond_a_mebibyte_is_given_up(reader: Reader) -> None:
    assert len(await reader.ask("SELECT repeat('x', 1000000)")) == 1
    for text in (
        "SELECT repeat('x', 20000000)",
        "SELECT repeat('x', 5000) FROM generate_series(1, 9)",
    ):
        many = text.replace("9)", "10000)")
        with pytest.raises(SourceError) as caught:
            await reader.ask(many, rows=10000)
        assert caught.value.reason is UnknownReason.BAD_ANSWER
        assert "larger than 1 MiB" in caught.value.message
    await until(lambda: reader.sessions() == 0)


async def test_a_fast_server_is_slowed_down_so_that_a_huge_answer_is_noticed_early(
    reader: Reader,
) -> None:
    await reader.ask("SELECT 1")
    (pool,) = reader.databases._pools.values()
    descriptor = pool._idle[0].session._pgconn.socket
    with socket.socket(fileno=os.dup(descriptor)) as wire:
        # Linux doubles what is asked for; without a bound it grows to megabytes.
        assert wire.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) <= 2 * 64 * 1024


WRITING = {
    "SELECT 1; INSERT INTO orders VALUES ('o-3')": "not one single SELECT",
    "SELECT 1; COMMIT; INSERT INTO orders VALUES ('o-3')": "not one single SELECT",
    "SELECT 1; SET TRANSACTION READ WRITE; INSERT INTO orders VALUES ('o-3')": "not one single",
    "INSERT INTO orders VALUES ('o-3')": "not one single SELECT",
    "UPDATE orders SET status = ''": "not one single SELECT",
    "DELETE FROM orders": "not one single SELECT",
    "TRUNCATE orders": "not one single SELECT",
    "CREATE TABLE planted ()": "not one single SELECT",
    "DO $$BEGIN INSERT INTO orders VALUES ('o-3'); END$$": "not one single SELECT",
    "COPY orders TO PROGRAM 'true'": "not one single SELECT",
    "LOCK TABLE orders": "not one single SELECT",
    "NOTIFY canary": "not one single SELECT",
    "SET TRANSACTION READ WRITE": "not one single SELECT",
    "COMMIT": "not one single SELECT",
    "": "not one single SELECT",
    "SELECT * INTO copied FROM orders": "",
    "WITH gone AS (DELETE FROM orders RETURNING *) SELECT * FROM gone": "",
    "SELECT * FROM orders FOR UPDATE": "would write",
    "SELECT nextval('numbers')": "would write",
    "SELECT set_config('transaction_read_only', 'off', true)": "",
    "SELECT * FROM absent": "table that the check names does not exist",
    "SELECT absent FROM orders": "column that the check names does not exist",
    "SELECT * FROM hidden": "no SELECT privilege",
    "SELECT * FROM absent.orders": "does not exist",
    "SELECT status::int FROM orders": "not the type",
}


@pytest.mark.parametrize("text", WRITING)
async def test_what_is_not_one_readable_select_is_refused_and_writes_nothing(
    reader: Reader, text: str
) -> None:
    before = written(reader)
    failure = await reader.refused(text)
    assert failure.reason in (UnknownReason.QUERY_REFUSED, UnknownReason.BAD_ANSWER)
    assert WRITING[text] in failure.message
    assert written(reader) == before
    # The next query is not harmed by what the last one left.
    assert await reader.ask("SELECT id FROM orders WHERE id = 'o-1'") == [("o-1",)]


async def test_a_large_object_is_refused_or_rolled_back(reader: Reader, postgres: Postgres) -> None:
    before = written(reader)
    if postgres.version is Version.V13:
        # It lets a read-only transaction do this, and forgets it.
        assert await reader.ask("SELECT lo_create(4711)") == [(4711,)]
    else:
        failure = await reader.refused("SELECT lo_create(4711)")
        assert failure.reason is UnknownReason.QUERY_REFUSED
    assert written(reader) == before


async def test_the_transaction_cannot_be_turned_into_a_writing_one(reader: Reader) -> None:
    reader.do(
        "CREATE FUNCTION sneak() RETURNS int LANGUAGE plpgsql AS $$BEGIN"
        " PERFORM set_config('transaction_read_only', 'off', true);"
        " INSERT INTO orders VALUES ('o-3'); RETURN 1; END$$"
    )
    before = written(reader)
    assert (await reader.refused("SELECT sneak()")).reason is not UnknownReason.INTERNAL_ERROR
    assert written(reader) == before


async def test_nothing_that_a_query_leaves_in_its_session_survives(reader: Reader) -> None:
    text = (
        "SELECT pg_backend_pid(), pg_advisory_lock(4711)::text,"
        " set_config('statement_timeout', '0', false), set_config('search_path', 'evil', false)"
    )
    ((pid, *_),) = await reader.ask(text)
    locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 4711"
    assert reader.do(locks) == [(0,)]
    # The same session goes on, as if it were new.
    now = "SELECT pg_backend_pid(), current_setting('search_path'), count(*) FROM orders"
    assert await reader.ask(now) == [(pid, '"$user", public', 2)]


async def test_the_limits_hold_in_the_server_and_are_its_own_for_each_query(
    reader: Reader,
) -> None:
    text = (
        "SELECT current_setting('statement_timeout'), current_setting('lock_timeout'),"
        " current_setting('idle_in_transaction_session_timeout'),"
        " current_setting('application_name'), current_setting('transaction_read_only'),"
        " current_setting('transaction_isolation')"
    )
    for seconds in (10.0, 2.0):
        ((statement, lock, idle, name, read_only, isolation),) = await reader.ask(
            text, seconds=seconds
        )
        assert isinstance(statement, str)
        milliseconds = (
            float(statement.removesuffix("ms"))
            if "ms" in statement
            else float(statement.removesuffix("s")) * 1000
        )
        assert seconds * 800 < milliseconds <= seconds * 900
        assert (lock, idle, name) == ("500ms", "5s", "servicesop")
        assert (read_only, isolation) == ("on", "repeatable read")


@pytest.mark.parametrize(
    "text",
    [
        "SELECT pg_sleep(30)",
        "SELECT count(*) FROM generate_series(1, 100000000000)",
        "SELECT set_config('statement_timeout', '0', true), pg_sleep(30)",
        "SELECT set_config('statement_timeout', '0', false), pg_sleep(30)",
    ],
)
async def test_an_endless_query_ends_at_the_timeout_here_and_in_the_server(
    reader: Reader, text: str
) -> None:
    begun = time.monotonic()
    failure = await reader.refused(text, seconds=1.0)
    assert time.monotonic() - begun < 3.0
    assert failure.reason is UnknownReason.TIMED_OUT
    await until(lambda: reader.sessions() == 0, 3.0)


async def test_a_locked_table_is_told_after_half_a_second(
    reader: Reader, postgres: Postgres
) -> None:
    with postgres._connect(reader.database) as other:
        other.execute("BEGIN")
        other.execute("LOCK TABLE orders IN ACCESS EXCLUSIVE MODE")
        begun = time.monotonic()
        failure = await reader.refused("SELECT * FROM orders")
        assert time.monotonic() - begun < 2.0
        other.execute("ROLLBACK")
    assert failure.reason is UnknownReason.TIMED_OUT
    assert "holds a lock" in failure.message


async def test_a_connection_is_kept_and_replaced_when_it_is_old(reader: Reader) -> None:
    pid = await reader.ask("SELECT pg_backend_pid()")
    assert await reader.ask("SELECT pg_backend_pid()") == pid
    reader.clock.now += MAX_AGE - 1
    assert await reader.ask("SELECT pg_backend_pid()") == pid
    reader.clock.now += 1
    assert await reader.ask("SELECT pg_backend_pid()") != pid
    await until(lambda: reader.sessions() == 1)


async def test_idle_connections_are_closed_and_their_pool_is_forgotten(reader: Reader) -> None:
    await reader.ask("SELECT 1")
    reader.databases.prune()
    assert reader.sessions() == 1
    reader.clock.now += MAX_IDLE
    reader.databases.prune()
    await until(lambda: reader.sessions() == 0)
    assert reader.databases._pools == {}
    assert await reader.ask("SELECT 1") == [(1,)]


async def test_all_sops_of_a_namespace_share_two_connections_in_order(reader: Reader) -> None:
    async def ask() -> datetime:
        source = reader.databases.for_sop("shop")(reader.connection)
        text = "SELECT clock_timestamp(), pg_sleep(0.2)"
        ((begun, _),) = await source.query(text, timeout=10.0, max_rows=1)
        assert isinstance(begun, datetime)
        return begun

    # Both connections are there: making one takes its time, in which the other serves several.
    await asyncio.gather(ask(), ask())
    most = 0
    asking = [asyncio.create_task(ask()) for _ in range(8)]
    while not all(task.done() for task in asking):
        most = max(most, await asyncio.to_thread(reader.sessions))
        await asyncio.sleep(0.01)
    begun = await asyncio.gather(*asking)
    assert most == 2
    order = sorted(range(8), key=begun.__getitem__)
    # Two run side by side, so that neighbours may change places.
    assert all(abs(number - place) <= 1 for place, number in enumerate(order))


async def test_waiting_longer_than_the_timeout_is_a_busy_source(reader: Reader) -> None:
    holding = [
        asyncio.create_task(reader.ask("SELECT pg_sleep(2)", seconds=10.0)) for _ in range(2)
    ]
    await until(lambda: reader.sessions() == 2)
    failure = await reader.refused(seconds=0.2)
    assert failure.reason is UnknownReason.SOURCE_BUSY
    await asyncio.gather(*holding)


async def test_a_cancelled_query_ends_its_connection_and_nothing_else(
    reader: Reader, recwarn: pytest.WarningsRecorder
) -> None:
    asking = asyncio.create_task(reader.ask("SELECT pg_sleep(2)", seconds=3.0))
    busy = "SELECT count(*) FROM pg_stat_activity WHERE usename = %s AND query LIKE '%%FETCH%%'"
    await until(lambda: reader.do(busy, reader.user) == [(1,)])
    begun = time.monotonic()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert time.monotonic() - begun < 1.0
    assert await reader.ask("SELECT 1") == [(1,)]
    del asking
    gc.collect()
    assert [str(warning.message) for warning in recwarn.list] == []
    await until(lambda: reader.sessions() == 1)


async def test_cancelling_while_connecting_leaves_nothing_open(
    reader: Reader, recwarn: pytest.WarningsRecorder
) -> None:
    # What other tests have left to the collector is not about this one.
    gc.collect()
    recwarn.clear()
    for turns in range(1, 30):
        asking = asyncio.create_task(reader.ask("SELECT 1"))
        for _ in range(turns):
            await asyncio.sleep(0)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
    del asking
    gc.collect()
    reader.databases.close()
    await until(lambda: reader.sessions() == 0)
    assert [str(warning.message) for warning in recwarn.list] == []


async def test_a_server_that_hangs_times_out_on_kept_and_on_new_connections(
    reader: Reader, postgres: Postgres
) -> None:
    await reader.ask("SELECT 1")
    postgres.freeze()
    try:
        for _ in range(2):
            begun = time.monotonic()
            failure = await reader.refused(seconds=0.5)
            assert 0.4 < time.monotonic() - begun < 2.0
            assert failure.reason is UnknownReason.TIMED_OUT
    finally:
        postgres.thaw()
    assert await reader.ask("SELECT 1") == [(1,)]


async def test_a_restarted_server_is_asked_again_at_once(
    reader: Reader, postgres: Postgres
) -> None:
    await reader.ask("SELECT 1")
    postgres.shutdown()
    try:
        failure = await reader.refused()
    finally:
        postgres.start()
    assert failure.reason is UnknownReason.UNREACHABLE
    await reader.ask("SELECT 1")
    postgres.shutdown("immediate")
    postgres.start()
    # The kept connection is dead, and nobody has noticed yet.
    assert await reader.ask("SELECT 1") == [(1,)]


async def test_a_session_that_is_terminated_is_unreachable_only_when_it_was_new(
    reader: Reader,
) -> None:
    await reader.ask("SELECT 1")
    reader.do(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s", reader.user
    )
    assert await reader.ask("SELECT 1") == [(1,)]


async def test_an_answer_that_cannot_be_read_is_not_repeated(reader: Reader) -> None:
    failure = await reader.refused("SELECT timestamp '290000-12-31 00:00:00'")
    assert failure.reason is UnknownReason.BAD_ANSWER
    assert "290000" not in "".join(traceback.format_exception(failure))
