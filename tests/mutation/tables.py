"""Mutants of decision tables: a row less, and two neighbours in the other order. Pure."""

from collections.abc import Iterator
from copy import deepcopy

from mutation.fields import Values, rows_named

_Change = tuple[str, frozenset[str], Values]


def dropped_rows(values: Values) -> Iterator[_Change]:
    """Drop each row but the last one, without which there is no table."""
    for index, table in _tables(values):
        for number, row in enumerate(table["handle"][:-1]):
            changed = deepcopy(values)
            del changed["procedures"][index]["handle"][number]
            rows = rows_named(values, table["name"], row["name"])
            yield f"drop row {table['name']}/{row['name']}", rows, changed


def swapped_rows(values: Values) -> Iterator[_Change]:
    """Swap each row with the next one; the last one, `otherwise`, has to stay where it is."""
    for index, table in _tables(values):
        for number in range(len(table["handle"]) - 2):
            changed = deepcopy(values)
            rows = changed["procedures"][index]["handle"]
            upper, lower = rows[number : number + 2]
            rows[number : number + 2] = [lower, upper]
            one, other = (f"{table['name']}/{row['name']}" for row in (upper, lower))
            named = (rows_named(values, table["name"], row["name"]) for row in (upper, lower))
            yield f"swap rows {one} and {other}", frozenset().union(*named), changed


def _tables(values: Values) -> Iterator[tuple[int, Values]]:
    return ((i, one) for i, one in enumerate(values["procedures"]) if "handle" in one)
