"""All mutants of an SOP, each with a name that stays as long as what it changes does. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from mutation.fields import Field, Values, about, fields, with_value
from mutation.limits import LIMITS, changes_of
from mutation.patterns import PATTERNS, widened
from mutation.references import without_check
from mutation.tables import dropped_rows, swapped_rows
from servicesop.api.sop import Spec


@dataclass(frozen=True, slots=True)
class Mutant:
    """An SOP with one change."""

    name: str
    about: frozenset[str]
    """The checks, and rows as `Procedure/row`, that it changes."""
    values: Values
    """Its spec, which may be none that the API server would take."""


def mutants_of(spec: Spec) -> Iterator[Mutant]:
    """Give all of them, of what is written: defaults are the product's and not the SOP's."""
    values = spec.model_dump(mode="json", by_alias=True, exclude_unset=True)
    for change, rows, changed in (*dropped_rows(values), *swapped_rows(values)):
        yield Mutant(change, rows, changed)
    for check in values["checks"]:
        name = check["name"]
        yield Mutant(f"drop check {name}", frozenset({name}), without_check(values, name))
    for field in fields(values):
        for change, value in _changed(field, values):
            mutated = with_value(values, field.path, value)
            yield Mutant(change, about(values, field.path), mutated)


def _changed(field: Field, values: Values) -> Iterator[tuple[str, object]]:
    if field.kind in LIMITS and LIMITS[field.kind](field, values):
        for verb, value in changes_of(field.value):
            yield f"{verb} {field.name}", value
    elif field.kind in PATTERNS:
        for what, pattern in widened(field.value):
            yield f"widen {field.name}: {what}", pattern
