"""What the demo writes: aligned lines, with colours on a terminal that wants them."""

import os
import sys
import textwrap
import time

_WIDTH = 100
_INDENT = "   "
_BOLD, _DIM, _RED, _GREEN = "1", "2", "31", "32"


class Terminal:
    """Writes to standard output. Every line is complete: nothing is overwritten."""

    def __init__(self) -> None:
        self._colours = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
        self._start = time.monotonic()
        self._last = ""

    def title(self, text: str) -> None:
        self._write(self._paint(_BOLD, text))

    def setting(self, name: str, text: str) -> None:
        """Say what a part of the scene is."""
        for index, line in enumerate(textwrap.wrap(text, _WIDTH - len(_INDENT) - 12)):
            self._write(f"{_INDENT}{'' if index else name:12}{line}")

    def step(self, number: int, text: str) -> None:
        self._write("")
        self._write(self._paint(_BOLD, f"{number}  {text}"))

    def note(self, text: str) -> None:
        """Say what is done now, or what something means."""
        for line in textwrap.wrap(text, _WIDTH - len(_INDENT)):
            self._write(f"{_INDENT}{line}")

    def came_true(self, text: str, seconds: float) -> None:
        lines = textwrap.wrap(text, _WIDTH - len(_INDENT) - 4 - 9)
        for index, line in enumerate(lines):
            mark = "    " if index else self._paint(_GREEN, "ok") + "  "
            end = f"{seconds:7.1f} s" if index == len(lines) - 1 else ""
            pad = _WIDTH - len(_INDENT) - 4 - 9
            self._write(f"{_INDENT}{mark}{line:{pad if end else 0}}{end}")

    def block(self, heading: str, text: str) -> None:
        """Show the output of a command, or a record, as it is."""
        self._write("")
        self._write(f"{_INDENT}{self._paint(_DIM, heading)}")
        for line in text.splitlines():
            self._write(f"{_INDENT}{line.rstrip()}")
        self._write("")

    def failed(self, text: str) -> None:
        self._write("")
        self._write(f"{self._paint(_RED, 'FAILED')}  {text}")

    def done(self, text: str) -> None:
        self._write("")
        self._write(
            f"{self._paint(_GREEN, 'Done')} in {time.monotonic() - self._start:.0f} s. {text}"
        )

    def _paint(self, colour: str, text: str) -> str:
        return f"\x1b[{colour}m{text}\x1b[0m" if self._colours else text

    def _write(self, line: str) -> None:
        line = line.rstrip()
        # One empty line separates, whoever asks for it.
        if line or self._last:
            print(line, flush=True)
        self._last = line
