"""The workloads of a test: those that it gives, and healthy ones for targets that it does not."""

import copy
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from servicesop.api.kinds import WorkloadKind
from servicesop.api.sop import Spec
from servicesop.api.times import format_time
from servicesop.judge.rollout import PodView, WorkloadView
from servicesop.simulate.api_server import ApiServer
from servicesop.sources.errors import SourceError
from servicesop.sources.kubernetes.transport import Json
from servicesop.sources.kubernetes.views import read_pod, workload_view

REPLICAS = 3
"""Of a target of which the test says nothing, unless a check asks for another number."""
AGE = timedelta(days=1)
"""How long what a test says nothing of is there already when it starts."""


def workload_path(namespace: str, kind: str, name: str) -> str:
    """Give the path of a workload."""
    return f"/apis/apps/v1/namespaces/{namespace}/{kind.lower()}s/{name}"


def pod_path(namespace: str, name: str = "") -> str:
    """Give the path of a pod, or of all."""
    return f"/api/v1/namespaces/{namespace}/pods" + (f"/{name}" if name else "")


class Workloads:
    """What the caches of the operator would show of one namespace."""

    def __init__(
        self, server: ApiServer, namespace: str, refused: Callable[[], SourceError | None]
    ) -> None:
        """`refused` says why workloads cannot be seen now, if so."""
        self._refused = refused
        self._server = server
        self._namespace = namespace
        self._workloads: dict[tuple[str, str], tuple[Json, WorkloadView]] = {}
        self._pods: dict[str, tuple[Json, PodView]] = {}
        """What was read last, each with the object that it was read from."""
        self._grouped: dict[tuple[str, str], tuple[int, tuple[PodView, ...]]] = {}
        """The pods of workloads, each with the number of changes of the server by then."""

    def view(self, namespace: str) -> "Workloads":
        """Give those of a namespace: there is only one."""
        return self

    def get(self, kind: WorkloadKind, name: str) -> WorkloadView | None:
        """Give a workload, or None where none exists."""
        self._seen()
        item = self._server.objects.get(workload_path(self._namespace, kind, name))
        if item is None:
            return None
        known = self._workloads.get((kind, name))
        if known is None or known[0] is not item:
            known = self._workloads[kind, name] = item, workload_view(kind, item)
        return known[1]

    def pods(self, workload: WorkloadView) -> tuple[PodView, ...]:
        """Give the pods of a workload."""
        self._seen()
        key, changes = (workload.kind, workload.name), self._server.changes
        known = self._grouped.get(key)
        if known is None or known[0] != changes:
            known = self._grouped[key] = changes, tuple(map(self._pod, self.pods_of(*key)))
        return known[1]

    def _pod(self, item: Json) -> PodView:
        name = item["metadata"]["name"]
        known = self._pods.get(name)
        if known is None or known[0] is not item:
            known = self._pods[name] = item, read_pod(item).view
        return known[1]

    def replica_sets(self, workload: WorkloadView) -> frozenset[str]:
        """Give the names of a Deployment's ReplicaSets: one, as after a rollout that is over."""
        if workload.kind is not WorkloadKind.DEPLOYMENT:
            return frozenset()
        return frozenset({replica_set_name(workload.name)})

    def _seen(self) -> None:
        refused = self._refused()
        if refused is not None:
            raise refused

    def pods_of(self, kind: str, name: str) -> list[Json]:
        """Give the pods of a workload as they stand in the API server."""
        uid = owner_of(kind, name)["uid"]
        return [
            pod
            for pod in self._server.listed(pod_path(self._namespace))
            if any(one["uid"] == uid for one in pod["metadata"]["ownerReferences"])
        ]


def uid_of(kind: str, name: str) -> str:
    """Give the uid of a workload; it never changes in a test."""
    return f"{kind.lower()}-{name}"


def replica_set_name(name: str) -> str:
    """Give the name of a Deployment's only ReplicaSet."""
    return f"{name}-0"


def owner_of(kind: str, name: str) -> Json:
    """Give the reference from a pod to what controls it."""
    if kind == WorkloadKind.DEPLOYMENT:
        kind, name = "ReplicaSet", replica_set_name(name)
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "name": name,
        "uid": uid_of(kind, name),
        "controller": True,
    }


def replicas_of(spec: Spec, target: str) -> int:
    """Give how many pods a target has of which the test says nothing: as many as it should."""
    first = spec.targets[0].name
    wanted = [
        max(check.workload.replicas or 0, check.workload.min_ready or 0)
        for check in spec.checks
        if check.workload is not None and (check.workload.target or first) == target
    ]
    return max(wanted, default=0) or REPLICAS


def workload(kind: str, name: str, namespace: str, replicas: int, start: datetime) -> Json:
    """Make up a workload that is as it should be."""
    labels = {"app": name}
    return {
        "apiVersion": "apps/v1",
        "kind": str(kind),
        "metadata": {
            "name": name,
            "namespace": namespace,
            "creationTimestamp": format_time(start - AGE),
        },
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": []}},
        },
    }


def completed(item: Json, kind: str) -> Json:
    """Fill in what a controller would have written, where the test does not say otherwise."""
    item = copy.deepcopy(item)
    metadata, spec = item["metadata"], item["spec"]
    metadata.setdefault("uid", uid_of(kind, metadata["name"]))
    metadata.setdefault("generation", 1)
    metadata.setdefault("labels", {})
    replicas = spec.setdefault("replicas", 1)
    given = item.get("status") or {}
    status: dict[str, Any] = {
        "observedGeneration": metadata["generation"],
        "replicas": replicas,
        "updatedReplicas": replicas,
        "readyReplicas": replicas,
        "availableReplicas": given.get("readyReplicas", replicas),
    }
    if kind == WorkloadKind.STATEFUL_SET:
        revision = f"{metadata['name']}-{metadata['generation']}"
        status |= {"currentRevision": revision, "updateRevision": revision}
    item["status"] = status | given
    return item


def rolled_out(item: Json, kind: str) -> Json:
    """Give a workload after a rollout that has ended well."""
    bare = {key: value for key, value in item.items() if key != "status"}
    return completed(bare, kind)


def pod(
    name: str,
    kind: str,
    workload: str,
    namespace: str,
    containers: tuple[str, ...],
    since: datetime,
) -> Json:
    """Make up a pod of a workload that is ready, started at that time."""
    return completed_pod(
        {
            "metadata": {"name": name, "namespace": namespace},
            "spec": {"containers": [{"name": one} for one in containers]},
        },
        kind,
        workload,
        since,
    )


def completed_pod(item: Json, kind: str, workload: str, since: datetime) -> Json:
    """Fill in of a pod what the test does not say: it is ready, and runs since then."""
    item = copy.deepcopy(item)
    metadata = item["metadata"]
    started = format_time(since)
    name = metadata["name"]
    metadata.setdefault("uid", f"{name}-{started}")
    metadata.setdefault("creationTimestamp", started)
    labels = metadata.setdefault("labels", {"app": workload})
    hash_label = (
        "pod-template-hash" if kind == WorkloadKind.DEPLOYMENT else "controller-revision-hash"
    )
    labels.setdefault(hash_label, "0")
    # The uids of a test are made up; whoever is named as the owner is found by `Pods`.
    metadata["ownerReferences"] = [owner_of(kind, workload)]
    status = item.setdefault("status", {})
    status.setdefault("phase", "Running")
    spec = item.setdefault("spec", {"containers": []})
    statuses = [
        {
            "name": one["name"],
            "ready": True,
            "restartCount": 0,
            "containerID": f"simulated://{metadata['uid']}/{one['name']}",
            "state": {"running": {"startedAt": started}},
        }
        for one in spec.get("containers") or ()
    ]
    status.setdefault("containerStatuses", statuses)
    for one in status["containerStatuses"]:
        one.setdefault("restartCount", 0)
    ready = all(one.get("ready") for one in status["containerStatuses"])
    condition = {"type": "Ready", "status": "True" if ready else "False"}
    status.setdefault("conditions", [condition])
    return item
