"""The databases of a test: what the queries of the check types would give of its rows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from servicesop.api.checks.check import Check
from servicesop.api.checks.leader import LeaseTable
from servicesop.api.checks.stuck_rows import StuckRows
from servicesop.checks.row_queries import SAMPLE
from servicesop.simulate.missing import not_given
from servicesop.simulate.observations import Row, TableRows
from servicesop.simulate.times import time_in
from servicesop.sources.errors import SourceError

Answer = list[tuple[object, ...]]


@dataclass
class Databases:
    """What the test gave last."""

    tables: dict[tuple[str | None, str], tuple[Row, ...]] = field(default_factory=dict)
    """Rows by connection and table; without a connection those of any."""
    queries: dict[str, tuple[tuple[object, ...], ...]] = field(default_factory=dict)
    """What the query of a `sql` check gives, by the check."""

    def give(self, given: TableRows) -> None:
        """Take over all rows of a table."""
        self.tables[given.connection, given.table] = given.rows

    def rows(self, connection: str, table: str) -> tuple[Row, ...]:
        """Give the rows of a table. Raise SourceError where the test gives none."""
        for key in ((connection, table), (None, table)):
            if key in self.tables:
                return self.tables[key]
        raise not_given(f"rows of {table}")


class Database:
    """Answers one check's queries of a database."""

    def __init__(
        self,
        databases: Databases,
        check: Check,
        now: Callable[[], datetime],
        refused: Callable[[], SourceError | None],
    ) -> None:
        """`refused` says why the database cannot be asked now, if so."""
        self._databases = databases
        self._check = check
        self._now = now
        self._refused = refused

    async def query(
        self,
        text: str,
        parameters: tuple[object, ...] = (),
        *,
        timeout: float,  # noqa: ASYNC109 - nothing waits here
        max_rows: int,
    ) -> Answer:
        """Give at most `max_rows` rows. Raise SourceError where the test gives none."""
        refused = self._refused()
        if refused is not None:
            raise refused
        return self._answer(parameters)[:max_rows]

    def _answer(self, parameters: tuple[object, ...]) -> Answer:
        check = self._check
        if check.stuck_rows is not None:
            rows = self._databases.rows(check.stuck_rows.connection, check.stuck_rows.table)
            match parameters:
                case ([*statuses], [float(), *_]):
                    return aged(check.stuck_rows, rows, statuses, self._now())
            return counted(check.stuck_rows, rows, parameters)
        if check.leader is not None and check.leader.lease is not None:
            lease = check.leader.lease
            rows = self._databases.rows(lease.connection, lease.table)
            return holders(lease, rows, check.leader.workers, self._now())
        if check.name not in self._databases.queries:
            raise not_given("sql rows")
        return list(self._databases.queries[check.name])


def aged(spec: StuckRows, rows: Sequence[Row], statuses: Sequence[object], now: datetime) -> Answer:
    """Give id, status, last write, now, whether that has a zone, and what may be shown."""
    columns = spec.columns
    found: Answer = []
    for row in _alive(rows, columns.deleted):
        if row[columns.status] not in statuses:
            continue
        at = time_in(row[columns.updated], now)
        zoned = at is None or at.tzinfo is not None
        seconds = at.timestamp() if at is not None and zoned else None
        shown = (_text(row.get(name)) for name in spec.show)
        status = str(row[columns.status])
        found.append((_text(row[columns.id]), status, seconds, now.timestamp(), zoned, *shown))
    return found


def counted(spec: StuckRows, rows: Sequence[Row], limits: Sequence[object]) -> Answer:
    """Give the number of each limit, how many rows are in its statuses, and a few of them."""
    columns = spec.columns
    found: Answer = []
    for number, statuses in enumerate(limits):
        assert isinstance(statuses, list), "the query's parameters are lists of statuses"
        there = [
            [_text(row[columns.id]), str(row[columns.status])]
            + [_text(row.get(name)) for name in spec.show]
            for row in _alive(rows, columns.deleted)
            if row[columns.status] in statuses
        ]
        sample = sorted(there, key=lambda one: [text or "" for text in one])[:SAMPLE]
        found.append((number, len(there), sample))
    return found


def holders(
    lease: LeaseTable, rows: Sequence[Row], workers: Sequence[str], now: datetime
) -> Answer:
    """Give worker, number of holders and one holder, of each worker that is led."""
    columns = lease.columns
    found: Answer = []
    for worker in workers:
        held = set()
        for row in _alive(rows, columns.deleted):
            if row[columns.worker] != worker:
                continue
            ends = time_in(row[columns.expires], now)
            if ends is not None and ends.tzinfo is None:
                ends = ends.replace(tzinfo=UTC)
            if ends is not None and ends > now:
                held.add(_text(row[columns.holder]) or "")
        held.discard("")
        if held:
            found.append((worker, len(held), min(held)))
    return found


def _alive(rows: Sequence[Row], deleted: str | None) -> list[Row]:
    return [row for row in rows if deleted is None or row.get(deleted) is None]


def _text(value: object) -> str | None:
    return None if value is None else str(value)
