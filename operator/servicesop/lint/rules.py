"""What a rule is: what it looks at, what it finds, and what it says of itself."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from servicesop.api.sop import Spec


class Severity(StrEnum):
    """How bad a finding is."""

    ERROR = "error"
    """The SOP does not do what it says."""
    WARNING = "warning"
    """It works, but people or a later change will stumble over it."""


@dataclass(frozen=True, slots=True)
class Subject:
    """One SOP that is looked at."""

    name: str
    spec: Spec
    base: Spec | None = None
    """The SOP of this name that was given before it: what an overlay was made from."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that a rule has found."""

    path: str
    """The field, as the API server writes it: `spec.checks[2].name`."""
    message: str


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: a pure function, and what people have to know of it."""

    code: str
    """`SOP002`; never used again for another rule."""
    name: str
    severity: Severity
    purpose: str
    """What it finds, in one line."""
    fix: str
    """What to do about it, in a sentence."""
    find: Callable[[Subject], Iterable[Problem]]

    @property
    def anchor(self) -> str:
        """Where it stands on its page, docs/lint.md."""
        return f"{self.code.lower()}-{self.name}"


@dataclass(frozen=True, slots=True)
class Finding:
    """A problem, and the rule that found it."""

    rule: Rule
    problem: Problem
