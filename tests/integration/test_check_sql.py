"""The check `sql` on a real PostgreSQL: what it compares, and what cannot be compared."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from integration.reader import Reader, new_reader
from servicesop.api.checks.check import Check
from servicesop.api.reasons import UnknownReason
from servicesop.checks.sql import SqlRunner
from servicesop.judge.results import Sample, Verdict
from servicesop.sources.errors import SourceError
from testbed import Postgres

NOW = datetime(1999, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def served(postgres: Postgres) -> Reader:
    """One database for all tests: most of them only calculate."""
    served = new_reader(postgres)
    served.do("CREATE TABLE orders (id int, state text, secret text DEFAULT 'canary')")
    served.do(f"GRANT SELECT ON orders TO {served.user}")
    return served


@pytest.fixture
async def reader(served: Reader) -> AsyncIterator[Reader]:
    reader = replace(served)
    reader.do("TRUNCATE orders")
    yield reader
    reader.databases.close()


async def run(reader: Reader, query: str, seconds: int = 5, **compared: Any) -> Sample:
    check = Check.model_validate(
        {
            "name": "few-orders",
            "timeout": f"{seconds}s",
            "sql": {"connection": "database", "query": query, **compared},
        }
    )
    sample = await SqlRunner(check, reader.surroundings).run(NOW)
    assert "canary" not in repr(sample)
    return sample


async def value(reader: Reader, query: str, **limits: object) -> Sample:
    return await run(reader, query, value={"onEmpty": "Inconclusive", "max": "5"} | limits)


async def refused(reader: Reader, query: str, **compared: Any) -> SourceError:
    compared = compared or {"value": {"onEmpty": "Inconclusive", "max": "5"}}
    with pytest.raises(SourceError) as caught:
        await run(reader, query, **compared)
    assert "canary" not in caught.value.message
    return caught.value


# A value.


@pytest.mark.parametrize(
    ("number", "findings"),
    [
        ("5", set()),
        ("6", {"TooMany"}),
        ("-2", set()),
        ("-3", {"TooFew"}),
        ("5::smallint", set()),
        ("9223372036854775807", {"TooMany"}),
        ("5.000000::numeric", set()),
        ("5.000001::numeric", {"TooMany"}),
        ("10::numeric ^ 300", {"TooMany"}),
        ("5::float8", set()),
        ("5.0000001::float8", {"TooMany"}),
        ("5::real", set()),
        ("1e-300::float8", set()),
        ("'-0'::float8", set()),
        ("'3'::jsonb", set()),
        # More than every number, and less than every number: that can be said.
        ("'Infinity'::float8", {"TooMany"}),
        ("'-Infinity'::float8", {"TooFew"}),
    ],
)
async def test_a_number_of_any_type_is_compared(
    reader: Reader, number: str, findings: set[str]
) -> None:
    sample = await value(reader, f"SELECT {number}", min="-2")
    assert sample.findings == findings
    assert sample.verdict is (Verdict.FAILED if findings else Verdict.PASSED)


@pytest.mark.parametrize("kind", ["numeric", "float8", "real"])
async def test_a_fraction_is_compared_as_it_is_written(reader: Reader, kind: str) -> None:
    # As a binary fraction 0.1 is more than 0.1.
    for number, findings in (("0.1", set()), ("0.10001", {"TooMany"}), ("0.09999", {"TooFew"})):
        sample = await value(reader, f"SELECT {number}::{kind}", min="0.1", max="0.1")
        assert sample.findings == findings


@pytest.mark.parametrize("query", ["SELECT id FROM orders", "SELECT max(id) FROM orders"])
async def test_no_row_and_null_mean_what_the_check_says(reader: Reader, query: str) -> None:
    assert (await value(reader, query, onEmpty="Passed")).verdict is Verdict.PASSED
    failed = await value(reader, query, onEmpty="Failed")
    assert failed.verdict is Verdict.FAILED
    assert failed.findings == {"Empty"}
    unknown = await value(reader, query, onEmpty="Inconclusive")
    assert (unknown.verdict, unknown.reason) == (Verdict.INCONCLUSIVE, UnknownReason.EMPTY)
    assert {failed.message, unknown.message} == {"the query gives no value"}
    # Zero is a value.
    reader.do("INSERT INTO orders (id) VALUES (0)")
    assert (await value(reader, query, onEmpty="Failed")).verdict is Verdict.PASSED


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("SELECT 'NaN'::float8", "NaN"),
        ("SELECT 'NaN'::numeric", "NaN"),
        ("SELECT true", "true or false"),
        ("SELECT EXISTS (SELECT FROM orders)", "true or false"),
        ("SELECT '3'", "no number"),
        ("SELECT 'canary'", "no number"),
        ("SELECT 3::text", "no number"),
        ("SELECT '3'::money", "no number"),
        ("SELECT interval '3 seconds'", "extract(epoch FROM ...)"),
        ("SELECT now()", "no number"),
        ("SELECT date '2026-01-01'", "no number"),
        ("SELECT '[3]'::jsonb", "no number"),
        ("SELECT (repeat('[', 100000) || repeat(']', 100000))::json", ""),
        ("""SELECT '{"canary": 3}'::json""", "no number"),
        ("SELECT ARRAY[3]", "no number"),
        ("SELECT ROW(3, 4)", "no number"),
        ("SELECT '\\x03'::bytea", "no number"),
        ("SELECT 'infinity'::timestamptz", ""),
        ("SELECT n FROM generate_series(1, 2) AS n", "more than one row"),
        ("SELECT state, count(*) FROM orders GROUP BY state", "more than one row"),
        ("SELECT FROM orders LIMIT 1", "without columns"),
    ],
)
async def test_what_cannot_be_compared_is_an_error(reader: Reader, query: str, says: str) -> None:
    reader.do("INSERT INTO orders VALUES (1, 'new'), (2, 'sent')")
    failure = await refused(reader, query)
    assert failure.reason is UnknownReason.BAD_ANSWER
    assert says in failure.message


async def test_an_array_of_one_number_is_no_number(reader: Reader) -> None:
    # Python takes True for 1, and a list is no number at all.
    assert (await refused(reader, "SELECT '{true}'::bool[]")).reason is UnknownReason.BAD_ANSWER


async def test_the_value_is_shown_only_where_the_check_says_so(reader: Reader) -> None:
    quiet = await value(reader, "SELECT 7421, 'canary'")
    assert (quiet.message, quiet.evidence) == ("the value is greater than 5", ())
    shown = await value(reader, "SELECT 7421, 'canary'", show=True)
    assert (shown.message, shown.evidence) == (quiet.message, ("value 7421",))
    long = await value(reader, "SELECT 10::numeric ^ 3000 + 1", show=True)
    assert long.evidence == ("value 1.000000E+3000",)
    endless = await value(reader, "SELECT '-Infinity'::float8", min="0", show=True)
    assert endless.evidence == ("value -Infinity",)


async def test_messages_name_the_limit_and_no_result(reader: Reader) -> None:
    assert (await value(reader, "SELECT 6")).message == "the value is greater than 5"
    assert (await value(reader, "SELECT 6", min="7.5", max="9")).message == (
        "the value is less than 7.5"
    )


# Rows.


@pytest.mark.parametrize(
    ("count", "limits", "findings", "counted"),
    [
        (0, {"max": 0}, set(), "0 rows"),
        (1, {"max": 0}, {"TooMany"}, "at least 1 row"),
        (9, {"max": 3}, {"TooMany"}, "at least 4 rows"),
        (3, {"max": 3}, set(), "3 rows"),
        (0, {"min": 1}, {"TooFew"}, "0 rows"),
        (9, {"min": 2}, set(), "at least 2 rows"),
        (1, {"min": 2, "max": 3}, {"TooFew"}, "1 row"),
        (2, {"min": 2, "max": 3}, set(), "2 rows"),
        (0, {"min": 0}, set(), "0 rows"),
    ],
)
async def test_rows_are_counted_no_further_than_needed(
    reader: Reader, count: int, limits: dict[str, int], findings: set[str], counted: str
) -> None:
    reader.do(f"INSERT INTO orders (id) SELECT * FROM generate_series(1, {count})")
    sample = await run(reader, "SELECT * FROM orders", rows=limits)
    assert sample.findings == findings
    assert sample.evidence == (counted,)
    assert sample.verdict is (Verdict.FAILED if findings else Verdict.PASSED)


async def test_a_query_of_endless_rows_is_not_read_to_its_end(reader: Reader) -> None:
    query = "WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n) SELECT i FROM n"
    sample = await run(reader, query, rows={"max": 1000})
    assert sample.findings == {"TooMany"}


# What is refused.


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("SELECT 1; SELECT 2", UnknownReason.QUERY_REFUSED),
        ("SELECT 1; DROP TABLE orders", UnknownReason.QUERY_REFUSED),
        ("WITH gone AS (DELETE FROM orders RETURNING 1) SELECT 1", UnknownReason.QUERY_REFUSED),
        ("SELECT id INTO copies FROM orders", UnknownReason.QUERY_REFUSED),
        ("SELECT id FROM orders FOR UPDATE", UnknownReason.QUERY_REFUSED),
        ("SELECT 1 / 0", UnknownReason.QUERY_REFUSED),
        ("SELECT nothing FROM orders", UnknownReason.QUERY_REFUSED),
        ("SELECT passwd FROM pg_shadow", UnknownReason.QUERY_REFUSED),
        ("SELECT pg_sleep(10), 1", UnknownReason.TIMED_OUT),
        ("SELECT repeat('x', 3000000)", UnknownReason.BAD_ANSWER),
    ],
)
async def test_what_the_database_refuses_is_an_error(
    reader: Reader, query: str, reason: UnknownReason
) -> None:
    reader.do("INSERT INTO orders VALUES (1, 'new')")
    compared = {"value": {"onEmpty": "Passed", "max": "5"}}
    async with asyncio.timeout(5):
        failure = await refused(reader, query, seconds=1, **compared)
    assert failure.reason is reason
    assert reader.do("SELECT id, state FROM orders") == [(1, "new")]


async def test_a_comment_and_a_semicolon_at_the_end_do_no_harm(reader: Reader) -> None:
    for query in ("SELECT 3;", "SELECT 3 -- three", "  select 3 /* three */ ;\n"):
        assert (await value(reader, query)).verdict is Verdict.PASSED


async def test_an_empty_fleet_can_be_told_from_one_without_a_ready_cluster(reader: Reader) -> None:
    query = "SELECT count(*) FILTER (WHERE state = 'ready') FROM orders HAVING count(*) > 0"
    fleet = {"min": "1", "max": None, "onEmpty": "Passed"}
    assert (await value(reader, query, **fleet)).verdict is Verdict.PASSED
    reader.do("INSERT INTO orders VALUES (1, 'new')")
    assert (await value(reader, query, **fleet)).findings == {"TooFew"}
    reader.do("INSERT INTO orders VALUES (2, 'ready')")
    assert (await value(reader, query, **fleet)).verdict is Verdict.PASSED
