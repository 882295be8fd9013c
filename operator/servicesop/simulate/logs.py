"""The logs of a test's pods."""

from collections.abc import Callable
from datetime import datetime

from servicesop.checks.runner import NO_TURN, Turn
from servicesop.simulate.world import World


class GivenLogs:
    """Serves what the test gave, as a kubelet would."""

    def __init__(self, world: World) -> None:
        self._world = world

    @property
    def turns(self) -> Turn:
        """No bound."""
        return NO_TURN

    async def read(
        self,
        pod: str,
        container: str,
        *,
        since: datetime | None,
        tail: int | None = None,
        previous: bool = False,
        on_chunk: Callable[[bytes], bool],
    ) -> None:
        """Feed the log, each line with its timestamp, oldest first."""
