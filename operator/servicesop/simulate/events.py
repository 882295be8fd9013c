"""The Events of a test."""

from collections.abc import Callable
from datetime import datetime

from servicesop.judge.events import RecentEvents
from servicesop.simulate.world import World


class GivenEvents:
    """Gives the Events that the test gave last."""

    def __init__(self, world: World, now: Callable[[], datetime]) -> None:
        self._world = world
        self._now = now

    async def recent(self) -> RecentEvents:
        """Give all of them."""
        return RecentEvents((), None)
