"""A database with one table, and the check `stuckRows` of it."""

from dataclasses import replace
from datetime import UTC, datetime

from servicesop.api.checks.check import Check
from servicesop.api.sop import Connection
from servicesop.checks.runner import NO_TURN, CheckRunner, Database
from servicesop.checks.stuck_rows import StuckRowsRunner
from servicesop.judge.results import Sample
from surroundings import NOBODY

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

    answer: list[tuple[object, ...]] | None = None
    """In place of the rows: what no table would give."""

    async def query(
        self,
        text: str,
        parameters: tuple[object, ...] = (),
        *,
        timeout: float,  # noqa: ASYNC109 - the protocol's
        max_rows: int,
    ) -> list[tuple[object, ...]]:
        self.asked.append((text, parameters, timeout, max_rows))
        if self.answer is not None:
            return self.answer
        return [
            (id_, status, None if idle is None else self.clock - idle, self.clock, True)
            for id_, status, idle in self.rows[:max_rows]
        ]


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
    return StuckRowsRunner(
        check,
        replace(NOBODY, database=lambda _: asked, connections={"database": connection}),
    )


async def judged(*rows: tuple[str | None, str, float | None]) -> Sample:
    table = Table()
    table.rows = list(rows)
    return await runner_for(table).run(NOW)
