"""Takes a Markdown page of a runbook apart: title, sections, and their parts.

It reads what such pages hold: headings, lists, blocks of code, front matter, tables of contents. It
keeps every other line as it is, and never fails: what it does not know is prose.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

_HEADING = re.compile(r"(?P<marks>#{1,6})\s+(?P<text>.*?)\s*#*")
# A heading whose line lost its line break: "... - telemeter-production### Severity: Critical".
_GLUED = re.compile(r"(?P<text>.*[^\s#])(?P<heading>#{2,6}\s+[A-Z].*)")
_FENCE = re.compile(r"(?P<indent>\s*)(?P<marks>`{3,}|~{3,})(?P<info>[^`]*)")
_TO_ANCHOR = re.compile(r"\s*([-*+]|\d+[.)])\s+\[[^\]]*\]\(#[^)]*\)\s*")
_RULE = re.compile(r"\s*([-*_])(\s*\1){2,}\s*")
_ATTRIBUTES = re.compile(r"\{:[^}]*\}")
_BOLD = re.compile(r"(\*\*|__)(?P<text>.+?)\1:?")

PARTS = {
    "impact": ("impact",),
    "summary": ("summary", "overview", "description"),
    "access": ("access required", "access", "required access", "accesses required"),
    "secrets": ("relevant secrets", "secrets", "relevant secret"),
    "steps": ("steps", "actions to take", "actions", "step"),
    "handle": ("how to handle", "handling"),
    "escalations": ("escalations", "escalation", "escalation policy", "contacts", "contact"),
    "severity": ("severity",),
}
"""What the parts of a section are called, in whatever style."""


@dataclass(slots=True)
class Part:
    """A heading, and what stands under it up to the next one."""

    heading: str
    level: int
    lines: list[str] = field(default_factory=list)

    @property
    def kind(self) -> str | None:
        """Which of PARTS it is."""
        name = plain_heading(self.heading).lower()
        name = name.partition(":")[0] if name.startswith("severity") else name
        return next((kind for kind, names in PARTS.items() if name in names), None)

    @property
    def text(self) -> str:
        """Give its lines without those that are empty at both ends."""
        return "\n".join(self.lines).strip("\n")


@dataclass(slots=True)
class Section:
    """A section of the page, and its parts."""

    heading: str
    parts: list[Part]
    """The first one is what stands before the first part's heading."""


@dataclass(slots=True)
class Page:
    """A page, taken apart."""

    title: str
    preamble: str
    sections: list[Section]
    """Those that become procedures."""
    escalations: list[Part]
    others: list[Part]
    """Sections of another shape."""


def plain_heading(text: str) -> str:
    """Give a heading without its type and its colon."""
    return re.sub(r"[*_`]{1,3}", "", text).strip().rstrip(":").strip()


def read_page(text: str) -> Page:
    """Take a page apart."""
    front, lines = _front_matter(text.removeprefix("\ufeff").expandtabs(4).splitlines())
    parts = list(_parts(_without_contents(_without_comments(lines))))
    top = next((part for part in parts if part.level == 1), None)
    title = plain_heading(top.heading) if top is not None else front.get("title", "")
    title = re.sub(r"^SOP\s*:\s*", "", title)
    preamble = "\n\n".join(one.text for one in parts if one.level <= 1 and one.text)
    chapters = list(_chapters([one for one in parts if one.level > 1]))
    shaped = [one for one in chapters if any(part.kind for part in one.parts[1:])]
    if any(_is_procedure(one) for one in shaped):
        sections = [one for one in shaped if _is_procedure(one)]
    else:
        # One section that is the whole page: its chapters are the parts.
        known = [part for one in chapters for part in one.parts]
        sections = [Section(title, [Part(title, 1), *known])] if known else []
        return Page(title or "The service", preamble, sections, [], [])
    rest = [one for one in chapters if one not in sections]
    of_all = [part for one in rest for part in one.parts]
    escalations = [part for one in rest for part in one.parts if one.parts[0].kind == "escalations"]
    others = [part for part in of_all if part not in escalations]
    return Page(title or sections[0].heading, preamble, sections, escalations, others)


def _is_procedure(section: Section) -> bool:
    kinds = {part.kind for part in section.parts[1:]}
    return section.parts[0].kind is None and bool(kinds & {"impact", "summary", "steps"})


def _chapters(parts: Sequence[Part]) -> Iterator[Section]:
    level = min((part.level for part in parts), default=2)
    section: Section | None = None
    for part in parts:
        if section is None or part.level == level:
            if section is not None:
                yield section
            section = Section(plain_heading(part.heading), [])
        section.parts.append(part)
    if section is not None:
        yield section


def _front_matter(lines: list[str]) -> tuple[dict[str, str], list[str]]:
    if not lines or lines[0].strip() != "---":
        return {}, lines
    end = next((at for at, line in enumerate(lines[1:], 1) if line.strip() == "---"), None)
    if end is None:
        return {}, lines
    found = (re.fullmatch(r"(\w[\w-]*):\s*[\"']?(.*?)[\"']?\s*", line) for line in lines[1:end])
    return {one[1]: one[2] for one in found if one is not None}, lines[end + 1 :]


def _without_comments(lines: Sequence[str]) -> list[str]:
    text = re.sub(r"<!--.*?-->", "", "\n".join(lines), flags=re.DOTALL)
    return text.splitlines()


def _without_contents(lines: Sequence[str]) -> list[str]:
    return [line for line in lines if not _TO_ANCHOR.fullmatch(line)]


def _parts(lines: Sequence[str]) -> Iterator[Part]:
    part = Part("", 0)
    section_level = 2
    for line, in_code in in_code_or_not(lines):
        level, heading = (0, "") if in_code else _heading(line, section_level)
        if not level:
            if in_code or not (_RULE.fullmatch(line) or _ATTRIBUTES.fullmatch(line.strip())):
                part.lines.append(line.rstrip())
            continue
        yield part
        part = Part(heading, level)
        if Part(heading, level).kind is None:
            section_level = level
    yield part


def _heading(line: str, section_level: int) -> tuple[int, str]:
    found = _HEADING.fullmatch(line.strip()) if not line.startswith("    ") else None
    if found is not None:
        return len(found["marks"]), found["text"]
    # A part's name alone on its line, in bold or with a colon, is a heading of a section.
    bare = line.strip()
    if line[:1].isspace() or bare.startswith(("-", "*  ", "* ")):
        return 0, ""
    named = Part(bare, 0).kind is not None
    if named and (_BOLD.fullmatch(bare) or bare.endswith(":")):
        return section_level + 1, bare
    return 0, ""


def in_code_or_not(lines: Sequence[str]) -> Iterator[tuple[str, bool]]:
    """Give each line, and whether it belongs to a block of code; parts of glued lines apart."""
    closing: re.Pattern[str] | None = None
    indented = False
    for line in lines:
        if closing is None:
            fence = _FENCE.fullmatch(line)
            if fence is not None:
                closing = re.compile(rf"\s*{re.escape(fence['marks'])}[`~]*\s*")
                indented = bool(fence["indent"])
                yield line, True
                continue
            glued = _GLUED.fullmatch(line)
            yield from ((one, False) for one in (glued.groups() if glued else (line,)))
        elif closing.fullmatch(line):
            closing = None
            yield line, True
        elif indented and line and not line[0].isspace():
            # A block inside a list ends with the list, also where its own end was forgotten.
            closing = None
            yield from in_code_or_not([line])
        else:
            yield line, True
