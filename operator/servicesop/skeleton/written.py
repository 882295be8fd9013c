"""Writes a draft as YAML, with comments that say what is to be done."""

from typing import Any

import yaml

from servicesop.api.base import API_VERSION, KIND
from servicesop.skeleton.draft import PLACEHOLDER

_COMMENTS = {
    "title": "What the service is called.",
    "summary": "What it does; from a page also what belongs to no section.",
    "targets": "The workloads that checks look at and actions change; the first is the default.",
    "teams": "Whom escalations may name. TODO: how they are called.",
    "links": "Places that steps name.",
    "checks": "What should be true, each defined once and named for it. TODO: the first one is a\n"
    "placeholder: suspended, so that it tells nobody anything. Write others, and take it out.",
    "procedures": "One per section of the page. TODO: `checks` are those that tell whether it is\n"
    "happening, a step may be a `check`, and `handle` decides: the first true row wins, so put\n"
    'what "How to handle" says before the row otherwise.',
    "texts": "Texts for people outside, which a row's `escalate` may name by `text`.",
}
_HEAD = f"""\
# A draft: `kubectl apply --dry-run=server -f` takes it, but nothing is checked yet. Each TODO is a
# decision that only people can make; the check {PLACEHOLDER!r} stands for all that are missing.
"""


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as blocks, and indents lists."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def written(name: str, spec: dict[str, Any]) -> str:
    """Give the file."""
    lines = [
        f"apiVersion: {API_VERSION}",
        f"kind: {KIND}",
        "metadata:",
        f"  name: {name}",
        "spec:",
    ]
    for key, value in spec.items():
        lines += [f"  # {line}" for line in _COMMENTS[key].splitlines()]
        dumped = yaml.dump(
            {key: value}, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=96
        )
        lines += [f"  {line}" if line else "" for line in dumped.splitlines()]
    return _HEAD + "\n".join(lines) + "\n"
