"""Widens an RE2 pattern: each change matches all that the pattern matches, and more. Pure.

A stretch of plain characters becomes any text, a class of characters any character, and an anchor
is left out, one of them at a time. What frames them stays: groups, flags, alternatives,
repetitions, and the `{worker}` and `{holder}` of a leader's lines.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto

from mutation.fields import kinds
from servicesop.api.base import IS_PATTERN

PATTERNS = kinds(lambda schema: IS_PATTERN.aswire() in schema.get("x-kubernetes-validations", ()))
"""The fields that hold patterns."""

ANY_TEXT = "(?s:.*)"
ANY_CHARACTER = "(?s:.)"


class _Kind(Enum):
    FRAME = auto()
    ANCHOR = auto()
    CLASS = auto()
    PLAIN = auto()


_TOKEN = re.compile(
    r"""
    (?P<FRAME> \{(?:worker|holder)\} | [*+?]\?? | \{\d+(?:,\d*)?\}\?? | \(\?[-a-zA-Z]*[:)]
             | \(\?P?<\w+> | [()|.] )
    | (?P<ANCHOR> \^ | \$ | \\[bBAz] )
    | (?P<CLASS> \[\^?\]?(?:\\.|[^\]\\])*\] | \\[dDsSwW] | \\[pP](?:\{\^?\w+\}|\w) )
    | (?P<PLAIN> \\. | . )
    """,
    re.VERBOSE | re.DOTALL,
)
_REPETITION = re.compile(r"[*+?]\??|\{\d.*")


@dataclass(frozen=True, slots=True)
class _Piece:
    kind: _Kind
    text: str


def widened(pattern: str) -> Iterator[tuple[str, str]]:
    """Give each wider pattern, with what was made wider."""
    pieces = list(_pieces(pattern))
    seen: list[str] = []
    for number, piece in enumerate(pieces):
        instead = {
            _Kind.ANCHOR: "",
            _Kind.CLASS: ANY_CHARACTER,
            _Kind.PLAIN: ANY_TEXT,
        }.get(piece.kind)
        if instead is None:
            continue
        seen.append(piece.text)
        times = seen.count(piece.text)
        which = f" (no. {times})" if times > 1 else ""
        before, after = pieces[:number], pieces[number + 1 :]
        wider = "".join([*(one.text for one in before), instead, *(one.text for one in after)])
        yield _said(piece) + which, wider


def _said(piece: _Piece) -> str:
    match piece.kind:
        case _Kind.ANCHOR:
            return f"without {piece.text}"
        case _Kind.CLASS:
            return f"any character for {piece.text}"
    return f"any text for {piece.text!r}"


def _pieces(pattern: str) -> Iterator[_Piece]:
    """Split a pattern; plain characters that follow each other are one piece.

    A repetition is one of the character before it alone, which therefore is a piece of its own.
    """
    plain = ""
    for piece, following in _with_next(list(_tokens(pattern))):
        repeated = following is not None and _REPETITION.fullmatch(following.text) is not None
        if piece.kind is _Kind.PLAIN and not repeated:
            plain += piece.text
            continue
        if plain:
            yield _Piece(_Kind.PLAIN, plain)
            plain = ""
        # `a?` and `a*` are no text that has to be there: any text for them would be the same.
        yield _Piece(_Kind.FRAME, piece.text) if piece.kind is _Kind.PLAIN else piece
    if plain:
        yield _Piece(_Kind.PLAIN, plain)


def _with_next(tokens: list[_Piece]) -> Iterator[tuple[_Piece, _Piece | None]]:
    return zip(tokens, [*tokens[1:], None], strict=True)


def _tokens(pattern: str) -> Iterator[_Piece]:
    for found in _TOKEN.finditer(pattern):
        assert found.lastgroup is not None, "each alternative is named"
        yield _Piece(_Kind[found.lastgroup], found[0])
