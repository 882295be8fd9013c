"""A clock that stands still until it is set."""

from contextlib import AbstractAsyncContextManager, nullcontext
from datetime import datetime

_NO_LIMIT = nullcontext()


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

    def limit(self, seconds: float) -> AbstractAsyncContextManager[object]:
        """Limit nothing: no time passes while something is asked."""
        return _NO_LIMIT
