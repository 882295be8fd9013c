"""The operator's own numbers, for Prometheus; labels never hold pod names or error texts."""

from collections.abc import Callable, Iterable, Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from servicesop.api.status import Condition, Tri

_LAG = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """All metrics of one process, in a registry of their own."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.checks = Counter(
            "servicesop_check_runs_total", "Runs of checks.", ["type", "verdict"], registry=registry
        )
        self.check_seconds = Histogram(
            "servicesop_check_duration_seconds",
            "How long runs of checks took.",
            ["type"],
            buckets=_SECONDS,
            registry=registry,
        )
        self.lag = Histogram(
            "servicesop_schedule_lag_seconds",
            "How late runs of checks started.",
            buckets=_LAG,
            registry=registry,
        )
        self.missed = Counter(
            "servicesop_check_runs_missed_total",
            "Runs that were due while the previous run of the same check was not over.",
            registry=registry,
        )
        self.status_writes = Counter(
            "servicesop_status_writes_total", "Status writes.", ["outcome"], registry=registry
        )
        self.actions = Counter(
            "servicesop_actions_total",
            "Finished actions.",
            ["action", "outcome"],
            registry=registry,
        )
        self.refused = Counter(
            "servicesop_actions_refused_total",
            "Actions that a guard refused at the last moment.",
            ["reason"],
            registry=registry,
        )
        self.errors = Counter(
            "servicesop_internal_errors_total",
            "Defects of the operator that were caught.",
            ["where"],
            registry=registry,
        )
        self.sops = Gauge("servicesop_sops", "ServiceSOPs that are run.", registry=registry)


Told = tuple[str, str, tuple[Condition, ...]]
"""Namespace and name of an SOP, and what its status says."""


class ConditionMetrics(Collector):
    """The conditions of all SOPs, read when somebody asks: 1 for the status that holds, else 0."""

    def __init__(self, told: Callable[[], Iterable[Told]]) -> None:
        self._told = told

    def collect(self) -> Iterator[Metric]:
        """Give one series per condition and status, as kube-state-metrics would."""
        family = GaugeMetricFamily(
            "servicesop_status_condition",
            "Conditions of ServiceSOPs: 1 for the status that holds, else 0.",
            labels=["namespace", "name", "type", "status"],
        )
        for namespace, name, conditions in self._told():
            for condition in conditions:
                for status in Tri:
                    value = float(condition.status is status)
                    family.add_metric([namespace, name, condition.type, status], value)
        yield family
