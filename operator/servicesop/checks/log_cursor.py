"""Where the reading of one container's log stands, and from when on it saw every line. Pure.

A log is served in the order in which it was written, from a time on that has the precision of
seconds. So each reading begins with lines that are known already. They are dropped, and they prove
that nothing was missed: the newest known line comes again unless the file was rotated in between,
because only the newest file is served.

Checks do not use this directly: `servicesop.checks.log_follower` reads the logs of pods with it.
"""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Protocol

from servicesop.checks.log_lines import EPOCH, MAX_LINE, SECOND, LineSplitter, Stamps, text_of

MAX_NEW_BYTES: Final = 8 * 1024 * 1024
"""About how much of one log is taken in one reading; the rest follows in the next run."""
MAX_BYTES: Final = 2 * MAX_NEW_BYTES
"""How much is read in all, lines that are known already included."""
AHEAD: Final = 60 * SECOND
"""By how much a node's clock may be ahead of ours. When such a clock is set back, the lines of that
time are taken for known ones, so the time is short; beyond it, nothing is covered."""
_MAX_KNOWN: Final = 4096


class LineSink(Protocol):
    """What takes the lines of one container, in their order, each once."""

    def line(self, at: int, text: bytes) -> None:
        """Take a new line: when it was logged (nanoseconds since the epoch), and its text."""

    def restarted(self) -> None:
        """Note that the next line is another start of the container."""

    def missed(self) -> None:
        """Note that lines may be missing between the last line and the next."""


@dataclass(slots=True)
class Position:
    """Up to where a log has been read."""

    second: int
    """The newest line's, since the epoch; lines of this second come again."""
    newest: int = 0
    last: int | None = None
    """The hash of the last line read of that second; None where none is known."""
    known: Counter[int] = field(default_factory=Counter)
    """The hashes of that second's lines, as far as they are remembered."""
    partial: bool = False
    """Not all of them are: the time alone must tell which lines are known."""


class LogCursor:
    """One container of one pod, through its restarts. Times are nanoseconds since the epoch."""

    def __init__(self, start: int, sink: LineSink) -> None:
        """Begin at `start`; new lines go to `sink`."""
        self.sink = sink
        self.covered_from = 0
        """From when on no line can have been missed."""
        self.behind = True
        """It has not been read to its end: there was too much, or it could not be read."""
        self.life: str | None = None
        """The container id whose log is being read; changes with each restart."""
        self.restarts = 0
        self.proven = False
        """It has been looked at where the file of this life begins."""
        self.position = Position(start // SECOND)

    @property
    def since(self) -> datetime:
        """From when on the log must be asked for."""
        return EPOCH + timedelta(seconds=self.position.second)

    def uncover(self, until: int) -> None:
        """Note that lines up to `until` may have been missed: the next line may follow others."""
        self.reaches_back_to(until)
        self.sink.missed()

    def reaches_back_to(self, first: int) -> None:
        """Note that nothing before `first` was served; there is no gap after what was."""
        self.covered_from = max(self.covered_from, first)

    def begin(self, life: str, restarts: int) -> None:
        """Go over to another start of the container, whose log is another file."""
        # Also the first time: what came so far, if anything, is of an earlier start.
        self.sink.restarted()
        self.life = life
        self.restarts = restarts
        self.proven = False
        self.position.last = None

    def recognise(self, line: bytes) -> bool:
        """Know the file by its last line from now on.

        Give False if that line was not read yet.
        """
        at = Stamps().read(line)
        if at is None:
            return True
        if at >= self.position.second * SECOND:
            return False
        self.position = Position(at // SECOND, newest=at, last=hash(line), partial=True)
        return True

    def read(self, *, now: int, start: int, expect: bool, final: bool = False) -> "Reading":
        """Begin a reading from `since` on; new lines after `start` go to the sink.

        `expect`: it is the same file as last time, so the newest known line must come again.
        `final`: nobody writes to this log any more, so that its last line is whole as it is.
        """
        return Reading(self, now=now, start=start, expect=expect, final=final)


class Reading:
    """One reading of a log. What was fed stays read even if the reading is broken off."""

    def __init__(
        self, cursor: LogCursor, *, now: int, start: int, expect: bool, final: bool
    ) -> None:
        self._cursor = cursor
        self._now = now
        self._start = start
        self._final = final
        position = cursor.position
        self._from = position.second * SECOND
        self._before = position.newest
        self._known = position.known.copy()
        self._partial = position.partial
        self._awaited = position.last if expect else None
        self._lines = LineSplitter()
        self._stamps = Stamps()
        self._at: int | None = None
        self._taken = 0
        self._new_bytes = 0
        self._bytes = 0
        self._stopped = False

    def feed(self, chunk: bytes) -> bool:
        """Take a chunk; False when no more should be read now."""
        taken = self._taken
        for line in self._lines.split(chunk):
            self._take(line)
        self._bytes += len(chunk)
        if self._taken > taken:
            self._new_bytes += len(chunk)
        self._stopped = self._new_bytes > MAX_NEW_BYTES or self._bytes > MAX_BYTES
        return not self._stopped

    def finish(self) -> bool:
        """End the reading. Give False if it was stopped before the end of the log."""
        cursor = self._cursor
        rest = self._lines.rest()
        if self._stopped:
            if not self._taken:
                self._skip(rest)
            return False
        if self._final and rest:
            self._take(rest)
        if self._awaited is not None:
            # A new file, and still empty: what came between is lost, and nothing to await.
            cursor.uncover(self._now)
            cursor.position.last = None
        if cursor.position.newest > self._now + AHEAD:
            cursor.uncover(self._now)
        return True

    def _skip(self, rest: bytes) -> None:
        """Go past a second that is too much for any reading, or it would be read for ever."""
        if len(rest) == MAX_LINE:
            # One endless line. Its beginning is all that is looked at anyway.
            self._take(rest)
        second = self._cursor.position.second + 1
        self._cursor.position = Position(second, newest=self._cursor.position.newest)
        self._cursor.uncover(second * SECOND)

    def _take(self, line: bytes) -> None:
        at = self._stamps.read(line)
        if at is None:
            at = self._at
        if at is None:
            # A kubelet's own complaint, say, in place of the log: what is missing is not known.
            self._cursor.uncover(self._now)
            self._taken += 1
            return
        self._at = at
        if at < self._from:
            return
        key = hash(line)
        is_known = self._known.get(key, 0) > 0
        if is_known:
            self._known[key] -= 1
        if key == self._awaited:
            self._awaited = None
            return
        if is_known or (self._partial and at <= self._before):
            return
        if self._awaited is not None:
            self._cursor.uncover(at)
            self._awaited = None
        self._taken += 1
        # Before the call, so that a line is never taken twice, whatever becomes of it.
        self._remember(key, at)
        if at > self._start:
            # A node's clock may be ahead of ours; what is remembered is bounded by our time.
            self._cursor.sink.line(min(at, self._now), text_of(line))

    def _remember(self, key: int, at: int) -> None:
        position = self._cursor.position
        second = at // SECOND
        if second > position.second:
            position.second = second
            position.known.clear()
            position.partial = False
        if second == position.second:
            position.last = key
            if len(position.known) < _MAX_KNOWN:
                position.known[key] += 1
            else:
                position.partial = True
        position.newest = max(position.newest, at)
