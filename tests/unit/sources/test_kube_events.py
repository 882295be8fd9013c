import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from servicesop.judge.events import EventView, Repeated
from servicesop.sources.kubernetes.events import MAX_MESSAGE, event_view, repeated

NOW = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def item(**fields: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": "e", "namespace": "n", "creationTimestamp": "2026-01-31T09:00:00Z"},
        "involvedObject": {"kind": "Pod", "name": "api-0"},
        "reason": "BackOff",
        "type": "Warning",
        "message": "Back-off restarting failed container",
    } | fields


@pytest.mark.parametrize(
    ("fields", "first", "last", "count", "series"),
    [
        (
            {
                "firstTimestamp": "2026-01-31T09:10:00Z",
                "lastTimestamp": "2026-01-31T09:20:00Z",
                "count": 7,
            },
            *("09:10:00", "09:20:00", 7, False),
        ),
        # As events.k8s.io writes it, and core/v1 serves it.
        (
            {"eventTime": "2026-01-31T09:10:00.123456Z", "firstTimestamp": None, "count": None},
            *("09:10:00.123456", "09:10:00.123456", 1, False),
        ),
        (
            {
                "eventTime": "2026-01-31T09:10:00.000000Z",
                "series": {"count": 5, "lastObservedTime": "2026-01-31T09:25:00.500000Z"},
            },
            *("09:10:00", "09:25:00.500000", 5, True),
        ),
        ({}, "09:00:00", "09:00:00", 1, False),
        ({"count": -3, "lastTimestamp": "yesterday"}, "09:00:00", "09:00:00", 1, False),
        ({"count": True, "lastTimestamp": 7}, "09:00:00", "09:00:00", 1, False),
        # Without a zone it is no moment.
        ({"lastTimestamp": "2026-01-31T09:20:00"}, "09:00:00", "09:00:00", 1, False),
    ],
)
def test_the_shapes_of_an_event(
    fields: dict[str, Any], first: str, last: str, count: int, series: bool
) -> None:
    view = event_view(item(**fields))
    day = "2026-01-31T"
    assert view == EventView(
        kind="Pod",
        name="api-0",
        reason="BackOff",
        type="Warning",
        message="Back-off restarting failed container",
        first=datetime.fromisoformat(f"{day}{first}+00:00"),
        last=datetime.fromisoformat(f"{day}{last}+00:00"),
        count=count,
        series=series,
    )


@pytest.mark.parametrize("nonsense", [None, 7, "x", [], {}, {"kind": 7}, [[]], True, "x" * 10**6])
def test_an_event_of_any_form_is_read(nonsense: object) -> None:
    fields = (
        *("metadata", "involvedObject", "series", "reason", "type", "message", "count"),
        *("firstTimestamp", "lastTimestamp", "eventTime"),
    )
    view = event_view(dict.fromkeys(fields, nonsense))
    assert len(json.dumps([view.kind, view.name, view.reason, view.message])) < 5 * MAX_MESSAGE
    assert view.first.tzinfo is not None
    assert view.count >= 1


def view(count: int, last: datetime, first: datetime | None = None) -> EventView:
    return EventView("Pod", "p", "R", "Warning", "", first or ago(3000), last, count, False)


def follow(*views: EventView) -> Repeated:
    seen = None
    for one in views:
        seen = repeated(seen, one, one.last)
    assert seen is not None
    return seen


def test_what_is_seen_first_has_its_two_ends() -> None:
    assert follow(view(5, ago(10))).marks == ((ago(3000), 1), (ago(10), 5))
    assert follow(view(1, ago(10))).marks == ((ago(10), 1),)


def test_repetitions_are_remembered_a_minute_apart() -> None:
    views = [view(number, ago(600 - 10 * number)) for number in range(2, 60)]
    marks = follow(*views).marks
    assert marks[0] == (ago(3000), 1)
    assert marks[-1] == (ago(10), 59)
    assert [number for _, number in marks] == sorted({number for _, number in marks})
    inner = [moment for moment, _ in marks[1:-1]]
    assert all(later - earlier >= timedelta(minutes=1) for earlier, later in pairwise(inner))
    assert len(marks) == 12


def test_marks_of_one_event_are_bounded_however_long_it_is_repeated() -> None:
    views = [view(number, NOW + timedelta(seconds=20 * number)) for number in range(2, 2000)]
    marks = follow(*views).marks
    assert len(marks) <= 64
    assert marks[0][0] < views[-1].last - timedelta(hours=1) <= marks[1][0]


def test_an_event_that_begins_anew_is_another_one() -> None:
    assert follow(view(9, ago(100)), view(2, ago(10))).marks == ((ago(3000), 1), (ago(10), 2))
    assert follow(view(9, ago(100)), view(9, ago(10), ago(20))).marks[0] == (ago(20), 1)


def test_an_event_of_the_same_number_that_was_written_later_occurred_later() -> None:
    assert follow(view(1, ago(100)), view(1, ago(10))).marks == ((ago(10), 1),)
    assert follow(view(4, ago(100)), view(4, ago(10))).marks == ((ago(3000), 1), (ago(10), 4))
