"""The queries of the check `stuckRows`. Names are quoted, values are parameters. Pure.

Only the columns that the SOP names are read: others of such tables are credentials.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from psycopg.sql import SQL, Composable, Composed, Identifier, Literal

from servicesop.api.checks.stuck_rows import RowLimit, StuckRows

SAMPLE = 5
"""Rows that are named where there are too many."""
_MAX_ID = 80
"""Characters; a longer id becomes its hash, which still tells rows apart."""
_MAX_HASH = 32
_MAX_SHOWN = 32
"""Characters of a further column."""

# Seconds and not intervals: no time that a table can hold is out of their range. A time before 1970
# is none: services write the year 1, or minus infinity, for "never". The most overdue row is first.
_AGED = SQL("""\
SELECT {id} AS id, {status}::text, extract(epoch FROM {updated})::float8,
 extract(epoch FROM now())::float8, pg_typeof({updated}) = 'timestamptz'::regtype{shown}
FROM {table} WHERE {status}::text = ANY($1::text[]){alive}
ORDER BY CASE WHEN extract(epoch FROM {updated}) > 0 THEN extract(epoch FROM {updated})::float8
 + ($2::float8[])[array_position($1::text[], {status}::text)] END, 1 LIMIT {most}""")

_COUNTED = SQL("""\
SELECT {number}, count(*)::int, (array_agg(found.shown ORDER BY found.shown))[1:{sample}][1:{width}]
FROM (SELECT ARRAY[{id}, {status}::text{shown}] AS shown
 FROM {table} WHERE {status}::text = ANY({statuses}::text[]){alive} LIMIT {most}) AS found""")

# A database without an encoding gives bytes that may be no text; of these only ASCII can be read.
_ID = SQL("""\
CASE WHEN length({column}::text) <= {longest}
 AND (getdatabaseencoding() <> 'SQL_ASCII' OR {column}::text ~ '^[ -~]*$') THEN {column}::text
ELSE left(encode(sha256(convert_to({column}::text, getdatabaseencoding())), 'hex'), {hash}) END""")

_SHOWN = SQL("""\
, CASE WHEN getdatabaseencoding() <> 'SQL_ASCII' OR {column}::text ~ '^[ -~]*$'
 THEN left({column}::text, {longest}) WHEN {column} IS NOT NULL THEN '?' END""")

_ALIVE = SQL(" AND {deleted} IS NULL")


@dataclass(frozen=True, slots=True)
class Query:
    """One SELECT and its parameters."""

    text: str
    parameters: tuple[object, ...]

    @property
    def filled(self) -> str:
        """The text with its parameters written into it, for a person to ask."""
        values = [Literal(value).as_string().strip() for value in self.parameters]
        return re.sub(r"\$(\d+)", lambda found: values[int(found[1]) - 1], self.text)


def allowed_seconds(spec: StuckRows) -> dict[str, float]:
    """Give for how long rows may stay, by status.

    Where two limits name a status, the shorter one is what a row breaks first.
    """
    allowed: dict[str, float] = {}
    for limit in spec.all_limits:
        if limit.older_than is not None:
            seconds = limit.older_than.total_seconds()
            for status in limit.statuses:
                allowed[status] = min(seconds, allowed.get(status, seconds))
    return allowed


def counted_limits(spec: StuckRows) -> tuple[RowLimit, ...]:
    """Give the limits of how many rows there may be."""
    return tuple(
        limit for limit in spec.all_limits if limit.min is not None or limit.max is not None
    )


def aged_rows(spec: StuckRows, allowed: Mapping[str, float], most: int) -> Query:
    """Ask for the rows in these statuses, in each of which they may stay for so many seconds.

    Gives id, status, time of the last write, now, whether the column of that time has a zone, and
    what may be shown; at most `most` rows. Times are in seconds since 1970.
    """
    text = _AGED.format(
        **_parts(spec), updated=Identifier(spec.columns.updated), most=Literal(most)
    )
    return Query(text.as_string(), (list(allowed), list(allowed.values())))


def counted_rows(spec: StuckRows, limits: tuple[RowLimit, ...]) -> Query:
    """Ask how many rows are in the statuses of each limit, and for a few of them.

    Gives the limit's number, the count, no further than `counted_up_to`, and a list of rows, each
    of which is a list: id, status, and what may be shown.
    """
    parts = [
        _COUNTED.format(
            **_parts(spec),
            number=Literal(number),
            sample=Literal(SAMPLE),
            width=Literal(2 + len(spec.show)),
            statuses=SQL(f"${number + 1}"),
            most=Literal(counted_up_to(limit)),
        )
        for number, limit in enumerate(limits)
    ]
    text = SQL("\nUNION ALL ").join(parts)
    return Query(text.as_string(), tuple(list(limit.statuses) for limit in limits))


def counted_up_to(limit: RowLimit) -> int:
    """Give the number of rows at which counting ends: it tells, and there are some to be named."""
    past_max = limit.max + 1 if limit.max is not None else 0
    return max(past_max, limit.min or 0, SAMPLE)


def _parts(spec: StuckRows) -> dict[str, Composable]:
    columns = spec.columns
    return {
        "id": _ID.format(
            column=Identifier(columns.id), longest=Literal(_MAX_ID), hash=Literal(_MAX_HASH)
        ),
        "status": Identifier(columns.status),
        "shown": Composed(
            [
                _SHOWN.format(column=Identifier(one), longest=Literal(_MAX_SHOWN))
                for one in spec.show
            ]
        ),
        "table": Identifier(*spec.table.split(".")),
        "alive": _ALIVE.format(deleted=Identifier(columns.deleted))
        if columns.deleted is not None
        else SQL(""),
    }
