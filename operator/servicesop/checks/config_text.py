"""Texts of a container's configuration, as far as they may be known; what `$(VAR)` stands for."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

MAX_TEXT: Final = 128 * 1024
"""Linux gives no process a longer variable or argument."""


@dataclass(frozen=True, slots=True)
class Text:
    """A value that is there. Nothing of its content shows in a traceback."""

    known: bytes = field(default=b"", repr=False)
    """All of it that is known."""
    unseen: str = ""
    """Where the rest comes from; empty when all is known."""
    secret: bool = False
    """Something of it comes from a Secret."""
    head: bytes = field(default=b"", repr=False)
    """How it begins, as far as that is known and not secret."""
    origins: tuple[str, ...] = ()
    """Which keys of which objects it is made from."""
    changed: datetime | None = None
    """When the newest of these was set last, as far as is known."""
    bare: bool = False
    """It is a flag without a value."""

    @property
    def plain(self) -> bool:
        """Whether all of it is known, and nothing of it secret."""
        return not self.unseen and not self.secret


@dataclass(frozen=True, slots=True)
class Absent:
    """A value that is not there."""

    why: str


@dataclass(frozen=True, slots=True)
class Unseen:
    """A value of which it cannot be told whether it is there."""

    why: str


Outcome = Text | Absent | Unseen
Look = Callable[[str], Outcome | None]
"""Gives what a variable is; None where nothing sets it."""


@dataclass(frozen=True, slots=True)
class Reference:
    """A `$(NAME)` in a text."""

    name: str


def literal(text: str) -> Text:
    """Give a text that stands there as it is."""
    known = text.encode()
    return Text(known, head=known)


def pieces(text: str) -> Iterator[str | Reference]:
    """Split a text of a pod's spec at its references, as the kubelet does.

    `$$` is a `$` that begins none, and a `$(` without its end is nothing but that.
    """
    done = 0
    while 0 <= (dollar := text.find("$", done)) < len(text) - 1:
        yield text[done:dollar]
        match text[dollar + 1]:
            case "$":
                yield "$"
                done = dollar + 2
            case "(" if (end := text.find(")", dollar + 2)) >= 0:
                yield Reference(text[dollar + 2 : end])
                done = end + 1
            case other:
                yield f"${other}"
                done = dollar + 2
    yield text[done:]


def lead(text: str) -> str:
    """Give what stands before the first reference."""
    found = []
    for piece in pieces(text):
        if isinstance(piece, Reference):
            break
        found.append(piece)
    return "".join(found)


def references(text: str) -> list[str]:
    """Give the names that a text refers to."""
    return [piece.name for piece in pieces(text) if isinstance(piece, Reference)]


def expand(text: str, look: Look) -> Text | Absent:
    """Put in what the references stand for. What nothing sets stays as it is.

    Absent where one cannot be resolved: then the container is not made at all.
    """
    found: list[Text] = []
    for piece in pieces(text):
        if isinstance(piece, str):
            found.append(literal(piece))
            continue
        match look(piece.name):
            case Text() as value:
                found.append(value)
            case Absent() as absent:
                return absent
            case Unseen(why):
                found.append(Text(unseen=why))
            case None:
                found.append(literal(f"$({piece.name})"))
    return _joined(found)


def newest(moments: Iterable[datetime | None]) -> datetime | None:
    """Give the last of the moments that are known."""
    return max((moment for moment in moments if moment is not None), default=None)


def _joined(parts: list[Text]) -> Text:
    if sum(len(part.known) for part in parts) > MAX_TEXT:
        secret = any(part.secret for part in parts)
        return Text(unseen="a text longer than a process can be given", secret=secret)
    head = b""
    for part in parts:
        head += part.head
        if not part.plain:
            break
    return Text(
        known=b"".join(part.known for part in parts),
        unseen=next((part.unseen for part in parts if part.unseen), ""),
        secret=any(part.secret for part in parts),
        head=head,
        origins=tuple(dict.fromkeys(origin for part in parts for origin in part.origins)),
        changed=newest(part.changed for part in parts),
    )
