"""What a test does not give."""

from servicesop.api.reasons import UnknownReason
from servicesop.sources.errors import SourceError


def not_given(what: str) -> SourceError:
    """Say that there is nothing by which a check could be judged."""
    return SourceError(UnknownReason.UNREACHABLE, f"the test gives no {what} for this check")
