"""Makes a draft of an SOP from a page: all of its prose, and placeholders for what it cannot tell.

The draft is valid. Nobody is told anything by it: its one check is suspended.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from servicesop.api.procedures import Severity
from servicesop.api.texts import fitted
from servicesop.skeleton.lists import items, nested, one_line
from servicesop.skeleton.names import Links, name_of, procedure_name, teams, without_addresses
from servicesop.skeleton.page import Page, Part, Section, plain_heading, read_page

PLACEHOLDER = "todo"
"""The name of the check that takes the place of all that are still to be written."""

_SENTENCE, _PROSE, _TEXT = 256, 2048, 4096
_PROCEDURES, _STEPS, _LIST, _LINKS, _TEAMS = 24, 32, 12, 32, 24
_REFERENCE = re.compile(
    r"(?i)(refer to|see)( the)?( same)? steps (in |of )?\[[^\]]*\]\(#(?P<anchor>[^)]+)\)\.?"
)
_UNSURE = re.compile(r"(?i)otherwise|unsure|cannot be solved|can't be solved")


@dataclass(slots=True)
class Draft:
    """A spec, as it is written in YAML, and what there is to say about it."""

    spec: dict[str, Any]
    notes: list[str] = field(default_factory=list)
    """What did not fit, for the person."""


def empty_draft(name: str) -> Draft:
    """Give the least that is valid."""
    team = {"name": "owners", "title": "Owners", "todo": "say who they are"}
    procedure = {
        "name": "ServiceDown",
        "title": "The service is down",
        "severity": "critical",
        "impact": "TODO: what users notice",
        "summary": "TODO: what is going on",
        "accessRequired": ["TODO: what a person needs access to"],
        "relevantSecrets": ["TODO: secrets that a person may need, by name"],
        "checks": [PLACEHOLDER],
        "steps": [{"manual": "TODO: what a person looks at first"}, {"check": PLACEHOLDER}],
        "handle": [_otherwise("owners")],
    }
    title, summary = "TODO: what the service is called", "TODO: what it does, and for whom"
    return Draft(_spec(name, title, summary, [team], [], [procedure]))


def draft_of(name: str, text: str) -> Draft:
    """Make a draft of a page."""
    return _Drafting(name, read_page(text)).draft()


def _spec(
    name: str,
    title: str,
    summary: str,
    people: list[dict[str, Any]],
    links: list[dict[str, Any]],
    procedures: list[dict[str, Any]],
) -> dict[str, Any]:
    placeholder = {
        "name": PLACEHOLDER,
        "title": "TODO: replace this by checks that tell whether it is happening",
        "suspend": True,
        "workload": {"replicas": 1},
    }
    spec: dict[str, Any] = {"title": title}
    if summary:
        spec["summary"] = summary
    spec["targets"] = [{"name": "service", "ref": {"kind": "Deployment", "name": name}}]
    spec["teams"] = people
    if links:
        spec["links"] = links
    return spec | {"checks": [placeholder], "procedures": procedures}


def _otherwise(team: str) -> dict[str, Any]:
    return {"name": "otherwise", "otherwise": True, "escalate": {"to": [team]}}


class _Drafting:
    def __init__(self, name: str, page: Page) -> None:
        self._name = name
        self._page = page
        self._notes: list[str] = []
        self._links = Links()
        self._team = "owners"
        self._texts: list[dict[str, Any]] = []

    def draft(self) -> Draft:
        sections = self._page.sections[:_PROCEDURES]
        for section in self._page.sections[_PROCEDURES:]:
            self._note(f"the section {section.heading!r}: an SOP has {_PROCEDURES} procedures")
        people = self._people()
        procedures = [self._procedure(section) for section in sections]
        self._resolve(sections, procedures)
        if not procedures:
            self._notes.append("no section has a part such as Impact, Summary or Steps")
            procedures = empty_draft(self._name).spec["procedures"]
            procedures[0]["handle"] = [_otherwise(self._team)]
        spec = _spec(
            self._name,
            self._fit(self._page.title, _SENTENCE, "the title"),
            self._summary(),
            people,
            self._places(),
            procedures,
        )
        if self._texts:
            spec["texts"] = self._texts[:8]
        return Draft(spec, self._notes)

    def _note(self, what: str) -> None:
        self._notes.append(f"left out: {what}")

    def _fit(self, text: str, length: int, what: str) -> str:
        if len(text) > length:
            self._note(f"the end of {what}: it has {len(text)} characters, {length} are allowed")
        return fitted(text, length)

    def _summary(self) -> str:
        """Keep what belongs to no section."""
        parts = [self._page.preamble]
        for part in (*self._page.others, *self._page.escalations):
            self._links.take(part.text)
            if part.text:
                parts.append(f"{plain_heading(part.heading)}:\n\n{part.text}")
        self._links.take(self._page.preamble)
        return self._fit("\n\n".join(filter(None, parts)), _PROSE, "the summary")

    def _people(self) -> list[dict[str, Any]]:
        every = [part for section in self._page.sections for part in section.parts]
        own = [*self._page.escalations, *(one for one in every if one.kind == "escalations")]
        lines = [line for part in own for line in part.lines]
        titles = teams(lines) or teams(line for part in every for line in part.lines)
        todo = "the page has no contacts of them; say how they are called"
        if not titles:
            return [{"name": "owners", "title": "Owners", "todo": "the page names no team"}]
        for title in titles[_TEAMS:]:
            self._note(f"the team {title!r}: an SOP has {_TEAMS} teams")
        people: list[dict[str, Any]] = []
        for title in titles[:_TEAMS]:
            named = name_of(title, [one["name"] for one in people])
            people.append({"name": named, "title": fitted(title, _SENTENCE), "todo": todo})
        last = teams(line for line in lines if _UNSURE.search(line)) or titles
        self._team = next(one["name"] for one in people if one["title"] == last[0])
        return people

    def _places(self) -> list[dict[str, Any]]:
        found = [
            {"name": name, "title": title, "url": url}
            for url, (name, title) in self._links.by_url.items()
        ]
        for one in found[_LINKS:]:
            self._note(f"the link {one['url']}: an SOP has {_LINKS} links")
        return found[:_LINKS]

    def _procedure(self, section: Section) -> dict[str, Any]:
        parts = {
            kind: [part for part in section.parts if part.kind == kind]
            for kind in ("impact", "summary", "access", "secrets", "severity")
        }
        where = f"of {section.heading!r}"
        severity = _severity(parts["severity"])
        procedure: dict[str, Any] = {
            "name": section.heading,
            "title": self._fit(section.heading, _SENTENCE, f"the title {where}"),
            "severity": severity,
        }
        head = [section.parts[0]] if section.parts[0].text else []
        for field_name, texts in (
            ("impact", parts["impact"]),
            ("summary", [*head, *parts["summary"]]),
        ):
            prose = "\n\n".join(part.text for part in texts if part.text)
            self._links.take(prose)
            procedure[field_name] = (
                self._fit(prose, _PROSE, f"the {field_name} {where}")
                or f"TODO: the page has no {field_name}"
            )
        for field_name, kind in (("accessRequired", "access"), ("relevantSecrets", "secrets")):
            procedure[field_name] = self._sentences(parts[kind], f"{field_name} {where}")
        procedure["checks"] = [PLACEHOLDER]
        procedure["steps"] = self._steps(section, where)
        procedure["handle"] = [_otherwise(self._team)]
        return {key: value for key, value in procedure.items() if value not in ([], "")}

    def _sentences(self, parts: Sequence[Part], where: str) -> list[str]:
        found = [one_line(item) for part in parts for item in items(part.lines)]
        for text in found[_LIST:]:
            self._note(f"{text!r} in {where}: {_LIST} are allowed")
        return [self._fit(text, _SENTENCE, where) for text in found[:_LIST]]

    def _steps(self, section: Section, where: str) -> list[dict[str, Any]]:
        texts: list[str] = []
        for part in section.parts[1:]:
            heading = plain_heading(part.heading)
            if part.kind == "steps":
                texts += [text for item in items(part.lines) for text in _handled(item)]
            elif part.kind == "handle":
                texts += [_under("How to handle", item) for item in items(part.lines)]
            elif part.kind in (None, "escalations") and not self._is_template(part):
                texts += [_under(heading, item) for item in items(part.lines)]
        texts = [piece for text in texts for piece in _pieces(text)]
        for text in texts[_STEPS:]:
            self._note(f"the step {fitted(text, 60)!r} {where}: {_STEPS} are allowed")
        return [self._step(text) for text in texts[:_STEPS]] + [{"check": PLACEHOLDER}] * (
            len(texts) < _STEPS
        )

    def _is_template(self, part: Part) -> bool:
        """Take a part that is a text to be sent: a heading that says so, and a block of code."""
        block = re.search(r"(?s)(`{3,})[^\n]*\n(.*?)\n\s*\1", part.text)
        if block is None or "template" not in part.heading.lower() or "${" in part.text:
            return False
        if len(block[2]) > _TEXT or part.text.replace(block[0], "").strip():
            return False
        name = name_of(part.heading, [text["name"] for text in self._texts])
        title = fitted(plain_heading(part.heading), _SENTENCE)
        self._texts.append({"name": name, "title": title, "text": _dedented(block[2])})
        return True

    def _step(self, text: str) -> dict[str, Any]:
        linked = self._links.take(text)
        # Several links stay in the text, where their words are.
        if len(set(linked)) != 1:
            return {"manual": text}
        return {"manual": without_addresses(text), "link": linked[0]}

    def _resolve(self, sections: Sequence[Section], procedures: list[dict[str, Any]]) -> None:
        """Give the procedures their names, and let those that refer to another use its steps."""
        taken: list[str] = []
        for procedure in procedures:
            procedure["name"] = procedure_name(procedure["name"], taken)
            taken.append(procedure["name"])
        anchors = {
            _anchor(section.heading): name for section, name in zip(sections, taken, strict=True)
        }
        referring = {
            name: other
            for name, procedure in zip(taken, procedures, strict=True)
            if (other := _referred(procedure, anchors)) not in (None, name)
        }
        for procedure in procedures:
            other = referring.get(procedure["name"])
            if other is not None and other not in referring:
                del procedure["steps"], procedure["handle"]
                procedure["stepsFrom"] = other


def _severity(parts: Sequence[Part]) -> str:
    words = " ".join(f"{part.heading} {part.text}" for part in parts).lower()
    return next((one.value for one in Severity if one.value in words), Severity.CRITICAL.value)


def _handled(item: str) -> list[str]:
    """Give a step; one that is called How to handle is a list of its own."""
    first = item.splitlines()[0]
    if Part(first, 0).kind == "handle":
        return [_under("How to handle", one) for one in nested(item)]
    return [item]


def _under(heading: str, item: str) -> str:
    gap = "\n\n" if "\n" in item else " "
    return f"{heading}:{gap}{item}"


def _pieces(text: str) -> list[str]:
    """Cut a text that is too long for one step between its lines."""
    pieces = [""]
    for line in text.splitlines():
        if pieces[-1] and len(pieces[-1]) + 1 + len(line) > _PROSE:
            pieces.append("")
        pieces[-1] += ("\n" if pieces[-1] else "") + line
    return [cut for piece in pieces for cut in _cut(piece.strip("\n"))]


def _cut(line: str) -> Iterable[str]:
    return [line[at : at + _PROSE] for at in range(0, len(line), _PROSE)]


def _referred(procedure: dict[str, Any], anchors: dict[str, str]) -> str | None:
    """Give the procedure whose steps the only step refers to."""
    manual = [step["manual"] for step in procedure["steps"] if "manual" in step]
    found = _REFERENCE.fullmatch(manual[0].strip()) if len(manual) == 1 else None
    return anchors.get(found["anchor"].lower()) if found is not None else None


def _anchor(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def _dedented(text: str) -> str:
    lines = text.splitlines()
    least = min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)
    return "\n".join(line[least:].rstrip() for line in lines).strip("\n")
