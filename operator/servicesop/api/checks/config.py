"""The check type `config`: values that a container, a ConfigMap or a Secret is given.

Every value that is listed must be set (finding Missing), whatever else is asked of it. Nothing of a
value is ever shown, of none, so that nobody has to know which of them are secret. What comes from a
Secret may be asked for its presence and least length only: with a pattern one could guess it bit by
bit. Where the value's way from a Secret is not seen in the SOP, the check refuses when it runs.
"""

from enum import StrEnum
from typing import Annotated, Any, ClassVar

from pydantic import Field

from servicesop.api.base import (
    ApiModel,
    Name,
    ObjectName,
    Pattern,
    Rule,
    TargetOrObject,
    Url,
    exactly_one,
    is_set,
    wire,
)
from servicesop.api.keys import DataKey

_VARIABLE = r"^[-._a-zA-Z][-._a-zA-Z0-9]*$"

VariableName = Annotated[
    str,
    Field(max_length=253, pattern=_VARIABLE),
    wire(
        "string",
        Rule(
            f"self.matches('{_VARIABLE}')",
            "must be the name of an environment variable: letters, digits, '-', '_' and '.', not"
            " starting with a digit",
        ),
        maxLength=253,
    ),
]
"""The name of an environment variable."""

_FLAG = r"^--?[a-zA-Z0-9][-_.a-zA-Z0-9]+$"

FlagName = Annotated[
    str,
    Field(max_length=128, pattern=_FLAG),
    wire(
        "string",
        Rule(
            f"self.matches('{_FLAG}')",
            'must be a flag with its dashes and without its value, such as "--url"; flags of one'
            " letter are not supported",
        ),
        maxLength=128,
    ),
]
"""A flag of the command line."""

COMPARISONS = ("equals", "url", "matches")
"""What compares a value with something, as the fields are named in the resource."""


class DataKind(StrEnum):
    """A kind of objects that hold values by key."""

    CONFIG_MAP = "ConfigMap"
    SECRET = "Secret"  # noqa: S105 - the name of a kind


class DataObject(ApiModel):
    """A ConfigMap or Secret in the SOP's own namespace."""

    kind: DataKind
    """Its kind."""
    name: ObjectName
    """Its name (finding Missing where it does not exist)."""


class Value(ApiModel):
    """One value, and what is asked of it; it must be set in any case (finding Missing)."""

    rules = (
        exactly_one("env", "argument", "key"),
        Rule(
            f"[{','.join(f'has(self.{field})' for field in COMPARISONS)}].filter(x, x).size() <= 1",
            f"at most one of the fields in [{' '.join(COMPARISONS)}] may be set",
            holds=lambda value: sum(is_set(value, field) for field in COMPARISONS) <= 1,
        ),
    )

    env: VariableName | None = None
    """An environment variable of the container."""
    argument: FlagName | None = None
    """A flag of the container's command line, as it is written there: `--url=x` or `--url x`."""
    key: DataKey | None = None
    """A key of the object."""
    non_empty: bool = False
    """It must not be empty (finding Empty)."""
    min_length: Annotated[int, Field(ge=1, le=65536)] | None = None
    """Fewest characters it must have (findings Empty, TooShort)."""
    equals: Annotated[str, Field(max_length=2048)] | None = None
    """The text that it must be (finding Differs); never for what comes from a Secret."""
    url: Url | None = None
    """The URL that it must be (finding Differs), however it is written: case of the host, default
    port, last slash; never for what comes from a Secret."""
    matches: Pattern | None = None
    """RE2 pattern that it must match as a whole (finding Differs); never for what comes from a
    Secret."""

    @property
    def compares(self) -> bool:
        """Whether its content is compared with something."""
        return any(is_set(self, field) for field in COMPARISONS)


def _keys_fit(config: Any) -> bool:
    return all((value.key is None) == (config.object is None) for value in config.values)


def _no_secret_compared(config: Any) -> bool:
    is_secret = config.object is not None and config.object.kind is DataKind.SECRET
    return not (is_secret and any(value.compares for value in config.values))


class Config(ApiModel):
    """Environment variables and arguments of a container, keys of a ConfigMap or Secret."""

    findings: ClassVar[tuple[str, ...]] = ("Missing", "Empty", "TooShort", "Differs")
    rules = (
        Rule(
            "!has(self.object) || (!has(self.target) && !has(self.container))",
            "target and container must not be set with object",
            holds=lambda config: (
                config.object is None or (config.target is None and config.container is None)
            ),
        ),
        Rule(
            "self.values.size() > 0",
            "values must hold at least one value",
            field=".values",
            holds=lambda config: len(config.values) > 0,
        ),
        Rule(
            "self.values.all(value, has(value.key) == has(self.object))",
            "values must each have a key when object is set, and env or argument otherwise",
            field=".values",
            holds=_keys_fit,
        ),
        Rule(
            "!has(self.object) || self.object.kind != 'Secret' || self.values.all(value,"
            f" {' && '.join(f'!has(value.{field})' for field in COMPARISONS)})",
            f"values of a Secret must not have one of [{' '.join(COMPARISONS)}]: they may be asked"
            " for nonEmpty and minLength only",
            field=".values",
            holds=_no_secret_compared,
        ),
    )

    target: TargetOrObject | None = None
    """The workload, by the target's name; the first one when not given."""
    container: Name | None = None
    """The container; needed when the pods have several."""
    object: DataObject | None = None
    """Look at the keys of this object, instead of a container."""
    values: Annotated[tuple[Value, ...], Field(max_length=16)]
    """What must be set, and how."""
