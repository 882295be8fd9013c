"""The check `prometheus`: the series of a query are within limits, or an alert does not fire."""

import asyncio
from datetime import datetime

from servicesop.api.checks.check import Check
from servicesop.api.checks.prometheus import Alert, MetricQuery
from servicesop.api.reasons import UnknownReason
from servicesop.checks.runner import Alerts, CheckRunner, Metrics, Surroundings
from servicesop.judge.alerts import firing_of, judge_managed, judge_rules
from servicesop.judge.results import Sample, inconclusive
from servicesop.judge.series import judge_series
from servicesop.sources.errors import DoubtError


class QueryRunner:
    """Asks a query and compares its series."""

    reacts_to = None

    def __init__(
        self, query: MetricQuery, metrics: Metrics, surroundings: Surroundings, seconds: float
    ) -> None:
        self._query = query
        self._metrics = metrics
        self._seconds = seconds
        self.turn = surroundings.monitoring.turns

    async def run(self, _: datetime) -> Sample:
        """Ask and judge. Raise SourceError."""
        try:
            series = await self._metrics.query(self._query.expr, self._seconds)
        except DoubtError as doubt:
            return inconclusive(UnknownReason.DOUBTFUL_ANSWER, doubt.message)
        return judge_series(self._query, series)


class AlertRunner:
    """Asks whether an alert fires; of Alertmanager whether it is silenced, where one is named."""

    reacts_to = None

    def __init__(
        self,
        alert: Alert,
        metrics: Metrics | None,
        alerts: Alerts | None,
        surroundings: Surroundings,
        seconds: float,
    ) -> None:
        self._alert = alert
        self._metrics = metrics
        self._alerts = alerts
        self._seconds = seconds
        self.turn = surroundings.monitoring.turns

    async def run(self, _: datetime) -> Sample:
        """Ask and judge. Raise SourceError."""
        now = asyncio.get_running_loop().time
        ends = now() + self._seconds
        if self._metrics is None:
            assert self._alerts is not None, "one of them is there"
            return judge_managed(self._alert, await self._alerts.alerts(self._alert, self._seconds))
        try:
            rules = await self._metrics.rules(self._alert.name, self._seconds)
        except DoubtError as doubt:
            return inconclusive(UnknownReason.DOUBTFUL_ANSWER, doubt.message)
        if self._alerts is None or not firing_of(self._alert, rules):
            return judge_rules(self._alert, rules, ())
        # Only of what fires it matters whether it is silenced: an Alertmanager that is down makes
        # nothing unknown while nothing fires.
        managed = await self._alerts.alerts(self._alert, ends - now())
        return judge_rules(self._alert, rules, managed)


def prometheus_check(check: Check, surroundings: Surroundings) -> CheckRunner:
    """Build the runner of a `prometheus` check."""
    spec = check.prometheus
    assert spec is not None
    seconds = check.timeout.total_seconds()
    monitoring, connections = surroundings.monitoring, surroundings.connections
    metrics = (
        monitoring.prometheus(connections[spec.connection]) if spec.connection is not None else None
    )
    if spec.query is not None:
        assert metrics is not None, "the rules of the SOP demand the connection"
        return QueryRunner(spec.query, metrics, surroundings, seconds)
    assert spec.alert is not None, "query or alert is there"
    manager = spec.alert.alertmanager
    alerts = monitoring.alertmanager(connections[manager]) if manager is not None else None
    return AlertRunner(spec.alert, metrics, alerts, surroundings, seconds)
