"""Which workload a check looks at."""

from servicesop.api.kinds import WorkloadKind
from servicesop.api.reasons import UnknownReason
from servicesop.api.sop import TargetRef
from servicesop.checks.runner import Surroundings
from servicesop.judge.rollout import WorkloadView
from servicesop.sources.errors import SourceError


def target_ref(surroundings: Surroundings, target: str | None) -> TargetRef | None:
    """Give what a check means by a target's name; None where there is no such target."""
    found = surroundings.targets.get(target) if target else surroundings.default_target
    return found.ref if found else None


def target_workload(surroundings: Surroundings, target: str | None) -> WorkloadView:
    """Give the workload that a check means. Raise SourceError if there is none."""
    ref = target_ref(surroundings, target)
    if ref is None:
        raise SourceError(
            UnknownReason.TARGET_NOT_FOUND,
            "the check needs a target; name one of spec.targets, or add one",
        )
    workload = surroundings.workloads.get(ref.kind, ref.name)
    if workload is None:
        raise no_such_workload(ref.kind, ref.name)
    return workload


def no_such_workload(kind: WorkloadKind, name: str) -> SourceError:
    """Say that a target's workload does not exist."""
    return SourceError(
        UnknownReason.TARGET_NOT_FOUND,
        f"there is no {kind} {name} in this namespace; create it, or correct spec.targets",
    )
