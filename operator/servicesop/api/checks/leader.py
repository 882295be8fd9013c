"""The check type `leader`."""

import re
from datetime import timedelta
from typing import Annotated, ClassVar, Final

from pydantic import AfterValidator, Field

from servicesop.api.base import (
    IS_PATTERN,
    ApiModel,
    DatabaseName,
    Duration,
    Name,
    PositiveDuration,
    PrometheusName,
    Rule,
    TargetName,
    at_least_one,
    wire,
)
from servicesop.api.checks.columns import Identifier, Table, Value
from servicesop.api.checks.promql import Expression, LabelName

WORKER: Final = "{worker}"
"""In a pattern or a name: here stands the worker."""
HOLDER: Final = "{holder}"
"""In a pattern: here stands who leads, as the lease names it."""

_EACH_ONCE = Rule(
    "self.split('{worker}').size() <= 2 && self.split('{holder}').size() <= 2",
    "must not hold {worker} or {holder} more than once",
)


def _each_once(pattern: str) -> str:
    if pattern.count(WORKER) > 1 or pattern.count(HOLDER) > 1:
        raise ValueError(_EACH_ONCE.message)
    return pattern


LeaderPattern = Annotated[
    str,
    Field(min_length=1, max_length=512),
    AfterValidator(_each_once),
    wire(
        "string",
        IS_PATTERN,
        _EACH_ONCE,
        minLength=1,
        maxLength=512,
    ),
]
"""An RE2 pattern with `{worker}` and `{holder}` in it, at most 512 characters."""

_LEASE_NAME = r"^([a-z0-9]|[{]worker[}])(([-a-z0-9.]|[{]worker[}])*([a-z0-9]|[{]worker[}]))?$"
_OBJECT_NAME = "^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"

LeaseName = Annotated[
    str,
    Field(max_length=253, pattern=_LEASE_NAME),
    wire(
        "string",
        Rule(
            f"self.matches('{_LEASE_NAME}') && self.split('{WORKER}').size() <= 2",
            "must be the name of a Lease: lower case letters, digits, '-' and '.',"
            " with {worker} in it at most once",
        ),
        maxLength=253,
    ),
]
"""The name of a Lease in the SOP's own namespace, or of one per worker."""


class LeaseColumns(ApiModel):
    """Which columns of the lease table hold what."""

    worker: Identifier = "lease_type"
    """The worker type that is elected (text)."""
    holder: Identifier = "leader"
    """Who holds the lease (text); empty or null is nobody."""
    expires: Identifier = "expires"
    """Until when the lease holds (timestamp with time zone)."""
    deleted: Identifier | None = None
    """Soft deletion: rows in which this column is not null do not count."""


class LeaseTable(ApiModel):
    """A table with one row per elected worker."""

    connection: DatabaseName
    """The database, one of the SOP's connections."""
    table: Table
    """The table of leases."""
    columns: LeaseColumns = LeaseColumns()
    """The names of its columns."""


class KubernetesLease(ApiModel):
    """A Lease (coordination.k8s.io/v1) in the SOP's own namespace, or one per worker."""

    name: LeaseName
    """Its name; `{worker}` in it stands for each of the workers: `orders-{worker}`."""


class LeaderMetric(ApiModel):
    """A metric that is 1 for each pod and worker that leads; a worker's series are summed."""

    connection: PrometheusName
    """The Prometheus, one of the SOP's connections."""
    expr: Expression
    """The expression, with a series per worker, or per worker and pod."""
    worker: LabelName
    """The label that names the worker."""


class PrintedWorker(ApiModel):
    """How the log prints a worker."""

    worker: Value
    """One of the check's workers."""
    text: Value
    """What the log prints for it, as plain text: `ClusterManager`."""


class Heartbeat(ApiModel):
    """A line that only the leader of a worker logs, again and again."""

    pattern: LeaderPattern
    """RE2 pattern of that line."""
    within: PositiveDuration = timedelta(seconds=75)
    """How long the leader may be silent; then the finding is NoHeartbeat."""


class LeaderLogs(ApiModel):
    """Lines in which a pod says that it leads a worker, and that it does so no longer.

    `{worker}` in a pattern stands for the worker as the log prints it, as a word of its own:
    `KafkaManager` is not found in `AcceptedKafkaManager`. `{holder}` stands for the identity that
    the lease names, up to the next blank, bracket, comma, semicolon or quote: with it, the pod that
    holds the lease is recognised.
    """

    rules = (
        Rule(
            "!has(self.printed) || self.printed.all(a, self.printed.exists_one(b,"
            " a.worker == b.worker) && self.printed.exists_one(b, a.text == b.text))",
            "printed must not name a worker twice, or print two workers in the same way",
            holds=lambda logs: (
                len({one.worker for one in logs.printed})
                == len({one.text for one in logs.printed})
                == len(logs.printed)
            ),
        ),
    )

    target: TargetName | None = None
    """The target, by name; the first one when not given."""
    container: Name
    """The container that elects."""
    acquired: LeaderPattern
    """The line of a pod that begins to lead."""
    lost: LeaderPattern
    """The line of a pod that leads no longer."""
    stopped: LeaderPattern | None = None
    """The line of a pod that ends its work, when asked to end, say."""
    heartbeat: Heartbeat | None = None
    """The line of a leader that works; tried last, so it may also match the other lines."""
    printed: Annotated[tuple[PrintedWorker, ...], Field(max_length=32)] = ()
    """How the log prints the workers; a worker that is not listed is printed by its own name."""


def _patterns_name_workers(leader: "Leader") -> bool:
    logs = leader.logs
    if logs is None or len(leader.workers) < 2:
        return True
    patterns = [logs.acquired, logs.lost]
    patterns += [logs.stopped] if logs.stopped else []
    patterns += [logs.heartbeat.pattern] if logs.heartbeat else []
    return all(WORKER in pattern for pattern in patterns)


def _leases_differ(leader: "Leader") -> bool:
    lease = leader.kubernetes_lease
    if lease is None or len(leader.workers) < 2:
        return True
    return WORKER in lease.name


def _workers_name_leases(leader: "Leader") -> bool:
    lease = leader.kubernetes_lease
    if lease is None or WORKER not in lease.name:
        return True
    return all(re.fullmatch(_OBJECT_NAME, worker) for worker in leader.workers)


class Leader(ApiModel):
    """Every worker has exactly one leader."""

    findings: ClassVar[tuple[str, ...]] = ("None", "Many", "NoHeartbeat")
    rules = (
        at_least_one("lease", "kubernetesLease", "metric", "logs"),
        Rule(
            "!has(self.lease) || !has(self.kubernetesLease)",
            "lease and kubernetesLease exclude each other: one of them says who leads",
            holds=lambda leader: leader.lease is None or leader.kubernetes_lease is None,
        ),
        Rule(
            "has(self.workers) || (has(self.kubernetesLease)"
            " && !self.kubernetesLease.name.contains('{worker}'))",
            "workers must be named, unless kubernetesLease.name is the name of a single Lease",
            holds=lambda leader: bool(
                leader.workers
                or (leader.kubernetes_lease and WORKER not in leader.kubernetes_lease.name)
            ),
        ),
        Rule(
            "!has(self.kubernetesLease) || !has(self.workers) || self.workers.size() == 1"
            " || self.kubernetesLease.name.contains('{worker}')",
            "kubernetesLease.name must hold {worker} when there are several workers",
            holds=_leases_differ,
        ),
        Rule(
            "!has(self.kubernetesLease) || !has(self.workers)"
            " || !self.kubernetesLease.name.contains('{worker}')"
            f" || self.workers.all(w, w.matches('{_OBJECT_NAME}'))",
            "workers that stand in kubernetesLease.name must be lower case letters, digits,"
            " '-' and '.'",
            holds=_workers_name_leases,
        ),
        Rule(
            "!has(self.logs) || !has(self.workers) || self.workers.size() == 1"
            " || (self.logs.acquired.contains('{worker}') && self.logs.lost.contains('{worker}')"
            " && (!has(self.logs.stopped) || self.logs.stopped.contains('{worker}'))"
            " && (!has(self.logs.heartbeat)"
            " || self.logs.heartbeat.pattern.contains('{worker}')))",
            "every pattern of logs must hold {worker} when there are several workers",
            holds=_patterns_name_workers,
        ),
        Rule(
            "!has(self.logs) || !has(self.logs.printed) || (has(self.workers)"
            " && self.logs.printed.all(p, p.worker in self.workers))",
            "logs.printed must name workers of this check",
            holds=lambda leader: (
                leader.logs is None
                or {one.worker for one in leader.logs.printed} <= set(leader.workers)
            ),
        ),
    )

    workers: Annotated[tuple[Value, ...], Field(min_length=1, max_length=32)] = ()
    """The workers that must be led; what is said of others (orphan rows, say) is ignored. With a
    single Lease of Kubernetes they may be left out; then its name is the worker's."""
    lease: LeaseTable | None = None
    """The table that says who leads."""
    kubernetes_lease: KubernetesLease | None = None
    """The Lease that says who leads, or one per worker."""
    metric: LeaderMetric | None = None
    """What the pods export of themselves, summed over them: beside a lease it finds two leaders,
    and a holder that does not lead. A worker without a series is unknown, not without a leader."""
    logs: LeaderLogs | None = None
    """What the pods say of themselves: beside a lease it finds two leaders, and one that does not
    work; alone it also finds none."""
    for_none: Duration = timedelta(seconds=90)
    """How long a worker must be without a leader before it counts; take-over takes 45 to 75 s."""
    for_many: Duration = timedelta(seconds=45)
    """How long two leaders must last before they count; one election interval is usual."""

    @property
    def names(self) -> tuple[str, ...]:
        """The workers, each once."""
        if self.workers or self.kubernetes_lease is None:
            return tuple(dict.fromkeys(self.workers))
        return (self.kubernetes_lease.name,)
