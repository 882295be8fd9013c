"""What all API models share: camelCase names on the wire, no unknown fields, immutable values."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    PlainSerializer,
    WithJsonSchema,
    model_validator,
)
from pydantic.alias_generators import to_camel, to_snake
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from servicesop.api.durations import format_duration, parse_duration

GROUP = "servicesop.io"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"
KIND = "ServiceSOP"
PLURAL = "servicesops"

REFERENCES = "x-servicesop-references"
"""Marks a reference in a model's JSON schema; the CRD has a rule in its place."""
INSTEAD = "x-servicesop-instead"
"""Beside a reference to a target: the field that is given where no target is meant."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One CEL rule of the CRD, checked by the API server at apply.

    `expression` is over `self`; `message` is what the user reads when it is false. Where given,
    `message_expression` (CEL too) names the offending item instead, and `message` is the fallback;
    `field` (`.checks`) is the part of `self` that the error points to. `holds` is the same rule for
    a model in Python, so that an SOP which never met an API server is refused in the same words.
    """

    expression: str
    message: str
    message_expression: str | None = None
    field: str | None = None
    holds: Callable[[Any], bool] | None = None

    def aswire(self) -> dict[str, str]:
        """Give the entry of `x-kubernetes-validations`."""
        entry = {"rule": self.expression, "message": self.message}
        if self.message_expression is not None:
            entry["messageExpression"] = self.message_expression
        if self.field is not None:
            entry["fieldPath"] = self.field
        return entry


def exactly_one(*fields: str) -> Rule:
    """Demand exactly one of these optional fields, named as in the resource."""
    present = ",".join(f"has(self.{field})" for field in fields)
    return Rule(
        f"[{present}].filter(x, x).size() == 1",
        f"exactly one of the fields in [{' '.join(fields)}] must be set",
        holds=lambda model: sum(is_set(model, field) for field in fields) == 1,
    )


def at_least_one(*fields: str) -> Rule:
    """Demand one or more of these optional fields, named as in the resource."""
    return Rule(
        " || ".join(f"has(self.{field})" for field in fields),
        f"at least one of the fields in [{' '.join(fields)}] must be set",
        holds=lambda model: any(is_set(model, field) for field in fields),
    )


def is_set(model: BaseModel, field: str) -> bool:
    """Whether an optional field, named as in the resource, is present, as `has` is in CEL."""
    return getattr(model, to_snake(field)) not in (None, ())


class ApiModel(BaseModel):
    """A part of the resource. `rules` are checked by the API server at apply, on this object."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        extra="forbid",
        frozen=True,
        # Field docstrings become descriptions of the CRD, which `kubectl explain` shows.
        use_attribute_docstrings=True,
    )
    rules: ClassVar[tuple[Rule, ...]] = ()

    @model_validator(mode="after")
    def _obeys_rules(self) -> Self:
        for rule in type(self).rules:
            if rule.holds is not None and not rule.holds(self):
                raise ValueError(rule.message)
        return self

    def evolve(self, **fields: object) -> Self:
        """Give a copy with other values; itself where it has them already. Nothing is validated.

        Most of what the operator says on a turn is what it has said before, and what has stayed the
        same object need not be copied, compared or written.
        """
        if all(getattr(self, name) == value for name, value in fields.items()):
            return self
        return self.model_copy(update=fields)

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Add the rules to the model's schema."""
        reference = handler(core_schema)
        if cls.rules:
            schema = handler.resolve_ref_schema(reference)
            schema["x-kubernetes-validations"] = [rule.aswire() for rule in cls.rules]
        return reference


def wire(
    kind: str,
    *rules: Rule,
    references: str | None = None,
    instead: str | None = None,
    **bounds: Any,
) -> WithJsonSchema:
    """Say how a value looks in the resource: its JSON type, its bounds and its CEL rules.

    `references` says what the value names: an item of that list of the spec (`targets`), one with
    that field (`connections/postgres`), or `findings` or `tables` (see
    `servicesop.api.references`, which makes a rule of it). `instead` is a field beside a target's
    name; where it is given, no target is needed.
    """
    schema: dict[str, Any] = {"type": kind, **bounds}
    if rules:
        schema["x-kubernetes-validations"] = [rule.aswire() for rule in rules]
    if references is not None:
        schema[REFERENCES] = references
    if instead is not None:
        schema[INSTEAD] = instead
    return WithJsonSchema(schema)


_IS_DURATION = Rule(
    "self.matches('^([0-9]{1,5}h)?([0-9]{1,5}m)?([0-9]{1,5}s)?$') && size(self) > 0",
    'must be a duration such as "30s", "3m" or "1h30m"',
)
_AT_LEAST_1S = Rule(
    "!self.matches('^([0-9]{1,5}h)?([0-9]{1,5}m)?([0-9]{1,5}s)?$') || size(self) == 0"
    " || duration(self) >= duration('1s')",
    'must be at least "1s"',
)


def no_longer_than(field: str, limit: timedelta, because: str) -> Rule:
    """Demand that a required duration, named as in the resource, is at most this long."""
    text = format_duration(limit)
    value = f"self.{field}"
    return Rule(
        # What is no duration is refused for that alone.
        f"!{value}.matches('^([0-9]{{1,5}}h)?([0-9]{{1,5}}m)?([0-9]{{1,5}}s)?$')"
        f" || size({value}) == 0 || duration({value}) <= duration('{text}')",
        f"{field} must not be more than {text}: {because}",
        field=f".{field}",
        holds=lambda model: getattr(model, to_snake(field)) <= limit,
    )


_TO_TEXT = PlainSerializer(format_duration, return_type=str)

Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    _TO_TEXT,
    wire("string", _IS_DURATION, maxLength=18),
]
"""A span of time written as Kubernetes and Prometheus users write it: `30s`, `3m`, `1h30m`."""

PositiveDuration = Annotated[
    timedelta,
    Field(ge=timedelta(seconds=1)),
    BeforeValidator(parse_duration),
    _TO_TEXT,
    wire("string", _IS_DURATION, _AT_LEAST_1S, maxLength=18),
]
"""A duration of at least one second."""

_NUMBER = r"^-?[0-9]{1,15}([.][0-9]{1,6})?$"


def _to_decimal(text: object) -> object:
    if isinstance(text, Decimal) or (isinstance(text, str) and re.fullmatch(_NUMBER, text)):
        return Decimal(text)
    raise ValueError(_IS_NUMBER.message)


_IS_NUMBER = Rule(
    f"self.matches('{_NUMBER}')",
    'must be a quoted decimal such as "5", "0.8" or "-1.5"',
)

Number = Annotated[
    Decimal,
    BeforeValidator(_to_decimal),
    PlainSerializer(str, return_type=str),
    wire("string", _IS_NUMBER, maxLength=24),
]
"""A decimal, quoted: YAML and JSON would make a binary fraction of a plain one."""

_NAME = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
_IS_NAME = Rule(
    f"self.matches('{_NAME}')",
    "must be lower case letters, digits and '-', starting and ending with a letter or digit",
)
_NAME_BOUNDS = Field(max_length=63, pattern=_NAME)

Name = Annotated[str, _NAME_BOUNDS, wire("string", _IS_NAME, maxLength=63)]
"""The name of a check, target, connection, team, link or row inside one SOP."""

CheckName = Annotated[str, _NAME_BOUNDS, wire("string", maxLength=63, references="checks")]
"""A check of the SOP."""
TargetName = Annotated[str, _NAME_BOUNDS, wire("string", maxLength=63, references="targets")]
"""A target of the SOP."""
TargetOrInvolved = Annotated[
    str, _NAME_BOUNDS, wire("string", maxLength=63, references="targets", instead="involved")
]
"""A target of the SOP, where `involved` does not say what is meant."""
TargetOrLabels = Annotated[
    str, _NAME_BOUNDS, wire("string", maxLength=63, references="targets", instead="podLabels")
]
"""A target of the SOP, where `podLabels` do not say what is meant."""
TargetOrObject = Annotated[
    str, _NAME_BOUNDS, wire("string", maxLength=63, references="targets", instead="object")
]
"""A target of the SOP, where `object` does not say what is meant."""
DatabaseName = Annotated[
    str, _NAME_BOUNDS, wire("string", maxLength=63, references="connections/postgres")
]
"""A connection of the SOP, to a PostgreSQL database."""
PrometheusName = Annotated[
    str, _NAME_BOUNDS, wire("string", maxLength=63, references="connections/prometheus")
]
"""A connection of the SOP, to Prometheus."""
AlertmanagerName = Annotated[
    str, _NAME_BOUNDS, wire("string", maxLength=63, references="connections/alertmanager")
]
"""A connection of the SOP, to Alertmanager."""
TeamName = Annotated[str, _NAME_BOUNDS, wire("string", maxLength=63, references="teams")]
"""A team of the SOP."""
LinkName = Annotated[str, _NAME_BOUNDS, wire("string", maxLength=63, references="links")]
"""A link of the SOP."""
TextName = Annotated[str, _NAME_BOUNDS, wire("string", maxLength=63, references="texts")]
"""A text of the SOP."""
LogsCheckName = Annotated[str, _NAME_BOUNDS, wire("string", maxLength=63, references="checks/logs")]
"""A check of the SOP that looks at each pod's log."""

ObjectName = Annotated[
    str,
    Field(max_length=253, pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"),
    wire(
        "string",
        Rule(
            "self.matches('^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$')",
            "must be the name of a Kubernetes object: lower case letters, digits, '-' and '.'",
        ),
        maxLength=253,
    ),
]
"""The name of a Kubernetes object in the SOP's own namespace."""

IS_PATTERN = Rule(
    # `m || !m` would swallow the parser's error; `in` lets it surface with its text.
    "''.matches(self) in [true, false]",
    "must be a valid RE2 pattern (no look-around, no backreferences)",
)
"""Every pattern has this rule, and nothing else has: by it patterns are found in a schema."""

Pattern = Annotated[
    str,
    Field(min_length=1, max_length=512),
    wire(
        "string",
        IS_PATTERN,
        minLength=1,
        maxLength=512,
    ),
]
"""An RE2 pattern, at most 512 characters."""

Sentence = Annotated[str, Field(min_length=1, max_length=256)]
"""One line of prose."""

Prose = Annotated[str, Field(min_length=1, max_length=2048)]
"""A paragraph of prose, Markdown allowed."""

Url = Annotated[
    str,
    Field(max_length=2048, pattern=r"^https?://[^ ]+$"),
    wire(
        "string",
        Rule("self.matches('^https?://[^ ]+$')", "must be an http:// or https:// URL"),
        maxLength=2048,
    ),
]
"""A link for people; the operator never opens it."""
