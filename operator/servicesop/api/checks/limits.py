"""What the check types that compare a decimal number share."""

from enum import StrEnum

from servicesop.api.base import Rule


class OnEmpty(StrEnum):
    """What it means when there is no value."""

    PASSED = "Passed"
    FAILED = "Failed"
    INCONCLUSIVE = "Inconclusive"


MIN_TO_MAX = Rule(
    "!has(self.min) || !has(self.max) || double(self.min) <= double(self.max)",
    "min must not be greater than max",
    holds=lambda value: value.min is None or value.max is None or value.min <= value.max,
)
"""That `min` and `max`, both a `Number`, are in order."""
