"""The schema for editors takes what the API server takes, and shows what it would refuse."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from servicesop.api.editors import editor_schema
from sop_cases import complete

EXAMPLE = Path(__file__).parents[3] / "docs" / "example" / "sop.yaml"
KINDS: dict[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "integer": int,
    "null": type(None),
}


def wrong(schema: dict[str, Any], value: Any, path: str = "") -> Iterator[str]:
    """What an editor underlines: the keywords of JSON Schema that the schema uses."""
    kinds = schema.get("type", list(KINDS))
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if not any(isinstance(value, KINDS[kind]) for kind in kinds):
        yield f"{path}: is no {' or '.join(kinds)}"
        return
    if "const" in schema and value != schema["const"]:
        yield f"{path}: is not {schema['const']}"
    if "enum" in schema and value not in schema["enum"]:
        yield f"{path}: is none of {' '.join(schema['enum'])}"
    if isinstance(value, str) and not re.search(schema.get("pattern", ""), value):
        yield f"{path}: {schema['patternErrorMessage']}"
    if isinstance(value, (str, list)):
        least, most = (
            ("minLength", "maxLength") if isinstance(value, str) else ("minItems", "maxItems")
        )
        if not schema.get(least, 0) <= len(value) <= schema.get(most, len(value)):
            yield f"{path}: is too short or too long"
    if isinstance(value, int) and value < schema.get("minimum", value):
        yield f"{path}: is less than {schema['minimum']}"
    for index, item in enumerate(value if isinstance(value, list) else ()):
        yield from wrong(schema.get("items", {}), item, f"{path}[{index}]")
    if isinstance(value, dict):
        yield from (
            f"{path}.{name}: is missing" for name in schema.get("required", ()) if name not in value
        )
        for name, inner in value.items():
            others = schema.get("additionalProperties", {})
            known = schema.get("properties", {}).get(name, others)
            if known is False:
                yield f"{path}.{name}: is not known"
            else:
                yield from wrong(known, inner, f"{path}.{name}")


def keywords(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        for key, value in schema.items():
            if key == "properties":
                for inner in value.values():
                    yield from keywords(inner)
            else:
                yield key
                yield from keywords(value)


def test_a_complete_sop_and_the_example_are_taken() -> None:
    assert list(wrong(editor_schema(), complete())) == []
    assert list(wrong(editor_schema(), yaml.safe_load(EXAMPLE.read_text()))) == []


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"tittle": "x"}, ".spec.tittle: is not known"),
        ({"title": None}, ".spec.title: is no string"),
        ({"mode": "Force"}, ".spec.mode: is none of Observe DryRun Enforce"),
        ({"teams": []}, ".spec.teams: is too short or too long"),
        (
            {"teams": [{"name": "A B", "title": "x"}]},
            ".spec.teams[0].name: must be lower case letters, digits and '-', starting and ending"
            " with a letter or digit",
        ),
        ({"teams": [{"name": "a"}]}, ".spec.teams[0].title: is missing"),
    ],
)
def test_what_the_schema_of_the_server_refuses_is_shown(change: dict[str, Any], says: str) -> None:
    sop = complete()
    sop["spec"] |= change

    assert list(wrong(editor_schema(), sop)) == [says]


def test_a_column_that_can_be_switched_off_takes_null() -> None:
    sop = complete()
    sop["spec"]["checks"][2]["stuckRows"]["columns"] = {"deleted": None}

    assert list(wrong(editor_schema(), sop)) == []


def test_only_words_of_json_schema_are_used() -> None:
    words = {
        *("$schema", "title", "description", "type", "required", "properties", "const", "enum"),
        *("additionalProperties", "items", "default", "pattern", "patternErrorMessage"),
        *("minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems"),
        *("maxProperties", "format"),
    }

    assert set(keywords(editor_schema())) <= words
