"""How a check writes an expression of PromQL, and names what its answer holds."""

from typing import Annotated

from pydantic import Field

from servicesop.api.base import Rule, wire

Expression = Annotated[
    str,
    Field(max_length=2048, pattern=r"\S"),
    wire(
        "string",
        Rule(r"self.matches(r'\S')", "must be an expression of PromQL"),
        maxLength=2048,
    ),
]
"""An expression of PromQL. Whether it is a valid one only Prometheus can tell."""

_LABEL_NAME = "^[a-zA-Z_][a-zA-Z0-9_]*$"

LabelName = Annotated[
    str,
    Field(max_length=128, pattern=_LABEL_NAME),
    wire(
        "string",
        Rule(
            f"self.matches('{_LABEL_NAME}')",
            "must be the name of a label: letters, digits and '_', not starting with a digit",
        ),
        maxLength=128,
    ),
]
"""The name of a label of a series or an alert."""
