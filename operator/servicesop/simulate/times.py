"""Times in what a test gives that move on with the clock: `now`, `now-10m`, `now+45s`."""

import re
from datetime import datetime, timedelta
from typing import Any

from servicesop.api.durations import parse_duration
from servicesop.api.times import format_time

_MOVING = re.compile(r"now(?:(?P<sign>[-+])(?P<span>(?:\d{1,5}h)?(?:\d{1,5}m)?(?:\d{1,5}s)?))?")


def moment_of(value: object, now: datetime) -> object:
    """Give the time that a value means; anything else stays as it is."""
    found = _MOVING.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        return value
    span = parse_duration(found["span"]) if found["span"] else timedelta()
    return now - span if found["sign"] == "-" else now + span


def time_in(value: object, now: datetime) -> datetime | None:
    """Give the time that a column holds, in quotes or not; None where it holds none."""
    return _fixed(moment_of(value, now))


def is_time(value: object) -> bool:
    """Whether a column that holds this holds a time."""
    return _is_moving(value) or _fixed(value) is not None


def moves(value: Any) -> bool:
    """Whether there is a time in it that moves on with the clock."""
    match value:
        case dict():
            return any(map(moves, value.values()))
        case list() | tuple():
            return any(map(moves, value))
    return _is_moving(value)


def _is_moving(value: object) -> bool:
    return isinstance(value, str) and _MOVING.fullmatch(value) is not None


def _fixed(value: object) -> datetime | None:
    """Read a time that does not move; YAML has done so where it stands without quotes."""
    if isinstance(value, str) and ":" in value:
        try:
            return datetime.fromisoformat(value)
        except ValueError:
            return None
    return value if isinstance(value, datetime) else None


def written(value: Any, now: datetime) -> Any:
    """Write all times in an object as the API server does."""
    match value:
        case dict():
            return {str(key): written(each, now) for key, each in value.items()}
        case list() | tuple():
            return [written(each, now) for each in value]
    moment = moment_of(value, now)
    return format_time(moment) if isinstance(moment, datetime) else moment
