"""Who leads, by what the pods log of themselves.

The last line of acquired, lost and stopped decides, per pod and worker. What a log cannot tell any
more (it was rotated, it is still being read) is unknown, unless a heartbeat tells it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from servicesop.api.checks.leader import LeaderLogs
from servicesop.api.reasons import UnknownReason
from servicesop.checks.leader_judgement import Logged, Logs, PodRole, Role
from servicesop.checks.leader_lines import LeaderLineReader, Standing, interrupted, step
from servicesop.checks.log_follower import FollowedLog, LogFollower, nanoseconds_of
from servicesop.checks.log_lines import nanoseconds
from servicesop.checks.runner import LogStream
from servicesop.judge.rollout import PodView

_REACH: Final = timedelta(days=3650)
"""A leader may have been elected at any time: all that is served is read, once."""


class Leadership:
    """What one container's log says of each worker."""

    def __init__(self, reader: LeaderLineReader) -> None:
        self._reader = reader
        self.standings: dict[str, Standing] = {}
        self.spoke = False
        """At least one line said something."""

    def line(self, at: int, text: bytes) -> None:
        """Take a new line."""
        said = self._reader.read(text)
        if said is not None:
            self.spoke = True
            self.standings[said.worker] = step(self.of(said.worker), said, at)

    def restarted(self) -> None:
        """Note that the process is another one: it leads nothing that it was not elected for."""
        self.missed()

    def missed(self) -> None:
        """Note that lines may be missing."""
        self.standings = {who: interrupted(one) for who, one in self.standings.items()}

    def of(self, worker: str) -> Standing:
        """Give what is known of a worker."""
        return self.standings.get(worker, Standing())


@dataclass(frozen=True, slots=True)
class _Seen:
    """One container's log, as far as it can be relied upon."""

    pod: str
    leadership: Leadership
    runs: bool
    current: bool
    """It was read to its end."""
    whole: bool
    """It was read from the start of the process on."""
    recent: bool
    """It was read throughout the time in which a leader must show a heartbeat."""
    speaks: bool
    """The pods of this template log such lines: silence says something."""

    def role(self, worker: str) -> Role:
        if not self.runs:
            return Role.FOLLOWS
        if not self.current:
            return Role.UNKNOWN
        leads = self.leadership.of(worker).leads
        if leads is not None:
            return Role.LEADS if leads else Role.FOLLOWS
        if not self.speaks:
            return Role.UNKNOWN
        if self.whole:
            return Role.FOLLOWS
        return Role.IDLE if self.recent else Role.UNKNOWN


class LoggedLeaders:
    """Reads the logs of a target's pods, and says for each worker which of them lead."""

    def __init__(
        self,
        spec: LeaderLogs,
        workers: tuple[str, ...],
        reader: LeaderLineReader,
        stream: LogStream,
        pods: Callable[[], Sequence[PodView]],
    ) -> None:
        """`pods` gives the target's pods, or raises SourceError."""
        self._find_pods = pods
        self._pods: Sequence[PodView] = ()
        self._container = spec.container
        self._workers = workers
        self._within = nanoseconds_of(spec.heartbeat.within) if spec.heartbeat else None
        self._follower = LogFollower(
            stream, container=spec.container, reach=_REACH, sink=lambda: Leadership(reader)
        )
        self._first_read: int | None = None
        self._worked: dict[str, int] = {}
        """When a worker was last at work in a pod that is gone."""
        self._speaking: frozenset[str] = frozenset()
        """The pod templates of which a pod has logged such lines."""

    async def read(self, now: datetime) -> None:
        """Read what is new. Raise SourceError when a log cannot be read; the others are."""
        self._pods = ()
        self._pods = self._find_pods()
        if self._first_read is None:
            self._first_read = nanoseconds(now)
        for log in self._follower.bury(self._pods):
            for worker, standing in log.sink.standings.items():
                if standing.worked is not None:
                    self._worked[worker] = max(self._worked.get(worker, 0), standing.worked)
        problem = await self._follower.read(self._pods, now)
        if problem is not None:
            raise problem
        if not self._follower.logs:
            self._follower.check_container(self._pods)

    def judge(self, now: datetime) -> Logs:
        """Say what is known of each worker, as of the last reading."""
        logs = self._see(nanoseconds(now))
        doubt = UnknownReason.NOT_COVERED
        if not logs:
            doubt = UnknownReason.NO_PODS
        elif not any(log.speaks for log in logs):
            doubt = UnknownReason.SILENT_LOGS
        return Logs(
            {
                worker: Logged(
                    [
                        PodRole(log.pod, log.role(worker), log.leadership.of(worker).holder)
                        for log in logs
                    ],
                    self._works(worker, logs, nanoseconds(now)),
                )
                for worker in self._workers
            },
            wants_heartbeat=self._within is not None,
            doubt=doubt,
        )

    def _see(self, now: int) -> list[_Seen]:
        by_uid = {pod.uid: pod for pod in self._pods}
        logs = [(by_uid[log.uid], log) for log in self._follower.logs if log.uid in by_uid]
        if by_uid:
            present = frozenset(pod.template for pod in self._pods)
            spoke = frozenset(pod.template for pod, log in logs if log.sink.spoke)
            self._speaking = spoke | (self._speaking & present)
        return [self._look_at(pod, log, now) for pod, log in logs]

    def _look_at(self, pod: PodView, log: FollowedLog[Leadership], now: int) -> _Seen:
        container = next(one for one in pod.containers if one.name == self._container)
        complete, started = log.complete_from, container.started
        whole = complete is not None and started is not None and complete <= nanoseconds(started)
        return _Seen(
            pod=pod.name,
            leadership=log.sink,
            runs=not container.waiting,
            current=complete is not None,
            whole=whole,
            recent=complete is not None and complete <= now - (self._within or 0),
            speaks=pod.template in self._speaking,
        )

    def _works(self, worker: str, logs: Sequence[_Seen], now: int) -> bool | None:
        """Tell whether somebody works as the worker's leader; None where that is not known."""
        if self._within is None or self._first_read is None:
            return None
        signs = [log.leadership.of(worker).worked for log in logs] + [self._worked.get(worker)]
        if any(sign is not None and now - sign <= self._within for sign in signs):
            return True
        roles = {log.role(worker) for log in logs}
        leading = [log for log in logs if log.role(worker) is Role.LEADS]
        if not all(log.whole or log.recent for log in leading or logs):
            return None
        # Where no leader is known, it may have been a pod that had gone before the first reading.
        watched = now - self._first_read >= self._within
        return False if leading or (watched and Role.UNKNOWN not in roles) else None
