"""Flags on a container's command line, read as the usual flag parsers read them.

No parser is known, so what they have in common is taken: `--x=v` and `--x v` give a value, the last
one wins, and what follows a flag and begins with a dash is the next flag, unless it is a lone dash
or a number; a reference that follows one is its value. What stands behind `--` counts too: init
programs put the service's own arguments there.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from servicesop.checks.config_text import (
    Absent,
    Look,
    Outcome,
    Text,
    Unseen,
    expand,
    lead,
)

_VALUE_WITH_DASH: Final = re.compile(rb"-|-[.]?[0-9].*", re.S)
_BARE: Final = Text(bare=True)
_ANY: Final = "an argument comes as a whole from where the check does not look"
_SCRIPT: Final = "it is part of a longer text, such as a script for a shell"


def argument(name: str, line: Sequence[str], look: Look) -> Outcome:
    """Give the value of a flag on a command line: `command`, then `args`, of the pod's spec.

    An argument that cannot be seen in the whole, or comes from a Secret, may be any flag, unless it
    begins as this one cannot.
    """
    if not line:
        return Unseen("the command line is the image's own")
    maybe = Unseen(_SCRIPT) if any(_in_script(name, text) for text in line) else None
    for index in reversed(range(len(line))):
        found = _at(name, line, index, look)
        if isinstance(found, Text) and maybe is not None:
            return Text(unseen=maybe.why)
        if isinstance(found, Text | Absent):
            return found
        maybe = maybe or found
    return maybe or Absent("it is not on the command line")


def _at(name: str, line: Sequence[str], index: int, look: Look) -> Outcome | None:
    """Give the flag's value if it stands at that place; None if not, Unseen if it may."""
    raw, begin = line[index], lead(line[index])
    if begin.startswith(f"{name}="):
        return expand(raw.removeprefix(f"{name}="), look)
    if begin == raw == name:
        return _next(line[index + 1 :], look)
    if begin == raw or not f"{name}=".startswith(begin):
        return None
    if not begin and index and _takes_value(line[index - 1]):
        return None
    whole = expand(raw, look)
    if isinstance(whole, Absent):
        return whole
    flag, sign = name.encode(), f"{name}=".encode()
    if whole.head.startswith(sign):
        rest = len(sign)
        return replace(whole, known=whole.known[rest:], head=whole.head[rest:])
    if not whole.plain:
        return Unseen(_ANY) if sign.startswith(whole.head) else None
    if whole.known == flag:
        return _next(line[index + 1 :], look)
    return Unseen(_SCRIPT) if _in_script(name, whole.known.decode()) else None


def _next(rest: Sequence[str], look: Look) -> Text | Absent:
    """Give the value of a flag that stands alone, from what follows it."""
    if not rest:
        return _BARE
    value = expand(rest[0], look)
    if isinstance(value, Text) and value.head.startswith(b"-"):
        whole = value.known if value.plain else value.head
        return value if _VALUE_WITH_DASH.fullmatch(whole) else _BARE
    return value


def _takes_value(before: str) -> bool:
    return before.startswith("-") and before not in ("-", "--") and "=" not in before


def _in_script(name: str, text: str) -> bool:
    """Say whether a text has the flag among its words, and begins with another one."""
    return name in text and name in re.split(r"[\s\"';&|=]+", text)[1:]
