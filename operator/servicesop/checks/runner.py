"""What a check type is given, and what it gives."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable

from servicesop.api.checks.check import Check
from servicesop.api.checks.http import Http
from servicesop.api.checks.prometheus import Alert
from servicesop.api.kinds import WorkloadKind
from servicesop.api.sop import Connection, Target, TargetRef
from servicesop.api.status import Seen
from servicesop.api.urls import UrlParts
from servicesop.judge.admission import Admission
from servicesop.judge.alerts import AlertingRule, ManagedAlert
from servicesop.judge.events import RecentEvents
from servicesop.judge.results import Sample
from servicesop.judge.rollout import PodView, WorkloadView
from servicesop.judge.series import Series
from servicesop.sources.http.client import Answer
from servicesop.sources.kubernetes.client import Json
from servicesop.sources.kubernetes.logs import LogRequest, OnChunk

Turn = AbstractAsyncContextManager[object]
"""May be entered again and again, also by several at a time."""

NO_TURN: Turn = nullcontext()
"""For checks whose source bounds itself, or that ask nobody."""


class Workloads(Protocol):
    """The cached view of the SOP's own namespace, kept current by watches."""

    def get(self, kind: WorkloadKind, name: str) -> WorkloadView | None:
        """Give a workload, or None where none exists. Raise SourceError while not synced."""

    def pods(self, workload: WorkloadView) -> tuple[PodView, ...]:
        """Give the pods of a workload. Raise SourceError while not synced."""


class WorkloadViews(Protocol):
    """The cached views of all namespaces."""

    def view(self, namespace: str) -> Workloads:
        """Give that of one namespace."""


class LogStream(Protocol):
    """Reads container logs as the namespace's runner."""

    @property
    def turns(self) -> Turn:
        """What a check enters before it reads; waiting for it is not the log's fault."""

    async def read(self, request: LogRequest, on_chunk: OnChunk) -> None:
        """Feed the log, each line with its timestamp, oldest first, chunk by chunk.

        Raise PodGone when there is no such pod any more, SourceError when the log cannot be read.
        """


class Objects(Protocol):
    """Reads objects of any kind, Secrets excepted, as the namespace's runner."""

    @property
    def turns(self) -> Turn:
        """What a check enters before it reads; waiting for it is not the API server's fault."""

    async def get(self, api_version: str, kind: str, name: str) -> Json | None:
        """Give an object, or None where there is none of that name.

        Raise SourceError when that cannot be asked.
        """

    async def find(
        self, api_version: str, kind: str, labels: Mapping[str, str]
    ) -> tuple[Json, ...]:
        """Give all objects that carry these labels, all of the kind where none are given.

        Raise SourceError when they cannot be asked, or are more than are read.
        """


class Secrets(Protocol):
    """Reads Secrets by name, as the namespace's runner."""

    async def get_secret(self, name: str) -> Json | None:
        """Give a Secret as the API server does, or None where there is none of that name.

        Raise SourceError when it cannot be read.
        """


class Events(Protocol):
    """The Events of the SOP's own namespace, kept current by a watch."""

    async def recent(self) -> RecentEvents:
        """Give all Events, once they are known. Raise SourceError while they are not."""


class Database(Protocol):
    """One database of the SOP, asked read-only."""

    async def query(
        self,
        text: str,
        parameters: tuple[object, ...] = (),
        *,
        timeout: float,  # noqa: ASYNC109 - the limit is also set in the server, per statement
        max_rows: int,
    ) -> list[tuple[object, ...]]:
        """Run one SELECT in the read-only cursor sequence and give at most `max_rows` rows.

        `timeout` is in seconds. Raise SourceError when the database cannot be asked.
        """


class HttpTargets(Protocol):
    """The servers that the SOP's checks ask over HTTP."""

    @property
    def turns(self) -> Turn:
        """What a check enters before it asks; waiting for it is not the server's fault."""

    async def ask(self, spec: Http, *, within: float) -> Answer:
        """Send the request of a check and give the answer, after `within` seconds at most.

        Raise HttpFailure when the server gives none, SourceError when it was not asked.
        """


class Metrics(Protocol):
    """One Prometheus that the administrator lets the SOP ask."""

    async def query(self, expression: str, seconds: float) -> Sequence[Series]:
        """Ask for the present moment, for at most so many seconds.

        Raise SourceError when it cannot be asked, DoubtError when it doubts its own answer.
        """

    async def rules(self, alert: str, seconds: float) -> Sequence[AlertingRule]:
        """Give the alerting rules of that name. Raise SourceError, DoubtError."""


class Alerts(Protocol):
    """One Alertmanager that the administrator lets the SOP ask."""

    async def alerts(self, alert: Alert, seconds: float) -> Sequence[ManagedAlert]:
        """Give the alerts of that name and those labels that it holds. Raise SourceError."""


class Monitoring(Protocol):
    """The administrator's endpoints, for the SOPs of one namespace."""

    @property
    def turns(self) -> Turn:
        """What a check enters before it asks; waiting for it is not the endpoint's fault."""

    def prometheus(self, connection: Connection) -> Metrics:
        """Give the Prometheus of a connection. Whether it may be asked only asking tells."""

    def alertmanager(self, connection: Connection) -> Alerts:
        """Give the Alertmanager of a connection. Whether it may be asked only asking tells."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """All that a check may ask, limited to the SOP's own namespace."""

    namespace: str
    targets: Mapping[str, Target]
    default_target: Target | None
    workloads: Workloads
    logs: LogStream
    database: Callable[[Connection], Database]
    connections: Mapping[str, Connection]
    objects: Objects
    secrets: Secrets
    events: Events
    http: HttpTargets
    admission: Callable[[UrlParts], Awaitable[Admission]]
    """Says whether NetworkPolicies keep the operator from a server. Raises SourceError."""
    monitoring: Monitoring
    replica_sets: Callable[[WorkloadView], frozenset[str]]
    """Gives the names of a Deployment's ReplicaSets. Raises SourceError while not synced."""
    namespace_labels: Callable[[str], Awaitable[Mapping[str, str] | None]]
    """Gives the labels of a namespace, also of another one; None where that is not allowed.

    Raises SourceError when there is no such namespace, or the API server does not answer.
    """


class CheckRunner(Protocol):
    """One check of one SOP; lives as long as the check's spec does and may keep cursors."""

    @property
    def reacts_to(self) -> TargetRef | None:
        """The workload whose changes make this check run at once."""

    @property
    def turn(self) -> Turn:
        """What to enter before `run`: the source's bound on how many ask it at once.

        The check's timeout begins afterwards, so a long queue is late, not an Error.
        """

    async def run(self, now: datetime) -> Sample:
        """Observe and judge. Raise SourceError when the source cannot be asked."""


@runtime_checkable
class Remembers(Protocol):
    """A runner some of whose memory outlives the process, in the SOP's status."""

    @property
    def seen(self) -> tuple[Seen, ...]:
        """What the status has to keep; it stays equal while nothing new is seen."""

    def recall(self, seen: tuple[Seen, ...]) -> None:
        """Take back, before the first run, what an earlier process left in the status."""


CheckType = Callable[[Check, Surroundings], CheckRunner]
"""Builds the runner of a check."""
