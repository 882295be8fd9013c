"""What a cause must lead to."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Of = TypeVar("Of")


@dataclass(frozen=True)
class Scenario(Generic[Of]):
    """A cause, switched on in a stand-in, and everything that has to come of it."""

    cause: str
    """In words; also the test's name."""
    switch: Callable[[Of], object]
    """Lets it happen."""
    rows: Mapping[str, str]
    """The row that wins, by procedure: these become True, and no others."""
    acts: tuple[str, ...] = ()
    """What is done to workloads, as `stage.acts` tells it. Where something is done it must help,
    and the SOP is Healthy again; where nothing is done the procedures stay True."""
    seconds: float = field(default=60.0, kw_only=True)
    """How long it may take."""

    def __str__(self) -> str:
        return self.cause.replace(" ", "-")
