"""Who may ask next, where only so many may ask at a time."""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager


class Turns:
    """Lets `bound` in at a time. Askers take turns, so that one that wants much delays itself.

    Of those who wait, the one with the fewest inside is next; among equals they follow each other
    round robin, and what one asker wants is done in the order in which it came.
    """

    def __init__(self, bound: int) -> None:
        self._free = bound
        self._inside: Counter[Hashable] = Counter()
        # In the order of their turns.
        self._waiting: dict[Hashable, deque[asyncio.Future[None]]] = {}

    @asynccontextmanager
    async def turn(self, asker: Hashable) -> AsyncIterator[None]:
        """Wait for the turn of `asker`, and hold it."""
        if self._free:
            self._free -= 1
            self._inside[asker] += 1
        else:
            await self._wait(asker)
        try:
            yield
        finally:
            self._leave(asker)

    async def _wait(self, asker: Hashable) -> None:
        place = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(asker, deque()).append(place)
        try:
            await place
        except asyncio.CancelledError:
            if place.cancelled():
                self._forget(asker, place)
            else:
                # The turn came together with the cancellation: somebody else takes it.
                self._leave(asker)
            raise

    def _forget(self, asker: Hashable, place: asyncio.Future[None]) -> None:
        places = self._waiting.get(asker)
        # Somebody who left meanwhile may have passed it over already.
        if places is not None and place in places:
            places.remove(place)
            if not places:
                del self._waiting[asker]

    def _leave(self, asker: Hashable) -> None:
        self._inside[asker] -= 1
        if not self._inside[asker]:
            del self._inside[asker]
        while self._waiting:
            following = min(self._waiting, key=lambda each: self._inside[each])
            places = self._waiting.pop(following)
            place = places.popleft()
            if places:
                self._waiting[following] = places
            if not place.done():
                self._inside[following] += 1
                place.set_result(None)
                return
        self._free += 1
