"""The world of one test: what its checks may ask, as it was given up to now."""

from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

from servicesop.api.kinds import ActionKind, WorkloadKind
from servicesop.api.reasons import UnknownReason
from servicesop.api.sop import Spec, Target
from servicesop.simulate.acts import Act
from servicesop.simulate.api_server import ApiServer
from servicesop.simulate.cases import Case, Given
from servicesop.simulate.clock import SetClock
from servicesop.simulate.events import GivenEvents
from servicesop.simulate.kinds import path_of, served
from servicesop.simulate.logs import PodLogs
from servicesop.simulate.observations import ANSWERS, Gone, LogLines, Object, spread
from servicesop.simulate.pods import Pods
from servicesop.simulate.rows import Databases
from servicesop.simulate.servers import Servers
from servicesop.simulate.workloads import (
    Workloads,
    completed,
    replicas_of,
    rolled_out,
    workload,
    workload_path,
)
from servicesop.sources.errors import SourceError
from servicesop.sources.kubernetes.client import RUNNER
from servicesop.sources.kubernetes.transport import Json
from servicesop.sources.kubernetes.views import workload_view
from servicesop.sources.kubernetes.workloads import Place

_WORKLOADS = ("Deployment", "StatefulSet")


class MalformedError(Exception):
    """What is given has not the form that the API server gives it."""


class World:
    """One namespace with the SOP's targets in it, and what becomes of them."""

    def __init__(
        self,
        spec: Spec,
        namespace: str,
        case: Case,
        clock: SetClock,
        on_change: Callable[[Place], None],
    ) -> None:
        """`on_change` is told of workloads that change, or whose pods do."""
        self._spec = spec
        self._case = case
        self._clock = clock
        self._start = clock.now()
        self._on_change = on_change
        self._failing: dict[str, UnknownReason] = {}
        self.namespace = namespace
        self.server = ApiServer(clock.now, self._patched, self._evicted)
        self.workloads = Workloads(self.server, namespace, lambda: self.refused("workloads"))
        self.logs = PodLogs(clock.now, lambda: self.refused("logs"))
        self.events = GivenEvents(lambda: self.refused("events"))
        self.databases = Databases()
        self.servers = Servers()
        self.acts: list[Act] = []
        self._pods = Pods(self.server, self.logs, spec, namespace, case, self._start)
        self._furnish()

    def refused(self, source: str) -> SourceError | None:
        """Say why a source cannot be asked now; None where it can."""
        reason = self._failing.get(source)
        return None if reason is None else SourceError(reason, "as the test says")

    def give(self, given: Given) -> None:
        """Take over what is given from now on; plain results are nothing that can be observed.

        Raise MalformedError.
        """
        try:
            self._take_over(given)
        except (AttributeError, KeyError, TypeError, ValueError):
            raise MalformedError from None

    def _take_over(self, given: Given) -> None:
        if given.rows is not None:
            self.databases.give(given.rows)
        if given.leases is not None:
            self.databases.give(given.leases)
        if given.sql is not None:
            self.databases.queries[given.sql.check] = given.sql.rows
        if given.events is not None:
            self.events.give(given.events, self._clock.now())
        if given.samples is not None:
            self.servers.samples[given.samples.check] = given.samples.series
        if given.alerts is not None:
            self.servers.alerts = given.alerts
        if given.http is not None:
            self.servers.answers[given.http.check] = given.http
        if given.logs is not None:
            self._log(given.at, given.logs)
        if given.sources is not None:
            self._switch(given.sources)
        self._change_objects(given.objects or (), given.gone or ())

    # At the start.

    def _furnish(self) -> None:
        account = f"/api/v1/namespaces/{self.namespace}/serviceaccounts/{RUNNER}"
        self.server.put(account, {"metadata": {"name": RUNNER, "namespace": self.namespace}})
        kinds = [
            (str(one.get("apiVersion")), str(one.get("kind")))
            for given in self._case.given
            for one in given.objects or ()
        ]
        self.server.discovery = served(self._spec, kinds)
        for name in {self.namespace, *_namespaces(self._spec.model_dump(by_alias=True))}:
            labels = {"kubernetes.io/metadata.name": name}
            self.server.put(f"/api/v1/namespaces/{name}", _named(name, labels))
        for target in self._spec.targets:
            self._make_up(target)

    def _make_up(self, target: Target) -> None:
        kind, name = target.ref.kind, target.ref.name
        replicas = max(replicas_of(self._spec, target.name), len(self._pods.named(target)))
        made = workload(kind, name, self.namespace, replicas, self._start)
        self.server.put(workload_path(self.namespace, kind, name), completed(made, kind))
        self._pods.fill_up(target, replicas)

    # What is given.

    def _log(self, at: timedelta, given: LogLines) -> None:
        for time in spread(at, given, self._case.length):
            self.logs.add(given.pod, given.container, self._start + time, given.lines)

    def _switch(self, sources: dict[str, str]) -> None:
        for name, reason in sources.items():
            if reason == ANSWERS:
                self._failing.pop(name, None)
            else:
                self._failing[name] = UnknownReason(reason)

    def _change_objects(self, objects: Iterable[Object], gone: Iterable[Gone]) -> None:
        changed: set[tuple[str, str]] = set()
        for item in objects:
            changed |= self._put(item)
        for one in gone:
            path = path_of(one.api_version, one.kind, self.namespace, one.name)
            if one.kind == "Pod":
                changed |= self._pods.places(self.server.objects.get(path))
            elif one.kind in _WORKLOADS:
                self._pods.remove_all(one.kind, one.name)
                changed.add((one.kind, one.name))
            self.server.remove(path)
        for target in self._spec.targets:
            if (target.ref.kind, target.ref.name) in changed:
                self._on_change((self.namespace, target.ref.kind, target.ref.name))

    def _put(self, item: Object) -> set[tuple[str, str]]:
        """Keep an object; give the workloads that changed by it, by kind and name."""
        kind, name = str(item["kind"]), str(item["metadata"]["name"])
        path = path_of(str(item["apiVersion"]), kind, self.namespace, name)
        item = {**item, "metadata": {"namespace": self.namespace, **item["metadata"]}}
        if kind == "Pod":
            return self._pods.put(item, self._clock.now())
        if kind not in _WORKLOADS:
            self.server.put(path, item)
            return set()
        known = self.server.objects.get(path)
        whole = completed(_whole(item, known), kind)
        workload_view(WorkloadKind(kind), whole)  # what cannot be read is found here, and not later
        self.server.put(path, _successor(whole, known))
        self._pods.follow(kind, name, self._clock.now())
        return {(kind, name)}

    # What the operator does.

    def _patched(self, path: str, item: Json) -> None:
        """A workload was restarted: its rollout is over at once, all its pods are new ones."""
        target = next(
            one
            for one in self._spec.targets
            if workload_path(self.namespace, one.ref.kind, one.ref.name) == path
        )
        kind, name = target.ref.kind, target.ref.name
        now = self._clock.now()
        self.acts.append(Act(now, ActionKind.RESTART, target.name))
        self.server.put(path, rolled_out(item, kind))
        for old in self.workloads.pods_of(kind, name):
            self._pods.renew(old, kind, name, now)
        self._on_change((self.namespace, kind, name))

    def _evicted(self, path: str, item: Json) -> None:
        """A pod was evicted: a new one of the same name takes its place at once."""
        now = self._clock.now()
        for kind, name in self._pods.places(item):
            target = next(
                one for one in self._spec.targets if (one.ref.kind, one.ref.name) == (kind, name)
            )
            self.acts.append(Act(now, ActionKind.DELETE_POD, target.name))
            self._pods.renew(item, kind, name, now)
            self._on_change((self.namespace, target.ref.kind, name))


def _named(name: str, labels: dict[str, str]) -> Json:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def _namespaces(value: Any) -> Iterable[str]:
    """Give the namespaces that checks name anywhere in the spec."""
    match value:
        case dict():
            for key, each in value.items():
                if key == "namespaceName" and isinstance(each, str):
                    yield each
                else:
                    yield from _namespaces(each)
        case list() | tuple():
            for each in value:
                yield from _namespaces(each)


def _whole(item: Json, known: Json | None) -> Json:
    """Take what a test leaves out of a workload's spec from what is known of it."""
    name = item["metadata"]["name"]
    before = (known or {}).get("spec") or {"template": {"metadata": {"labels": {"app": name}}}}
    return {**item, "spec": _merged(before, item.get("spec") or {})}


def _merged(before: Json, given: Json) -> Json:
    both = {
        key: _merged(before[key], given[key])
        for key in before.keys() & given.keys()
        if isinstance(before[key], dict) and isinstance(given[key], dict)
    }
    return {**before, **given, **both}


def _successor(item: Json, known: Json | None) -> Json:
    """Let an object be a later state of what is known, with the same uid."""
    if known is None:
        return item
    metadata = item["metadata"]
    metadata["creationTimestamp"] = known["metadata"].get("creationTimestamp")
    return item
