"""The check type `sql`.

It asserts that a query's value, or the number of its rows, is within limits (TooFew, TooMany). No
value is what the check says that it is: Passed, Failed (Empty) or Inconclusive (Empty).

Numbers of every SQL type are compared as they are written, infinity included. What is no number,
NaN, and an answer of several rows are an Error (BadAnswer): a guess at what they mean might be a
wrong alarm. Nothing of the answer is shown unless the check says so.
"""

import re
from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field

from servicesop.api.base import (
    ApiModel,
    DatabaseName,
    Number,
    Rule,
    at_least_one,
    exactly_one,
    wire,
)
from servicesop.api.checks.limits import MIN_TO_MAX, OnEmpty

_IS_QUERY = r"(?i)^\s*(select|with)\b"
_HAS_PARAMETER = "[$][0-9]"


def _no_parameters(query: str) -> str:
    if re.search(_HAS_PARAMETER, query):
        raise ValueError(_COMPLETE.message)
    return query


_COMPLETE = Rule(
    f"!self.matches('{_HAS_PARAMETER}')",
    "must not hold parameters such as $1; write the values into the query",
)

Query = Annotated[
    str,
    Field(max_length=2048, pattern=_IS_QUERY),
    AfterValidator(_no_parameters),
    wire(
        "string",
        Rule(
            f"self.matches(r'{_IS_QUERY}')",
            "must be one query that begins with SELECT or WITH",
        ),
        _COMPLETE,
        maxLength=2048,
    ),
]
"""One SELECT. It is sent as it is, alone, inside a read-only transaction."""


class ValueLimits(ApiModel):
    """What the value may be: the first column of the only row, a number."""

    rules = (
        at_least_one("min", "max"),
        MIN_TO_MAX,
    )

    min: Number | None = None
    """Least value allowed (finding TooFew)."""
    max: Number | None = None
    """Greatest value allowed (finding TooMany)."""
    on_empty: OnEmpty
    """What no row, or null, means: Passed, Failed (finding Empty), or Inconclusive."""
    show: bool = False
    """Show the value as evidence; without it no result of the query is shown."""


class RowLimits(ApiModel):
    """How many rows the query may give."""

    rules = (
        at_least_one("min", "max"),
        Rule(
            "!has(self.min) || !has(self.max) || self.min <= self.max",
            "min must not be greater than max",
            holds=lambda rows: rows.min is None or rows.max is None or rows.min <= rows.max,
        ),
    )

    min: Annotated[int, Field(ge=0, le=1000)] | None = None
    """Fewest rows allowed (finding TooFew)."""
    max: Annotated[int, Field(ge=0, le=1000)] | None = None
    """Most rows allowed (finding TooMany)."""


class Sql(ApiModel):
    """A query gives a value, or a number of rows, within limits."""

    findings: ClassVar[tuple[str, ...]] = ("TooMany", "TooFew", "Empty")
    rules = (exactly_one("value", "rows"),)

    connection: DatabaseName
    """The database, one of the SOP's connections."""
    query: Query
    """One SELECT; name the columns, and leave out rows that are softly deleted."""
    value: ValueLimits | None = None
    """Compare the value: the first column of the only row."""
    rows: RowLimits | None = None
    """Compare the number of rows; what is in them does not matter."""
