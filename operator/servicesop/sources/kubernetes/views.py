"""Reading workloads and their pods as the API server gives them. Pure."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from servicesop.api.kinds import WorkloadKind
from servicesop.judge.rollout import ContainerView, PodView, WorkloadView
from servicesop.sources.kubernetes.transport import Json

ACTION_ANNOTATION: Final = "servicesop.io/action"

# The reason is NewReplicaSetAvailable once all pods of the template have been available, and stays
# so when one of them is lost later.
_PROGRESSING: Final = frozenset({"NewReplicaSetCreated", "FoundNewReplicaSet", "ReplicaSetUpdated"})


@dataclass(frozen=True, slots=True)
class ReplicaSet:
    """What leads from a pod to its Deployment."""

    uid: str
    deployment: str
    """The uid of the Deployment that controls it; empty if none does."""
    deployment_name: str


@dataclass(frozen=True, slots=True)
class OwnedPod:
    """A pod, and who controls it."""

    view: PodView
    owner: str
    """The uid of the ReplicaSet or StatefulSet that controls it; empty if none does."""
    stateful_set: str
    """The name of the StatefulSet that controls it; empty if none does."""
    nodes: tuple[str, ...] = ()
    """The addresses of its node."""


def workload_view(kind: WorkloadKind, item: Json) -> WorkloadView:
    """Read a workload as the API server gives it."""
    return _VIEWS[kind](item)


def _deployment(item: Json) -> WorkloadView:
    spec = item["spec"]
    replicas = _replicas(spec)
    strategy = spec.get("strategy") or {}
    recreate = strategy.get("type") == "Recreate"
    progress = next(
        (
            (condition.get("status", ""), condition.get("reason", ""))
            for condition in (item.get("status") or {}).get("conditions") or ()
            if condition.get("type") == "Progressing"
        ),
        ("", ""),
    )
    return replace(
        _workload(
            WorkloadKind.DEPLOYMENT,
            item,
            replicas if recreate else _max_unavailable(strategy, replicas),
        ),
        paused=bool(spec.get("paused")),
        deadline_exceeded=progress == ("False", "ProgressDeadlineExceeded"),
        recreate=recreate,
        progressing=progress[0] == "True" and progress[1] in _PROGRESSING,
    )


def _stateful_set(item: Json) -> WorkloadView:
    spec = item["spec"]
    status = item.get("status") or {}
    strategy = spec.get("updateStrategy") or {}
    rolling = strategy.get("rollingUpdate") or {}
    most = _share(rolling.get("maxUnavailable", 1), _replicas(spec), up=False)
    return replace(
        # The controller takes at least one, or such a rollout could never move.
        _workload(WorkloadKind.STATEFUL_SET, item, max(1, most)),
        on_delete=strategy.get("type") == "OnDelete",
        partition=rolling.get("partition", 0),
        ordered=spec.get("podManagementPolicy") != "Parallel",
        current_revision=status.get("currentRevision", ""),
        update_revision=status.get("updateRevision", ""),
    )


def _workload(kind: WorkloadKind, item: Json, max_unavailable: int) -> WorkloadView:
    """Read what all kinds have."""
    metadata, spec = item["metadata"], item["spec"]
    status = item.get("status") or {}
    template = spec["template"]
    return WorkloadView(
        kind=kind,
        name=metadata["name"],
        uid=metadata["uid"],
        generation=metadata.get("generation", 0),
        observed_generation=status.get("observedGeneration", 0),
        replicas=_replicas(spec),
        current=status.get("replicas", 0),
        updated=status.get("updatedReplicas", 0),
        ready=status.get("readyReplicas", 0),
        available=status.get("availableReplicas", 0),
        paused=False,
        deadline_exceeded=False,
        recreate=False,
        max_unavailable=max_unavailable,
        action=_action(template),
        template_hash=_hash(template),
        created=_time(metadata.get("creationTimestamp")),
    )


def _replicas(spec: Json) -> int:
    replicas: int = spec.get("replicas", 1)
    return replicas


_VIEWS: Final[dict[WorkloadKind, Callable[[Json], WorkloadView]]] = {
    WorkloadKind.DEPLOYMENT: _deployment,
    WorkloadKind.STATEFUL_SET: _stateful_set,
}


def _action(template: Json) -> str:
    annotations = (template.get("metadata") or {}).get("annotations") or {}
    return str(annotations.get(ACTION_ANNOTATION, ""))


def _hash(template: Json) -> str:
    text = json.dumps(template, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _max_unavailable(strategy: Json, replicas: int) -> int:
    rolling = strategy.get("rollingUpdate") or {}
    unavailable = _share(rolling.get("maxUnavailable", "25%"), replicas, up=False)
    surge = _share(rolling.get("maxSurge", "25%"), replicas, up=True)
    # The Deployment controller does the same, or such a rollout could never move.
    return 1 if not unavailable and not surge else unavailable


def _share(value: int | str, replicas: int, *, up: bool) -> int:
    if isinstance(value, int):
        return value
    percent = int(value.removesuffix("%")) * replicas
    return -(-percent // 100) if up else percent // 100


def _controller(metadata: Json) -> Json:
    for owner in metadata.get("ownerReferences") or ():
        if owner.get("controller"):
            found: Json = owner
            return found
    return {}


def read_replica_set(item: Json) -> ReplicaSet:
    """Read a ReplicaSet."""
    owner = _controller(item["metadata"])
    if owner.get("kind") != "Deployment":
        owner = {}
    return ReplicaSet(item["metadata"]["uid"], owner.get("uid", ""), owner.get("name", ""))


def read_pod(item: Json) -> OwnedPod:
    """Read a pod."""
    metadata = item["metadata"]
    status = item.get("status") or {}
    labels = metadata.get("labels") or {}
    owner = _controller(metadata)
    in_stateful_set = owner.get("kind") == "StatefulSet"
    conditions = {condition.get("type"): condition for condition in status.get("conditions") or ()}
    scheduled = conditions.get("PodScheduled", {})
    view = PodView(
        name=metadata["name"],
        uid=metadata["uid"],
        template=labels.get(
            "controller-revision-hash" if in_stateful_set else "pod-template-hash", ""
        ),
        ready=conditions.get("Ready", {}).get("status") == "True",
        deleting="deletionTimestamp" in metadata,
        containers=tuple(
            _container(container)
            for field in ("initContainerStatuses", "containerStatuses")
            for container in status.get(field) or ()
        ),
        created=_time(metadata.get("creationTimestamp")),
        ended=status.get("phase") in ("Succeeded", "Failed"),
        unscheduled=(
            scheduled.get("reason") or "NotScheduled" if scheduled.get("status") == "False" else ""
        ),
    )
    owned = in_stateful_set or owner.get("kind") == "ReplicaSet"
    return OwnedPod(
        view,
        owner.get("uid", "") if owned else "",
        owner.get("name", "") if in_stateful_set else "",
        tuple(str(host.get("ip", "")) for host in status.get("hostIPs") or ()),
    )


def _container(status: dict[str, Any]) -> ContainerView:
    state = status.get("state") or {}
    last = (status.get("lastState") or {}).get("terminated") or {}
    ended = state.get("terminated") or {}
    started = next(
        (
            moment
            for moment in (
                (state.get("running") or {}).get("startedAt"),
                ended.get("startedAt"),
                # Between two starts, what can be read is still the last one's log.
                last.get("startedAt"),
            )
            if moment
        ),
        None,
    )
    return ContainerView(
        name=status["name"],
        id=status.get("containerID", ""),
        restarts=status.get("restartCount", 0),
        ready=bool(status.get("ready")),
        waiting=(state.get("waiting") or {}).get("reason", ""),
        started=_time(started),
        ended=(ended or last).get("reason", ""),
    )
