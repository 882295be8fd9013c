"""Markdown that means what the SOP says, whatever people wrote into it.

A line of plain text shows as it is written. Prose may use Markdown, but only inside a paragraph:
emphasis, code, lists, and links to http and https. It can hold no HTML, no image, no heading, and
it cannot reach beyond its own place on the page.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence

_SPECIAL = re.compile(r"[\\`*_\[\]<>&#|~!]")
_FENCE = re.compile(r"(?P<indent> {0,3})(?P<ticks>`{3,})[ ]*(?P<info>[\w+-]*)[ ]*")
_CODE = re.compile(r"(?<!`)(?P<ticks>`+)(?!`)(?P<code>.+?)(?<!`)(?P=ticks)(?!`)")
_LINK = re.compile(r"\[(?P<text>[^\[\]]*)\]\((?P<url>https?://[^\s()<>\\]+)\)")
_BARE = re.compile(r"https?://[^\s<>()\[\]\\`*|\"']*[^\s<>()\[\]\\`*|\"'.,;:!?]")
# What would make of a line something other than text: a heading, a quote, a rule, an underline. It
# may stand in an item of a list, or of several.
_BLOCK = re.compile(
    r"(?P<before>\s*(?:(?:[-+*]|\d{1,9}[.)])\s+)*)"
    r"(?P<mark>#{1,6}(?=\s|$)|>|~{3,}|[-=_*+][-=_*+\s]*$)"
)
_ITEM = 4
"""Columns of a list item's number: its text is aligned, up to 99 items."""


def plain(text: str) -> str:
    """Give a line that shows as it is written; URLs in it stay what people can follow."""
    text = "".join(one for one in " ".join(text.split()) if one.isprintable())
    parts, end = [], 0
    for url in _BARE.finditer(text):
        parts += [_escaped(text[end : url.start()]), _link_to(url.group())]
        end = url.end()
    shown = "".join([*parts, _escaped(text[end:])])
    # At the start of a line these would begin a list, or be a rule.
    return re.sub(r"^(\d{1,9})([.)])(?=\s|$)|^([-+=])", _first_escaped, shown)


def prose(text: str) -> str:
    """Give a text whose Markdown stays inside it."""
    lines = [
        "".join(one for one in line if one.isprintable())
        for line in text.expandtabs(4).splitlines()
    ]
    shown: list[str] = []
    while lines:
        line = lines.pop(0)
        fence = _FENCE.fullmatch(line)
        length = _fenced(lines, fence["ticks"]) if fence else None
        if fence is None or length is None:
            shown.append(_prose_line(line))
            continue
        indent, ticks = fence["indent"], fence["ticks"]
        inner = [one.removeprefix(indent) for one in lines[:length]]
        shown += [indent + one for one in (ticks + fence["info"], *inner, ticks)]
        lines = lines[length + 1 :]
    return "\n".join(line.rstrip() for line in shown).strip("\n")


def _fenced(lines: Sequence[str], ticks: str) -> int | None:
    """Count the lines up to the end of a block of code; None where it has no end."""
    closing = re.compile(rf"\s*{ticks}`*\s*")
    return next((count for count, line in enumerate(lines) if closing.fullmatch(line)), None)


def _prose_line(line: str) -> str:
    block = _BLOCK.match(line)
    if block is not None:
        return f"{block['before']}\\{block['mark'][0]}{_inline(line[block.start('mark') + 1 :])}"
    return _inline(line)


def _inline(text: str) -> str:
    parts, end = [], 0
    for code in _CODE.finditer(text):
        parts += [_outside_code(text[end : code.start()]), code.group()]
        end = code.end()
    return "".join([*parts, _outside_code(text[end:])])


def _outside_code(text: str) -> str:
    parts, end = [], 0
    for found in re.finditer(f"{_LINK.pattern}|(?P<bare>{_BARE.pattern})", text):
        parts.append(_without_html(text[end : found.start()]))
        if found["bare"]:
            parts.append(_link_to(found["bare"]))
        else:
            parts.append(f"[{_without_html(found['text'])}]({_address(found['url'])})")
        end = found.end()
    return "".join([*parts, _without_html(text[end:])])


def _without_html(text: str) -> str:
    return re.sub(r"[\\`\[\]<>&|~!]", _replaced, text)


def _escaped(text: str) -> str:
    return _SPECIAL.sub(_replaced, text)


def _replaced(found: re.Match[str]) -> str:
    one = found.group()
    return {"<": "&lt;", ">": "&gt;", "&": "&amp;"}.get(one, f"\\{one}")


def _first_escaped(found: re.Match[str]) -> str:
    return f"{found[1]}\\{found[2]}" if found[1] else f"\\{found[3]}"


def _link_to(url: str) -> str:
    return f"<{_address(url)}>"


def _address(url: str) -> str:
    """Write a URL so that nothing in it ends the link that it stands in."""
    return re.sub(r"[^!#$%&*+,./0-9:;=?@A-Z_a-z~-]", lambda one: _percent(one.group()), url)


def _percent(one: str) -> str:
    return "".join(f"%{byte:02X}" for byte in one.encode())


def link(text: str, url: str) -> str:
    """Give a link to a place outside the page."""
    return f"[{plain(text)}]({_address(url)})"


def code(text: str) -> str:
    """Give text in the type of code, on one line."""
    text = "".join(one if one.isprintable() else " " for one in text)
    ticks = "`" * (max(map(len, re.findall("`+", text)), default=0) + 1)
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{ticks}{pad}{text}{pad}{ticks}"


def block(language: str, text: str) -> str:
    """Give a block of code."""
    ticks = "`" * max(3, max(map(len, re.findall("`+", text)), default=0) + 1)
    return f"{ticks}{language}\n{text}\n{ticks}"


def numbered(items: Iterable[str]) -> str:
    """Give a numbered list; an item may be several paragraphs."""
    return "\n".join(
        _hanging(f"{number}.".ljust(_ITEM), item) for number, item in enumerate(items, 1)
    )


def bullets(items: Iterable[str]) -> str:
    """Give a list."""
    return "\n".join(_hanging("- ", item) for item in items)


def _hanging(mark: str, text: str) -> str:
    indented = "\n".join(" " * len(mark) + line if line else "" for line in text.splitlines())
    return mark + indented.lstrip(" ")


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Give a table whose columns are aligned; the cells are Markdown of one line."""
    every = [list(head), *map(list, rows)]
    widths = [max(map(len, column)) for column in zip(*every, strict=True)]
    lines = [
        f"| {' | '.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))} |"
        for row in every
    ]
    return "\n".join([lines[0], f"|{'|'.join('-' * (width + 2) for width in widths)}|", *lines[1:]])


class Anchors:
    """Gives the anchors of headings, in the page's order, as GitHub and GitLab make them."""

    def __init__(self) -> None:
        self._seen: Counter[str] = Counter()

    def next(self, heading: str) -> str:
        """Give the anchor of the next heading; one that was there gets a number."""
        anchor = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        count = self._seen[anchor]
        self._seen[anchor] += 1
        return f"{anchor}-{count}" if count else anchor
