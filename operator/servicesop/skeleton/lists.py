"""The lists of a page: items with all that belongs to them, and their nested lists."""

import re
import textwrap
from collections.abc import Sequence

from servicesop.skeleton.page import in_code_or_not

_ITEM = re.compile(r"(?P<indent>\s*)([-*+]|\d{1,3}[.)])\s+(?P<text>.*)")


def items(lines: Sequence[str]) -> list[str]:
    """Give the items of the outermost list, and the paragraphs around it, each as a text."""
    found: list[list[str]] = []
    outer: int | None = None
    within = False
    for line, in_code in in_code_or_not(lines):
        item = None if in_code else _ITEM.fullmatch(line)
        indent = len(item["indent"]) if item is not None else 0
        if item is not None and (outer is None or indent <= outer):
            outer = indent
            found.append([item["text"]])
            within = True
        elif not line.strip():
            if found:
                found[-1].append("")
        elif found and (in_code or found[-1][-1] or (within and line[:1].isspace())):
            # A line right below goes on, and code belongs to what stands above it.
            found[-1].append(line)
        else:
            found.append([line])
            within = False
    return [text for one in found if (text := _joined(one))]


def _joined(lines: Sequence[str]) -> str:
    """Give an item's text, its further lines without the indentation that they share."""
    rest = textwrap.dedent("\n".join(lines[1:]))
    return f"{lines[0].strip()}\n{rest}".strip()


def nested(item: str) -> list[str]:
    """Give the items of the list inside an item."""
    return items(item.splitlines()[1:])


def one_line(item: str) -> str:
    """Give an item and its nested ones in one line: `namespaces: stage, production`."""
    lines = item.splitlines()
    inner = [text for line in lines[1:] if (text := _unmarked(line))]
    head = _unmarked(lines[0])
    if inner and head.endswith(":"):
        return f"{head} {', '.join(inner)}"
    return " ".join([head, *inner])


def _unmarked(line: str) -> str:
    found = _ITEM.fullmatch(line)
    return (found["text"] if found is not None else line).strip()
