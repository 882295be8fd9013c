"""The check type `prometheus`.

It asserts that the series of a PromQL query are within limits (Below, Above), or that an alert does
not fire (Firing). The query is sent as it is.

A series without a number (NaN, such as 0/0) and an answer without series are what the check says
that they are: a service without traffic has no error rate. What is no number at all, a range
vector or a histogram, say, is an Error (BadAnswer).
"""

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field

from servicesop.api.base import (
    AlertmanagerName,
    ApiModel,
    Number,
    PrometheusName,
    Rule,
    at_least_one,
    exactly_one,
    wire,
)
from servicesop.api.checks.limits import MIN_TO_MAX, OnEmpty
from servicesop.api.checks.promql import Expression, LabelName

_ALERT_NAME = r'^[^\x00-\x1f"\\]+$'

AlertName = Annotated[
    str,
    Field(max_length=128, pattern=_ALERT_NAME),
    wire(
        "string",
        Rule(
            f"self.matches(r'{_ALERT_NAME}')",
            "must be the name of an alert, without quotes, backslashes and control characters",
        ),
        maxLength=128,
    ),
]
"""The name of an alert."""


class Combine(StrEnum):
    """How the series of an answer are judged together."""

    ANY = "Any"
    ALL = "All"
    SUM = "Sum"


class MetricQuery(ApiModel):
    """A query whose series are compared."""

    rules = (at_least_one("min", "max"), MIN_TO_MAX)

    expr: Expression
    """The expression, asked for the present moment; it gives a number, or one for each series."""
    min: Number | None = None
    """Least value allowed (finding Below)."""
    max: Number | None = None
    """Greatest value allowed (finding Above)."""
    on_empty: OnEmpty
    """What no series, or one that is NaN (0/0), means: Passed, Failed (finding Empty), or
    Inconclusive."""
    combine: Combine = Combine.ANY
    """Any: one series outside of the limits is enough. All: it fails when every series is outside.
    Sum: all series are added, and the sum is compared."""
    show: Annotated[tuple[LabelName, ...], Field(max_length=4)] = ()
    """Labels whose values may be shown as evidence, to tell the series apart; none without it."""


class LabelValue(ApiModel):
    """A label that must have this value."""

    name: LabelName
    """The name of the label."""
    value: Annotated[str, Field(min_length=1, max_length=256)]
    """Its whole value."""


class Alert(ApiModel):
    """An alert that should not fire."""

    name: AlertName
    """The alert's name, as in its rule: `TelemeterDown`."""
    labels: Annotated[tuple[LabelValue, ...], Field(max_length=8)] = ()
    """Labels that the alert must carry to count; alerts that lack one, or have another value, are
    ignored."""
    alertmanager: AlertmanagerName | None = None
    """The Alertmanager that knows what is silenced, one of the SOP's connections. Silenced alerts
    do not count. Without `connection` it alone is asked what fires."""
    on_empty: OnEmpty
    """What it means that Prometheus has no alerting rule of that name: Passed, Failed (finding
    Empty), or Inconclusive. Where only Alertmanager is asked: that it holds no such alert."""


class Prometheus(ApiModel):
    """The series of a query are within limits, or an alert does not fire."""

    findings: ClassVar[tuple[str, ...]] = ("Above", "Below", "Firing", "Empty")
    rules = (
        exactly_one("query", "alert"),
        Rule(
            "has(self.connection) || (has(self.alert) && has(self.alert.alertmanager))",
            "connection must be set; only an alert may name an Alertmanager alone",
            holds=lambda check: (
                check.connection is not None
                or (check.alert is not None and check.alert.alertmanager is not None)
            ),
        ),
    )

    connection: PrometheusName | None = None
    """The Prometheus to ask, one of the SOP's connections."""
    query: MetricQuery | None = None
    """Compare what a query gives."""
    alert: Alert | None = None
    """See whether an alert fires."""
