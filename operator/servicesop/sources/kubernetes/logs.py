"""Container logs, read as the namespace's runner."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from servicesop.api.reasons import UnknownReason
from servicesop.sources.errors import PodGone, SourceError
from servicesop.sources.kubernetes.client import (
    ApiError,
    ApiUnreachable,
    KubeClient,
    RunnerClient,
)
from servicesop.sources.kubernetes.turns import Turns, TurnTable

MAX_CHECKS: Final = 16
"""Checks of this process that read logs at the same time."""
MAX_CHECKS_PER_NAMESPACE: Final = 4
"""Of these, how many may be of one namespace: its dead node must not hold up all others."""
MAX_STREAMS: Final = 64
"""Logs read at the same time: each holds a connection through to a kubelet."""

_PIECE: Final = 16 * 1024
"""Bytes that are looked at in one go."""

OnChunk = Callable[[bytes], bool]
"""Takes a piece of a log, which may end anywhere in a line; False ends the reading."""


@dataclass(frozen=True, slots=True)
class LogRequest:
    """Which part of which log is asked for."""

    pod: str
    container: str
    since: datetime | None = None
    """With the precision of seconds: lines of that second come again."""
    tail: int | None = None
    """Only that many last lines."""
    previous: bool = False
    """That of the container before its last restart."""


class LogReader:
    """Reads logs for all namespaces, a bounded number at once."""

    def __init__(self, client: KubeClient, *, max_checks: int = MAX_CHECKS) -> None:
        self._client = client
        self._turns = TurnTable(max_checks, MAX_CHECKS_PER_NAMESPACE)
        self._streams = asyncio.Semaphore(MAX_STREAMS)

    def of(self, namespace: str) -> "NamespaceLogs":
        """Give the log streams of one namespace, read as its runner."""
        return NamespaceLogs(
            self._client,
            self._client.as_runner(namespace),
            self._turns.of(namespace),
            self._streams,
        )


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

    async def read(self, request: LogRequest, on_chunk: OnChunk) -> None:
        """Feed the log, each line with its timestamp, oldest first, chunk by chunk.

        A container that has not started and a previous container that never was have an empty log.
        Raise PodGone when there is no such pod any more, SourceError when the log cannot be read.
        """
        container = request.container
        query = {"container": container, "timestamps": "true"}
        if request.since is not None:
            query["sinceTime"] = request.since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        if request.tail is not None:
            query["tailLines"] = str(request.tail)
        if request.previous:
            query["previous"] = "true"
        path = f"/api/v1/namespaces/{self._runner.namespace}/pods/{request.pod}/log"
        async with self._streams:
            try:
                async with aclosing(self._runner.stream(path, query)) as chunks:
                    async for chunk in chunks:
                        for piece in _pieces(chunk):
                            if not on_chunk(piece):
                                return
                            # However costly the pattern and however full the log: others are next.
                            await asyncio.sleep(0)
            except ApiError as error:
                if error.status == 404:
                    raise PodGone from None
                if error.status == 400:
                    return
                if error.status in (401, 403):
                    raise await self._client.refusal(
                        self._runner.namespace, "get pods/log"
                    ) from None
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


def _pieces(chunk: bytes) -> Iterator[bytes]:
    for start in range(0, len(chunk), _PIECE):
        yield chunk[start : start + _PIECE]
