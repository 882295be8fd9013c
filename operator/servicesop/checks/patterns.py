"""Users' patterns: RE2, bounded in memory and size, on bytes that may be anything."""

from collections.abc import Callable
from typing import Final

import re2

from servicesop.api.reasons import UnknownReason
from servicesop.sources.errors import SourceError

Matcher = Callable[[bytes], bool]
"""Whether a text holds a match."""

_MAX_MEMORY: Final = 8 * 1024 * 1024
_MAX_PROGRAM: Final = 10_000
"""Steps that a pattern may compile to: with the length of the text they bound the time."""


def matcher(pattern: str, what: str = "the pattern") -> Matcher:
    """Compile a pattern. Raise SourceError, which names it as `what`, for one that is too much."""
    # Only whether there is a match is asked: where its groups are would take a slower way.
    search = _compile(pattern, what, captures=False).search

    def matches(text: bytes) -> bool:
        return search(text) is not None

    return matches


def whole_matcher(pattern: str, what: str) -> Matcher:
    """Compile a pattern that a text must match from its begin to its end; raise as `matcher`."""
    match = _compile(pattern, what, captures=False).fullmatch

    def matches(text: bytes) -> bool:
        return match(text) is not None

    return matches


def searcher(pattern: str, what: str) -> Callable[[bytes], re2._Match | None]:
    """Compile a pattern whose groups are asked for. Raise SourceError as `matcher` does."""
    return _compile(pattern, what, captures=True).search


def _compile(pattern: str, what: str, *, captures: bool) -> re2._Regexp:
    options = re2.Options()
    # It would print the pattern to standard error.
    options.log_errors = False
    options.max_mem = _MAX_MEMORY
    options.never_capture = not captures
    try:
        compiled = re2.compile(pattern, options)
    except re2.error:
        compiled = None
    if compiled is None or compiled.programsize > _MAX_PROGRAM:
        raise SourceError(
            UnknownReason.INVALID_PATTERN,
            f"{what} is not valid RE2, or compiles to more than the operator allows; simplify it"
            " (smaller repetitions, fewer alternatives)",
        )
    return compiled


def readable(text: bytes) -> bytes:
    """Give text in which each byte that is not UTF-8 is a replacement character.

    RE2 takes such a byte for no character at all, so that not even `.` would match it.
    """
    return text if text.isascii() else text.decode("utf-8", "replace").encode()
