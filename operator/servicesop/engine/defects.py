"""How a defect is told: its kind and its place, never its text, which may hold secrets."""

import traceback

_FRAMES = 6


def describe(defect: BaseException) -> str:
    """Give the type of an exception and the innermost lines of code, innermost first."""
    frames = traceback.extract_tb(defect.__traceback__)[-_FRAMES:]
    places = " < ".join(f"{frame.name}:{frame.lineno}" for frame in reversed(frames))
    return f"{type(defect).__name__} at {places}"
