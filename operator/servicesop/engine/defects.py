"""Defects: contained where they happen, counted, and told without their text.

The text of an exception may hold secrets: only its kind and its place are told.
"""

import contextlib
import logging
import traceback
from collections.abc import Iterator

from prometheus_client import Counter

_FRAMES = 6

_log = logging.getLogger(__name__)


def describe(defect: BaseException) -> str:
    """Give the type of an exception and the innermost lines of code, innermost first."""
    frames = traceback.extract_tb(defect.__traceback__)[-_FRAMES:]
    places = " < ".join(f"{frame.name}:{frame.lineno}" for frame in reversed(frames))
    return f"{type(defect).__name__} at {places}"


class Defects:
    """The defects of the process, in a counter that has the place as its label."""

    def __init__(self, errors: Counter) -> None:
        self._errors = errors

    @contextlib.contextmanager
    def contained(self, where: str) -> Iterator[None]:
        """Let a defect end what is done inside, and nothing else: one SOP must not end others."""
        try:
            yield
        except Exception as defect:  # noqa: BLE001 - whatever it is, it is not the others' fault
            self.note(where, defect)

    def note(self, where: str, defect: Exception) -> None:
        """Count and log a defect."""
        self._errors.labels(where).inc()
        _log.error("internal error in %s: %s", where, describe(defect))
