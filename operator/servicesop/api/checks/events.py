"""The check type `events`."""

from datetime import timedelta
from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field

from servicesop.api.base import (
    ApiModel,
    ObjectName,
    Pattern,
    PositiveDuration,
    Rule,
    TargetOrInvolved,
    at_least_one,
    no_longer_than,
    wire,
)
from servicesop.api.checks.kinds import KindName

LONGEST_WINDOW = timedelta(hours=1)
"""The API server drops an Event an hour after it was last written."""

_REASON = r"^[A-Za-z][A-Za-z0-9]*$"

EventReason = Annotated[
    str,
    Field(max_length=128, pattern=_REASON),
    wire(
        "string",
        Rule(
            f"self.matches('{_REASON}')",
            'must be the reason of an Event such as "FailedScheduling": letters and digits',
        ),
        maxLength=128,
    ),
]
"""The reason of an Event."""


class EventType(StrEnum):
    """The type of an Event."""

    NORMAL = "Normal"
    WARNING = "Warning"


class Involved(ApiModel):
    """The object that an Event is about."""

    kind: KindName
    """Its kind."""
    name: ObjectName | None = None
    """Its name; every object of the kind when not given."""


class Events(ApiModel):
    """Events that match, counted in a sliding window."""

    findings: ClassVar[tuple[str, ...]] = ("Found",)
    rules = (
        at_least_one("pattern", "reasons", "type"),
        Rule(
            "!has(self.target) || !has(self.involved)",
            "at most one of the fields in [target involved] may be set",
            holds=lambda events: events.target is None or events.involved is None,
        ),
        no_longer_than("within", LONGEST_WINDOW, "the API server keeps Events no longer"),
    )

    target: TargetOrInvolved | None = None
    """Events about this target, its ReplicaSets and its pods; the first one when not given."""
    involved: Involved | None = None
    """Events about these objects, instead of a target."""
    pattern: Pattern | None = None
    """RE2 pattern over the message; any message when not given."""
    reasons: Annotated[tuple[EventReason, ...], Field(max_length=12)] = ()
    """Only Events with one of these reasons; any reason when not given."""
    type: EventType | None = None
    """Only Events of this type; both when not given."""
    within: PositiveDuration
    """Length of the window that ends now, at most an hour."""
    max: Annotated[int, Field(ge=0, le=1000000)] = 0
    """Most occurrences allowed (finding Found)."""
