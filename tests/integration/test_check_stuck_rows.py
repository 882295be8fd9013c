"""The check `stuckRows` on tables like the fleet manager's, in a real PostgreSQL.

Each trap of the page's own query is set up here, that query is run, and judges wrongly.
"""

import asyncio
import re
from datetime import UTC, datetime

import pytest

from integration.reader import Reader
from polling import answer
from servicesop.api.checks.check import Check
from servicesop.api.reasons import UnknownReason
from servicesop.checks.runner import CheckRunner
from servicesop.checks.stuck_rows import MAX_ROWS, StuckRowsRunner
from servicesop.judge.results import Sample, Verdict
from servicesop.sources.errors import SourceError
from testbed import Postgres

# Ages are taken by the database's clock; this one must not matter.
NOW = datetime(1999, 1, 1, tzinfo=UTC)

PAGE = (
    "select status, to_char(now() - updated_at,'HH24:MI') idle_time, count(1)"
    " from kafka_requests group by status, to_char(now() - updated_at,'HH24:MI')"
)


@pytest.fixture
def reader(reader: Reader) -> Reader:
    reader.do(
        "CREATE TABLE kafka_requests (id text PRIMARY KEY, status text, created_at timestamptz,"
        " updated_at timestamptz, deleted_at timestamptz,"
        " canary_service_account_client_secret text DEFAULT 'canary-secret',"
        " owner text DEFAULT 'canary-owner')"
    )
    reader.do(f"GRANT SELECT ON kafka_requests TO {reader.user}")
    return reader


def insert(
    reader: Reader,
    id_: str,
    status: str = "provisioning",
    idle: str | None = "0 s",
    deleted: str | None = None,
) -> None:
    """Insert a row that was last written `idle` ago, and softly deleted `deleted` ago."""
    reader.do(
        "INSERT INTO kafka_requests (id, status, created_at, updated_at, deleted_at)"
        " VALUES (%s, %s, now() - interval '30 days', now() - %s::interval, now() - %s::interval)",
        id_,
        status,
        idle,
        deleted,
    )


def check_of(reader: Reader, **stuck_rows: object) -> CheckRunner:
    spec: dict[str, object] = {
        "connection": "database",
        "table": "kafka_requests",
        "statuses": ["provisioning", "deprovision"],
        "olderThan": "45m",
    }
    check = Check.model_validate({"name": "rows-move-on", "stuckRows": spec | stuck_rows})
    return StuckRowsRunner(check, reader.surroundings)


async def judged(reader: Reader, **stuck_rows: object) -> Sample:
    sample = await check_of(reader, **stuck_rows).run(NOW)
    assert "canary" not in repr(sample)
    return sample


def page_finds_stuck(reader: Reader) -> bool:
    """Judge as a person does who reads the page's table: over 45 minutes is too long."""
    return any(
        status in ("provisioning", "deprovision") and str(idle) > "00:45"
        for status, idle, _ in reader.do(PAGE)
    )


async def test_fresh_rows_pass_and_the_page_agrees(reader: Reader) -> None:
    insert(reader, "a", idle="44 min")
    insert(reader, "b", status="ready", idle="10 h")
    assert not page_finds_stuck(reader)
    assert (await judged(reader)).verdict is Verdict.PASSED


async def test_a_stuck_row_fails_and_the_page_agrees(reader: Reader) -> None:
    insert(reader, "a", idle="46 min")
    assert page_finds_stuck(reader)
    sample = await judged(reader)
    assert sample.findings == {"Stuck"}
    assert sample.message == "rows stay in provisioning or deprovision for over 45m"
    assert sample.evidence == ("a provisioning over 45m",)


async def test_a_softly_deleted_row_is_no_row_while_the_page_alarms_for_ever(
    reader: Reader,
) -> None:
    insert(reader, "a", status="deprovision", idle="5 h", deleted="5 h")
    assert page_finds_stuck(reader)
    assert (await judged(reader)).verdict is Verdict.PASSED
    # Where the table knows no soft deletion, every row counts.
    sample = await judged(reader, columns={"deleted": None})
    assert sample.evidence == ("a deprovision over 45m",)


@pytest.mark.parametrize("idle", ["8 days", "25 hours 10 minutes", "48 hours 3 seconds"])
async def test_a_row_that_is_stuck_for_days_fails_while_the_page_shows_minutes(
    reader: Reader, idle: str
) -> None:
    insert(reader, "a", idle=idle)
    # 25 h 10 min is shown as 01:10, which is over the limit, but by luck.
    assert page_finds_stuck(reader) == (idle == "25 hours 10 minutes")
    ((_, shown, _),) = reader.do(PAGE)
    assert str(shown) < "01:11"
    assert (await judged(reader)).verdict is Verdict.FAILED


async def failing(
    runner: CheckRunner, reader: Reader, meanwhile: str = "SELECT 1", seconds: float = 10.0
) -> Sample:
    """Run the check, and the statement `meanwhile` before each run, until it fails."""

    async def run() -> Sample:
        reader.do(meanwhile)
        return await runner.run(NOW)

    return await answer(run, lambda sample: sample.verdict is Verdict.FAILED, seconds)


async def test_a_row_that_workers_keep_writing_fails_while_the_page_sees_it_fresh(
    reader: Reader,
) -> None:
    insert(reader, "a")
    runner = check_of(reader, olderThan="3s")
    assert (await runner.run(NOW)).verdict is Verdict.PASSED
    sample = await failing(runner, reader, "UPDATE kafka_requests SET updated_at = now()")
    assert sample.evidence == ("a provisioning over 3s",)
    late = "SELECT now() - updated_at > interval '3 s' FROM kafka_requests"
    assert reader.do(late) == [(False,)]
    assert not page_finds_stuck(reader)


async def test_every_stuck_row_is_named_while_the_page_only_counts(reader: Reader) -> None:
    for number in range(7):
        insert(reader, f"kafka-{number}", idle=f"{100 - number} min")
    page = reader.do(PAGE)
    assert "kafka-0" not in repr(page)
    assert (await judged(reader)).evidence == tuple(
        f"kafka-{number} provisioning over 45m" for number in range(5)
    )


async def test_a_pod_clock_that_is_ahead_hides_nothing_while_the_page_waits_for_it(
    reader: Reader,
) -> None:
    insert(reader, "a", idle="-3 h")
    runner = check_of(reader, olderThan="1s")
    assert (await runner.run(NOW)).verdict is Verdict.PASSED
    await failing(runner, reader)
    late = "SELECT now() - updated_at > interval '1 s' FROM kafka_requests"
    assert reader.do(late) == [(False,)]
    assert not page_finds_stuck(reader)


async def test_the_session_time_zone_changes_no_age(reader: Reader) -> None:
    reader.do(f"ALTER ROLE {reader.user} SET timezone = 'Pacific/Kiritimati'")
    insert(reader, "a", idle="44 min")
    assert (await judged(reader)).verdict is Verdict.PASSED
    insert(reader, "b", idle="46 min")
    assert (await judged(reader)).evidence == ("b provisioning over 45m",)


async def test_a_row_without_a_time_of_writing_does_not_fail_at_first_sight(
    reader: Reader,
) -> None:
    insert(reader, "a", idle=None)
    assert (await judged(reader)).verdict is Verdict.PASSED


async def test_the_oldest_of_too_many_rows_are_looked_at(reader: Reader) -> None:
    reader.do(
        "INSERT INTO kafka_requests (id, status, updated_at)"
        f" SELECT 'k' || n, 'provisioning', now() FROM generate_series(1, {MAX_ROWS + 50}) AS n"
    )
    sample = await judged(reader)
    assert sample.verdict is Verdict.INCONCLUSIVE
    assert sample.reason is UnknownReason.NOT_COVERED
    insert(reader, "old", idle="50 min")
    sample = await judged(reader)
    assert sample.evidence == ("old provisioning over 45m",)
    assert "only the 1000 oldest rows" in sample.message


@pytest.mark.parametrize("kind", ["uuid", "bigint"])
async def test_other_types_of_id_and_status_work(reader: Reader, kind: str) -> None:
    reader.do("CREATE TYPE state AS ENUM ('provisioning', 'ready')")
    value = {"uuid": "6f1c6dfb-3a54-4b4c-9f0e-111111111111", "bigint": "42"}[kind]
    reader.do(f"CREATE TABLE typed (id {kind}, status state, updated_at timestamptz)")
    reader.do(f"INSERT INTO typed VALUES ('{value}', 'provisioning', now() - interval '1 h')")
    reader.do(f"GRANT SELECT ON typed TO {reader.user}")
    sample = await judged(reader, table="typed", columns={"deleted": None})
    assert sample.evidence == (f"{value} provisioning over 45m",)


async def test_long_ids_are_told_apart_and_shown_as_a_hash(reader: Reader) -> None:
    for end in ("a", "b"):
        insert(reader, "x" * 2000 + end, idle="50 min")
    first, second = (await judged(reader)).evidence
    assert first != second
    assert re.fullmatch("[0-9a-f]{32} provisioning over 45m", first)


async def test_columns_that_hold_credentials_need_no_privilege(reader: Reader) -> None:
    insert(reader, "a", idle="50 min")
    reader.do(f"REVOKE SELECT ON kafka_requests FROM {reader.user}")
    columns = "id, status, updated_at, deleted_at"
    reader.do(f"GRANT SELECT ({columns}) ON kafka_requests TO {reader.user}")
    assert (await judged(reader)).evidence == ("a provisioning over 45m",)


async def test_a_status_is_a_value_whatever_it_looks_like(reader: Reader) -> None:
    odd = "x'; DROP TABLE kafka_requests; --"
    insert(reader, "a", status=odd, idle="50 min")
    sample = await judged(reader, statuses=[odd, "$1", "%s"])
    assert sample.evidence == (f"a {odd} over 45m",)
    assert reader.do("SELECT count(*) FROM kafka_requests") == [(1,)]


async def test_a_database_that_does_not_answer_is_an_error_and_forgets_nothing(
    reader: Reader, postgres: Postgres
) -> None:
    insert(reader, "a", idle=None)
    runner = check_of(reader, olderThan="1s")
    await runner.run(NOW)
    postgres.shutdown()
    try:
        with pytest.raises(SourceError) as caught:
            await runner.run(NOW)
    finally:
        postgres.start()
    assert caught.value.reason is UnknownReason.UNREACHABLE
    await failing(runner, reader)


# Counts, and further columns.


async def counted(reader: Reader, *statuses: str, **limit: int) -> Sample:
    return await judged(reader, statuses=list(statuses), olderThan=None, **limit)


async def test_rows_are_counted_over_all_statuses_of_a_limit(reader: Reader) -> None:
    insert(reader, "a", status="ready")
    insert(reader, "b", status="suspended")
    assert (await counted(reader, "ready", "suspended", min=2, max=2)).verdict is Verdict.PASSED
    few = await counted(reader, "ready", "suspended", min=3)
    assert few.findings == {"TooFew"}
    assert few.evidence == ("2 rows in ready or suspended",)
    many = await counted(reader, "ready", "suspended", max=1)
    assert many.findings == {"TooMany"}
    assert many.message == "more than 1 row in ready or suspended"
    assert many.evidence == ("a ready", "b suspended")


async def test_rows_that_are_deleted_are_not_counted(reader: Reader) -> None:
    insert(reader, "a", status="ready", deleted="1 min")
    assert (await counted(reader, "ready", min=1)).evidence == ("no row in ready",)
    assert (await counted(reader, "ready", max=0)).verdict is Verdict.PASSED
    insert(reader, "b", status="ready")
    assert (await counted(reader, "ready", min=1)).verdict is Verdict.PASSED
    assert (await counted(reader, "ready", max=0)).evidence == ("b ready",)


async def test_of_too_many_rows_five_are_named(reader: Reader) -> None:
    for number in range(9):
        insert(reader, f"k{number}", status="failed")
    sample = await counted(reader, "failed", max=8)
    assert sample.findings == {"TooMany"}
    assert sample.evidence == tuple(f"k{number} failed" for number in range(5))
    assert (await counted(reader, "failed", max=9)).verdict is Verdict.PASSED


async def test_counting_ends_where_the_limit_is_known_to_be_exceeded(reader: Reader) -> None:
    reader.do(
        "CREATE VIEW endless AS WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n)"
        " SELECT i AS id, 'failed' AS status, now() AS updated_at FROM n"
    )
    reader.do(f"GRANT SELECT ON endless TO {reader.user}")
    sample = await judged(
        reader,
        table="endless",
        statuses=None,
        olderThan=None,
        limits=[{"statuses": ["failed"], "max": 1000}, {"statuses": ["failed"], "min": 1000}],
        columns={"deleted": None},
    )
    assert sample.findings == {"TooMany"}


async def test_columns_are_shown_only_where_the_check_names_them(reader: Reader) -> None:
    insert(reader, "a", idle="50 min")
    reader.do("UPDATE kafka_requests SET owner = NULL")
    reader.do("ALTER TABLE kafka_requests ADD COLUMN region text DEFAULT repeat('eu-', 40)")
    sample = await judged(reader, show=["region", "owner"])
    assert sample.evidence == (f"a provisioning over 45m region={('eu-' * 40)[:32]} owner=-",)
    sample = await judged(reader, statuses=["provisioning"], olderThan=None, max=0, show=["region"])
    assert sample.evidence == (f"a provisioning region={('eu-' * 40)[:32]}",)
    assert (await judged(reader)).evidence == ("a provisioning over 45m",)


@pytest.mark.parametrize("never", ["0001-01-01 00:00:00+00", "-infinity", "infinity"])
async def test_a_time_that_stands_for_never_is_none(reader: Reader, never: str) -> None:
    insert(reader, "a")
    reader.do("UPDATE kafka_requests SET updated_at = %s", never)
    assert (await judged(reader)).verdict is Verdict.PASSED


async def test_a_time_without_a_zone_is_refused(reader: Reader) -> None:
    insert(reader, "a", idle="5 h")
    reader.do("ALTER TABLE kafka_requests ALTER updated_at TYPE timestamp")
    with pytest.raises(SourceError, match="timestamp with time zone") as caught:
        await judged(reader)
    assert caught.value.reason is UnknownReason.QUERY_REFUSED


async def test_the_most_overdue_rows_are_looked_at_first(reader: Reader) -> None:
    # Many rows that may stay for a day do not hide one that may stay for three minutes.
    reader.do(
        "INSERT INTO kafka_requests (id, status, updated_at) SELECT 'k' || n, 'deprovision',"
        f" now() - interval '10 h' FROM generate_series(1, {MAX_ROWS + 50}) AS n"
    )
    insert(reader, "late", status="accepted", idle="4 min")
    limits = [
        {"statuses": ["deprovision"], "olderThan": "24h"},
        {"statuses": ["accepted"], "olderThan": "3m"},
    ]
    sample = await judged(reader, statuses=None, olderThan=None, limits=limits)
    assert sample.evidence == ("late accepted over 3m",)


async def test_a_row_is_as_old_to_the_next_process_as_to_the_last_one(reader: Reader) -> None:
    insert(reader, "a", idle=None)
    first = check_of(reader, olderThan="4s")
    async with asyncio.timeout(10):
        while not (isinstance(first, StuckRowsRunner) and first.seen):
            assert (await first.run(NOW)).verdict is Verdict.PASSED
            await asyncio.sleep(0.05)
    second = check_of(reader, olderThan="4s")
    assert isinstance(second, StuckRowsRunner)
    second.recall(first.seen)
    young = check_of(reader, olderThan="4s")
    assert (await young.run(NOW)).verdict is Verdict.PASSED
    await failing(second, reader)
    assert second.seen == first.seen
    assert (await young.run(NOW)).verdict is Verdict.PASSED
