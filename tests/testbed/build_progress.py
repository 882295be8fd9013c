"""The progress of the servers' build: one line kept up to date on a terminal, a few elsewhere."""

import sys
import time


class BuildProgress:
    """Prints what `go` is doing, with the time since `started` (of time.monotonic)."""

    def __init__(self, started: float) -> None:
        self._started = started
        self._tenth = -1

    def downloading(self, lines: list[str]) -> None:
        """Show how many modules Go has fetched, as told by its output so far."""
        modules = sum(line.startswith("go: downloading ") for line in lines)
        if sys.stdout.isatty():
            self._overwrite(f"{modules} modules downloaded")

    def compiling(self, done: int, total: int) -> None:
        """Show the packages compiled; those in Go's own cache are not compiled again."""
        tenth = 10 * done // max(total, 1)
        if sys.stdout.isatty():
            self._overwrite(f"{done} of {total} packages")
        elif tenth > self._tenth:
            self._tenth = tenth
            print(f"  {done} of {total} packages, {self._elapsed()}", flush=True)

    def done(self) -> None:
        """Close the line."""
        if sys.stdout.isatty():
            self._overwrite("servers built")
            print(flush=True)
        else:
            print(f"  servers built, {self._elapsed()}", flush=True)

    def _overwrite(self, text: str) -> None:
        print(f"\r\033[K  {text}, {self._elapsed()}", end="", flush=True)

    def _elapsed(self) -> str:
        minutes, seconds = divmod(int(time.monotonic() - self._started), 60)
        return f"{minutes}:{seconds:02d} min"
