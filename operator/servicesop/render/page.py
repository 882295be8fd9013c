"""The whole page: title, contents, a section for each procedure, and whom to call."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from servicesop.api.incident_texts import IncidentText
from servicesop.api.procedures import Procedure
from servicesop.api.sop import Spec
from servicesop.render.by_hand import Command, Names, needed, word
from servicesop.render.commands.registry import by_hand
from servicesop.render.decisions import Decisions
from servicesop.render.live import Live
from servicesop.render.markdown import (
    Anchors,
    block,
    bullets,
    code,
    link,
    plain,
    prose,
    table,
)
from servicesop.render.steps import steps
from servicesop.render.texts import text_blocks

_BEGIN = "Before you begin"
_LIVE = "Current state"
_ESCALATIONS = "Escalations"
_TEXTS = "Texts"
_LINKS = "Links"
_MISSING = "TODO: not written yet."


@dataclass(frozen=True, slots=True)
class Sop:
    """What is written down."""

    name: str
    namespace: str | None
    """None where the SOP leaves it to the overlay that applies it."""
    spec: Spec


@dataclass(frozen=True, slots=True)
class _Section:
    level: int
    heading: str
    """As Markdown."""
    text: Callable[[], str]
    anchor: str


def runbook(sop: Sop, *, notice: str = "", live: Live | None = None) -> str:
    """Write the page; `notice` stands under its title, `live` says how things are now."""
    return _Page(sop, live).text(notice)


class _Page:
    def __init__(self, sop: Sop, live: Live | None) -> None:
        self._sop = sop
        self._live = live
        self._spec = sop.spec
        self._anchors = Anchors()
        self._anchors.next(f"SOP: {self._spec.title}")
        self._of_procedures: dict[str, str] = {}
        self._of_texts: dict[str, str] = {}
        self._sections = list(self._outline())
        (escalations,) = (one.anchor for one in self._sections if one.text == self._escalations)
        self._decisions = Decisions(self._spec, escalations, self._of_texts)

    def text(self, notice: str) -> str:
        parts = [f"# SOP: {plain(self._spec.title)}"]
        parts += [notice] if notice else []
        parts += [prose(self._spec.summary)] if self._spec.summary is not None else []
        chapters = [one for one in self._sections if one.level == 2]
        parts.append(bullets(f"[{one.heading}](#{one.anchor})" for one in chapters))
        for section in self._sections:
            if section.level == 2:
                parts.append("---")
            parts.append(f"{'#' * section.level} {section.heading}")
            parts.append(section.text())
        return "\n\n".join(part for part in parts if part) + "\n"

    def _outline(self) -> Iterator[_Section]:
        live = self._live
        if live is not None:
            yield self._section(2, _LIVE, lambda: live.text)
        yield self._section(2, _BEGIN, self._begin)
        for procedure in self._spec.procedures:
            heading = procedure.title or procedure.name
            section = self._section(2, heading, partial(self._head, procedure))
            self._of_procedures[procedure.name] = section.anchor
            yield section
            yield from self._parts(procedure)
        yield self._section(2, _ESCALATIONS, self._escalations)
        if self._spec.texts:
            yield self._section(2, _TEXTS, self._texts)
        for text in self._spec.texts:
            section = self._section(3, text.title, partial(self._text, text))
            self._of_texts[text.name] = section.anchor
            yield section
        if self._spec.links:
            yield self._section(2, _LINKS, self._links)

    def _section(self, level: int, heading: str, text: Callable[[], str]) -> _Section:
        return _Section(level, plain(heading), text, self._anchors.next(heading))

    def _parts(self, procedure: Procedure) -> Iterator[_Section]:
        texts: dict[str, Callable[[], str]] = {
            "Impact": lambda: _prose(procedure.impact),
            "Summary": lambda: _prose(procedure.summary),
            "Access required": lambda: _list(procedure.access_required, plain),
            "Relevant secrets": lambda: _list(procedure.relevant_secrets, plain),
            "Steps": lambda: self._steps(procedure),
            "How to handle": lambda: self._handle(procedure),
        }
        for heading, text in texts.items():
            yield self._section(3, heading, text)

    def _begin(self) -> str:
        names = Names(self._spec)
        commands = tuple(
            command for check in self._spec.checks for command in by_hand(check, names).commands
        )
        namespace = self._sop.namespace
        where = (
            f"export NAMESPACE={word(namespace)}"
            if namespace is not None
            else "export NAMESPACE=...  # where the service runs"
        )
        functions = [definition.text for definition in needed(commands)]
        return "\n\n".join(
            [
                "The commands on this page ask what the operator asks, with your own rights, in a"
                " shell like bash or zsh. Say once where, with the functions that they share:",
                block("sh", "\n\n".join([where, *functions])),
                *_tools(commands),
            ]
        )

    def _head(self, procedure: Procedure) -> str:
        said = (
            f"Severity {code(procedure.severity.value)}; the condition of the SOP is"
            f" {code(procedure.name)}. {self._what(procedure)}"
        )
        now = self._live.procedures.get(procedure.name) if self._live is not None else None
        return f"{said}\n\n{now}" if now is not None else said

    def _what(self, procedure: Procedure) -> str:
        if procedure.same_as is not None:
            return f"This is {self._other(procedure.same_as)} under a second title."
        checks = " or ".join(map(code, procedure.checks or ()))
        return f"It is happening while {checks} has failed."

    def _other(self, name: str) -> str:
        (other,) = (one for one in self._spec.procedures if one.name == name)
        return f"[{plain(other.title or other.name)}](#{self._of_procedures[name]})"

    def _steps(self, procedure: Procedure) -> str:
        if procedure.same_as is not None:
            return f"Refer to the steps of {self._other(procedure.same_as)}."
        own = steps(self._spec, procedure)
        if procedure.steps_from is not None:
            return f"{own}\n\nThen refer to the steps of {self._other(procedure.steps_from)}."
        return own

    def _handle(self, procedure: Procedure) -> str:
        other = procedure.same_as or procedure.steps_from
        if other is not None:
            return f"As in {self._other(other)}."
        return self._decisions.table(procedure)

    def _escalations(self) -> str:
        rows = [(plain(team.title), code(team.name), _todo(team.todo)) for team in self._spec.teams]
        return table(("Team", "Name in the SOP", "Still to do"), rows)

    def _texts(self) -> str:
        return (
            "To be sent by hand. What stands in `${...}` is filled in by"
            " `servicesop render --live` while an escalation is open."
        )

    def _text(self, text: IncidentText) -> str:
        return text_blocks(text, self._live.texts if self._live is not None else ())

    def _links(self) -> str:
        return bullets(link(one.title, one.url) for one in self._spec.links)


def _todo(text: str | None) -> str:
    return f"TODO: {plain(text)}" if text is not None else ""


def _prose(text: str | None) -> str:
    return prose(text) if text is not None else _MISSING


def _list(items: tuple[str, ...], shown: Callable[[str], str]) -> str:
    return bullets(map(shown, items)) if items else "None named."


def _tools(commands: tuple[Command, ...]) -> list[str]:
    text = "\n".join(command.text for command in commands)
    told = []
    if "grep -" in text:
        told.append(
            "The patterns are RE2, which `grep -P` (GNU grep) reads too. A count of 0 is no error."
        )
    if "psql_" in text:
        told.append("`psql` has to reach the database from where you are.")
    return told
