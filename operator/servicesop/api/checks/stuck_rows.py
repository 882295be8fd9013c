"""The check type `stuckRows`.

It asserts that no row of a table stays in a status for too long (Stuck), and that not too many rows
(TooMany) and enough of them (TooFew) are in one. Rows that are softly deleted are no rows.

The time in a status is the greater of the time since the last write and the time since we first saw
the row there. Both are lower bounds: it finds late rather than early. It cannot see that a row left
and came back between two runs. More rows than it looks at, and none of them stuck, is Inconclusive
(NotCovered); a table that it cannot ask or read is an Error.
"""

from typing import Annotated, ClassVar

from pydantic import Field

from servicesop.api.base import (
    ApiModel,
    DatabaseName,
    PositiveDuration,
    Rule,
    at_least_one,
    exactly_one,
)
from servicesop.api.checks.columns import Identifier, Table, Value

Statuses = Annotated[tuple[Value, ...], Field(min_length=1, max_length=12)]
RowCount = Annotated[int, Field(ge=0, le=1000)]

_MIN_TO_MAX = Rule(
    "!has(self.min) || !has(self.max) || self.min <= self.max",
    "min must not be greater than max",
    holds=lambda limit: limit.min is None or limit.max is None or limit.min <= limit.max,
)


class RowColumns(ApiModel):
    """Which columns of the watched table hold what."""

    id: Identifier = "id"
    """Identifies the row; shown as evidence."""
    status: Identifier = "status"
    """The row's status (text)."""
    updated: Identifier = "updated_at"
    """When the row was last written (timestamp with time zone)."""
    deleted: Identifier | None = "deleted_at"
    """Soft deletion: rows in which this column is not null do not count."""


class RowLimit(ApiModel):
    """How long rows may stay in some statuses, and how many there may be."""

    rules = (at_least_one("olderThan", "min", "max"), _MIN_TO_MAX)

    statuses: Statuses
    """The statuses that it is about."""
    older_than: PositiveDuration | None = None
    """How long a row may stay in one of them (finding Stuck)."""
    min: RowCount | None = None
    """Fewest rows allowed in them, together (finding TooFew)."""
    max: RowCount | None = None
    """Most rows allowed in them, together (finding TooMany)."""


class StuckRows(ApiModel):
    """No row stays in a status for longer than allowed; enough and not too many rows are in one."""

    findings: ClassVar[tuple[str, ...]] = ("Stuck", "TooMany", "TooFew")
    rules = (
        exactly_one("statuses", "limits"),
        Rule(
            "!has(self.statuses) || has(self.olderThan) || has(self.min) || has(self.max)",
            "beside statuses, at least one of the fields in [olderThan min max] must be set",
            holds=lambda rows: rows.statuses is None or rows.is_limited,
        ),
        Rule(
            "has(self.statuses) || (!has(self.olderThan) && !has(self.min) && !has(self.max))",
            "olderThan, min and max are only allowed beside statuses; each of limits has its own",
            holds=lambda rows: rows.statuses is not None or not rows.is_limited,
        ),
        _MIN_TO_MAX,
    )

    connection: DatabaseName
    """The database, one of the SOP's connections."""
    table: Table
    """The table to watch."""
    statuses: Statuses | None = None
    """The statuses that a row should leave, or that some rows should be in."""
    older_than: PositiveDuration | None = None
    """How long a row may stay in one of `statuses` (finding Stuck)."""
    min: RowCount | None = None
    """Fewest rows allowed in `statuses`, together (finding TooFew)."""
    max: RowCount | None = None
    """Most rows allowed in `statuses`, together (finding TooMany)."""
    limits: Annotated[tuple[RowLimit, ...], Field(min_length=1, max_length=8)] | None = None
    """Several limits on one table, in place of the fields above."""
    columns: RowColumns = RowColumns()
    """The names of its columns."""
    show: Annotated[tuple[Identifier, ...], Field(max_length=3)] = ()
    """Further columns whose content may be shown as evidence; none without it."""

    @property
    def is_limited(self) -> bool:
        """Whether something is allowed or forbidden beside `statuses`."""
        return any(limit is not None for limit in (self.older_than, self.min, self.max))

    @property
    def all_limits(self) -> tuple[RowLimit, ...]:
        """The limits, whichever of the two forms they were written in."""
        if self.limits is not None:
            return self.limits
        assert self.statuses is not None, "one of the two forms is there"
        return (
            RowLimit(
                statuses=self.statuses, older_than=self.older_than, min=self.min, max=self.max
            ),
        )
