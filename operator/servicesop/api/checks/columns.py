"""How a check names parts of a database, and the values that it compares with."""

from typing import Annotated

from pydantic import Field

from servicesop.api.base import Rule, wire

Identifier = Annotated[
    str,
    Field(max_length=63, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$"),
    wire(
        "string",
        Rule(
            "self.matches('^[A-Za-z_][A-Za-z0-9_]*$')",
            "must be a plain SQL identifier: letters, digits and '_', not starting with a digit",
        ),
        maxLength=63,
    ),
]
"""A column, always quoted when it is sent."""

Table = Annotated[
    str,
    Field(max_length=127, pattern=r"^([A-Za-z_][A-Za-z0-9_]*\.)?[A-Za-z_][A-Za-z0-9_]*$"),
    wire(
        "string",
        Rule(
            "self.matches('^([A-Za-z_][A-Za-z0-9_]*[.])?[A-Za-z_][A-Za-z0-9_]*$')",
            "must be a table, or schema.table: letters, digits and '_'",
        ),
        maxLength=127,
    ),
]
"""A table, with or without its schema."""

Value = Annotated[str, Field(min_length=1, max_length=63)]
"""A value to compare a column with; it travels as a bind parameter."""
