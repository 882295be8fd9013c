"""The fields that an SOP sets, and what the schema declares of them. Pure."""

from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from typing import Any

from servicesop.api.crd import marked_spec

Values = dict[str, Any]
"""The spec as it is written: what is left to its default is not there."""
Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Field:
    """A field with a plain value."""

    path: Path
    kind: str
    """What the schema knows it as: `checks[].logs.max`."""
    name: str
    """The same with names: `checks[ocm-accepts].logs.max`."""
    value: Any


def fields(value: Any, path: Path = (), kind: str = "", name: str = "") -> Iterator[Field]:
    """Give all plain values."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from fields(inner, (*path, key), _below(kind, key), _below(name, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            label = item.get("name", index) if isinstance(item, dict) else index
            yield from fields(item, (*path, index), f"{kind}[]", f"{name}[{label}]")
    else:
        yield Field(path, kind, name, value)


def _below(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def with_value(values: Values, path: Path, value: object) -> Values:
    """Give a copy in which one field has another value."""
    changed = deepcopy(values)
    inner: Any = changed
    for part in path[:-1]:
        inner = inner[part]
    inner[path[-1]] = value
    return changed


def about(values: Values, path: Path) -> frozenset[str]:
    """Give the check that a field belongs to, or the row under each procedure that has it."""
    match path:
        case ("checks", int() as index, *_):
            return frozenset({values["checks"][index]["name"]})
        case ("procedures", int() as index, "handle", int() as row, *_):
            procedure = values["procedures"][index]
            return rows_named(values, procedure["name"], procedure["handle"][row]["name"])
    return frozenset()


def rows_named(values: Values, procedure: str, row: str) -> frozenset[str]:
    """Give a row of a table under the name of every procedure that uses the table."""
    users = [
        one["name"]
        for one in values["procedures"]
        if procedure in (one["name"], one.get("stepsFrom"))
    ]
    return frozenset(f"{user}/{row}" for user in users)


_schema = cache(marked_spec)


def kinds(is_meant: Callable[[Mapping[str, Any]], bool]) -> frozenset[str]:
    """Give the fields of the schema of which this is true."""
    return frozenset(_kinds(_schema(), "", is_meant))


def _kinds(
    schema: Mapping[str, Any], path: str, is_meant: Callable[[Mapping[str, Any]], bool]
) -> Iterator[str]:
    if is_meant(schema):
        yield path
    for key, inner in schema.get("properties", {}).items():
        yield from _kinds(inner, _below(path, key), is_meant)
    if "items" in schema:
        yield from _kinds(schema["items"], f"{path}[]", is_meant)
