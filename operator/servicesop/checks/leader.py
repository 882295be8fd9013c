"""The check `leader`: every named worker has exactly one leader.

Leases say who leads, a metric and logs what the pods make of it.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Protocol

from servicesop.api.checks.check import Check
from servicesop.api.checks.leader import Leader
from servicesop.api.reasons import UnknownReason
from servicesop.checks.leader_judgement import Held, Logs, judge_leaders
from servicesop.checks.leader_lease import KubernetesLeases
from servicesop.checks.leader_lines import LeaderLineReader
from servicesop.checks.leader_logs import LoggedLeaders
from servicesop.checks.leader_metric import MetricLeaders, both
from servicesop.checks.leader_table import TableLeases
from servicesop.checks.runner import NO_TURN, CheckRunner, Surroundings, Turn
from servicesop.checks.targets import target_workload
from servicesop.judge.results import Sample
from servicesop.judge.rollout import PodView
from servicesop.sources.errors import SourceError


class LeaseSource(Protocol):
    """Says who leads: by leases, or by a metric."""

    async def held(self, now: datetime) -> dict[str, Held]:
        """Ask for all workers. Raise SourceError."""


class LeaderCheck:
    """Asks the leases, reads what is new in the logs, and judges both together.

    A finding is what is seen now: a take-over leaves a worker without a leader for a while, and two
    leaders for one election are usual. How long each may last is for the debouncing of findings.
    """

    reacts_to = None

    def __init__(self, spec: Leader, surroundings: Surroundings, timeout: float) -> None:
        self._spec = spec
        self._workers = spec.names
        self._surroundings = surroundings
        self._leases = _lease_source(spec, surroundings, timeout)
        self._metric = _metric_source(spec, surroundings, timeout)
        asks_first = self._leases is not None or self._metric is not None
        self._logs_timeout = timeout / 2 if asks_first else None
        self._logs: LoggedLeaders | None = None
        self._problem: SourceError | None = None
        if spec.logs is not None:
            try:
                reader = LeaderLineReader(spec.logs, self._workers)
            except SourceError as problem:
                self._problem = problem
            else:
                self._logs = LoggedLeaders(
                    spec.logs, self._workers, reader, surroundings.logs, self._pods
                )

    @property
    def turn(self) -> Turn:
        """The bounds on how many checks ask the API server and read logs at once.

        A database bounds itself.
        """
        objects, logs = self._surroundings.objects.turns, self._surroundings.logs.turns
        return _in_turn(
            objects if self._spec.kubernetes_lease is not None else NO_TURN,
            self._surroundings.monitoring.turns if self._spec.metric is not None else NO_TURN,
            logs if self._spec.logs is not None else NO_TURN,
        )

    async def run(self, now: datetime) -> Sample:
        """Observe and judge. Raise SourceError.

        Without an answer about the leases nothing is judged: pods that lost their database stop
        leading and say so, which is no fault of theirs. Without the logs, what the leases say
        still counts where it is a failure.
        """
        if self._problem is not None:
            raise self._problem
        held = await self._held(now)
        logs, problem = await self._read_logs(now)
        sample = judge_leaders(self._workers, held, logs)
        if problem is not None and not sample.findings:
            raise problem
        return sample

    async def _held(self, now: datetime) -> dict[str, Held] | None:
        """Ask the leases, the metric, or both. Raise SourceError."""
        leases = await self._leases.held(now) if self._leases is not None else None
        leaders = await self._metric.held(now) if self._metric is not None else None
        if leases is not None and leaders is not None:
            return both(leases, leaders)
        return leases if leases is not None else leaders

    async def _read_logs(self, now: datetime) -> tuple[Logs | None, SourceError | None]:
        if self._logs is None:
            return None, None
        problem = None
        try:
            # A node that does not answer must not keep a lease from being judged: that its leader
            # is gone is just what the lease then tells.
            async with asyncio.timeout(self._logs_timeout):
                await self._logs.read(now)
        except SourceError as error:
            problem = error
        except TimeoutError:
            problem = SourceError(
                UnknownReason.TIMED_OUT,
                "the logs could not be read within half of the check's timeout",
            )
        return self._logs.judge(now), problem

    def _pods(self) -> Sequence[PodView]:
        target = self._spec.logs.target if self._spec.logs is not None else None
        workload = target_workload(self._surroundings, target)
        return self._surroundings.workloads.pods(workload)


@asynccontextmanager
async def _in_turn(first: Turn, second: Turn, third: Turn) -> AsyncIterator[None]:
    async with first, second, third:
        yield


def _lease_source(spec: Leader, surroundings: Surroundings, timeout: float) -> LeaseSource | None:
    if spec.lease is not None:
        database = surroundings.database(surroundings.connections[spec.lease.connection])
        return TableLeases(spec.lease, spec.names, database, timeout)
    if spec.kubernetes_lease is not None:
        return KubernetesLeases(spec.kubernetes_lease, spec.names, surroundings.objects)
    return None


def _metric_source(spec: Leader, surroundings: Surroundings, timeout: float) -> LeaseSource | None:
    if spec.metric is None:
        return None
    metrics = surroundings.monitoring.prometheus(surroundings.connections[spec.metric.connection])
    return MetricLeaders(spec.metric, spec.names, metrics, timeout)


def leader_check(check: Check, surroundings: Surroundings) -> CheckRunner:
    """Build the runner of a `leader` check."""
    assert check.leader is not None
    return LeaderCheck(check.leader, surroundings, check.timeout.total_seconds())
