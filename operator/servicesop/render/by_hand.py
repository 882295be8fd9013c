"""What a person types in place of a check or an action, and what the shell needs for it."""

import shlex
from dataclasses import dataclass
from typing import Final

from servicesop.api.sop import Connection, Spec, Target

KUBECTL: Final = 'kubectl -n "$NAMESPACE"'
"""The base of an SOP names no namespace: its overlays do."""


@dataclass(frozen=True, slots=True)
class Definition:
    """A function of the shell that several commands use."""

    name: str
    text: str
    needs: tuple["Definition", ...] = ()


@dataclass(frozen=True, slots=True)
class Command:
    """One block of code, for the shell or for where PromQL is asked."""

    text: str
    says: str = ""
    """What it is for, as Markdown, where that has to be said."""
    language: str = "sh"
    needs: tuple[Definition, ...] = ()


@dataclass(frozen=True, slots=True)
class ByHand:
    """A check, done by a person."""

    asserts: str
    """What should be true: a sentence of Markdown, without its full stop."""
    commands: tuple[Command, ...]


@dataclass(frozen=True, slots=True)
class Names:
    """What names in an SOP stand for."""

    spec: Spec

    def target(self, name: str | None) -> Target:
        """Give a target; the first one when none is named."""
        targets = self.spec.targets
        return next(one for one in targets if name in (None, one.name))

    def connection(self, name: str) -> Connection:
        """Give a connection."""
        return next(one for one in self.spec.connections if one.name == name)


def word(text: str) -> str:
    """Give a text as one word of the shell."""
    return shlex.quote(text)


def here_document(command: str, text: str, mark: str) -> str:
    """Give a command that reads the text; the mark that ends it stands on no line of the text."""
    while mark in text.splitlines():
        mark += "_"
    return f"{command} <<'{mark}'\n{text}\n{mark}"


def resource(target: Target) -> str:
    """Name a workload as kubectl takes it."""
    return f"{target.ref.kind.value.lower()}/{target.ref.name}"


def needed(commands: tuple[Command, ...]) -> tuple[Definition, ...]:
    """Give the functions that the commands use, each once and after those that it uses itself."""
    found: dict[Definition, None] = {}

    def add(definition: Definition) -> None:
        for inner in definition.needs:
            add(inner)
        found.setdefault(definition)

    for command in commands:
        for definition in command.needs:
            add(definition)
    return tuple(found)


SELECTOR_OF: Final = Definition(
    "selector_of",
    f"""\
selector_of() {{  # the labels of a workload's pods
  {KUBECTL} get "$1" -o go-template='
    {{{{- range $name, $value := .spec.selector.matchLabels}}}}{{{{$name}}}}={{{{$value}}}},
    {{{{- end}}}}' |
    sed 's/,$//'
}}""",
)
PODS_OF: Final = Definition(
    "pods_of",
    f"""\
pods_of() {{  # the pods of a workload
  {KUBECTL} get pods -o name -l "$(selector_of "$1")"
}}""",
    (SELECTOR_OF,),
)
SECRET_KEY: Final = Definition(
    "secret_key",
    f"""\
secret_key() {{  # one key of a Secret, for another command to read
  {KUBECTL} get secret "$1" -o go-template="{{{{index .data \\"$2\\" | base64decode}}}}"
}}""",
)
