"""Numbers as they are written, and what it means that there is none. Pure."""

from decimal import Decimal

from servicesop.api.checks.limits import OnEmpty
from servicesop.api.reasons import UnknownReason
from servicesop.judge.results import Sample, failed, inconclusive, passed


def number_text(number: Decimal) -> str:
    """Write a number in a few characters: as it is, or by its first digits where it is long."""
    plain = str(number)
    return plain if len(plain) <= len("-123456789012345.123456") else f"{number:.6E}"


def empty(meaning: OnEmpty, message: str) -> Sample:
    """Give what the check says that no value means."""
    if meaning is OnEmpty.PASSED:
        return passed(message)
    if meaning is OnEmpty.FAILED:
        return failed({"Empty"}, message)
    return inconclusive(UnknownReason.EMPTY, message)
