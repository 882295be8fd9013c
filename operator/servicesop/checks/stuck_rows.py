"""The check `stuckRows`: no row of a table stays in one of the statuses for longer than allowed."""

import math
from dataclasses import dataclass
from datetime import datetime

from psycopg.sql import SQL, Composable, Identifier, Literal

from servicesop.api.checks.check import Check
from servicesop.api.checks.stuck_rows import StuckRows
from servicesop.api.durations import format_duration
from servicesop.api.reasons import UnknownReason
from servicesop.checks.runner import NO_TURN, Surroundings
from servicesop.judge.results import Sample, failed, inconclusive, passed
from servicesop.sources.errors import SourceError

MAX_ROWS = 1000
_MAX_ID = 80


@dataclass(frozen=True, slots=True)
class _Row:
    id: str | None
    status: str
    idle: float | None
    """Seconds since it was last written; None when the table does not say."""
    now: float
    """The database's clock, in seconds since 1970."""


class StuckRowsRunner:
    """Remembers since when it sees each row in its status.

    Services write rows again and again without moving them on, so the time since the last write
    says too little; the time since we first saw the row in its status does as well, after a start
    of ours. Both are lower bounds of the time in the status, so the greater one counts. Both are
    taken by the database's clock.
    """

    reacts_to = None
    turn = NO_TURN

    def __init__(self, check: Check, surroundings: Surroundings) -> None:
        assert check.stuck_rows is not None
        spec = check.stuck_rows
        self._statuses = spec.statuses
        self._older_than = spec.older_than.total_seconds()
        self._allowed = format_duration(spec.older_than)
        self._database = surroundings.database(surroundings.connections[spec.connection])
        self._timeout = check.timeout.total_seconds()
        self._query = _rows_in_statuses(spec)
        # At most MAX_ROWS entries: a row that was not among the last answer is forgotten.
        self._first_seen: dict[tuple[str, str], float] = {}

    async def run(self, now: datetime) -> Sample:
        """Ask and judge, by the database's clock. Raise SourceError."""
        answer = await self._database.query(
            self._query,
            (list(self._statuses),),
            timeout=self._timeout,
            max_rows=MAX_ROWS + 1,
        )
        rows = [self._row(values) for values in answer[:MAX_ROWS]]
        self._remember(rows)
        return self._judge(rows, complete=len(answer) <= MAX_ROWS)

    def _row(self, values: tuple[object, ...]) -> _Row:
        match values:
            # Another status would be row content, and no age can be compared with NaN.
            case (str() | None as id_, str() as status, float() | None as idle, float() as now) if (
                status in self._statuses
                and (idle is None or not math.isnan(idle))
                and math.isfinite(now)
            ):
                return _Row(id_, status, idle, now)
        raise SourceError(UnknownReason.BAD_ANSWER, "the rows of the table cannot be read")

    def _remember(self, rows: list[_Row]) -> None:
        """Keep first sights of the rows that are still there.

        A row that left and came back starts anew, so what is not in the answer is forgotten, even
        where the answer is not complete: better too short a time than one that is not true.
        """
        before = self._first_seen
        self._first_seen = {
            (row.id, row.status): before.get((row.id, row.status), row.now)
            for row in rows
            if row.id is not None
        }

    def _time_in_status(self, row: _Row) -> float:
        seen = 0.0
        if row.id is not None:
            seen = row.now - self._first_seen[row.id, row.status]
        return max(row.idle or 0.0, seen)

    def _judge(self, rows: list[_Row], *, complete: bool) -> Sample:
        stuck = sorted(
            ((self._time_in_status(row), row) for row in rows),
            key=lambda aged: (-aged[0], aged[1].id or "", aged[1].status),
        )
        stuck = [(age, row) for age, row in stuck if age > self._older_than]
        where = " or ".join(self._statuses)
        if stuck:
            message = f"rows stay in {where} for over {self._allowed}"
            if not complete:
                message += f" (only the {MAX_ROWS} oldest rows were looked at)"
            return failed(
                {"Stuck"},
                message,
                tuple(f"{_shown(row.id)} {row.status} over {self._allowed}" for _, row in stuck),
            )
        if not complete:
            return inconclusive(
                UnknownReason.NOT_COVERED,
                f"more than {MAX_ROWS} rows are in {where}; of the {MAX_ROWS} oldest none is there"
                f" for over {self._allowed}; watch fewer statuses",
            )
        return passed(f"no row stays in {where} for over {self._allowed}")


def _rows_in_statuses(spec: StuckRows) -> str:
    """Write the query. Only the named columns are read: others of such tables are credentials.

    An id that is too long to be shown still has to tell rows apart, so it becomes its hash.
    """
    columns = spec.columns
    names: dict[str, Composable] = {
        "id": Identifier(columns.id),
        "longest": Literal(_MAX_ID),
        "status": Identifier(columns.status),
        "updated": Identifier(columns.updated),
        "table": Identifier(*spec.table.split(".")),
    }
    text = (
        "SELECT CASE WHEN length({id}::text) <= {longest} THEN {id}::text"
        " ELSE md5({id}::text) END, {status}::text,"
        " extract(epoch FROM now() - {updated})::float8, extract(epoch FROM now())::float8"
        " FROM {table} WHERE {status}::text = ANY($1::text[])"
    )
    if columns.deleted is not None:
        text += " AND {deleted} IS NULL"
        names["deleted"] = Identifier(columns.deleted)
    return SQL(text + " ORDER BY {updated}, {id}").format(**names).as_string()


def _shown(id_: str | None) -> str:
    if id_ is None:
        return "(no id)"
    return "".join(each if each.isprintable() else "?" for each in id_)
