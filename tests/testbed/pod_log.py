"""Writing what a simulated container logs, in the format of a container runtime."""

import itertools
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path


class PodLog:
    """The log of one container; a file that kwok serves as a kubelet would."""

    def __init__(self, directory: Path) -> None:
        self.current = directory / "0.log"
        self.previous = directory / "previous.log"
        self._rotations = itertools.count(1)
        self.current.touch()
        self.previous.touch()

    def append(self, line: str, at: datetime | None = None) -> None:
        """Log one line on standard output, at `at` (aware; now by default)."""
        with self.current.open("a", encoding="utf-8") as file:
            file.write(_entry(line, at))

    def write(self, raw: bytes) -> None:
        """Append bytes as they are, in the place of a container runtime."""
        with self.current.open("ab") as file:
            file.write(raw)

    def rotate(self) -> None:
        """Begin a new, empty file as a kubelet does: what was logged so far is served no more."""
        self.current.rename(self.current.with_suffix(f".log.{next(self._rotations)}"))
        self.current.touch()

    def set_previous(self, lines: Iterable[str], at: datetime | None = None) -> None:
        """Set the log of the container's previous instance (`kubectl logs --previous`)."""
        self.previous.write_text("".join(_entry(line, at) for line in lines), encoding="utf-8")


def _entry(line: str, at: datetime | None) -> str:
    if "\n" in line:
        raise ValueError("a log line holds no newline")
    moment = (at or datetime.now(UTC)).astimezone(UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S.%f}000Z stdout F {line}\n"
