"""One check: its type, and when it is asked and believed."""

from datetime import timedelta
from typing import Annotated

from pydantic import Field
from pydantic.alias_generators import to_camel

from servicesop.api.base import (
    ApiModel,
    CheckName,
    Duration,
    Name,
    PositiveDuration,
    Rule,
    Sentence,
    exactly_one,
)
from servicesop.api.checks.config import Config
from servicesop.api.checks.events import Events
from servicesop.api.checks.http import Http
from servicesop.api.checks.leader import Leader
from servicesop.api.checks.logs import Logs
from servicesop.api.checks.network_policy import NetworkPolicy
from servicesop.api.checks.prometheus import Prometheus
from servicesop.api.checks.resource import Resource
from servicesop.api.checks.sql import Sql
from servicesop.api.checks.stuck_rows import StuckRows
from servicesop.api.checks.workload import Workload


class Check(ApiModel):
    """One thing that should be true, named as a positive statement."""

    name: Name
    """Unique in the SOP; says what should be true: `ocm-accepts`, not `ocm-refuses`."""
    title: Sentence | None = None
    """The same in a sentence."""
    every: PositiveDuration | None = None
    """How often to ask; the SOP's `every` when not given."""
    timeout: PositiveDuration = timedelta(seconds=5)
    """How long one run may take; then it is an Error, never a failure. Only an `http` check's
    server fails (finding Timeout) when it has not answered by then."""
    for_: Annotated[Duration | None, Field(alias="for")] = None
    """How long it must fail, in two runs or more, to be Failed; 2 x every when not given."""
    recover_for: Duration | None = None
    """How long it must pass before a Failed check is Passed again; 2 x every when not given."""
    suspend: bool = False
    """Do not run it. It is Suspended: unknown, but nobody is called because of that."""
    depends_on: Annotated[tuple[CheckName, ...], Field(max_length=12)] = ()
    """Checks of the SOP that must be Passed for this one to run; until then it is Skipped."""
    workload: Workload | None = None
    """Replicas of a workload."""
    resource: Resource | None = None
    """A condition or phase of objects."""
    events: Events | None = None
    """Events about objects."""
    logs: Logs | None = None
    """Occurrences in the pods' logs."""
    leader: Leader | None = None
    """Leader election."""
    sql: Sql | None = None
    """A query's value or number of rows."""
    stuck_rows: StuckRows | None = None
    """Rows that do not move on."""
    prometheus: Prometheus | None = None
    """Metrics, or an alert."""
    http: Http | None = None
    """A server's answer to a GET."""
    config: Config | None = None
    """Values of a container, a ConfigMap or a Secret."""
    network_policy: NetworkPolicy | None = None
    """Whom the namespace's NetworkPolicies admit."""

    @property
    def type(self) -> str:
        """The check type, as its field is named in the resource."""
        return next(to_camel(field) for field in _TYPES if getattr(self, field) is not None)

    @property
    def findings(self) -> tuple[str, ...]:
        """What this check can find when it fails."""
        own = self.logs.own_findings if self.logs else ()
        return (*CHECK_TYPES[self.type].findings, *own)


_TYPES: dict[
    str,
    type[
        Workload
        | Resource
        | Events
        | Logs
        | Leader
        | Sql
        | StuckRows
        | Prometheus
        | Http
        | Config
        | NetworkPolicy
    ],
] = {
    "workload": Workload,
    "resource": Resource,
    "events": Events,
    "logs": Logs,
    "leader": Leader,
    "sql": Sql,
    "stuck_rows": StuckRows,
    "prometheus": Prometheus,
    "http": Http,
    "config": Config,
    "network_policy": NetworkPolicy,
}
CHECK_TYPES = {to_camel(field): model for field, model in _TYPES.items()}
"""The check types by the name of their field in the resource."""
NAMED_FINDINGS = {"logs": "classes"}
"""Which list of a check of a type names findings of its own."""

Check.rules = (
    exactly_one(*CHECK_TYPES),
    Rule(
        "!has(self.dependsOn) || !(self.name in self.dependsOn)",
        "a check must not depend on itself",
        field=".dependsOn",
        holds=lambda check: check.name not in check.depends_on,
    ),
)
