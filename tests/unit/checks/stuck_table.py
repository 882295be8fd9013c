"""A database with one table, and the check `stuckRows` of it."""

from datetime import UTC, datetime

from servicesop.api.checks.check import Check
from servicesop.checks.runner import CheckRunner
from servicesop.checks.stuck_rows import StuckRowsRunner
from servicesop.judge.results import Sample
from unit.checks.answering_database import Answer, AnsweringDatabase, beside

# The check takes its ages from the database's clock, never from this one.
NOW = datetime(1999, 1, 1, tzinfo=UTC)
START = 1_800_000_000.0


class Table(AnsweringDatabase):
    """A database with one table, whose rows a test writes: (id, status, idle seconds)."""

    def __init__(self) -> None:
        super().__init__([])
        self.clock = START
        self.rows: list[tuple[str | None, str, float | None]] = []

    def rows_up_to(self, most: int) -> Answer:
        """Give the rows, or the answer: what no table would give."""
        return self.answer or [
            (id_, status, None if idle is None else self.clock - idle, self.clock, True)
            for id_, status, idle in self.rows[:most]
        ]


def runner_for(table: Table, /, **stuck_rows: object) -> CheckRunner:
    spec: dict[str, object] = {
        "connection": "database",
        "table": "clusters",
        "statuses": ["accepted", "provisioning"],
        "olderThan": "3m",
    }
    check = Check.model_validate({"name": "rows-move-on", "stuckRows": spec | stuck_rows})
    return StuckRowsRunner(check, beside(table))


async def judged(*rows: tuple[str | None, str, float | None]) -> Sample:
    table = Table()
    table.rows = list(rows)
    return await runner_for(table).run(NOW)
