"""The check type `stuckRows`."""

from typing import Annotated, ClassVar

from pydantic import Field

from servicesop.api.base import ApiModel, ConnectionName, PositiveDuration
from servicesop.api.checks.columns import Identifier, Table, Value


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


class StuckRows(ApiModel):
    """No row stays in one of the statuses for longer than allowed."""

    findings: ClassVar[tuple[str, ...]] = ("Stuck",)

    connection: ConnectionName
    """The database, one of the SOP's connections."""
    table: Table
    """The table to watch."""
    statuses: Annotated[tuple[Value, ...], Field(min_length=1, max_length=12)]
    """The statuses that a row should leave."""
    older_than: PositiveDuration
    """How long a row may stay."""
    columns: RowColumns = RowColumns()
    """The names of its columns."""
