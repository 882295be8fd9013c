"""The checks of an SOP: what is asked, of whom, and from when on an answer counts.

A new check type is one model here, one field of `Check`, and one module in `servicesop.checks`.
"""

from datetime import timedelta
from typing import Annotated, ClassVar

from pydantic import Field
from pydantic.alias_generators import to_camel

from servicesop.api.base import (
    ApiModel,
    ConnectionName,
    Duration,
    Name,
    Pattern,
    PositiveDuration,
    Rule,
    Sentence,
    TargetName,
    at_least_one,
    exactly_one,
    wire,
)

Identifier = Annotated[
    str,
    Field(max_length=63, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$"),
    wire(
        "string",
        Rule(
            "self.matches('^[A-Za-z_][A-Za-z0-9_]*$')",
            "must be a plain SQL identifier: letters, digits and '_', not starting with a digit",
        ),
        maxLength=63,
    ),
]
"""A column, always quoted when it is sent."""

Table = Annotated[
    str,
    Field(max_length=127, pattern=r"^([A-Za-z_][A-Za-z0-9_]*\.)?[A-Za-z_][A-Za-z0-9_]*$"),
    wire(
        "string",
        Rule(
            "self.matches('^([A-Za-z_][A-Za-z0-9_]*[.])?[A-Za-z_][A-Za-z0-9_]*$')",
            "must be a table, or schema.table: letters, digits and '_'",
        ),
        maxLength=127,
    ),
]
"""A table, with or without its schema."""

Value = Annotated[str, Field(min_length=1, max_length=63)]
"""A value to compare a column with; it travels as a bind parameter."""


class Workload(ApiModel):
    """The target has its replicas configured and ready; a running rollout is not a failure."""

    findings: ClassVar[tuple[str, ...]] = ("TooFewConfigured", "NotReady", "ImagePull", "CrashLoop")
    rules = (at_least_one("replicas", "minReady"),)

    target: TargetName | None = None
    """The target, by name; the first one when not given."""
    replicas: Annotated[int, Field(ge=0, le=10000)] | None = None
    """Configured replicas must be at least this many (finding TooFewConfigured)."""
    min_ready: Annotated[int, Field(ge=0, le=10000)] | None = None
    """Ready pods must be at least this many (finding NotReady); `replicas` when not given."""


class Logs(ApiModel):
    """Lines that match a pattern, counted over all pods of the target in a sliding window."""

    findings: ClassVar[tuple[str, ...]] = ("TooMany", "TooFew")
    rules = (
        at_least_one("min", "max"),
        Rule(
            "!has(self.min) || !has(self.max) || self.min <= self.max",
            "min must not be greater than max",
            holds=lambda logs: logs.min is None or logs.max is None or logs.min <= logs.max,
        ),
    )

    target: TargetName | None = None
    """The target, by name; the first one when not given."""
    container: Name | None = None
    """Only this container; all containers of the pod when not given."""
    pattern: Pattern
    """RE2 pattern; a line counts once however often it matches."""
    within: PositiveDuration
    """Length of the window that ends now."""
    min: Annotated[int, Field(ge=0, le=1000000)] | None = None
    """Fewest matching lines allowed (finding TooFew)."""
    max: Annotated[int, Field(ge=0, le=1000000)] | None = None
    """Most matching lines allowed (finding TooMany)."""


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


class Check(ApiModel):
    """One thing that should be true, named as a positive statement."""

    name: Name
    """Unique in the SOP; says what should be true: `ocm-accepts`, not `ocm-refuses`."""
    title: Sentence | None = None
    """The same in a sentence."""
    every: PositiveDuration | None = None
    """How often to ask; the SOP's `every` when not given."""
    timeout: PositiveDuration = timedelta(seconds=5)
    """How long one run may take; then it is an Error, never a failure."""
    for_: Annotated[Duration | None, Field(alias="for")] = None
    """How long it must fail, in two runs or more, to be Failed; 2 x every when not given."""
    recover_for: Duration | None = None
    """How long it must pass before a Failed check is Passed again; 2 x every when not given."""
    workload: Workload | None = None
    """Replicas of a workload."""
    logs: Logs | None = None
    """Occurrences in the pods' logs."""
    leader: Leader | None = None
    """Leader election."""
    stuck_rows: StuckRows | None = None
    """Rows that do not move on."""

    @property
    def type(self) -> str:
        """The check type, as its field is named in the resource."""
        return next(to_camel(field) for field in _TYPES if getattr(self, field) is not None)

    @property
    def findings(self) -> tuple[str, ...]:
        """What this check can find when it fails."""
        return CHECK_TYPES[self.type].findings


_TYPES: dict[str, type[Workload | Logs | Leader | StuckRows]] = {
    "workload": Workload,
    "logs": Logs,
    "leader": Leader,
    "stuck_rows": StuckRows,
}
CHECK_TYPES = {to_camel(field): model for field, model in _TYPES.items()}
"""The check types by the name of their field in the resource."""

Check.rules = (exactly_one(*CHECK_TYPES),)
