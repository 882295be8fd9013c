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
    return _followed(_lines(shown), _lines(printed), skipping=True)[0]


def differing_line(shown: str, printed: str) -> str | None:
    """Give the first line that is not as shown: not printed, or printed and not shown.

    Otherwise like `missing_line`; where nothing is left out, nothing else may be printed.
    """
    lines = _lines(printed)
    missing, left = _followed(_lines(shown), lines, skipping=False)
    if missing is not None:
        return missing
    return next(iter(lines[left:]), None)


def _followed(shown: list[str], lines: list[str], *, skipping: bool) -> tuple[str | None, int]:
    """Give the first line that was not printed, and up to where lines are accounted for."""
    at = 0
    for line in shown:
        if line == CUT:
            skipping = True
            continue
        if skipping:
            at = next((i for i in range(at, len(lines)) if lines[i] == line), len(lines))
        if at >= len(lines) or lines[at] != line:
            return line, at
        at, skipping = at + 1, False
    return None, len(lines) if skipping else at


def _lines(text: str) -> list[str]:
    return [line for line in map(_steady, text.splitlines()) if line]


def _steady(line: str) -> str:
    for pattern, name in _VARIES:
        line = pattern.sub(name if name == " " else f"<{name}>", line)
    return line.strip()
