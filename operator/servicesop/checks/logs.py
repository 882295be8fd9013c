"""The check `logs`: how often a pattern occurs in the pods' logs, in a window that ends now."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from servicesop.api.checks.check import Check
from servicesop.api.checks.logs import Logs
from servicesop.api.sop import TargetRef
from servicesop.checks.log_follower import FollowedLog, LogFollower, nanoseconds_of
from servicesop.checks.log_lines import nanoseconds
from servicesop.checks.log_occurrences import Occurrences, Patterns
from servicesop.checks.log_verdict import LogState, PodCounts, judge_logs
from servicesop.checks.log_window import LogWindow
from servicesop.checks.runner import CheckRunner, Surroundings, Turn
from servicesop.checks.targets import target_workload
from servicesop.judge.results import Sample


class LogsCheck:
    """Reads on where the last run ended, so that each line is read once."""

    def __init__(self, spec: Logs, surroundings: Surroundings) -> None:
        self._spec = spec
        self._surroundings = surroundings
        self._length = nanoseconds_of(spec.within)
        self._follower: LogFollower[Occurrences] | None = None
        self._gone = LogWindow(self._length)
        self._lost_until = 0
        """Until when lines were lost of pods that are gone by now."""
        self._running_from: int | None = None

    @property
    def reacts_to(self) -> TargetRef | None:
        """None: occurrences are counted by the clock."""
        return None

    @property
    def turn(self) -> Turn:
        """The bound on how many checks read logs at once."""
        return self._surroundings.logs.turns

    async def run(self, now: datetime) -> Sample:
        """Read what is new, and judge. Raise SourceError when the logs cannot be read."""
        if self._follower is None:
            self._follower = self._new_follower()
        follower = self._follower
        workload = target_workload(self._surroundings, self._spec.target)
        pods = self._surroundings.workloads.pods(workload)
        for log in follower.bury(pods):
            self._keep(log, nanoseconds(now))
        problem = await follower.read(pods, now)
        sample = judge_logs(self._spec, self._state(follower.logs, nanoseconds(now)))
        if problem is not None and not sample.findings:
            raise problem
        if not follower.logs and not sample.findings:
            follower.check_container(pods)
        return sample

    def _new_follower(self) -> LogFollower[Occurrences]:
        patterns = Patterns(self._spec)
        return LogFollower(
            self._surroundings.logs,
            container=self._spec.container,
            reach=self._spec.within,
            sink=lambda: Occurrences(patterns, self._length),
        )

    def _keep(self, log: FollowedLog[Occurrences], now: int) -> None:
        """Keep what is known of a pod that is gone, in one place however many they are."""
        log.sink.missed()
        self._gone.absorb(log.sink.window)
        known_from = log.complete_from
        self._lost_until = max(self._lost_until, now if known_from is None else known_from)

    def _state(self, logs: Sequence[FollowedLog[Occurrences]], now: int) -> LogState:
        start = now - self._length
        for log in logs:
            log.sink.settle(now)
        born = [log.born for log in logs]
        if self._running_from is not None:
            born.append(self._running_from)
        self._running_from = min(born) if logs else None
        return LogState(
            start=start,
            pods=_by_pod(logs, start),
            gone=self._gone.counts(start),
            running_from=self._running_from,
            covered=self._lost_until <= start
            and all(log.complete_from is not None and log.complete_from <= start for log in logs),
        )


def _by_pod(logs: Sequence[FollowedLog[Occurrences]], start: int) -> list[PodCounts]:
    pods: dict[str, list[FollowedLog[Occurrences]]] = {}
    for log in logs:
        pods.setdefault(log.uid, []).append(log)
    return [
        PodCounts(
            name=containers[0].pod,
            uid=containers[0].uid,
            kinds=_summed([log.sink.window.counts(start) for log in containers]),
            born=min(log.born for log in containers),
            oldest=min(
                (oldest for log in containers if (oldest := log.sink.window.oldest) is not None),
                default=None,
            ),
        )
        for containers in pods.values()
    ]


def _summed(counts: Sequence[Counter[str]]) -> Counter[str]:
    # Nearly always a pod has one container that is read.
    return counts[0] if len(counts) == 1 else sum(counts, Counter[str]())


def logs_check(check: Check, surroundings: Surroundings) -> CheckRunner:
    """Build the runner of a `logs` check."""
    assert check.logs is not None
    return LogsCheck(check.logs, surroundings)
