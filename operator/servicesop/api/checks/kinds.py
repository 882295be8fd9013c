"""How a check names objects of the cluster: by apiVersion and kind, by name or by labels."""

from typing import Annotated

from pydantic import Field

from servicesop.api.base import ApiModel, Rule, wire

_API_VERSION = r"^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[a-z0-9]([-a-z0-9]*[a-z0-9])?$"

ApiVersion = Annotated[
    str,
    Field(max_length=253, pattern=_API_VERSION),
    wire(
        "string",
        Rule(
            f"self.matches('{_API_VERSION}')",
            'must be an apiVersion such as "v1", "batch/v1" or "cert-manager.io/v1"',
        ),
        maxLength=253,
    ),
]
"""An API group and version."""

_KIND = r"^[A-Z][A-Za-z0-9]*$"

KindName = Annotated[
    str,
    Field(max_length=63, pattern=_KIND),
    wire(
        "string",
        Rule(
            f"self.matches('{_KIND}')",
            'must be a kind such as "Job": letters and digits, starting with a capital letter',
        ),
        maxLength=63,
    ),
]
"""A kind."""

_LABEL = r"^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$"
_VALUE = r"^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$"

Labels = Annotated[
    dict[
        Annotated[str, Field(max_length=317, pattern=_LABEL)],
        Annotated[str, Field(max_length=63, pattern=_VALUE)],
    ],
    Field(max_length=8),
    wire(
        "object",
        Rule(
            f"self.all(key, key.matches('{_LABEL}') && self[key].matches('{_VALUE}'))",
            "must be labels: names and values of letters, digits, '-', '_' and '.',"
            " starting and ending with a letter or digit",
        ),
        additionalProperties={"type": "string", "maxLength": 63},
        maxProperties=8,
    ),
]
"""Labels with their values."""


class LabelSelector(ApiModel):
    """Which objects are meant."""

    match_labels: Labels = Field(default_factory=dict)
    """Labels that they all carry; every object of the kind when none are given."""
