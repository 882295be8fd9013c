"""Which Deployment a check looks at."""

from servicesop.api.reasons import UnknownReason
from servicesop.checks.runner import Surroundings
from servicesop.judge.rollout import DeploymentView
from servicesop.sources.errors import SourceError


def target_name(surroundings: Surroundings, target: str | None) -> str | None:
    """Give the name of the Deployment that a check means; None where there is no such target."""
    found = surroundings.targets.get(target) if target else surroundings.default_target
    return found.ref.name if found else None


def target_deployment(surroundings: Surroundings, target: str | None) -> DeploymentView:
    """Give the Deployment that a check means. Raise SourceError if there is none."""
    name = target_name(surroundings, target)
    if name is None:
        raise SourceError(
            UnknownReason.TARGET_NOT_FOUND,
            "the check needs a target; name one of spec.targets, or add one",
        )
    deployment = surroundings.workloads.deployment(name)
    if deployment is None:
        raise SourceError(
            UnknownReason.TARGET_NOT_FOUND,
            f"there is no Deployment {name} in this namespace; create it, or correct spec.targets",
        )
    return deployment
