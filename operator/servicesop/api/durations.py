"""Durations as text: `90s`, `3m`, `1h30m`."""

import re
from datetime import timedelta

_FORM = re.compile(r"(?:(\d{1,5})h)?(?:(\d{1,5})m)?(?:(\d{1,5})s)?")


def parse_duration(text: object) -> timedelta:
    """Read a duration. Raise ValueError, with the allowed form, for anything else."""
    if isinstance(text, timedelta):
        return text
    found = _FORM.fullmatch(text) if isinstance(text, str) else None
    if not found or not any(found.groups()):
        raise ValueError('must be a duration such as "30s", "3m" or "1h30m"')
    hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return timedelta(hours=hours, minutes=minutes, seconds=seconds)


def format_duration(span: timedelta) -> str:
    """Write a duration of whole seconds in its shortest usual form: 5400 s is `1h30m`."""
    rest = int(span.total_seconds())
    hours, rest = divmod(rest, 3600)
    minutes, seconds = divmod(rest, 60)
    parts = [(hours, "h"), (minutes, "m"), (seconds, "s")]
    return "".join(f"{count}{unit}" for count, unit in parts if count) or "0s"
