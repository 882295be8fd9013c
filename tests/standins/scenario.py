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
    acts: tuple[str, ...] | Callable[[Of], tuple[str, ...]] = ()
    """What is done to workloads, as `stage.acts` tells it; a function where that has names which
    only the stand-in knows. Where something is done it must help, and the SOP is Healthy again;
    where nothing is done the procedures stay True."""
    afterwards: Mapping[str, str] = field(default_factory=dict, kw_only=True)
    """Another row that wins then, while the procedure has yet to end."""
    unknown: tuple[str, ...] = field(default=(), kw_only=True)
    """Procedures of which nothing can be said any more."""
    seconds: float = field(default=60.0, kw_only=True)
    """How long it may take."""

    def acts_on(self, stand_in: Of) -> tuple[str, ...]:
        """Give what is to be done, once the cause is on."""
        return self.acts(stand_in) if callable(self.acts) else self.acts

    def __str__(self) -> str:
        return self.cause.replace(" ", "-")
