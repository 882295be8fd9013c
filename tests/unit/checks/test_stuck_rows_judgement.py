"""How long rows stay in a status, as the check `stuckRows` judges it."""

from datetime import UTC, datetime

import pytest

from servicesop.api.checks.check import Check
from servicesop.api.kinds import WorkloadKind
from servicesop.api.reasons import UnknownReason
from servicesop.api.sop import Connection
from servicesop.checks.runner import (
    NO_TURN,
    CheckRunner,
    Database,
    LogStream,
    Surroundings,
    Workloads,
)
from servicesop.checks.stuck_rows import MAX_ROWS, StuckRowsRunner
from servicesop.judge.results import Sample, Verdict
from servicesop.judge.rollout import PodView, WorkloadView
from servicesop.sources.errors import SourceError

# The check takes its ages from the database's clock, never from this one.
NOW = datetime(1999, 1, 1, tzinfo=UTC)
START = 1_800_000_000.0


class Table:
    """A database with one table, whose answers a test writes: (id, status, idle seconds)."""

    turns = NO_TURN

    def __init__(self) -> None:
        self.clock = START
        self.rows: list[tuple[str | None, str, float | None]] = []
        self.asked: list[tuple[str, tuple[object, ...], float, int]] = []

    async def query(
        self,
        text: str,
        parameters: tuple[object, ...] = (),
        *,
        timeout: float,  # noqa: ASYNC109 - the protocol's
        max_rows: int,
    ) -> list[tuple[object, ...]]:
        self.asked.append((text, parameters, timeout, max_rows))
        return [(*row, self.clock) for row in self.rows[:max_rows]]

    def get(self, kind: WorkloadKind, name: str) -> WorkloadView | None:
        raise AssertionError(name)

    def pods(self, workload: WorkloadView) -> tuple[PodView, ...]:
        raise AssertionError(workload)

    async def read(self, *arguments: object, **options: object) -> None:
        raise AssertionError(arguments, options)


def runner_for(table: Table, /, **stuck_rows: object) -> CheckRunner:
    spec: dict[str, object] = {
        "connection": "database",
        "table": "clusters",
        "statuses": ["accepted", "provisioning"],
        "olderThan": "3m",
    }
    check = Check.model_validate({"name": "rows-move-on", "stuckRows": spec | stuck_rows})
    connection = Connection.model_validate(
        {"name": "database", "postgres": {"secretRef": {"name": "db"}}}
    )
    asked: Database = table
    workloads: Workloads = table
    logs: LogStream = table
    return StuckRowsRunner(
        check,
        Surroundings(
            namespace="shop",
            targets={},
            default_target=None,
            workloads=workloads,
            logs=logs,
            database=lambda _: asked,
            connections={"database": connection},
        ),
    )


async def judged(*rows: tuple[str | None, str, float | None]) -> Sample:
    table = Table()
    table.rows = list(rows)
    return await runner_for(table).run(NOW)


async def test_no_rows_pass() -> None:
    sample = await judged()
    assert sample.verdict is Verdict.PASSED
    assert sample.message == "no row stays in accepted or provisioning for over 3m"


async def test_a_row_may_stay_for_exactly_as_long_as_allowed() -> None:
    assert (await judged(("a", "accepted", 180.0))).verdict is Verdict.PASSED
    assert (await judged(("a", "accepted", 180.1))).verdict is Verdict.FAILED


async def test_a_stuck_row_is_named_with_its_status() -> None:
    sample = await judged(("a", "accepted", 181.0), ("b", "accepted", 5.0))
    assert sample.verdict is Verdict.FAILED
    assert sample.findings == {"Stuck"}
    assert sample.message == "rows stay in accepted or provisioning for over 3m"
    assert sample.evidence == ("a accepted over 3m",)


async def test_the_five_oldest_are_named_oldest_first() -> None:
    rows = [(str(age), "accepted", 200.0 + age) for age in (3, 1, 4, 6, 5, 2)]
    assert (await judged(*rows)).evidence == tuple(f"{n} accepted over 3m" for n in (6, 5, 4, 3, 2))


async def test_a_row_that_is_rewritten_all_the_time_is_stuck_all_the_same() -> None:
    table = Table()
    runner = runner_for(table)
    table.rows = [("a", "provisioning", 10.0)]
    for _ in range(7):
        assert (await runner.run(NOW)).verdict is Verdict.PASSED
        table.clock += 30.0
    sample = await runner.run(NOW)
    assert sample.evidence == ("a provisioning over 3m",)


async def test_a_row_that_moves_on_to_another_status_starts_anew() -> None:
    table = Table()
    runner = runner_for(table)
    table.rows = [("a", "accepted", 10.0)]
    await runner.run(NOW)
    table.clock += 179.0
    table.rows = [("a", "provisioning", 10.0)]
    await runner.run(NOW)
    table.clock += 179.0
    assert (await runner.run(NOW)).verdict is Verdict.PASSED
    table.clock += 2.0
    assert (await runner.run(NOW)).verdict is Verdict.FAILED


async def test_a_row_that_left_and_came_back_starts_anew() -> None:
    table = Table()
    runner = runner_for(table)
    for rows in ([("a", "accepted", 1.0)], [], [("a", "accepted", 1.0)]):
        table.rows = list(rows)
        assert (await runner.run(NOW)).verdict is Verdict.PASSED
        table.clock += 100.0
    assert (await runner.run(NOW)).verdict is Verdict.PASSED


async def test_a_row_without_a_time_counts_from_when_it_was_first_seen() -> None:
    table = Table()
    table.rows = [("a", "accepted", None)]
    runner = runner_for(table)
    assert (await runner.run(NOW)).verdict is Verdict.PASSED
    table.clock += 181.0
    assert (await runner.run(NOW)).verdict is Verdict.FAILED


async def test_a_time_in_the_future_is_no_age() -> None:
    table = Table()
    table.rows = [("a", "accepted", -3600.0)]
    runner = runner_for(table)
    assert (await runner.run(NOW)).verdict is Verdict.PASSED
    table.clock += 181.0
    assert (await runner.run(NOW)).verdict is Verdict.FAILED


async def test_rows_without_an_id_count_by_their_own_time_only() -> None:
    table = Table()
    table.rows = [(None, "accepted", 10.0)]
    runner = runner_for(table)
    await runner.run(NOW)
    table.clock += 300.0
    assert (await runner.run(NOW)).verdict is Verdict.PASSED
    table.rows = [(None, "accepted", 181.0)]
    assert (await runner.run(NOW)).evidence == ("(no id) accepted over 3m",)


async def test_more_rows_than_can_be_looked_at_cannot_pass() -> None:
    table = Table()
    table.rows = [(str(number), "accepted", 10.0) for number in range(MAX_ROWS)]
    runner = runner_for(table)
    assert (await runner.run(NOW)).verdict is Verdict.PASSED
    table.rows.append(("one more", "accepted", 10.0))
    sample = await runner.run(NOW)
    assert sample.verdict is Verdict.INCONCLUSIVE
    assert sample.reason is UnknownReason.NOT_COVERED
    assert "more than 1000 rows" in sample.message


async def test_more_rows_than_can_be_looked_at_can_fail_and_it_says_so() -> None:
    table = Table()
    table.rows = [(str(number), "accepted", 500.0 - number / 2) for number in range(MAX_ROWS + 1)]
    sample = await runner_for(table).run(NOW)
    assert sample.verdict is Verdict.FAILED
    assert sample.message.endswith("(only the 1000 oldest rows were looked at)")


async def test_the_memory_holds_no_more_than_the_last_answer() -> None:
    table = Table()
    runner = runner_for(table)
    for batch in range(5):
        table.rows = [(f"{batch}-{number}", "accepted", 1.0) for number in range(MAX_ROWS + 1)]
        await runner.run(NOW)
    assert isinstance(runner, StuckRowsRunner)
    assert len(runner._first_seen) == MAX_ROWS


async def test_an_id_is_shown_on_one_line() -> None:
    sample = await judged(("x\n\x1b[31m", "accepted", 500.0))
    assert sample.evidence == ("x??[31m accepted over 3m",)


async def test_only_the_named_columns_are_asked_and_the_names_are_quoted() -> None:
    table = Table()
    columns = {"id": "Key", "status": "state", "updated": "changed", "deleted": "gone"}
    await runner_for(table, table="shop.orders", columns=columns).run(NOW)
    ((text, parameters, timeout, max_rows),) = table.asked
    assert text == (
        'SELECT CASE WHEN length("Key"::text) <= 80 THEN "Key"::text ELSE md5("Key"::text) END,'
        ' "state"::text,'
        ' extract(epoch FROM now() - "changed")::float8, extract(epoch FROM now())::float8'
        ' FROM "shop"."orders" WHERE "state"::text = ANY($1::text[])'
        ' AND "gone" IS NULL ORDER BY "changed", "Key"'
    )
    assert (parameters, timeout, max_rows) == ((["accepted", "provisioning"],), 5.0, MAX_ROWS + 1)


async def test_without_a_column_for_soft_deletion_none_is_asked() -> None:
    table = Table()
    await runner_for(table, columns={"deleted": None}).run(NOW)
    assert "IS NULL" not in table.asked[0][0]


@pytest.mark.parametrize("row", [(1, "accepted", 1.0), ("a", None, 1.0), ("a", "accepted", "x")])
async def test_an_answer_of_another_form_is_an_error(row: tuple[object, ...]) -> None:
    table = Table()
    table.rows = [row]  # type: ignore[list-item]  # what a database of another kind might give
    with pytest.raises(SourceError) as caught:
        await runner_for(table).run(NOW)
    assert caught.value.reason is UnknownReason.BAD_ANSWER
