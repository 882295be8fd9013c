"""List and watch one kind of object, keeping only what is needed of each."""

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing
from typing import Generic, TypeVar

from servicesop.sources.kubernetes.client import ApiError, ApiUnreachable, Json, KubeClient

Slim = TypeVar("Slim")
Key = tuple[str, str]
"""Namespace and name."""

MAX_DELAY_SECONDS = 3.0
"""A control plane that is back must be seen within seconds, so waiting never grows beyond this."""
MAX_BLIND_SECONDS = 15.0
"""How long the last view stays usable while there is no watch."""
_FIRST_DELAY_SECONDS = 0.1
_STEADY_SECONDS = 5.0
"""A watch that lasted this long was a working one."""

# The watch may be tried again from where it ended; after any other answer the list is read again.
_PASSING = frozenset({401, 403, 429, 500, 502, 503})

_log = logging.getLogger(__name__)


class Informer(Generic[Slim]):
    """The current objects of one path, as `slim` makes them out of the API server's.

    `on_change(key, old, new)` is called for each difference, `new` is None for a deletion; also for
    deletions that happened while no watch was there to tell.
    """

    def __init__(
        self,
        client: KubeClient,
        path: str,
        *,
        slim: Callable[[Json], Slim],
        on_change: Callable[[Key, Slim | None, Slim | None], None],
        query: Mapping[str, str] | None = None,
        most: int | None = None,
        on_lost: Callable[[], None] = lambda: None,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`most` objects are kept; `on_lost` is called whenever one more is not."""
        self.objects: dict[Key, Slim] = {}
        self.synced = asyncio.Event()
        """Set once a complete list has been read."""
        self.attempted = asyncio.Event()
        """Set once the API server has answered, or has not, for the first time."""
        self.last_traffic = clock()
        """When the API server last said anything, bookmarks included, on the injected clock."""
        self.refused = False
        """The last answer was 401 or 403."""
        self._client = client
        self._path = path
        self._slim = slim
        self._on_change = on_change
        self._query = dict(query or {})
        self._most = most
        self._on_lost = on_lost
        self._sleep = sleep
        self._jitter = jitter
        self._clock = clock
        self._version = ""
        """Where the watch goes on; empty when the list must be read again."""
        self._blind_since: float | None = clock()
        self._opened_at: float | None = None

    @property
    def current(self) -> bool:
        """Whether the objects may be judged: all are known, and a watch keeps them so.

        A view that no watch renews grows old without saying so, hence the limit on being blind.
        """
        if not self.synced.is_set():
            return False
        since = self._blind_since
        return since is None or self._clock() - since < MAX_BLIND_SECONDS

    async def run(self) -> None:
        """Keep the objects current until cancelled; no answer of the API server ends it."""
        failures = 0
        while True:
            self._opened_at = None
            try:
                if not self._version:
                    await self._list()
                await self._watch()
            except ApiError as error:
                self.refused = error.status in (401, 403)
                if error.status not in _PASSING and error.reason != "BadAnswer":
                    self._version = ""
            except ApiUnreachable:
                pass
            except Exception:  # noqa: BLE001 - one odd object must not blind the operator for ever
                # Without the exception: its text may hold parts of the object.
                _log.error("Objects of %s could not be understood; reading them again.", self._path)
                self._version = ""
            opened = self._opened_at
            if opened is not None and self._clock() - opened >= _STEADY_SECONDS:
                failures = 0
            if self._blind_since is None:
                self._blind_since = self._clock()
            self.attempted.set()
            delay = min(MAX_DELAY_SECONDS, _FIRST_DELAY_SECONDS * 2 ** min(failures, 10))
            failures += 1
            await self._sleep(delay * (0.5 + self._jitter() / 2))

    async def _list(self) -> None:
        found: dict[Key, Slim] = {}
        version = ""
        async with aclosing(self._client.list_pages(self._path, self._query)) as pages:
            async for page in pages:
                self.last_traffic = self._clock()
                version = page.resource_version
                for item in page.items:
                    if self._most is not None and len(found) >= self._most:
                        self._on_lost()
                        break
                    found[_key(item)] = self._slim(item)
        # The whole list is here: what it lacks was deleted while nobody watched.
        for key in [key for key in self.objects if key not in found]:
            self._forget(key)
        for key, new in found.items():
            self._keep(key, new)
        self._version = version
        self.refused = False
        self.synced.set()
        self.attempted.set()

    async def _watch(self) -> None:
        query = {**self._query, "resourceVersion": self._version}
        async with aclosing(self._client.watch(self._path, query, on_open=self._opened)) as events:
            async for kind, item in events:
                self.last_traffic = self._clock()
                if kind == "DELETED":
                    self._forget(_key(item))
                elif kind in ("ADDED", "MODIFIED"):
                    self._keep(_key(item), self._slim(item))
                # Last: an event that could not be understood is asked for again.
                self._version = str(item["metadata"]["resourceVersion"])

    def _opened(self) -> None:
        self.last_traffic = self._opened_at = self._clock()
        self._blind_since = None
        self.refused = False

    def _keep(self, key: Key, new: Slim) -> None:
        old = self.objects.get(key)
        if old is None and self._most is not None and len(self.objects) >= self._most:
            self._on_lost()
        elif old != new:
            self.objects[key] = new
            self._on_change(key, old, new)

    def _forget(self, key: Key) -> None:
        old = self.objects.pop(key, None)
        if old is not None:
            self._on_change(key, old, None)


def _key(item: Json) -> Key:
    metadata = item["metadata"]
    return metadata.get("namespace", ""), metadata["name"]
