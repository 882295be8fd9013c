"""Rows of all kinds: a verdict is true or unknown, memory is bounded, nothing leaks or crashes."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from psycopg import sql

from integration.reader import Reader, new_reader
from servicesop.api.checks.check import Check
from servicesop.checks.registry import build
from servicesop.checks.runner import CheckRunner, Remembers
from servicesop.judge.results import MAX_EVIDENCE_LINE, Sample, Verdict, error
from servicesop.sources.errors import SourceError
from testbed import Postgres

NOW = datetime(1999, 1, 1, tzinfo=UTC)
FAMILIES: list[dict[str, Any]] = yaml.safe_load(
    (Path(__file__).parents[1] / "data" / "hostile_rows.yaml").read_text("utf-8")
)
FRESH, OLD = "now()", "now() - interval '3 hours'"
MOST_MEMORY = 24 * 1024
"""KiB above what the process had before the check: an answer of 1 MiB, twice and as objects."""

SETUP = """
CREATE TYPE pair AS (number int, text text);
CREATE TYPE state AS ENUM ('open', 'closed');
CREATE DOMAIN word AS text;
CREATE TABLE one AS SELECT 1 AS n;
CREATE FUNCTION broken(n int) RETURNS text LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'canary-exception'; END $$;
CREATE FUNCTION endless(n int) RETURNS text LANGUAGE plpgsql AS
    $$ BEGIN LOOP n := 1; END LOOP; END $$;
CREATE FUNCTION deep(n int) RETURNS text LANGUAGE plpgsql AS
    $$ BEGIN RETURN deep(n + 1); END $$;
"""


@dataclass(frozen=True)
class Case:
    """One thing that is asked, and the verdicts that would be wrong."""

    spec: dict[str, Any]
    wrong: Verdict
    rows: str | None = None


def cases(family: dict[str, Any]) -> Iterator[Case]:
    for entry in family["entries"].splitlines():
        if "rows" not in family:
            yield Case(_query(family, entry), Verdict.FAILED)
            continue
        stuck_rows = {
            "connection": "database",
            "table": "watched",
            "statuses": ["open"],
            "olderThan": "1h",
            "columns": {"deleted": family.get("deleted")},
            "show": [family["show"]] if "show" in family else [],
        }
        times = {FRESH: False, OLD: True} if "stuck" not in family else {FRESH: family["stuck"]}
        for updated, stuck in times.items():
            rows = family["rows"].replace("{updated}", updated).replace("{}", entry)
            wrong = Verdict.PASSED if stuck else Verdict.FAILED
            yield Case({"stuckRows": stuck_rows}, wrong, rows)


def _query(family: dict[str, Any], entry: str) -> dict[str, Any]:
    compared: dict[str, Any] = {"rows": {"max": 5}}
    if "value" in family:
        compared = {"value": {"max": "5", "onEmpty": "Passed"}}
    query = family["value" if "value" in family else "count"]
    return {"sql": {"connection": "database", "query": query.replace("{}", entry)} | compared}


@pytest.fixture
def reader(postgres: Postgres) -> Iterator[Reader]:
    reader = new_reader(postgres)
    yield reader
    reader.databases.close()


def without_encoding(reader: Reader) -> None:
    """Put a database that takes any bytes in place of the reader's."""
    name = f"{reader.database}_ascii"
    text = "CREATE DATABASE {} ENCODING 'SQL_ASCII' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'"
    reader.server.execute(sql.SQL(text).format(sql.Identifier(name)).as_string())
    reader.database = name
    reader.secret["database"] = name.encode()


def prepare(reader: Reader, kind: str, case: Case) -> None:
    """Make the table or the view."""
    reader.do("DROP VIEW IF EXISTS watched" if kind == "VIEW" else "DROP TABLE IF EXISTS watched")
    reader.do(f"CREATE {kind} watched AS {case.rows}")
    reader.do(f"GRANT SELECT ON watched TO {reader.user}")


async def judged(runner: CheckRunner) -> Sample:
    try:
        return await runner.run(NOW)
    except SourceError as unable:
        return error(unable.reason, unable.message)


def peak() -> int:
    """Give the most memory that this process has had since `forget_peak`, in KiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("VmHWM")))


def forget_peak() -> int:
    Path("/proc/self/clear_refs").write_text("5")
    return peak()


@pytest.mark.hostile
@pytest.mark.parametrize("family", [pytest.param(one, id=one["family"]) for one in FAMILIES])
async def test_a_verdict_is_true_or_unknown(reader: Reader, family: dict[str, Any]) -> None:
    if "encoding" in family:
        without_encoding(reader)
    reader.do(SETUP)
    reader.do(f"GRANT SELECT ON one TO {reader.user}")
    verdicts: Counter[str] = Counter()
    for case in cases(family):
        if case.rows is not None:
            prepare(reader, "VIEW" if family.get("view") else "TABLE", case)
        seconds = 1 if "slow" in family else 5
        check = Check.model_validate(
            {"name": "rows-are-read", "timeout": f"{seconds}s"} | case.spec
        )
        runner = build(check, reader.surroundings)
        before = forget_peak()
        async with asyncio.timeout(2 * seconds + 2):
            first = await judged(runner)
            sample = await judged(runner)
        used = peak() - before
        said = f"{case.rows or case.spec}: {sample}"
        assert first.verdict is not case.wrong, said
        assert sample.verdict is not case.wrong, said
        assert used < MOST_MEMORY, f"{used} KiB: {said}"
        assert "canary" not in (sample.message + "".join(sample.evidence)), said
        for line in (sample.message, *sample.evidence):
            assert line.isprintable(), said
            assert len(line) <= max(MAX_EVIDENCE_LINE, 256), said
        assert isinstance(runner, Remembers) == ("stuckRows" in case.spec)
        verdicts[sample.verdict] += 1
    print(f"{family['family']}: {dict(verdicts)}")


def test_the_corpus_is_large_enough() -> None:
    entries = [entry for family in FAMILIES for entry in family["entries"].splitlines()]
    assert len({family["family"] for family in FAMILIES}) == len(FAMILIES) >= 20
    assert len(entries) >= 200
