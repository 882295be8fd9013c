"""What a file of tests can give to be observed, as models."""

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from servicesop.api.base import ApiModel, Duration, Name, Number, ObjectName, PositiveDuration
from servicesop.api.checks.columns import Table
from servicesop.api.reasons import UnknownReason

Object = dict[str, Any]
Labels = Mapping[str, str]
Row = dict[str, Any]


class LogLines(ApiModel):
    """Lines that a container logs. They are added to what it has logged before."""

    pod: ObjectName
    """The pod. One that is not among the given objects is a pod of the target."""
    container: Annotated[str, Field(min_length=1, max_length=63)]
    """The container."""
    target: Name | None = None
    """Whose pod it is, by the SOP's name for the target; the first target when not given."""
    lines: Annotated[tuple[str, ...], Field(min_length=1, max_length=1000)]
    """The lines as the program writes them, all at this time, one after the other."""
    every: PositiveDuration | None = None
    """Log them again and again, so often."""
    until: Duration | None = None
    """Beside `every`: up to when, counted from the start; to the end of the test when not given."""

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.until is not None and self.every is None:
            raise ValueError("until is only allowed beside every")
        if any("\n" in line for line in self.lines):
            raise ValueError("lines: each must be one line")
        return self


class TableRows(ApiModel):
    """All rows of a table; [] for an empty one. What is not given is not in it any more."""

    connection: Name | None = None
    """The database; any with a table of that name when not given."""
    table: Table
    """The table, as the check names it."""
    rows: Annotated[tuple[Row, ...], Field(max_length=2000)]
    """Rows, by column. A time is written as `2024-05-01T11:50:00Z`, in quotes or not; `now-10m` and
    `now+45s` move on with the clock, as those of a lease that is renewed do."""


class QueryRows(ApiModel):
    """What the query of a `sql` check gives."""

    check: Name
    """The check."""
    rows: Annotated[tuple[tuple[Any, ...], ...], Field(max_length=2000)]
    """Rows, each a list of values; [] for none."""


class OneSeries(ApiModel):
    """One series of an answer."""

    labels: Labels = Field(default_factory=dict)
    """Its labels."""
    value: Number | None
    """A quoted decimal; null for NaN."""


class Samples(ApiModel):
    """What the query of a `prometheus` check, or of a leader's metric, gives."""

    check: Name
    """The check."""
    series: Annotated[tuple[OneSeries, ...], Field(max_length=1000)]
    """The series; [] for an empty answer."""


class AlertState(StrEnum):
    """What Prometheus says of an alert."""

    FIRING = "Firing"
    INACTIVE = "Inactive"
    NOT_EVALUATED = "NotEvaluated"
    """There is a rule, and its latest evaluation failed."""
    NO_RULE = "NoRule"
    """There is no rule of that name."""


class GivenAlert(ApiModel):
    """One alert of Prometheus and Alertmanager."""

    name: Annotated[str, Field(min_length=1, max_length=128)]
    """Its name, as in its rule."""
    state: AlertState = AlertState.FIRING
    """Firing, Inactive, NotEvaluated, or NoRule."""
    labels: Labels = Field(default_factory=dict)
    """Its labels, while it fires."""
    silenced: bool = False
    """Alertmanager keeps it silent."""


class HttpFailureName(StrEnum):
    """How a server fails to answer."""

    TIMEOUT = "Timeout"
    NO_CONNECTION = "NoConnection"
    REFUSED = "Refused"
    RESET = "Reset"
    UNREACHABLE = "Unreachable"
    CERTIFICATE_EXPIRED = "CertificateExpired"
    CERTIFICATE_NOT_TRUSTED = "CertificateNotTrusted"
    CERTIFICATE_NAME_MISMATCH = "CertificateNameMismatch"
    TLS_FAILED = "TlsFailed"
    MALFORMED = "Malformed"


class HttpAnswer(ApiModel):
    """How the server of an `http` check answers."""

    check: Name
    """The check."""
    status: Annotated[int, Field(ge=100, le=599)] | None = None
    """The status code of its answer."""
    body: Annotated[str, Field(max_length=65536)] = ""
    """The body of its answer."""
    seconds: Annotated[Decimal, Field(ge=0, le=3600)] = Decimal("0.05")
    """How long it takes."""
    failure: HttpFailureName | None = None
    """Instead of `status`: why there is no answer. Timeout, NoConnection, Refused, Reset,
    Unreachable, CertificateExpired, CertificateNotTrusted, CertificateNameMismatch, TlsFailed or
    Malformed."""
    not_asked: UnknownReason | None = None
    """Instead of `status`: why it could not be asked, such as HostNotFound or IssuerUnavailable."""

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        ways = (self.status, self.failure, self.not_asked)
        if sum(way is not None for way in ways) != 1:
            raise ValueError("exactly one of the fields in [status failure notAsked] must be set")
        return self


class Gone(ApiModel):
    """An object that is not there any more."""

    api_version: Annotated[str, Field(min_length=1, max_length=128)]
    """Its apiVersion."""
    kind: Annotated[str, Field(min_length=1, max_length=63)]
    """Its kind."""
    name: Annotated[str, Field(min_length=1, max_length=253)]
    """Its name."""


ANSWERS = "Answers"
"""Of a source that can be asked again."""
SOURCES = ("logs", "events", "objects", "workloads")
"""What can fail besides the SOP's connections."""


def spread(first: timedelta, given: LogLines, end: timedelta) -> list[timedelta]:
    """Give the times at which lines are logged, up to the end of the test."""
    last = min(given.until or end, end) if given.every is not None else first
    times = [first]
    while given.every is not None and times[-1] + given.every <= last:
        times.append(times[-1] + given.every)
    return times
