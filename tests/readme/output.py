"""Compares what a document says was printed with what was."""

import re

CUT = "[...]"

# What differs from one run to the next.
_VARIES = (
    (re.compile(r"\b\d\d:\d\d:\d\d\.\d+ UTC\b"), "TIME"),
    (re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"), "UID"),
    (re.compile(r"\b[0-9a-f]{16}\b"), "ID"),
    (re.compile(r"\b\d+(?:\.\d+)? ?s\b"), "SECONDS"),
    (re.compile(r"\s+"), " "),
)


def missing_line(shown: str, printed: str) -> str | None:
    """Give the first line of `shown` that was not printed there; None when all were.

    Lines follow one another as in the output; only at a `[...]` some of them are left out. Times,
    ids and the width of columns do not count, empty lines neither.
    """
    lines = _lines(printed)
    at, skipping = 0, True
    for line in _lines(shown):
        if line == CUT:
            skipping = True
            continue
        if skipping:
            at = next((i for i in range(at, len(lines)) if lines[i] == line), len(lines))
        if at >= len(lines) or lines[at] != line:
            return line
        at, skipping = at + 1, False
    return None


def _lines(text: str) -> list[str]:
    return [line for line in map(_steady, text.splitlines()) if line]


def _steady(line: str) -> str:
    for pattern, name in _VARIES:
        line = pattern.sub(name if name == " " else f"<{name}>", line)
    return line.strip()
