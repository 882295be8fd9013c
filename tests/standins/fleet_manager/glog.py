"""Log lines as the service's logging library (glog) writes them: no year and no zone."""

from datetime import UTC, datetime
from typing import Literal

_THREAD = 1


def format_line(level: Literal["I", "W", "E"], source: str, message: str, at: datetime) -> str:
    """Return one line; `source` is `file.go:line`, `at` is shown in UTC, as in a container."""
    moment = at.astimezone(UTC)
    return f"{level}{moment:%m%d %H:%M:%S.%f} {_THREAD:7d} {source}] {message}"
