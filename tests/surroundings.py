"""What a check under test may ask: what its test puts in the place of `NOBODY`, and no more."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import NoReturn

from servicesop.checks.runner import NO_TURN, Surroundings, Turn

OnChunk = Callable[[bytes], bool]


@dataclass(frozen=True)
class Reading:
    """What is asked of a container's log."""

    pod: str
    container: str
    since: datetime | None = None
    tail: int | None = None
    previous: bool = False


class Logs:
    """Logs in a test: it says in `serve` what a reading gets."""

    @property
    def turns(self) -> Turn:
        return NO_TURN

    async def serve(self, reading: Reading, on_chunk: OnChunk) -> None:
        raise NotImplementedError

    async def read(
        self,
        pod: str,
        container: str,
        *,
        since: datetime | None,
        tail: int | None = None,
        previous: bool = False,
        on_chunk: OnChunk,
    ) -> None:
        await self.serve(Reading(pod, container, since, tail, previous), on_chunk)


class _NoWorkloads:
    def get(self, *arguments: object) -> NoReturn:
        raise AssertionError(arguments)

    def pods(self, *arguments: object) -> NoReturn:
        raise AssertionError(arguments)


class _Nobody:
    turns = NO_TURN

    async def read(self, *arguments: object, **options: object) -> NoReturn:
        raise AssertionError(arguments, options)

    async def get(self, *arguments: object) -> NoReturn:
        raise AssertionError(arguments)

    async def get_secret(self, name: str) -> NoReturn:
        raise AssertionError(name)

    async def find(self, *arguments: object) -> NoReturn:
        raise AssertionError(arguments)

    async def recent(self) -> NoReturn:
        raise AssertionError

    async def ask(self, *arguments: object, **options: object) -> NoReturn:
        raise AssertionError(arguments, options)


def _not_asked(*arguments: object) -> NoReturn:
    raise AssertionError(arguments)


class _NoMonitoring:
    turns = NO_TURN
    prometheus = alertmanager = staticmethod(_not_asked)


_NOBODY = _Nobody()

NOBODY = Surroundings(
    namespace="shop",
    targets={},
    default_target=None,
    workloads=_NoWorkloads(),
    logs=_NOBODY,
    database=_not_asked,
    connections={},
    objects=_NOBODY,
    secrets=_NOBODY,
    events=_NOBODY,
    http=_NOBODY,
    admission=_not_asked,
    monitoring=_NoMonitoring(),
    replica_sets=_not_asked,
    namespace_labels=_NOBODY.get,
)
