"""One line on a person's terminal that says what is still waited for."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TextIO

_QUIET_SECONDS = 0.5
"""What is over by then needs no progress."""
_EVERY_SECONDS = 0.2
_CLEAR = "\r\x1b[K"
_WIDTH = 79


class Progress:
    """The checks that have not answered yet."""

    def __init__(self, checks: Sequence[str]) -> None:
        self._all = len(checks)
        self._waiting = list(checks)

    def done(self, check: str) -> None:
        """Take note that a check has answered."""
        self._waiting.remove(check)

    def line(self, seconds: float) -> str:
        """Say how far it is, in one line of a terminal."""
        answered = self._all - len(self._waiting)
        text = f"{answered} of {self._all} checks, {seconds:.0f}s; waiting for "
        text += ", ".join(self._waiting)
        return text if len(text) <= _WIDTH else text[: _WIDTH - 3] + "..."

    @asynccontextmanager
    async def shown(self, stream: TextIO | None = None) -> AsyncIterator[None]:
        """Show the line while the body runs, if the stream is a terminal."""
        stream = stream or sys.stderr
        if not stream.isatty():
            yield
            return
        showing = asyncio.create_task(self._show(stream))
        try:
            yield
        finally:
            showing.cancel()
            await asyncio.gather(showing, return_exceptions=True)
            stream.write(_CLEAR)
            stream.flush()

    async def _show(self, stream: TextIO) -> None:
        began = time.monotonic()
        await asyncio.sleep(_QUIET_SECONDS)
        while self._waiting:
            stream.write(_CLEAR + self.line(time.monotonic() - began))
            stream.flush()
            await asyncio.sleep(_EVERY_SECONDS)
