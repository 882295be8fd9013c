"""`python -m servicesop.cli.generate_docs [--check]`: write fields into `docs/` from the models.

`docs/reference.md` is generated as a whole. In `docs/testing.md`, `docs/lint.md` and the pages of
the check types, `docs/checks/`, only what stands between the markers is; the prose around it is
written by people. Run in the root of the repository. `--check` writes nothing and fails when a
file is stale.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click
from pydantic import TypeAdapter

from servicesop.api.base import API_VERSION, KIND, Duration
from servicesop.api.checks.check import CHECK_TYPES
from servicesop.api.crd import crd
from servicesop.cli.generated import bring_up_to_date
from servicesop.cli.suite_fields import suite_fields
from servicesop.lint.chain import RULES

REFERENCE = Path("docs/reference.md")
CHECKS = Path("docs/checks")
INDEX = CHECKS / "README.md"
TESTING = Path("docs/testing.md")
LINT = Path("docs/lint.md")
BEGIN = (
    "<!-- Generated from the models by `python -m servicesop.cli.generate_docs`; do not edit. -->"
)
END = "<!-- End of what is generated. -->"

_HEAD = f"""\
{BEGIN}
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
    schema = _root()
    parts = [_HEAD]
    for name in ("spec", "status"):
        parts += _sections(name, schema["properties"][name])
    return "\n".join(parts)


def fields_of_check_types() -> dict[Path, str]:
    """Give what stands between the markers, by page: each type's fields, and those of all checks.

    The list of the pages is generated too, so that no type can be forgotten there.
    """
    check = _root()["properties"]["spec"]["properties"]["checks"]["items"]
    pages = {
        CHECKS / f"{kind}.md": "\n".join(
            _sections(f"{_CHECK}.{kind}", check["properties"][kind], level=3)
        )
        for kind in CHECK_TYPES
    }
    listed = [
        f"| [`{kind}`]({kind}.md) | {_cell(model.__doc__ or '')}"
        f" | {' '.join(f'`{finding}`' for finding in model.findings)} |"
        for kind, model in CHECK_TYPES.items()
    ]
    shared = {name: field for name, field in check["properties"].items() if name not in CHECK_TYPES}
    head = ["| Type | Asserts | Findings |", "|---|---|---|"]
    common = [*_sections(_CHECK, {**check, "properties": shared}, level=3)]
    return pages | {INDEX: "\n".join([*head, *listed, "", *common])}


def rules_of_lint() -> str:
    """Give what stands between the markers of the page about `servicesop lint`: its rules."""
    parts = [
        f"### {rule.code} {rule.name}\n\n*{rule.severity.value}*: {rule.purpose}\n\nFix: {rule.fix}"
        for rule in RULES
    ]
    return "\n\n".join(parts) + "\n"


_CHECK = "spec.checks[]"


def _root() -> Schema:
    schema: Schema = crd()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return schema


def _sections(path: str, schema: Schema, *, level: int = 2) -> Iterator[str]:
    """Give the section of one object and then those of the objects in it."""
    required = schema.get("required", ())
    rows = [
        f"| `{name}` | {_type(f'{path}.{name}', field)} | {_default(name, field, required)}"
        f" | {_cell(' '.join([field['description'], *_rules(field)]))} |"
        for name, field in schema["properties"].items()
    ]
    table = ["| Field | Type | Default | Meaning |", "|---|---|---|---|", *rows]
    yield "\n".join([f"{'#' * level} {path}", "", *_intro(schema), *table, ""])
    for name, field in schema["properties"].items():
        inner = field.get("items", field)
        if "properties" in inner:
            yield from _sections(f"{path}.{name}" + "[]" * ("items" in field), inner, level=level)


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
        if items["type"] == "integer":
            return f"{count} integers, {items['minimum']} to {items['maximum']}"
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


class PageError(Exception):
    """A page lacks what is written by hand; the message says what to do."""


def files() -> dict[Path, str]:
    """Give the text that each file should have. Raise PageError for a page that nobody wrote."""
    parts = fields_of_check_types() | {TESTING: suite_fields(), LINT: rules_of_lint()}
    texts = {path: _filled(path, fields) for path, fields in parts.items()}
    return {REFERENCE: reference_text()} | texts


def _filled(path: Path, fields: str) -> str:
    """Put the fields between the markers of a page."""
    text = path.read_text("utf-8") if path.is_file() else ""
    head, begin, rest = text.partition(f"{BEGIN}\n")
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise PageError(
            f"{path} is missing, or has not both of the lines between which its fields stand:"
            f" write it like the pages of {CHECKS}, with {BEGIN!r} and {END!r}"
        )
    return f"{head}{BEGIN}\n\n{fields}\n{END}{tail}"


@click.command()
@click.option("--check", is_flag=True, help="Write nothing; fail when a file is not up to date.")
def main(check: bool) -> None:
    """Write docs/reference.md, and what is generated of other pages."""
    try:
        texts = files()
    except PageError as wrong:
        raise click.ClickException(str(wrong)) from None
    bring_up_to_date(texts, check=check, command="servicesop.cli.generate_docs")


if __name__ == "__main__":
    main()
