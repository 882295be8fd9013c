"""How many checks may read from the API server, or through it from a kubelet, at once."""

import asyncio
from weakref import WeakValueDictionary


class Turns:
    """Lets a bounded number of checks read, first come first served; use as `async with`."""

    def __init__(self, own: asyncio.Semaphore, everybody: asyncio.Semaphore) -> None:
        self._own = own
        self._everybody = everybody

    async def __aenter__(self) -> None:
        # In this order: whoever waits for its namespace must not hold a place that others want.
        await self._own.acquire()
        try:
            await self._everybody.acquire()
        except BaseException:
            self._own.release()
            raise

    async def __aexit__(self, *_: object) -> None:
        self._everybody.release()
        self._own.release()


class TurnTable:
    """The turns of all namespaces at one source."""

    def __init__(self, everybody: int, each: int) -> None:
        """At most `everybody` checks of this process at once, and `each` of one namespace."""
        self._everybody = asyncio.Semaphore(everybody)
        self._each = each
        self._own: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    def of(self, namespace: str) -> Turns:
        """Give the turns of a namespace: the same places, however often it is asked."""
        own = self._own.get(namespace)
        if own is None:
            own = self._own[namespace] = asyncio.Semaphore(self._each)
        return Turns(own, self._everybody)
