from datetime import UTC, datetime, timedelta

import pytest

from servicesop.judge.events import EventView, Mark, Repeated, occurrences

NOW = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)
START = NOW - timedelta(minutes=10)


def at(minutes: float) -> datetime:
    return NOW - timedelta(minutes=minutes)


def seen(*marks: Mark, series: bool = False) -> Repeated:
    event = EventView(
        "Pod", "api-0", "BackOff", "Warning", "x", marks[0][0], marks[-1][0], marks[-1][1], series
    )
    return Repeated(event, marks)


@pytest.mark.parametrize(
    ("marks", "expected"),
    [
        ([(at(5), 1)], (1, 1)),
        ([(at(10), 1)], (1, 1)),
        ([(at(11), 1)], (0, 0)),
        # First and last, and nothing in between.
        ([(at(9), 1), (at(1), 7)], (7, 7)),
        ([(at(20), 1), (at(1), 7)], (1, 6)),
        ([(at(20), 1), (at(11), 7)], (0, 0)),
        # Seen on the way.
        ([(at(20), 1), (at(12), 4), (at(1), 7)], (1, 3)),
        ([(at(20), 1), (at(9), 4), (at(1), 7)], (4, 6)),
        ([(at(20), 1), (at(10.5), 4), (at(9.5), 5), (at(1), 7)], (3, 3)),
        # Ahead of our clock is now.
        ([(at(-1), 1)], (1, 1)),
    ],
)
def test_how_often_an_event_occurred_since(marks: list[Mark], expected: tuple[int, int]) -> None:
    assert occurrences(seen(*marks), START, NOW) == expected


@pytest.mark.parametrize(
    ("last", "expected"),
    [(1, (1, None)), (11, (0, None)), (36, (0, None)), (36.1, (0, 0))],
)
def test_a_series_has_no_most_until_its_end_must_have_been_told(
    last: float, expected: tuple[int, int | None]
) -> None:
    assert occurrences(seen((at(40), 1), (at(last), 2), series=True), START, NOW) == expected
