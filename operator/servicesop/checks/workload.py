"""The check `workload`: enough replicas are configured and ready, and none is stuck starting."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from servicesop.api.checks.check import Check
from servicesop.api.checks.workload import Workload
from servicesop.api.reasons import UnknownReason
from servicesop.api.sop import TargetRef
from servicesop.checks.runner import NO_TURN, CheckRunner, Surroundings
from servicesop.checks.targets import target_ref, target_workload
from servicesop.judge.results import Sample, failed, inconclusive, passed
from servicesop.judge.rollout import PodView, Rollout, WorkloadView, replacing, rollout_of

_WAITING: Final = {
    "ImagePullBackOff": "ImagePull",
    "ErrImagePull": "ImagePull",
    "InvalidImageName": "ImagePull",
    "CrashLoopBackOff": "CrashLoop",
    "CreateContainerConfigError": "CrashLoop",
    "RunContainerError": "CrashLoop",
}
"""What a container waits for, and which finding that is."""


_MOVING: Final = frozenset({Rollout.IN_PROGRESS, Rollout.COMPLETE})
"""Not stopped by anybody, and not failed."""


class WorkloadCheck:
    """Judges the cached view; asks nobody."""

    turn = NO_TURN

    def __init__(self, spec: Workload, surroundings: Surroundings) -> None:
        self._spec = spec
        self._surroundings = surroundings

    @property
    def reacts_to(self) -> TargetRef | None:
        """The workload whose changes make this check run at once."""
        return target_ref(self._surroundings, self._spec.target)

    async def run(self, now: datetime) -> Sample:
        """Observe and judge. Raise SourceError when there is nothing to judge."""
        workload = target_workload(self._surroundings, self._spec.target)
        return judge_workload(self._spec, workload, self._surroundings.workloads.pods(workload))


def workload_check(check: Check, surroundings: Surroundings) -> CheckRunner:
    """Build the runner of a `workload` check."""
    assert check.workload is not None
    return WorkloadCheck(check.workload, surroundings)


def judge_workload(spec: Workload, workload: WorkloadView, pods: Sequence[PodView]) -> Sample:
    """Judge one moment.

    Ready pods are counted from the pods themselves: status.readyReplicas follows seconds later, and
    counts pods that are on their way out.

    While old pods are being replaced, the strategy may keep `max_unavailable` pods away. With
    fewer ready pods than the check asks for, but no fewer than that leaves, one cannot tell a
    rollout that goes well from one that does not: Inconclusive. With fewer still, pods are missing
    that no rollout took: NotReady. When the old pods are gone and the new ones have not all been
    available yet (also the first ones of all, and those of a Recreate), it is Inconclusive until
    they have, or until the rollout's deadline has passed.
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
    replaced = replacing(workload, live)
    starting = workload.progressing and rollout_of(workload) in _MOVING
    least = min(floor, max(0, workload.replicas - workload.max_unavailable))
    excused = ready >= least if replaced else starting

    findings: dict[str, str] = {}
    if spec.replicas is not None and workload.replicas < spec.replicas:
        findings["TooFewConfigured"] = (
            f"{workload.replicas} replicas are configured, at least {spec.replicas} expected"
        )
    if ready < floor and not excused:
        findings["NotReady"] = f"{ready} pods are ready, at least {floor} expected"
    stuck = _stuck(live)
    if "ImagePull" in stuck.values():
        findings["ImagePull"] = "an image cannot be pulled"
    if "CrashLoop" in stuck.values():
        findings["CrashLoop"] = "a container cannot start or keeps crashing"
    if findings:
        return failed(set(findings), "; ".join(findings.values()), _evidence(live))
    if ready < floor:
        return inconclusive(
            UnknownReason.ROLLING_OUT,
            "a rollout is under way and has taken no more pods than its strategy allows",
        )
    return passed("rolling out" if replaced or starting else "")


def _stuck(live: Sequence[PodView]) -> dict[tuple[str, str], str]:
    return {
        (pod.name, container.name): _WAITING[container.waiting]
        for pod in live
        for container in pod.containers
        if container.waiting in _WAITING
    }


def _evidence(live: Sequence[PodView]) -> tuple[str, ...]:
    lines = []
    for pod in sorted(live, key=lambda pod: pod.name):
        waiting = [
            f"{container.name} {container.waiting}"
            for container in pod.containers
            if container.waiting in _WAITING
        ]
        if waiting:
            lines.append(f"{pod.name}: {', '.join(waiting)}")
        elif not pod.ready:
            lines.append(f"{pod.name}: not ready")
    return tuple(lines)
