"""Reads the logs of pods: each new line of each container once, and says since when it saw all.

For checks that look at logs. A check keeps one `LogFollower`, gives it the target's pods in each
run, and gets for each log what its own sink has made of the lines, with the time from which on no
line can have been missed. What nobody can see: lines that a pod logs between the last reading and
its end, and pods that had gone before the first reading.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Generic, TypeVar

from servicesop.api.reasons import UnknownReason
from servicesop.checks.log_cursor import LineSink, LogCursor
from servicesop.checks.log_lines import SECOND, FirstLine, LastLine, nanoseconds
from servicesop.checks.runner import LogStream
from servicesop.judge.rollout import ContainerView, PodView
from servicesop.sources.errors import PodGone, SourceError
from servicesop.sources.kubernetes.logs import LogRequest

SILENT_START: Final = 10 * SECOND
"""How long after its start a container may log its first line for that line to be taken as the
beginning of its log. Later, it may as well be the beginning of a newer file: a kubelet looks every
10 s for files to rotate, and an older file is not served."""

S = TypeVar("S", bound=LineSink)


@dataclass(slots=True)
class FollowedLog(Generic[S]):
    """The log of one container of one pod, through the container's restarts."""

    pod: str
    """The pod's name."""
    uid: str
    """The pod's uid."""
    sink: S
    """What was made of the lines."""
    cursor: LogCursor
    born: int
    """Since when the container is known to run, restarts included (nanoseconds)."""

    @property
    def complete_from(self) -> int | None:
        """From when on each line was seen (nanoseconds); None while there is more to read."""
        return None if self.cursor.behind else self.cursor.covered_from


class LogFollower(Generic[S]):
    """Follows the logs of one container, or of all, in all pods that it is given."""

    def __init__(
        self,
        stream: LogStream,
        *,
        container: str | None,
        reach: timedelta,
        sink: Callable[[], S],
    ) -> None:
        """`reach`: how far back to look on first contact; `sink`: makes one for each log."""
        self._stream = stream
        self._container = container
        self._reach = nanoseconds_of(reach)
        self._sink = sink
        self._logs: dict[tuple[str, str], FollowedLog[S]] = {}

    @property
    def logs(self) -> tuple[FollowedLog[S], ...]:
        """The logs of the pods that the last reading was given."""
        return tuple(self._logs.values())

    def bury(self, pods: Sequence[PodView]) -> tuple[FollowedLog[S], ...]:
        """Forget the pods that are gone, and give their logs for the last time."""
        gone = self._logs.keys() - {(pod.uid, one.name) for pod in pods for one in pod.containers}
        return tuple(self._logs.pop(key) for key in sorted(gone))

    async def read(self, pods: Sequence[PodView], now: datetime) -> SourceError | None:
        """Read what is new. Give the first reason for which a log could not be read."""
        answers = await asyncio.gather(
            *(self._follow(pod, one, now) for pod in pods for one in self._wanted(pod)),
            return_exceptions=True,
        )
        problem = next((answer for answer in answers if answer is not None), None)
        if problem is not None and not isinstance(problem, SourceError):
            raise problem
        return problem

    def check_container(self, pods: Sequence[PodView]) -> None:
        """Raise SourceError when no pod has a container of the name that is asked for."""
        names = {container.name for pod in pods for container in pod.containers}
        if self._container is not None and names and self._container not in names:
            raise SourceError(
                UnknownReason.CONTAINER_NOT_FOUND,
                f"the target's pods have no container {self._container}; correct the check's"
                " `container`, or leave it out to read all",
            )

    def _wanted(self, pod: PodView) -> list[ContainerView]:
        return [
            container
            for container in pod.containers
            if self._container in (None, container.name)
            # Before its first start there is nothing to read.
            and (container.id or container.started is not None)
        ]

    async def _follow(self, pod: PodView, container: ContainerView, now: datetime) -> None:
        key = (pod.uid, container.name)
        log = self._logs.get(key)
        if log is None:
            sink = self._sink()
            cursor = LogCursor(nanoseconds(now) - self._reach, sink)
            born = nanoseconds(container.started or now)
            log = self._logs[key] = FollowedLog(pod.name, pod.uid, sink, cursor, born)
        cursor = log.cursor
        before, cursor.behind = cursor.behind, True
        try:
            cursor.behind = not await self._catch_up(pod, container, cursor, now)
        except PodGone:
            # The next run will not see it any more. There is nothing more to read.
            cursor.behind = before

    async def _catch_up(
        self, pod: PodView, container: ContainerView, cursor: LogCursor, now: datetime
    ) -> bool:
        """Read to the end of the log. Give False if there is more than one run may read."""
        start = nanoseconds(now) - self._reach
        started = nanoseconds(container.started) if container.started else None
        if cursor.life != _life(container) and not await self._change_life(
            pod, container, cursor, now, started
        ):
            return False
        if not await self._read(pod, container, cursor, now, expect=cursor.proven):
            return False
        if not cursor.proven:
            # Asked after the reading: a rotation in between then shows as a later beginning.
            first = await self._first(pod, container, previous=False)
            if first is not None and not _whole(first, start, started):
                cursor.reaches_back_to(first)
            if (
                cursor.position.last is None
                and first is not None
                and not await self._recognise(pod, container, cursor, now)
            ):
                return False
            cursor.proven = True
        return True

    async def _change_life(
        self,
        pod: PodView,
        container: ContainerView,
        cursor: LogCursor,
        now: datetime,
        started: int | None,
    ) -> bool:
        """Read what the container logged before its latest start. Give False if there is more."""
        start = nanoseconds(now) - self._reach
        known = cursor.life is not None
        if known or (container.restarts > 0 and started is not None and started > start):
            # Of several earlier starts, only the last one's log can still be read.
            expect = known and cursor.proven and container.restarts == cursor.restarts + 1
            if not await self._read(pod, container, cursor, now, expect=expect, previous=True):
                return False
            if not expect:
                first = await self._first(pod, container, previous=True)
                if known or first is None or first > start:
                    cursor.reaches_back_to(first or started or nanoseconds(now))
        cursor.begin(_life(container), container.restarts)
        return True

    async def _read(
        self,
        pod: PodView,
        container: ContainerView,
        cursor: LogCursor,
        now: datetime,
        *,
        expect: bool,
        previous: bool = False,
    ) -> bool:
        moment = nanoseconds(now)
        reading = cursor.read(now=moment, start=moment - self._reach, expect=expect, final=previous)
        await self._feed(pod, container, reading.feed, cursor.since, previous=previous)
        return reading.finish()

    async def _first(self, pod: PodView, container: ContainerView, *, previous: bool) -> int | None:
        first = FirstLine()
        await self._feed(pod, container, first.feed, previous=previous)
        return first.at

    async def _recognise(
        self, pod: PodView, container: ContainerView, cursor: LogCursor, now: datetime
    ) -> bool:
        """Know the file by its last line, where all its lines are older than the reach.

        Without one, a rotation would pass unnoticed. Give False if there is more to read.
        """
        last = LastLine()
        await self._feed(pod, container, last.feed, tail=1)
        if last.line is None or cursor.recognise(last.line):
            return True
        return await self._read(pod, container, cursor, now, expect=False)

    async def _feed(
        self,
        pod: PodView,
        container: ContainerView,
        feed: Callable[[bytes], bool],
        since: datetime | None = None,
        *,
        previous: bool = False,
        tail: int | None = None,
    ) -> None:
        await self._stream.read(LogRequest(pod.name, container.name, since, tail, previous), feed)


def nanoseconds_of(length: timedelta) -> int:
    """Give a span of time in nanoseconds."""
    return length // timedelta(microseconds=1) * 1000


def _whole(first: int, start: int, started: int | None) -> bool:
    """Tell whether a log that begins at `first` has all since `start`, or since its container's."""
    return first <= start or (started is not None and first - started <= SILENT_START)


def _life(container: ContainerView) -> str:
    # Not every runtime gives its containers an id.
    return container.id or f"start {container.restarts}"
