"""A database that gives the rows which a test has prepared, and notes what it was asked."""

from dataclasses import replace

from servicesop.api.sop import Connection
from servicesop.checks.runner import NO_TURN, Database, Surroundings
from surroundings import NOBODY

Answer = list[tuple[object, ...]]


class AnsweringDatabase:
    """Gives the same answer to each query."""

    turns = NO_TURN

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.asked: list[tuple[str, tuple[object, ...], float, int]] = []

    async def query(
        self,
        text: str,
        parameters: tuple[object, ...] = (),
        *,
        timeout: float,  # noqa: ASYNC109 - the protocol's
        max_rows: int,
    ) -> Answer:
        self.asked.append((text, parameters, timeout, max_rows))
        return self.rows_up_to(max_rows)

    def rows_up_to(self, most: int) -> Answer:
        return self.answer


def beside(database: Database) -> Surroundings:
    """The surroundings of a check whose connection `database` leads there."""
    connection = Connection.model_validate(
        {"name": "database", "postgres": {"secretRef": {"name": "db"}}}
    )
    return replace(NOBODY, database=lambda _: database, connections={connection.name: connection})
