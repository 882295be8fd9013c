"""Container logs, read as the namespace's runner."""

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Final
from weakref import WeakValueDictionary

from servicesop.api.reasons import UnknownReason
from servicesop.sources.errors import SourceError
from servicesop.sources.kubernetes.client import (
    RUNNER,
    ApiError,
    ApiUnreachable,
    KubeClient,
    RunnerClient,
)

MAX_CHECKS: Final = 16
"""Checks of this process that read logs at the same time."""
MAX_CHECKS_PER_NAMESPACE: Final = 4
"""Of these, how many may be of one namespace: its dead node must not hold up all others."""
MAX_STREAMS: Final = 64
"""Logs read at the same time: each holds a connection through to a kubelet."""


class Turns:
    """Lets a bounded number of checks read logs, first come first served; use as `async with`."""

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


class LogReader:
    """Reads logs for all namespaces, a bounded number at once."""

    def __init__(self, client: KubeClient, *, max_checks: int = MAX_CHECKS) -> None:
        self._client = client
        self._everybody = asyncio.Semaphore(max_checks)
        self._streams = asyncio.Semaphore(MAX_STREAMS)
        self._own: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    def of(self, namespace: str) -> "NamespaceLogs":
        """Give the log streams of one namespace, read as its runner."""
        own = self._own.get(namespace)
        if own is None:
            own = self._own[namespace] = asyncio.Semaphore(MAX_CHECKS_PER_NAMESPACE)
        turns = Turns(own, self._everybody)
        return NamespaceLogs(self._client, self._client.as_runner(namespace), turns, self._streams)


class NamespaceLogs:
    """The logs of one namespace's pods."""

    def __init__(
        self,
        client: KubeClient,
        runner: RunnerClient,
        turns: Turns,
        streams: asyncio.Semaphore,
    ) -> None:
        self._client = client
        self._runner = runner
        self._streams = streams
        self.turns = turns

    async def read(
        self,
        pod: str,
        container: str,
        *,
        since: datetime | None,
        previous: bool = False,
        on_chunk: Callable[[bytes], bool],
    ) -> None:
        """Feed the log, each line with its timestamp, oldest first, chunk by chunk.

        `since` has the precision of seconds: lines of that second come again. Reading ends early
        when `on_chunk` returns False. A pod that is gone, a container that has not started and a
        previous container that never was have an empty log. Raise SourceError when the log cannot
        be read.
        """
        query = {"container": container, "timestamps": "true"}
        if since is not None:
            query["sinceTime"] = since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        if previous:
            query["previous"] = "true"
        path = f"/api/v1/namespaces/{self._runner.namespace}/pods/{pod}/log"
        async with self._streams:
            try:
                async with aclosing(self._runner.stream(path, query)) as chunks:
                    async for chunk in chunks:
                        if not on_chunk(chunk):
                            return
            except ApiError as error:
                if error.status in (400, 404):
                    return
                if error.status in (401, 403):
                    raise await self._refused() from None
                raise SourceError(
                    UnknownReason.API_UNAVAILABLE,
                    f"the log of container {container} cannot be read at the moment: the API server"
                    " has no answer from the node",
                ) from None
            except ApiUnreachable:
                raise SourceError(
                    UnknownReason.API_UNAVAILABLE,
                    f"the log of container {container} broke off or did not come in time",
                ) from None

    async def _refused(self) -> SourceError:
        # The API server refuses an account that does not exist in the same words as one without
        # rights, and people need to know which.
        try:
            exists = await self._client.runner_exists(self._runner.namespace)
        except (ApiError, ApiUnreachable):
            exists = True
        if not exists:
            return SourceError(
                UnknownReason.NO_RUNNER,
                f"this namespace has no ServiceAccount {RUNNER}; create it and let it get pods/log",
            )
        return SourceError(
            UnknownReason.ACCESS_DENIED,
            f"the ServiceAccount {RUNNER} may not get pods/log here; bind it a Role that allows it",
        )
