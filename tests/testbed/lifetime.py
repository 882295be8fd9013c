"""What begins and ends with a `with` block."""

from abc import ABC, abstractmethod
from contextlib import ExitStack
from typing import Self


class Lifetime(ABC):
    """A context manager; what it has begun ends in the other order, also when it cannot begin."""

    def __enter__(self) -> Self:
        with ExitStack() as life:
            self._live(life)
            self._life = life.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._life.close()

    @abstractmethod
    def _live(self, life: ExitStack) -> None:
        """Begin, and tell `life` how each part ends."""
