"""Points in time as Kubernetes writes them: UTC, whole seconds, `2026-01-31T09:30:00Z`."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

from pydantic import AfterValidator, PlainSerializer

from servicesop.api.base import wire


def whole_seconds(time: datetime) -> datetime:
    """Drop the fraction, as a written time would. Raise ValueError for a time without a zone."""
    if time.tzinfo is None:
        raise ValueError("a time needs a zone")
    if time.tzinfo is UTC and not time.microsecond:
        return time
    return time.astimezone(UTC).replace(microsecond=0)


def next_second(time: datetime) -> datetime:
    """Give the first whole second that is not earlier: a wait counted from it is never short."""
    return whole_seconds(time + timedelta(microseconds=999_999))


def format_time(time: datetime) -> str:
    """Write a time as Kubernetes does."""
    return whole_seconds(time).strftime("%Y-%m-%dT%H:%M:%SZ")


Time = Annotated[
    datetime,
    AfterValidator(whole_seconds),
    PlainSerializer(format_time, return_type=str),
    wire("string", format="date-time"),
]
"""A point in time."""
