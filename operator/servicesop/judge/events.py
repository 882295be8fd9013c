"""Slim views of Events, and how often one occurred within a window, as far as that can be told."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

LATE: Final = timedelta(minutes=36)
"""Writers of a series tell of its first two occurrences at once, then every 30 minutes, and of its
end at most 6 minutes after it is over."""

Mark = tuple[datetime, int]
"""A moment at which a repeated Event had occurred for the n-th time."""


@dataclass(frozen=True, slots=True)
class EventView:
    """One Event, which stands for one or more occurrences."""

    kind: str
    """Of the object that it is about."""
    name: str
    reason: str
    type: str
    message: str
    """Cut to a bounded length."""
    first: datetime
    last: datetime
    count: int
    series: bool
    """Written through events.k8s.io as a series, of which later occurrences are told late."""


@dataclass(frozen=True, slots=True)
class Repeated:
    """An Event with what was seen of its repetitions."""

    event: EventView
    marks: tuple[Mark, ...]
    """From the first to the last that is known, in the order of time and of numbers."""


@dataclass(frozen=True, slots=True)
class RecentEvents:
    """The Events of a namespace."""

    events: Collection[Repeated]
    whole_since: datetime | None
    """Events that last occurred before this may be missing; None where none are."""


def occurrences(seen: Repeated, start: datetime, now: datetime) -> tuple[int, int | None]:
    """Give the least and the most that can have occurred since `start`; None is no bound.

    A repeated Event says how often it occurred, when first and when last, and not when in between;
    what was seen of it on the way says more.
    """
    total = seen.event.count
    least = next((total - number + 1 for moment, number in seen.marks if moment >= start), 0)
    before = [number for moment, number in seen.marks if moment < start]
    most = total - before[-1] if before else total
    if seen.event.series and seen.event.last >= now - LATE:
        return least, None
    return least, most
