"""`python -m servicesop.cli.generate_docs [--check]`: write `docs/reference.md` from the models.

Run in the root of the repository. `--check` writes nothing and fails when the file is stale.
"""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click
from pydantic import TypeAdapter

from servicesop.api.base import API_VERSION, KIND, Duration
from servicesop.api.crd import crd

REFERENCE = Path("docs/reference.md")

_HEAD = f"""\
<!-- Generated from the models by `python -m servicesop.cli.generate_docs`; do not edit. -->
# Reference of `{KIND}` (`{API_VERSION}`)

Every field, in reading order, with what the API server accepts. [sop.md](sop.md) explains how the
fields of `spec` work together, [status.md](status.md) what `status` says. In a terminal:
`kubectl explain servicesop.spec.checks`, and so on down.

A field that is not required may be left out; its default then applies, if it has one. A duration is
a string such as `30s`, `3m` or `1h30m`. The rules above a table are about its fields together.
"""
Schema = Mapping[str, Any]

_RULES = "x-kubernetes-validations"
_DURATION = TypeAdapter(Duration).json_schema(mode="serialization")
_IS_DURATION = _DURATION[_RULES][0]["message"]


def reference_text() -> str:
    """Give the whole file."""
    schema = crd()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    parts = [_HEAD]
    for name in ("spec", "status"):
        parts += _sections(name, schema["properties"][name])
    return "\n".join(parts)


def _sections(path: str, schema: Schema) -> Iterator[str]:
    """Give the section of one object and then those of the objects in it."""
    required = schema.get("required", ())
    rows = [
        f"| `{name}` | {_type(f'{path}.{name}', field)} | {_default(name, field, required)}"
        f" | {_cell(' '.join([field['description'], *_rules(field)]))} |"
        for name, field in schema["properties"].items()
    ]
    table = ["| Field | Type | Default | Meaning |", "|---|---|---|---|", *rows]
    yield "\n".join([f"## {path}", "", *_intro(schema), *table, ""])
    for name, field in schema["properties"].items():
        inner = field.get("items", field)
        if "properties" in inner:
            yield from _sections(f"{path}.{name}" + "[]" * ("items" in field), inner)


def _intro(schema: Schema) -> list[str]:
    rules = [rule["message"] for rule in schema.get(_RULES, ())]
    return [*(f"- {_cell(rule)}" for rule in rules), *[""] * bool(rules)]


def _type(path: str, field: Schema) -> str:
    if field["type"] == "array":
        items = field["items"]
        least, most = field.get("minItems", 0), field["maxItems"]
        count = f"{least} to {most}" if least else f"up to {most}"
        if "properties" in items:
            return f"{count} {_link(f'{path}[]', 'objects')}"
        return f"{count} strings of up to {items['maxLength']} characters"
    if "properties" in field:
        return _link(path, "object")
    if field["type"] == "object":
        longest = field["additionalProperties"]["maxLength"]
        return f"up to {field['maxProperties']} strings of up to {longest} characters, by name"
    if "enum" in field:
        return " or ".join(f"`{value}`" for value in field["enum"])
    if field["type"] == "integer":
        return f"integer, {field['minimum']} to {field['maximum']}"
    if field["type"] == "string":
        if field.get("format") == "date-time":
            return "time"
        if field["maxLength"] == _DURATION["maxLength"]:
            return "duration"
        return f"string of up to {field['maxLength']} characters"
    return str(field["type"])


def _default(name: str, field: Schema, required: Any) -> str:
    if name in required:
        return "required"
    default = field.get("default")
    if default is None or default == {}:
        return ""
    shown = str(default).lower() if isinstance(default, bool) else str(default)
    return f"`{shown}`" + ("; `null` for none" if field.get("nullable") else "")


def _rules(field: Schema) -> list[str]:
    """Say what a value must look like, as the API server says it."""
    if "properties" in field:
        return []  # said above the object's own table
    messages = [rule["message"] for rule in field.get(_RULES, ())]
    return [
        f"{message[0].upper()}{message[1:]}." for message in messages if message != _IS_DURATION
    ]


def _link(path: str, text: str) -> str:
    # An anchor is a heading's text without its punctuation.
    anchor = "".join(one for one in path.lower() if one.isalnum())
    return f"[{text}](#{anchor})"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


@click.command()
@click.option("--check", is_flag=True, help="Write nothing; fail when the file is not up to date.")
def main(check: bool) -> None:
    """Write docs/reference.md."""
    text = reference_text()
    if REFERENCE.is_file() and REFERENCE.read_text("utf-8") == text:
        return
    if check:
        click.echo(
            f"not up to date: {REFERENCE}."
            " Run `python -m servicesop.cli.generate_docs` and commit the result.",
            err=True,
        )
        sys.exit(1)
    REFERENCE.write_text(text, "utf-8")
    click.echo(f"wrote {REFERENCE}")


if __name__ == "__main__":
    main()
