"""kopf as the shell: login, the watch on ServiceSOPs, nothing else.

No timers, daemons, finalizers, annotations or kopf Events: each was measured to break a monitor, or
to write into objects that belong to their owners.
"""

import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import kopf

from servicesop.api.base import GROUP, PLURAL, VERSION
from servicesop.engine.engine import Engine
from servicesop.sources.connector import Connector
from servicesop.sources.kubernetes.access import Access

MOST_BACKOFF_SECONDS = 4.0


class EndlessBackoff:
    """Delays without end, with jitter: an API server that is away must not end the operator."""

    def __iter__(self) -> Iterator[float]:
        """Start from the shortest delay."""
        delay = 0.5
        while True:
            yield delay * random.uniform(0.5, 1.0)  # noqa: S311 - jitter, not a secret
            delay = min(MOST_BACKOFF_SECONDS, 2 * delay)


class NoDiffBase(kopf.DiffBaseStorage):
    """Stores nothing and compares nothing: no handler here asks what has changed."""

    def build(self, **kwargs: Any) -> Any:
        """Give an empty essence instead of a deep copy of the body."""
        return {}

    def fetch(self, **kwargs: Any) -> Any:
        """Give nothing."""
        return {}

    def store(self, **kwargs: Any) -> None:
        """Write nothing into the object."""


class NoProgress(kopf.ProgressStorage):
    """Remembers no handler's progress: nothing is written into anybody's object."""

    def fetch(self, **kwargs: Any) -> Any:
        """Give nothing."""

    def store(self, **kwargs: Any) -> None:
        """Write nothing into the object."""

    def purge(self, **kwargs: Any) -> None:
        """Write nothing into the object."""

    def touch(self, **kwargs: Any) -> None:
        """Write nothing into the object."""

    def clear(self, *, essence: Any) -> Any:
        """Give back what came in."""
        return essence


def settings() -> kopf.OperatorSettings:
    """Give kopf's settings for a watch that writes nothing."""
    made = kopf.OperatorSettings()
    made.scanning.disabled = True
    made.peering.standalone = True
    made.posting.enabled = False
    made.watching.chunk_size = 500
    made.watching.connect_timeout = 5
    made.watching.reconnect_backoff = 0.5
    made.networking.request_timeout = 30
    made.networking.connect_timeout = 5
    made.networking.error_backoffs = EndlessBackoff()
    made.queueing.idle_timeout = 0.1
    made.queueing.error_delays = EndlessBackoff()
    made.persistence.diffbase_storage = NoDiffBase()
    made.persistence.progress_storage = NoProgress()
    made.process.ultimate_exiting_timeout = 10
    return made


def registry(engine: Engine, login: Callable[[], kopf.AiohttpSession]) -> kopf.OperatorRegistry:
    """Register the handlers: each is one call."""
    handlers = kopf.OperatorRegistry()

    @kopf.on.login(registry=handlers)
    async def authenticate(**_: Any) -> kopf.AiohttpSession:
        return login()

    @kopf.on.event(GROUP, VERSION, PLURAL, registry=handlers)
    async def observe(type: str | None, body: kopf.Body, **_: Any) -> None:  # noqa: A002 - kopf's
        if type == "DELETED":
            metadata = body["metadata"]
            engine.forget((metadata["namespace"], metadata["name"]))
        else:
            engine.observe(dict(body))

    return handlers


class CutResponse(aiohttp.ClientResponse):
    """An answer whose connection is cut when it is left before its end, as a watch always is.

    A closing handshake would wait for a server that may not answer, and the socket would outlive
    the loop.
    """

    def close(self) -> None:
        """Drop the connection."""
        self._cut()
        super().close()

    def release(self) -> Any:
        """Give the connection back, or drop it if there is more to read."""
        self._cut()
        return super().release()

    def _cut(self) -> None:
        connection = self.connection
        if connection is not None and connection.transport is not None:
            connection.transport.abort()


@asynccontextmanager
async def sessions(
    access: Access, on_list: Callable[[], None]
) -> AsyncIterator[Callable[[], kopf.AiohttpSession]]:
    """Give kopf's login: a session whose every request carries the current credentials.

    The credentials are looked up per request, so a rotated token needs no second login. `on_list`
    is called when kopf has listed the SOPs, which is how each of its watches begins: it keeps to
    itself what is not in a list any more.
    """

    async def authorize(
        request: aiohttp.ClientRequest,
        handler: Callable[[aiohttp.ClientRequest], Awaitable[aiohttp.ClientResponse]],
    ) -> aiohttp.ClientResponse:
        authorization = await access.authorization()
        if authorization:
            request.headers["Authorization"] = authorization
        response = await handler(request)
        if request.url.path.endswith(f"/{PLURAL}") and "watch" not in request.url.query:
            on_list()
        return response

    made: list[aiohttp.ClientSession] = []

    def login() -> kopf.AiohttpSession:
        connector = Connector(limit=0, ssl=access.tls)
        session = aiohttp.ClientSession(
            connector=connector,
            middlewares=(authorize,),
            response_class=CutResponse,
            trust_env=False,
        )
        made.append(session)
        return kopf.AiohttpSession(server=access.host, aiohttp_session=session)

    try:
        yield login
    finally:
        for session in made:
            await session.close()
