"""The databases of a test."""

from collections.abc import Callable
from datetime import datetime

from servicesop.api.checks.check import Check
from servicesop.api.sop import Connection
from servicesop.simulate.missing import not_given
from servicesop.simulate.world import World


class GivenTables:
    """Answers one check's queries of a database from the rows that the test gave."""

    def __init__(
        self, world: World, check: Check, connection: Connection, now: Callable[[], datetime]
    ) -> None:
        self._world = world
        self._check = check
        self._connection = connection
        self._now = now

    async def query(
        self,
        text: str,
        parameters: tuple[object, ...] = (),
        *,
        timeout: float,  # noqa: ASYNC109 - nothing waits here
        max_rows: int,
    ) -> list[tuple[object, ...]]:
        """Give at most `max_rows` rows. Raise SourceError where the test gives none."""
        raise not_given("rows")
