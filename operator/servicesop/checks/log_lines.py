"""From the bytes of a log, as the API server serves it, to lines with their times. Pure."""

from datetime import UTC, datetime, timedelta
from typing import Final

SECOND: Final = 1_000_000_000
MAX_LINE: Final = 16 * 1024
"""Longer lines are cut, and end in `…`; the rest is not looked at."""
_MAX_LOOK: Final = 1024 * 1024
"""Bytes that are looked at for one line."""
_MORE: Final = "…".encode()

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def nanoseconds(moment: datetime) -> int:
    """Give an aware datetime as nanoseconds since the epoch."""
    return (moment - EPOCH) // timedelta(microseconds=1) * 1000


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
        elif len(self._rest) < MAX_LINE:
            self._rest = (self._rest + last[:MAX_LINE])[:MAX_LINE]
        return [_bounded(line).removesuffix(b"\r") for line in lines]

    def rest(self) -> bytes:
        """Give what came after the last line's end."""
        return _bounded(self._rest)


def _bounded(line: bytes) -> bytes:
    # Where it was cut is not its end: a pattern must not find that with `$`.
    return line if len(line) < MAX_LINE else line[: MAX_LINE - len(_MORE)] + _MORE


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


def text_of(line: bytes) -> bytes:
    """Give what was logged, without the time in front."""
    return line[line.find(b" ") + 1 :]


class FirstLine:
    """Finds out when the first line was logged that a log serves at all."""

    def __init__(self) -> None:
        self.at: int | None = None
        """None where there is none yet."""
        self._lines = LineSplitter()
        self._stamps = Stamps()
        self._bytes = 0

    def feed(self, chunk: bytes) -> bool:
        """Take a chunk; False when no more is needed."""
        self._bytes += len(chunk)
        lines = self._lines.split(chunk)
        if self._bytes > _MAX_LOOK:
            lines.append(self._lines.rest())
        for line in lines:
            self.at = self._stamps.read(line)
            if self.at is not None:
                return False
        return self._bytes <= _MAX_LOOK


class LastLine:
    """Keeps the last line of what it is fed, to recognise the file by."""

    def __init__(self) -> None:
        self.line: bytes | None = None
        self._lines = LineSplitter()
        self._bytes = 0

    def feed(self, chunk: bytes) -> bool:
        """Take a chunk; False when no more is looked at."""
        self._bytes += len(chunk)
        lines = self._lines.split(chunk)
        if lines:
            self.line = lines[-1]
        elif self._bytes > _MAX_LOOK:
            self.line = self._lines.rest()
        return self._bytes <= _MAX_LOOK
