"""Slim views of a workload and its pods, and where its rollout stands."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from servicesop.api.kinds import WorkloadKind


@dataclass(frozen=True, slots=True)
class ContainerView:
    """One container of a pod."""

    name: str
    id: str
    """Changes with every start of the container; empty before the first."""
    restarts: int
    ready: bool
    waiting: str
    """The reason for which it waits, such as ImagePullBackOff; empty when it does not."""
    started: datetime | None
    """When it was started last."""
    ended: str = ""
    """The reason for which its last run ended, such as OOMKilled; empty before the first end."""


@dataclass(frozen=True, slots=True)
class PodView:
    """One pod."""

    name: str
    uid: str
    template: str
    """Which pod template it was made from: the hash or revision that its controller gave it."""
    ready: bool
    deleting: bool
    containers: tuple[ContainerView, ...]
    """Init containers, sidecars among them, then the others."""
    created: datetime | None = None
    ended: bool = False
    """It has run to its end, or was evicted: its controller does not count it any more."""
    unscheduled: str = ""
    """The reason for which it has no node, such as Unschedulable; empty when it has one."""

    @property
    def counts(self) -> bool:
        """Whether it is one of the pods that its workload has now."""
        return not self.deleting and not self.ended

    @property
    def ordinal(self) -> int:
        """Its place in a StatefulSet; -1 where it has none."""
        _, _, number = self.name.rpartition("-")
        return int(number) if number.isascii() and number.isdigit() else -1


@dataclass(frozen=True, slots=True)
class WorkloadView:
    """What the operator needs to know of a workload, of whichever kind."""

    name: str
    uid: str
    generation: int
    observed_generation: int
    replicas: int
    """Configured."""
    current: int
    """Existing pods, old and new ones (status.replicas)."""
    updated: int
    ready: int
    available: int
    paused: bool
    """A Deployment only."""
    deadline_exceeded: bool
    """The condition Progressing is False with the reason ProgressDeadlineExceeded: a Deployment
    only, a StatefulSet has no deadline."""
    recreate: bool
    """The strategy is Recreate: a Deployment only."""
    max_unavailable: int
    """Pods that a rollout may take away at once, percentages resolved (rounded down)."""
    action: str
    """The operator's own annotation on the pod template; empty without one."""
    template_hash: str
    """A hash over the pod template."""
    progressing: bool = False
    """The condition Progressing says that the template's pods have not all been available yet.

    Losing a pod later does not set it again: this tells a rollout's last steps from a loss. A
    Deployment only.
    """
    kind: WorkloadKind = WorkloadKind.DEPLOYMENT
    created: datetime | None = None

    # A StatefulSet only.
    on_delete: bool = False
    """The strategy is OnDelete: a pod keeps its template until somebody deletes it."""
    partition: int = 0
    """Pods of a lower ordinal keep their template."""
    ordered: bool = False
    """Pods are made and replaced one after the other; an unready one holds up the rest."""
    current_revision: str = ""
    """The revision of the last complete rollout."""
    update_revision: str = ""
    """The revision of the pod template as it is now."""

    @property
    def label(self) -> str:
        """Kind and name, for people."""
        return f"{self.kind} {self.name}"


class Rollout(StrEnum):
    """Where a rollout stands."""

    COMPLETE = "Complete"
    """As far as it goes by itself: with OnDelete or a partition, pods may have an old template."""
    IN_PROGRESS = "InProgress"
    FAILED = "Failed"
    PAUSED = "Paused"
    NOT_OBSERVED = "NotObserved"


def rollout_of(workload: WorkloadView) -> Rollout:
    """Judge a rollout in the order that `kubectl rollout status` and Argo CD use."""
    if workload.paused:
        return Rollout.PAUSED
    if workload.observed_generation < workload.generation:
        return Rollout.NOT_OBSERVED
    if workload.deadline_exceeded:
        return Rollout.FAILED
    if workload.kind is WorkloadKind.STATEFUL_SET:
        return Rollout.IN_PROGRESS if _rolls_in_order(workload) else Rollout.COMPLETE
    if workload.updated < workload.replicas or workload.current > workload.updated:
        return Rollout.IN_PROGRESS
    return Rollout.COMPLETE


def _rolls_in_order(workload: WorkloadView) -> bool:
    if workload.on_delete:
        # No pod is replaced by itself, and the current revision never becomes the updated one.
        return False
    if workload.partition:
        # Nor does it here: what stays below the partition keeps the rollout from its end.
        return workload.updated < workload.replicas - workload.partition
    # A rollback in the middle makes both revisions equal again at once, with old pods still there;
    # pods on their way out look the same. Pods that are ready, but not for minReadySeconds yet,
    # hold up a rollout as unready ones do.
    return (
        workload.update_revision != workload.current_revision
        or workload.current > workload.updated
        or workload.available < workload.ready
    )


def replacing(workload: WorkloadView, pods: Sequence[PodView]) -> bool:
    """Say whether pods of an old template are being replaced; `pods` are those that count.

    `updated < replicas` alone is no rollout: it is also so for the moment after a pod of the
    current template was deleted. Old pods are what makes it one.
    """
    if rollout_of(workload) is not Rollout.IN_PROGRESS:
        return False
    if workload.kind is not WorkloadKind.STATEFUL_SET:
        return workload.current > workload.updated or len({pod.template for pod in pods}) > 1
    old = any(
        pod.ordinal >= workload.partition and pod.template != workload.update_revision
        for pod in pods
    )
    # Without a partition the revisions differ until the last pod is ready, so also while the one
    # old pod has just gone.
    return old or (not workload.partition and workload.update_revision != workload.current_revision)


def holding_up(workload: WorkloadView, pods: Sequence[PodView]) -> PodView | None:
    """Give the unready pod that the others of an ordered StatefulSet wait for, if there is one.

    `pods` are those that count. Nothing waits when all exist and none is to be replaced.
    """
    if not workload.ordered or (len(pods) >= workload.replicas and not replacing(workload, pods)):
        return None
    return min((pod for pod in pods if not pod.ready), key=lambda pod: pod.ordinal, default=None)
