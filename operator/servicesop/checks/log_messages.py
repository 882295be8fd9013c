"""Messages of several lines: a line that begins one, and those that continue it. Pure."""

from collections.abc import Callable
from typing import Final

from servicesop.checks.log_lines import MAX_LINE, SECOND
from servicesop.checks.patterns import Matcher

MAX_LINES: Final = 128
"""Lines of one message that are looked at."""
MAX_MESSAGE: Final = MAX_LINE
"""Bytes of one message that are looked at."""
QUIET: Final = 2 * SECOND
"""How long after its last line a message counts as complete, although no other has begun."""


class Joiner:
    """Puts lines together, and gives each message once it is complete.

    Lines that come later than QUIET still belong to the message before them: it is given again,
    longer, and it is for `judge` to say whether it counted already.
    """

    def __init__(self, begins: Matcher, judge: Callable[[int, bytes], bool]) -> None:
        """`judge` takes a message with the time of its first line, and says if it counts."""
        self._begins = begins
        self._judge = judge
        self._lines: list[bytes] = []
        self._size = 0
        self._at = 0
        self._newest = 0
        self._counted = False
        self._changed = False

    def line(self, at: int, text: bytes) -> None:
        """Take the next line."""
        if self._lines and self._begins(text):
            self.end()
        if not self._lines:
            self._at = at
        self._newest = at
        room = MAX_MESSAGE - self._size
        if len(self._lines) < MAX_LINES and room > 0:
            self._lines.append(text[:room])
            self._size += len(text) + 1
            self._changed = True

    def settle(self, now: int) -> None:
        """Give the message at the end of the log, if nothing has come to it for long enough."""
        if self._lines and now - self._newest >= QUIET:
            self._give()

    def end(self) -> None:
        """Give the message at the end: what comes next does not continue it."""
        self._give()
        self._lines = []
        self._size = 0
        self._counted = False

    def _give(self) -> None:
        if self._changed and not self._counted:
            self._counted = self._judge(self._at, b"\n".join(self._lines))
        self._changed = False
