"""Who leads, by a metric that each pod exports: 1 for a worker that it leads, summed over the pods.

Absent is not 0. A pod that never led exports no series, and neither does one that cannot be
scraped: of a worker without any series it is not known who leads.
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

from servicesop.api.checks.leader import LeaderMetric
from servicesop.api.reasons import UnknownReason
from servicesop.checks.leader_judgement import Held
from servicesop.checks.runner import Metrics
from servicesop.judge.series import Series, sum_of
from servicesop.sources.errors import DoubtError, SourceError


class MetricLeaders:
    """Sums the series of each worker."""

    def __init__(
        self, metric: LeaderMetric, workers: tuple[str, ...], metrics: Metrics, seconds: float
    ) -> None:
        self._metric = metric
        self._workers = workers
        self._metrics = metrics
        self._seconds = seconds

    async def held(self, _: datetime) -> dict[str, Held]:
        """Ask for all workers at once. Raise SourceError."""
        try:
            series = await self._metrics.query(self._metric.expr, self._seconds)
        except DoubtError:
            return dict.fromkeys(self._workers, Held(0, doubt=UnknownReason.DOUBTFUL_ANSWER))
        of_worker: dict[str, list[Series]] = {worker: [] for worker in self._workers}
        for one in series:
            worker = one.labels.get(self._metric.worker)
            if worker in of_worker:
                of_worker[worker].append(one)
        return {worker: _leaders(sum_of(found)) for worker, found in of_worker.items()}


def _leaders(count: Decimal | None) -> Held:
    if count is None:
        return Held(0, doubt=UnknownReason.EMPTY)
    if count != count.to_integral_value() or not 0 <= count <= MAX_LEADERS:
        raise SourceError(
            UnknownReason.BAD_ANSWER,
            "the metric's sum for a worker is no number of leaders; its expression must give 0 or 1"
            " for each pod and worker",
        )
    return Held(int(count)) if count else Held(0, nobody="by the metric, no pod leads")


MAX_LEADERS = 1000
"""A sum beyond this is no number of pods."""


def both(leases: Mapping[str, Held], leaders: Mapping[str, Held]) -> dict[str, Held]:
    """Join what the lease and the metric say: a worker is led when each names exactly one.

    The lease is the authority for who leads, and can hardly show two. The metric adds what the pods
    make of it: several that lead, or a holder that does not. What it does not say is unknown.
    """
    joined = dict(leases)
    for worker, lease in leases.items():
        if lease.doubt is None and lease.holders == 1 and leaders[worker] != Held(1):
            joined[worker] = leaders[worker]
    return joined
