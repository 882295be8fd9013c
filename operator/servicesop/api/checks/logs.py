"""The check type `logs`."""

from typing import Annotated, ClassVar

from pydantic import Field

from servicesop.api.base import (
    ApiModel,
    Name,
    Pattern,
    PositiveDuration,
    Rule,
    TargetName,
    at_least_one,
)


class Logs(ApiModel):
    """Lines that match a pattern, counted over all pods of the target in a sliding window."""

    findings: ClassVar[tuple[str, ...]] = ("TooMany", "TooFew")
    rules = (
        at_least_one("min", "max"),
        Rule(
            "!has(self.min) || !has(self.max) || self.min <= self.max",
            "min must not be greater than max",
            holds=lambda logs: logs.min is None or logs.max is None or logs.min <= logs.max,
        ),
    )

    target: TargetName | None = None
    """The target, by name; the first one when not given."""
    container: Name | None = None
    """Only this container; all containers of the pod when not given."""
    pattern: Pattern
    """RE2 pattern; a line counts once however often it matches."""
    within: PositiveDuration
    """Length of the window that ends now."""
    min: Annotated[int, Field(ge=0, le=1000000)] | None = None
    """Fewest matching lines allowed (finding TooFew)."""
    max: Annotated[int, Field(ge=0, le=1000000)] | None = None
    """Most matching lines allowed (finding TooMany)."""
