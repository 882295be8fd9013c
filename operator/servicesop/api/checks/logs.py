"""The check type `logs`."""

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field

from servicesop.api.base import (
    ApiModel,
    Name,
    Number,
    Pattern,
    PositiveDuration,
    Rule,
    TargetName,
    at_least_one,
    wire,
)

FINDINGS = ("TooMany", "TooFew", "SinglePod")


def _not_taken(name: str) -> str:
    if name in FINDINGS:
        raise ValueError(_NOT_TAKEN.message)
    return name


_CLASS_NAME = r"^[A-Z][A-Za-z0-9]*$"
_NOT_TAKEN = Rule(
    f"!(self in {list(FINDINGS)})",
    f"must not be one of the findings {list(FINDINGS)}, which every logs check has".replace(
        "'", ""
    ),
)

ClassName = Annotated[
    str,
    Field(max_length=32, pattern=_CLASS_NAME),
    AfterValidator(_not_taken),
    wire(
        "string",
        Rule(
            f"self.matches('{_CLASS_NAME}')",
            "must be one CamelCase word such as RateLimit: it becomes a finding",
        ),
        _NOT_TAKEN,
        maxLength=32,
    ),
]
"""The name of a class of occurrences; it becomes a finding."""


def _unique(classes: "tuple[LogClass, ...]") -> "tuple[LogClass, ...]":
    names = [one.name for one in classes]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ValueError(f"the names in classes must be unique: there are two {twice}")
    return classes


class LogClass(ApiModel):
    """A kind of occurrence, which becomes a finding of the check."""

    rules = (
        Rule(
            "has(self.pattern) != self.rest",
            "exactly one of the fields in [pattern rest] must be set",
            holds=lambda one: (one.pattern is not None) != one.rest,
        ),
        Rule(
            "!has(self.minShare) || !self.minShare.matches('^-?[0-9]{1,15}([.][0-9]{1,6})?$')"
            " || (double(self.minShare) > 0.0 && double(self.minShare) <= 1.0)",
            'minShare must be greater than "0" and at most "1"',
            holds=lambda one: one.min_share is None or 0 < one.min_share <= 1,
        ),
    )

    name: ClassName
    """Unique in the check; the finding's name: `check/RateLimit`."""
    pattern: Pattern | None = None
    """RE2 pattern on the occurrence; the first class that matches takes it."""
    rest: bool = False
    """Takes the occurrences that no other class takes."""
    min_share: Number | None = None
    """Share of all occurrences, such as "0.5", from which on it is found; one occurrence is enough
    when not given."""


class Join(ApiModel):
    """How lines become messages."""

    start: Pattern
    """RE2 pattern of a line that begins a message; the lines up to the next one belong to it."""


class Per(StrEnum):
    """What limits hold for."""

    TARGET = "Target"
    POD = "Pod"


class Logs(ApiModel):
    """Lines that match a pattern, counted over the pods of the target in a sliding window."""

    findings: ClassVar[tuple[str, ...]] = FINDINGS
    rules = (
        at_least_one("min", "max"),
        Rule(
            "!has(self.min) || !has(self.max) || self.min <= self.max",
            "min must not be greater than max",
            holds=lambda logs: logs.min is None or logs.max is None or logs.min <= logs.max,
        ),
        Rule(
            "!has(self.classes) || has(self.max)",
            "classes are only allowed beside max: they say what there is too much of",
            holds=lambda logs: not logs.classes or logs.max is not None,
        ),
        Rule(
            "!has(self.classes) || self.classes.filter(c, c.rest).size() <= 1",
            "at most one of classes may be the rest",
            holds=lambda logs: sum(one.rest for one in logs.classes) <= 1,
        ),
    )

    target: TargetName | None = None
    """The target, by name; the first one when not given."""
    container: Name | None = None
    """Only this container; all containers of the pod when not given."""
    pattern: Pattern
    """RE2 pattern; a line, or with `join` a message, counts once however often it matches."""
    join: Join | None = None
    """Count messages of several lines instead of lines."""
    within: PositiveDuration
    """Length of the window that ends now."""
    per: Per = Per.TARGET
    """What `min` and `max` hold for: all pods of the target together, or each of them."""
    min: Annotated[int, Field(ge=0, le=1000000)] | None = None
    """Fewest matches allowed (finding TooFew)."""
    max: Annotated[int, Field(ge=0, le=1000000)] | None = None
    """Most matches allowed (finding TooMany; SinglePod when only one of several pods is bad)."""
    classes: Annotated[tuple[LogClass, ...], Field(max_length=8), AfterValidator(_unique)] = ()
    """Kinds of matches; when there are too many, each kind that is there is a finding."""

    @property
    def own_findings(self) -> tuple[str, ...]:
        """The findings that this check has of its own: its classes."""
        return tuple(one.name for one in self.classes)
