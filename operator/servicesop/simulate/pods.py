"""The pods of a test: those that it gives or names, and as many more as a workload should have."""

import copy
from datetime import datetime

from servicesop.api.kinds import WorkloadKind
from servicesop.api.sop import Spec, Target
from servicesop.simulate.api_server import ApiServer
from servicesop.simulate.cases import Case
from servicesop.simulate.logs import PodLogs
from servicesop.simulate.workloads import AGE, completed_pod, owner_of, pod, pod_path, workload_path
from servicesop.sources.kubernetes.transport import Json
from servicesop.sources.kubernetes.views import read_pod

MADE_UP = "servicesop.io/made-up"
"""The annotation of a pod that the test does not name."""


class Pods:
    """Makes pods, and puts new ones in their place."""

    def __init__(
        self,
        server: ApiServer,
        logs: PodLogs,
        spec: Spec,
        namespace: str,
        case: Case,
        start: datetime,
    ) -> None:
        self._server = server
        self._logs = logs
        self._spec = spec
        self._namespace = namespace
        self._case = case
        self._start = start

    def named(self, target: Target) -> tuple[str, ...]:
        """Give the pods of a target that the test names by what they log."""
        first = self._spec.targets[0].name
        objects = {
            one["metadata"]["name"]
            for given in self._case.given
            for one in given.objects or ()
            if one.get("kind") == "Pod"
        }
        found = (
            given.logs.pod
            for given in self._case.given
            if given.logs is not None and (given.logs.target or first) == target.name
        )
        return tuple(dict.fromkeys(name for name in found if name not in objects))

    def fill_up(self, target: Target, replicas: int) -> None:
        """Make the pods of a target as it should be."""
        kind, name = target.ref.kind, target.ref.name
        names = self.named(target)
        more = (f"{name}-{number}" for number in range(replicas))
        made_up = [one for one in more if one not in names][: replicas - len(names)]
        for one in (*names, *made_up):
            made = pod(
                one, kind, name, self._namespace, self._containers(target), self._start - AGE
            )
            made["metadata"]["annotations"] = {MADE_UP: "true"} if one in made_up else {}
            self._keep(made)

    def put(self, item: Json, now: datetime) -> set[tuple[str, str]]:
        """Keep a pod that the test gives; made-up ones give way to the first of a workload."""
        kind, name = self._owner(item)
        known = self._server.objects.get(pod_path(self._namespace, item["metadata"]["name"]))
        since = self._age(now) if known is None else _started(known, now)
        for one in self._of(kind, name):
            if _is_made_up(one):
                self._server.remove(pod_path(self._namespace, one["metadata"]["name"]))
        made = completed_pod(item, kind, name, since)
        read_pod(made)  # what cannot be read is found here, and not later
        self._keep(made)
        return {(kind, name)}

    def _age(self, now: datetime) -> datetime:
        """Tell since when a pod runs of which the test does not say it."""
        return now - AGE if now == self._start else now

    def follow(self, kind: str, name: str, now: datetime) -> None:
        """Let made-up pods be as many, and as ready, as the test says of their workload."""
        item = self._server.objects[workload_path(self._namespace, kind, name)]
        pods = self._of(kind, name)
        if any(not _is_made_up(one) for one in pods):
            return
        status = item["status"]
        wanted, ready = int(status.get("replicas") or 0), int(status.get("readyReplicas") or 0)
        target = next(
            (one for one in self._spec.targets if (one.ref.kind, one.ref.name) == (kind, name)),
            None,
        )
        containers = self._containers(target) if target is not None else ("service",)
        for one in pods[wanted:]:
            self._server.remove(pod_path(self._namespace, one["metadata"]["name"]))
        for number in range(len(pods), wanted):
            made = pod(f"{name}-{number}", kind, name, self._namespace, containers, now)
            made["metadata"]["annotations"] = {MADE_UP: "true"}
            self._keep(made)
        for number, one in enumerate(self._of(kind, name)):
            self._server.put(
                pod_path(self._namespace, one["metadata"]["name"]), _as_ready(one, number < ready)
            )

    def renew(self, old: Json, kind: str, workload: str, now: datetime) -> None:
        """Put a new pod of the same name in the place of an old one; its logs begin anew."""
        metadata = old["metadata"]
        kept = ("name", "namespace", "labels", "annotations", "ownerReferences")
        fresh = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {key: metadata[key] for key in kept if key in metadata},
            "spec": old.get("spec") or {},
        }
        self._keep(completed_pod(fresh, kind, workload, now))

    def places(self, item: Json | None) -> set[tuple[str, str]]:
        """Give the workload that a pod belongs to, by kind and name."""
        return set() if item is None else {self._owner(item)}

    def remove_all(self, kind: str, name: str) -> None:
        """Forget the pods of a workload."""
        for one in self._of(kind, name):
            self._server.remove(pod_path(self._namespace, one["metadata"]["name"]))

    def _keep(self, item: Json) -> None:
        name = item["metadata"]["name"]
        known = self._server.objects.get(pod_path(self._namespace, name))
        self._server.put(pod_path(self._namespace, name), item)
        if known is None or known["metadata"]["uid"] != item["metadata"]["uid"]:
            self._logs.begin(name, datetime.fromisoformat(item["metadata"]["creationTimestamp"]))

    def _of(self, kind: str, name: str) -> list[Json]:
        uid = owner_of(kind, name)["uid"]
        return [
            one
            for one in self._server.listed(pod_path(self._namespace))
            if any(owner["uid"] == uid for owner in one["metadata"]["ownerReferences"])
        ]

    def _owner(self, item: Json) -> tuple[str, str]:
        """Tell whose pod it is: by its owner, else by its labels or name, else the first target."""
        for owner in item["metadata"].get("ownerReferences") or ():
            for target in self._spec.targets:
                kind, name = target.ref.kind, target.ref.name
                if owner.get("name") == name or owner.get("uid") == owner_of(kind, name)["uid"]:
                    return str(kind), name
        labels = item["metadata"].get("labels") or {}
        for target in self._spec.targets:
            kind, name = target.ref.kind, target.ref.name
            known = self._server.objects.get(workload_path(self._namespace, kind, name))
            selector = ((known or {}).get("spec") or {}).get("selector") or {}
            wanted = selector.get("matchLabels") or {}
            if wanted and wanted.items() <= labels.items():
                return str(kind), name
        named = item["metadata"]["name"]
        for target in sorted(self._spec.targets, key=lambda one: -len(one.ref.name)):
            if named.startswith(f"{target.ref.name}-"):
                return str(target.ref.kind), target.ref.name
        if not self._spec.targets:
            return str(WorkloadKind.DEPLOYMENT), named
        return str(self._spec.targets[0].ref.kind), self._spec.targets[0].ref.name

    def _containers(self, target: Target) -> tuple[str, ...]:
        """Give the containers of a made-up pod: those that checks and the test name."""
        first = self._spec.targets[0].name
        named: list[str | None] = []
        for check in self._spec.checks:
            for spec in (check.logs, check.leader.logs if check.leader is not None else None):
                if spec is not None and (spec.target or first) == target.name:
                    named.append(spec.container)
        named += [
            given.logs.container
            for given in self._case.given
            if given.logs is not None and (given.logs.target or first) == target.name
        ]
        return tuple(dict.fromkeys(one for one in named if one is not None)) or ("service",)


def _started(item: Json, now: datetime) -> datetime:
    text = item["metadata"].get("creationTimestamp")
    return datetime.fromisoformat(text) if text else now


def _as_ready(item: Json, ready: bool) -> Json:
    """Give a made-up pod as ready, or as one that is still starting."""
    item = copy.deepcopy(item)
    for one in item["status"]["containerStatuses"]:
        one["ready"] = ready
    item["status"]["conditions"] = [{"type": "Ready", "status": "True" if ready else "False"}]
    return item


def _is_made_up(item: Json) -> bool:
    return MADE_UP in (item["metadata"].get("annotations") or {})
