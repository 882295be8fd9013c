"""Time that does not jump while the process runs."""

import asyncio
import time
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Time, passed in."""

    def now(self) -> datetime:
        """Give the time, UTC."""

    def monotonic(self) -> float:
        """Give seconds from an arbitrary origin."""

    def limit(self, seconds: float) -> AbstractAsyncContextManager[object]:
        """Give a context that ends what takes longer with TimeoutError."""


class SteadyClock:
    """Wall time at the start of the process, carried on by the monotonic clock.

    A clock that is set while the operator runs must neither shorten a cooldown nor stretch it.
    """

    def __init__(self) -> None:
        self._began = datetime.now(UTC)
        self._origin = time.monotonic()

    def now(self) -> datetime:
        """Give the time, UTC."""
        return self._began + timedelta(seconds=self.monotonic() - self._origin)

    def monotonic(self) -> float:
        """Give seconds from an arbitrary origin."""
        return time.monotonic()

    def limit(self, seconds: float) -> AbstractAsyncContextManager[object]:
        """Give a context that ends what takes longer with TimeoutError."""
        return asyncio.timeout(seconds)
