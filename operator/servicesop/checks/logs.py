"""The check `logs`: how many lines match a pattern, over all pods, in a window that ends now.

What cannot be counted: lines that a pod logs between the last run and its end, and those of pods
that had gone before the first run.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import re2

from servicesop.api.checks.check import Check
from servicesop.api.checks.logs import Logs
from servicesop.api.durations import format_duration
from servicesop.api.reasons import UnknownReason
from servicesop.api.sop import TargetRef
from servicesop.checks.log_cursor import SECOND, FirstLine, LastLine, LogCursor, nanoseconds
from servicesop.checks.log_window import LogWindow
from servicesop.checks.runner import CheckRunner, Surroundings, Turn
from servicesop.checks.targets import target_workload
from servicesop.judge.results import Sample, failed, inconclusive, passed
from servicesop.judge.rollout import ContainerView, PodView
from servicesop.sources.errors import SourceError

SILENT_START: Final = 10 * SECOND
"""How long after its start a container may log its first line for that line to be taken as the
beginning of its log. Later, it may as well be the beginning of a newer file: a kubelet looks every
10 s for files to rotate, and an older file is not served."""

_MAX_PATTERN_MEMORY: Final = 8 * 1024 * 1024
_GONE: Final = "pods that are gone"


@dataclass(slots=True)
class _Followed:
    """One pod whose logs are read."""

    name: str
    cursors: dict[str, LogCursor] = field(default_factory=dict)


class LogsCheck:
    """Reads on where the last run ended, so that each line is read once."""

    def __init__(self, spec: Logs, surroundings: Surroundings) -> None:
        self._spec = spec
        self._surroundings = surroundings
        self._length = round(spec.within / timedelta(microseconds=1)) * 1000
        self._pods: dict[str, _Followed] = {}
        self._gone = LogWindow(self._length)
        options = re2.Options()
        # It would print the pattern to standard error.
        options.log_errors = False
        options.max_mem = _MAX_PATTERN_MEMORY
        try:
            self._pattern: re2._Regexp | None = re2.compile(spec.pattern, options)
        except re2.error:
            self._pattern = None

    @property
    def reacts_to(self) -> TargetRef | None:
        """None: lines are counted by the clock."""
        return None

    @property
    def turn(self) -> Turn:
        """The bound on how many checks read logs at once."""
        return self._surroundings.logs.turns

    async def run(self, now: datetime) -> Sample:
        """Read what is new, and judge. Raise SourceError when the logs cannot be read."""
        if self._pattern is None:
            raise SourceError(
                UnknownReason.INVALID_PATTERN,
                "the pattern is not valid RE2, or needs more than 8 MiB; simplify it"
                " (smaller repetitions, fewer alternatives)",
            )
        workload = target_workload(self._surroundings, self._spec.target)
        pods = self._surroundings.workloads.pods(workload)
        self._bury(pods)
        logs = [(pod, container) for pod in pods for container in self._wanted(pod)]
        answers = await asyncio.gather(
            *(self._follow(pod, container, now) for pod, container in logs),
            return_exceptions=True,
        )
        start = nanoseconds(now) - self._length
        problem = next((answer for answer in answers if answer is not None), None)
        if problem is not None and not isinstance(problem, SourceError):
            raise problem
        state = LogState(
            counts=self._counts(start),
            started=bool(logs),
            covered=problem is None
            and all(
                not cursor.behind and cursor.covered_from <= start
                for followed in self._pods.values()
                for cursor in followed.cursors.values()
            ),
        )
        sample = judge_logs(self._spec, state)
        if problem is not None and not sample.findings:
            raise problem
        if not logs and not sample.findings:
            self._check_container(pods)
        return sample

    def _wanted(self, pod: PodView) -> list[ContainerView]:
        return [
            container
            for container in pod.containers
            if self._spec.container in (None, container.name)
            # Before its first start there is nothing to read.
            and (container.id or container.started is not None)
        ]

    def _check_container(self, pods: Sequence[PodView]) -> None:
        names = {container.name for pod in pods for container in pod.containers}
        if self._spec.container is not None and names and self._spec.container not in names:
            raise SourceError(
                UnknownReason.CONTAINER_NOT_FOUND,
                f"the target's pods have no container {self._spec.container}; correct the check's"
                " `container`, or leave it out to read all",
            )

    def _bury(self, pods: Sequence[PodView]) -> None:
        """Keep the counts of pods that are gone, in one place however many they are."""
        for uid in self._pods.keys() - {pod.uid for pod in pods}:
            for cursor in self._pods.pop(uid).cursors.values():
                self._gone.absorb(cursor.window)

    def _counts(self, start: int) -> dict[str, int]:
        counts = {
            followed.name: sum(cursor.window.count(start) for cursor in followed.cursors.values())
            for followed in self._pods.values()
        }
        gone = self._gone.count(start)
        return counts | {_GONE: gone} if gone else counts

    async def _follow(self, pod: PodView, container: ContainerView, now: datetime) -> None:
        start = nanoseconds(now) - self._length
        followed = self._pods.setdefault(pod.uid, _Followed(pod.name))
        cursor = followed.cursors.get(container.name)
        if cursor is None:
            cursor = followed.cursors[container.name] = LogCursor(start, self._length)
        started = nanoseconds(container.started) if container.started else None
        if cursor.life != _life(container) and not await self._change_life(
            pod, container, cursor, now, started
        ):
            return
        if not await self._read(pod, container, cursor, now, expect=cursor.proven):
            return
        if not cursor.proven:
            # Asked after the reading: a rotation in between then shows as a later beginning.
            first = await self._first(pod, container, previous=False)
            if first is not None and not _whole(first, start, started):
                cursor.uncover(first)
            if cursor.position.last is None and first is not None:
                # All lines are older than the window. Without one to recognise the file by, a
                # rotation would pass unnoticed.
                last = LastLine()
                await self._stream(pod, container, None, False, last.feed)
                if not last.settle(cursor):
                    await self._read(pod, container, cursor, now, expect=False)
            cursor.proven = True

    async def _change_life(
        self,
        pod: PodView,
        container: ContainerView,
        cursor: LogCursor,
        now: datetime,
        started: int | None,
    ) -> bool:
        """Read what the container logged before its latest start. Give False if there is more."""
        start = nanoseconds(now) - self._length
        known = cursor.life is not None
        if known or (container.restarts > 0 and started is not None and started > start):
            # Of several earlier starts, only the last one's log can still be read.
            expect = known and cursor.proven and container.restarts == cursor.restarts + 1
            if not await self._read(pod, container, cursor, now, expect=expect, previous=True):
                return False
            if not expect:
                first = await self._first(pod, container, previous=True)
                if known or first is None or first > start:
                    cursor.uncover(first or started or nanoseconds(now))
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
        reading = cursor.read(
            self._matches, now=moment, start=moment - self._length, expect=expect, final=previous
        )
        await self._stream(pod, container, cursor.since, previous, reading.feed)
        return reading.finish()

    async def _first(self, pod: PodView, container: ContainerView, *, previous: bool) -> int | None:
        first = FirstLine()
        await self._stream(pod, container, None, previous, first.feed)
        return first.at

    async def _stream(
        self,
        pod: PodView,
        container: ContainerView,
        since: datetime | None,
        previous: bool,
        feed: Callable[[bytes], bool],
    ) -> None:
        await self._surroundings.logs.read(
            pod.name, container.name, since=since, previous=previous, on_chunk=feed
        )

    def _matches(self, text: bytes) -> bool:
        assert self._pattern is not None
        return self._pattern.search(text) is not None


def _whole(first: int, start: int, started: int | None) -> bool:
    """Tell whether a log that begins at `first` has all since `start`, or since its container's."""
    return first <= start or (started is not None and first - started <= SILENT_START)


def _life(container: ContainerView) -> str:
    # Not every runtime gives its containers an id.
    return container.id or f"start {container.restarts}"


def logs_check(check: Check, surroundings: Surroundings) -> CheckRunner:
    """Build the runner of a `logs` check."""
    assert check.logs is not None
    return LogsCheck(check.logs, surroundings)


@dataclass(frozen=True, slots=True)
class LogState:
    """What is known of the window."""

    counts: Mapping[str, int]
    """Matching lines by pod."""
    started: bool
    """At least one container has started, so that there is a log."""
    covered: bool
    """No line of the window can have been missed."""


def judge_logs(spec: Logs, state: LogState) -> Sample:
    """Judge a count that is a lower bound where the window is not covered.

    Too many is then certain, and so is enough; too few is not, nor is few enough.
    """
    count = sum(state.counts.values())
    window = format_duration(spec.within)
    evidence = tuple(
        f"{pod}: {lines}"
        for pod, lines in sorted(state.counts.items(), key=lambda item: (-item[1], item[0]))
    )
    if spec.max is not None and count > spec.max:
        return failed(
            {"TooMany"}, f"more than {spec.max} lines match the pattern within {window}", evidence
        )
    if not state.started:
        return inconclusive(UnknownReason.NO_PODS, "no pod of the target has a log to read")
    enough = spec.min is None or count >= spec.min
    if not state.covered and not (enough and spec.max is None):
        return inconclusive(
            UnknownReason.NOT_COVERED,
            f"the logs that can be read do not reach back over the whole window of {window} yet",
        )
    if not enough:
        return failed(
            {"TooFew"}, f"fewer than {spec.min} lines match the pattern within {window}", evidence
        )
    return passed()
