"""Whether a pod may be evicted: what the pod, its workload and PodDisruptionBudgets say. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from servicesop.judge.labels import Labels
from servicesop.judge.network_policy_objects import label_selector
from servicesop.judge.results import PodRef
from servicesop.judge.rollout import PodView

_Object = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PodFacts:
    """What the guards of an eviction look at."""

    ref: PodRef
    """The pod that was asked about."""
    there: bool
    """It exists and is not being deleted."""
    owned: bool | None
    """It is one of the target's pods; None where those are not known."""
    others_ready: int
    """How many of the target's other pods are ready."""
    budgets: int | None
    """How many PodDisruptionBudgets select it; None where that cannot be told."""
    disruptions: int
    """How many pods they allow to be evicted now; 0 without one."""


def pod_facts(
    ref: PodRef,
    live: _Object | None,
    budgets: Sequence[_Object] | None,
    pods: Sequence[PodView] | None,
) -> PodFacts:
    """Gather what is known of a pod.

    `live` is what the API server has by that name, `budgets` are all of the namespace, `pods` those
    of the target; None for those that could not be read.
    """
    metadata = {} if live is None else live["metadata"]
    allowed = None if budgets is None else _allowed_by(budgets, metadata.get("labels") or {})
    return PodFacts(
        ref=ref,
        there=metadata.get("uid") == ref.uid and metadata.get("deletionTimestamp") is None,
        owned=None if pods is None else any(pod.uid == ref.uid for pod in pods),
        others_ready=sum(pod.ready and pod.counts for pod in pods or () if pod.uid != ref.uid),
        budgets=None if allowed is None else len(allowed),
        disruptions=min(allowed or (), default=0),
    )


def _allowed_by(budgets: Sequence[_Object], labels: Mapping[str, str]) -> list[int] | None:
    """Give what each budget that selects these labels allows; None where one cannot be read."""
    of_pod = Labels(dict(labels))
    try:
        return [_allowed(budget) for budget in budgets if _selects(budget, of_pod)]
    except (AttributeError, KeyError, TypeError, ValueError):
        return None


def _selects(budget: _Object, labels: Labels) -> bool:
    # Of policy/v1: no selector selects nothing, and an empty one everything.
    selector = budget["spec"].get("selector")
    return selector is not None and label_selector(selector).matches(labels) is True


def _allowed(budget: _Object) -> int:
    """Give what it allows now: nothing while its controller has not seen its latest change."""
    status = budget.get("status") or {}
    current = status.get("observedGeneration", 0) >= budget["metadata"].get("generation", 0)
    return int(status.get("disruptionsAllowed", 0)) if current else 0
