"""The check type `leader`."""

from datetime import timedelta
from typing import Annotated, ClassVar

from pydantic import Field

from servicesop.api.base import ApiModel, ConnectionName, Duration
from servicesop.api.checks.columns import Identifier, Table, Value


class LeaseColumns(ApiModel):
    """Which columns of the lease table hold what."""

    worker: Identifier = "lease_type"
    """The worker type that is elected (text)."""
    holder: Identifier = "leader"
    """Who holds the lease (text); empty or null is nobody."""
    expires: Identifier = "expires"
    """Until when the lease holds (timestamp with time zone)."""
    deleted: Identifier | None = None
    """Soft deletion: rows in which this column is not null do not count."""


class LeaseTable(ApiModel):
    """A table with one row per elected worker."""

    connection: ConnectionName
    """The database, one of the SOP's connections."""
    table: Table
    """The table of leases."""
    columns: LeaseColumns = LeaseColumns()
    """The names of its columns."""


class Leader(ApiModel):
    """Every worker has exactly one leader."""

    findings: ClassVar[tuple[str, ...]] = ("None", "Many")

    workers: Annotated[tuple[Value, ...], Field(min_length=1, max_length=32)]
    """The workers that must be led; other rows (orphans) are ignored."""
    lease: LeaseTable
    """Where the leases are."""
    for_none: Duration = timedelta(seconds=90)
    """How long a worker must be without a leader before it counts; take-over takes 45 to 75 s."""
    for_many: Duration = timedelta(seconds=45)
    """How long two leaders must last before they count; one election interval is usual."""
