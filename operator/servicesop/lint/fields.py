"""Finds what an SOP writes in fields of a kind, by what the models declare of their fields."""

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

from servicesop.api.base import IS_PATTERN, REFERENCES
from servicesop.api.crd import marked_spec
from servicesop.api.sop import Spec

_RULES = "x-kubernetes-validations"
_Schema = Mapping[str, Any]


def patterns(spec: Spec) -> Iterator[tuple[str, str]]:
    """Give path and text of every pattern."""
    return _values(spec, lambda schema: IS_PATTERN.aswire() in schema.get(_RULES, ()))


def references(spec: Spec, *to: str) -> Iterator[tuple[str, str]]:
    """Give path and text of everything that names an item of one of these lists."""
    return _values(spec, lambda schema: schema.get(REFERENCES, "").partition("/")[0] in to)


_schema = cache(marked_spec)
"""It takes a while to make, and is the same for all SOPs."""


def _values(spec: Spec, is_meant: Callable[[_Schema], bool]) -> Iterator[tuple[str, str]]:
    values = spec.model_dump(mode="json", by_alias=True, exclude_none=True)
    return _walk("spec", _schema(), values, is_meant)


def _walk(
    path: str, schema: _Schema, value: Any, is_meant: Callable[[_Schema], bool]
) -> Iterator[tuple[str, str]]:
    if is_meant(schema):
        yield path, value
    for name, inner in schema.get("properties", {}).items():
        if name in value:
            yield from _walk(f"{path}.{name}", inner, value[name], is_meant)
    if "items" in schema:
        for index, item in enumerate(value):
            yield from _walk(f"{path}[{index}]", schema["items"], item, is_meant)
