"""The check `workload`: enough replicas are configured and ready, and none is stuck starting."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from servicesop.api.checks.check import Check
from servicesop.api.checks.workload import Restarts, Workload
from servicesop.api.durations import format_duration
from servicesop.api.reasons import UnknownReason
from servicesop.api.sop import TargetRef
from servicesop.checks.progress import Progress, Standing
from servicesop.checks.restarts import RestartCount, RestartWindow
from servicesop.checks.runner import NO_TURN, CheckRunner, Surroundings
from servicesop.checks.targets import target_ref, target_workload
from servicesop.judge.results import Sample, failed, inconclusive, passed
from servicesop.judge.rollout import (
    ContainerView,
    PodView,
    Rollout,
    WorkloadView,
    holding_up,
    replacing,
    rollout_of,
)

_WAITING: Final = {
    "ImagePullBackOff": "ImagePull",
    "ErrImagePull": "ImagePull",
    "ErrImageNeverPull": "ImagePull",
    "ImageInspectError": "ImagePull",
    "InvalidImageName": "ImagePull",
    "RegistryUnavailable": "ImagePull",
    "SignatureValidationFailed": "ImagePull",
    # A ConfigMap, Secret or key that is not there, or what the container runtime cannot make of it.
    "CreateContainerConfigError": "ConfigError",
    "CreateContainerError": "ConfigError",
    "PreCreateHookError": "ConfigError",
    "CrashLoopBackOff": "CrashLoop",
    # The container is there and its process does not start; a back-off follows.
    "RunContainerError": "CrashLoop",
    "PreStartHookError": "CrashLoop",
    "PostStartHookError": "CrashLoop",
}
"""What a container waits for, and which finding that is."""
_SAYS: Final = {
    "ImagePull": "an image cannot be pulled",
    "ConfigError": "a container cannot be made from its configuration",
    "CrashLoop": "a container cannot start or keeps crashing",
}
_UNSCHEDULED: Final = frozenset({"Unschedulable", "SchedulingGated", "SchedulerError"})
"""Reasons that are repeated; anybody may have written another one."""
_OUT_OF_MEMORY: Final = "OOMKilled"
_MOVING: Final = frozenset({Rollout.IN_PROGRESS, Rollout.COMPLETE})
"""Not stopped by anybody, and not failed."""


class WorkloadCheck:
    """Judges the cached view; asks nobody."""

    turn = NO_TURN

    def __init__(self, spec: Workload, surroundings: Surroundings) -> None:
        self._spec = spec
        self._surroundings = surroundings
        self._progress = Progress()
        self._restarts = RestartWindow(spec.restarts.within) if spec.restarts else None

    @property
    def reacts_to(self) -> TargetRef | None:
        """The workload whose changes make this check run at once."""
        return target_ref(self._surroundings, self._spec.target)

    async def run(self, now: datetime) -> Sample:
        """Observe and judge. Raise SourceError when there is nothing to judge."""
        workload = target_workload(self._surroundings, self._spec.target)
        pods = self._surroundings.workloads.pods(workload)
        standing = self._progress.look(workload, [pod for pod in pods if pod.counts], now)
        restarts = self._restarts.look(pods, now) if self._restarts else RestartCount()
        return judge_workload(self._spec, workload, pods, standing, restarts)


def workload_check(check: Check, surroundings: Surroundings) -> CheckRunner:
    """Build the runner of a `workload` check."""
    assert check.workload is not None
    return WorkloadCheck(check.workload, surroundings)


def judge_workload(
    spec: Workload,
    workload: WorkloadView,
    pods: Sequence[PodView],
    standing: Standing,
    restarts: RestartCount,
) -> Sample:
    """Judge one moment.

    Ready pods are counted from the pods themselves: status.readyReplicas follows seconds later, and
    counts pods that are on their way out.

    While old pods are being replaced, the strategy may keep `max_unavailable` pods away. With
    fewer ready pods than the check asks for, but no fewer than that leaves, one cannot tell a
    rollout that goes well from one that does not: Inconclusive. With fewer still, pods are missing
    that no rollout took: NotReady. When the old pods are gone and the new ones have not all been
    available yet (also the first ones of all, and those of a Recreate), it is Inconclusive until
    they have, or until the rollout's deadline has passed. After that it is RolloutFailed, however
    many old pods still carry the load.
    A container that cannot pull its image or keeps crashing is a finding even while the old pods
    still carry the load: such a rollout does not progress.
    """
    if workload.observed_generation < workload.generation:
        return inconclusive(
            UnknownReason.NOT_OBSERVED, f"the {workload.kind}'s latest change is not yet acted upon"
        )
    live = [pod for pod in pods if pod.counts]
    ready = sum(pod.ready for pod in live)
    floor = workload.replicas if spec.min_ready is None else spec.min_ready
    rollout = rollout_of(workload)
    replaced = replacing(workload, live) or standing.replacing
    starting = rollout in _MOVING and (workload.progressing or standing.starting)
    stopped = rollout is Rollout.FAILED or (standing.stalled and (replaced or starting))
    least = min(floor, max(0, workload.replicas - workload.max_unavailable))
    excused = not stopped and (ready >= least if replaced else starting)

    findings: dict[str, str] = {}
    if spec.replicas is not None and workload.replicas < spec.replicas:
        findings["TooFewConfigured"] = (
            f"{workload.replicas} replicas are configured, at least {spec.replicas} expected"
        )
    if ready < floor and not excused:
        findings["NotReady"] = f"{ready} pods are ready, at least {floor} expected"
    stuck = {_WAITING.get(one.waiting) for pod in live for one in pod.containers}
    findings |= {finding: text for finding, text in _SAYS.items() if finding in stuck}
    if spec.restarts and restarts.least > spec.restarts.max:
        findings["Restarting"] = _too_often(spec.restarts)
    if stopped:
        findings["RolloutFailed"] = "the rollout has not got on within its deadline"
    evidence = _evidence(workload, live, restarts if "Restarting" in findings else RestartCount())
    if findings:
        return failed(set(findings), "; ".join(findings.values()), evidence)
    if ready < floor:
        return inconclusive(
            UnknownReason.ROLLING_OUT,
            "a rollout is under way and has taken no more pods than its strategy allows",
            evidence,
        )
    if spec.restarts and restarts.most > spec.restarts.max:
        return inconclusive(
            UnknownReason.NOT_COVERED,
            f"whether there were {_too_often(spec.restarts)} cannot be told: it is not known when"
            " some of the restarts were",
        )
    if spec.replicas is None and spec.min_ready is None and not workload.replicas:
        return inconclusive(
            UnknownReason.NO_PODS,
            f"the {workload.kind} is scaled to 0 and has no pods; set `replicas` or `minReady` in"
            " the check to say whether that is right",
        )
    if rollout is Rollout.PAUSED:
        return passed("paused")
    return passed("rolling out" if replaced or starting else "")


def _too_often(limit: Restarts) -> str:
    return f"more than {limit.max} restarts within {format_duration(limit.within)}"


def _evidence(
    workload: WorkloadView, live: Sequence[PodView], restarts: RestartCount
) -> tuple[str, ...]:
    """Say of each pod what is wrong with it, then which containers were restarted.

    Nothing here but names, numbers and reasons of closed sets: what the kubelet says besides may
    hold addresses and secrets.
    """
    first = holding_up(workload, live)
    lines = []
    for pod in sorted(live, key=lambda pod: (pod.ordinal, pod.name)):
        if text := _pod(pod):
            waits = "; the pods after it wait for it" if pod is first else ""
            lines.append(f"{pod.name}: {text}{waits}")
    ended = {(pod.name, one.name): one.ended for pod in live for one in pod.containers}
    for place, count in restarts.by_container:
        memory = f", {_OUT_OF_MEMORY}" if ended.get(place) == _OUT_OF_MEMORY else ""
        gone = "" if place in ended else ", gone by now"
        name, container = place
        lines.append(f"{name}: {container} restarted, {count} in the window{memory}{gone}")
    return tuple(lines)


def _pod(pod: PodView) -> str:
    waiting = [_waits(container) for container in pod.containers if container.waiting in _WAITING]
    if waiting:
        return ", ".join(waiting)
    if pod.unscheduled:
        return pod.unscheduled if pod.unscheduled in _UNSCHEDULED else "has no node"
    return "" if pod.ready else "not ready"


def _waits(container: ContainerView) -> str:
    memory = f" ({_OUT_OF_MEMORY})" if container.ended == _OUT_OF_MEMORY else ""
    return f"{container.name} {container.waiting}{memory}"
