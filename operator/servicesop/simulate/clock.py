"""A clock that stands still until it is set."""

from datetime import datetime


class SetClock:
    """Time as the test says it is."""

    def __init__(self, start: datetime) -> None:
        self._start = start
        self._now = start

    def set(self, now: datetime) -> None:
        """Let it be that time."""
        self._now = now

    def now(self) -> datetime:
        """Give the time, UTC."""
        return self._now

    def monotonic(self) -> float:
        """Give seconds since the start."""
        return (self._now - self._start).total_seconds()
