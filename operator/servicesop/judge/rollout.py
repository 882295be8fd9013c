"""Slim views of a Deployment and its pods, and where its rollout stands."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


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


@dataclass(frozen=True, slots=True)
class PodView:
    """One pod."""

    name: str
    uid: str
    template: str
    """Which pod template it was made from (the hash that the Deployment controller gave it)."""
    ready: bool
    deleting: bool
    containers: tuple[ContainerView, ...]


@dataclass(frozen=True, slots=True)
class DeploymentView:
    """What the operator needs to know of a Deployment."""

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
    deadline_exceeded: bool
    """The condition Progressing is False with the reason ProgressDeadlineExceeded."""
    recreate: bool
    """The strategy is Recreate."""
    max_unavailable: int
    """Pods that a rollout may take away at once, percentages resolved (rounded down)."""
    action: str
    """The operator's own annotation on the pod template; empty without one."""
    template_hash: str
    """A hash over the pod template."""
    progressing: bool = False
    """The condition Progressing says that the template's pods have not all been available yet.

    Losing a pod later does not set it again: this tells a rollout's last steps from a loss.
    """


class Rollout(StrEnum):
    """Where a rollout stands."""

    COMPLETE = "Complete"
    IN_PROGRESS = "InProgress"
    FAILED = "Failed"
    PAUSED = "Paused"
    NOT_OBSERVED = "NotObserved"


def rollout_of(deployment: DeploymentView) -> Rollout:
    """Judge a rollout in the order that `kubectl rollout status` and Argo CD use."""
    if deployment.paused:
        return Rollout.PAUSED
    if deployment.observed_generation < deployment.generation:
        return Rollout.NOT_OBSERVED
    if deployment.deadline_exceeded:
        return Rollout.FAILED
    if deployment.updated < deployment.replicas or deployment.current > deployment.updated:
        return Rollout.IN_PROGRESS
    return Rollout.COMPLETE
