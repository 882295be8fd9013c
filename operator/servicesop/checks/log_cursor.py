"""Where the reading of one container's log stands, and from when on it saw every line. Pure.

A log is served in the order in which it was written, from a time on that has the precision of
seconds. So each reading begins with lines that are known already. They are dropped, and they prove
that nothing was missed: the newest known line comes again unless the file was rotated in between,
because only the newest file is served.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from servicesop.checks.log_window import LogWindow

SECOND: Final = 1_000_000_000
MAX_LINE: Final = 64 * 1024
"""Longer lines are cut; the rest is not looked at."""
MAX_NEW_BYTES: Final = 8 * 1024 * 1024
"""How much of one log is taken in one reading; the rest follows in the next run."""
MAX_BYTES: Final = 4 * MAX_NEW_BYTES
"""How much is read in all, lines that are known already included."""
AHEAD: Final = 60 * SECOND
"""By how much a node's clock may be ahead of ours. When such a clock is set back, the lines of that
time are taken for known ones, so the time is short; beyond it, nothing is covered."""
_MAX_KNOWN: Final = 4096

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def nanoseconds(moment: datetime) -> int:
    """Give an aware datetime as nanoseconds since the epoch."""
    return (moment - _EPOCH) // timedelta(microseconds=1) * 1000


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

    def __init__(self, start: int, length: int) -> None:
        """Begin at `start`; count matching lines in a window of that length."""
        self.window = LogWindow(length)
        self.covered_from = 0
        """From when on no line can have been missed."""
        self.behind = False
        """There was more to read than one reading takes."""
        self.life: str | None = None
        """The container id whose log is being read; changes with each restart."""
        self.restarts = 0
        self.proven = False
        """It has been looked at where the file of this life begins."""
        self.position = Position(start // SECOND)

    @property
    def since(self) -> datetime:
        """From when on the log must be asked for."""
        return _EPOCH + timedelta(seconds=self.position.second)

    def uncover(self, until: int) -> None:
        """Note that lines before `until` may have been missed."""
        self.covered_from = max(self.covered_from, until)

    def begin(self, life: str, restarts: int) -> None:
        """Go over to another start of the container, whose log is another file."""
        self.life = life
        self.restarts = restarts
        self.proven = False
        self.position.last = None

    def read(
        self,
        matches: Callable[[bytes], bool],
        *,
        now: int,
        start: int,
        expect: bool,
        final: bool = False,
    ) -> "Reading":
        """Begin a reading from `since` on; matching lines after `start` are counted.

        `expect`: it is the same file as last time, so the newest known line must come again.
        `final`: nobody writes to this log any more, so that its last line is whole as it is.
        """
        return Reading(self, matches, now=now, start=start, expect=expect, final=final)


class Reading:
    """One reading of a log. What was fed stays counted even if the reading is broken off."""

    def __init__(
        self,
        cursor: LogCursor,
        matches: Callable[[bytes], bool],
        *,
        now: int,
        start: int,
        expect: bool,
        final: bool,
    ) -> None:
        self._cursor = cursor
        self._matches = matches
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
        self._new_bytes = 0
        self._bytes = 0
        self._stopped = False

    def feed(self, chunk: bytes) -> bool:
        """Take a chunk; False when no more should be read now."""
        self._bytes += len(chunk)
        for line in self._lines.split(chunk):
            self._take(line)
            if self._new_bytes > MAX_NEW_BYTES:
                self._stopped = True
                return False
        if self._bytes > MAX_BYTES:
            self._stopped = True
        return not self._stopped

    def finish(self) -> bool:
        """End the reading. Give False if it was stopped before the end of the log."""
        cursor = self._cursor
        cursor.behind = self._stopped
        if self._stopped:
            return False
        if self._final and (rest := self._lines.rest()):
            self._take(rest)
        if self._awaited is not None:
            # A new file, and still empty: what came between is lost, and nothing to await.
            cursor.uncover(self._now)
            cursor.position.last = None
        if cursor.position.newest > self._now + AHEAD:
            cursor.uncover(self._now)
        return True

    def _take(self, line: bytes) -> None:
        at = self._stamps.read(line)
        if at is None:
            at = self._at
        if at is None:
            # A kubelet's own complaint, say, in place of the log: what is missing is not known.
            self._cursor.uncover(self._now)
            self._new_bytes += len(line) + 1
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
        self._new_bytes += len(line) + 1
        if at > self._start and self._matches(_text(line)):
            # A node's clock may be ahead of ours; the window's memory is bounded by our time.
            self._cursor.window.add(min(at, self._now))
        self._remember(key, at)

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


class FirstLine:
    """Finds out when the first line was logged that a log serves at all."""

    def __init__(self) -> None:
        self.at: int | None = None
        """None where there is none yet."""
        self._lines = LineSplitter()
        self._stamps = Stamps()

    def feed(self, chunk: bytes) -> bool:
        """Take a chunk; False when no more is needed."""
        for line in self._lines.split(chunk):
            self.at = self._stamps.read(line)
            if self.at is not None:
                return False
        return True


class LastLine:
    """Finds a log's last line, to recognise the file by; all others pass by unread."""

    def __init__(self) -> None:
        self._line: bytes | None = None
        self._lines = LineSplitter()

    def feed(self, chunk: bytes) -> bool:
        """Take a chunk; more is always needed."""
        lines = self._lines.split(chunk)
        if lines:
            self._line = lines[-1]
        return True

    def settle(self, cursor: LogCursor) -> bool:
        """Let the cursor go on from that line. Give False if it is one that was not read yet."""
        at = Stamps().read(self._line) if self._line is not None else None
        if at is None:
            return True
        if at >= cursor.position.second * SECOND:
            return False
        cursor.position = Position(at // SECOND, newest=at, last=hash(self._line), partial=True)
        return True


class LineSplitter:
    """Cuts chunks into lines of at most MAX_LINE bytes, without their ends."""

    def __init__(self) -> None:
        self._rest = b""

    def split(self, chunk: bytes) -> list[bytes]:
        """Give the lines that end in this chunk."""
        *lines, last = chunk.split(b"\n")
        if lines:
            lines[0] = self._rest + lines[0]
            self._rest = last[:MAX_LINE]
        else:
            self._rest = (self._rest + last)[:MAX_LINE]
        return [line[:MAX_LINE].removesuffix(b"\r") for line in lines]

    def rest(self) -> bytes:
        """Give what came after the last line's end."""
        return self._rest


class Stamps:
    """Reads the time in front of each line: RFC 3339 with up to nine decimals, and a space."""

    def __init__(self) -> None:
        # Lines come in their order, so nearly all share the second of the one before.
        self._text = b""
        self._zone = b""
        self._base = 0

    def read(self, line: bytes) -> int | None:
        """Give the line's time in nanoseconds since the epoch; None if it has none."""
        end = line.find(b" ", 0, 40)
        if end < 20:
            return None
        stamp = line[:end]
        digits = 0
        zone_at = 19
        if stamp[19:20] == b".":
            zone_at = 20
            while stamp[zone_at : zone_at + 1].isdigit():
                zone_at += 1
            digits = zone_at - 20
        text, zone = stamp[:19], stamp[zone_at:]
        if text != self._text or zone != self._zone:
            try:
                moment = datetime.fromisoformat((text + zone).decode("ascii"))
                if moment.tzinfo is None:
                    return None
                # The first and last days of the calendar do not exist in every zone.
                moment = moment.astimezone(UTC)
            except (ValueError, OverflowError):
                return None
            self._text, self._zone, self._base = text, zone, nanoseconds(moment)
        if not digits:
            return self._base
        return self._base + int(stamp[20 : 20 + min(digits, 9)].ljust(9, b"0"))


def _text(line: bytes) -> bytes:
    """Give what was logged, without the time in front."""
    return line[line.find(b" ") + 1 :]
