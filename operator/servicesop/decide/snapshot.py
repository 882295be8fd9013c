"""What a decision rests on."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from servicesop.api.kinds import ActionKind, WorkloadKind
from servicesop.api.procedures import Remediate, Row, Verify
from servicesop.api.sop import Spec
from servicesop.decide.gates import Facts
from servicesop.decide.ledger import ActionEntry
from servicesop.decide.procedures import (
    Section,
)
from servicesop.judge.debounce import Memory
from servicesop.judge.eviction import PodFacts
from servicesop.judge.results import PodRef
from servicesop.judge.rollout import WorkloadView


@dataclass(frozen=True, slots=True)
class TargetFacts:
    """What is known of one target, by everybody's memory and the caches."""

    kind: WorkloadKind
    workload: str
    view: WorkloadView | None
    known: bool
    """False while the caches cannot tell."""
    may_act: Mapping[ActionKind, bool | None]
    """Whether the runner may do it; None, or nothing, where that could not be asked."""
    entries: tuple[ActionEntry, ...]
    """What was done to the target, by whichever SOP."""
    conflict: Callable[[str], bool]
    """Whether an action other than the one of this id may change the target now."""
    affordable: Callable[[str], bool]
    """Whether the action of this id fits the budgets."""
    ends: tuple[datetime, ...]
    """When time alone may change what `conflict` and `affordable` say."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that a decision rests on, except the SOP's own status."""

    spec: Spec
    uid: str
    checks: Mapping[str, Memory]
    targets: Mapping[str, TargetFacts]
    """By the SOP's name for the target."""
    starting: bool
    """The operator has not watched for long enough since its start."""
    pods: Mapping[PodRef, PodFacts] = field(default_factory=dict)
    """What is known of the pods that checks single out."""


def target_of(spec: Spec, remediate: Remediate) -> str:
    """Give the SOP's name of the target that an action changes."""
    change = remediate.restart or remediate.delete_pod
    named = change.target if change else None
    return named or spec.targets[0].name


def pod_of(remediate: Remediate, checks: Mapping[str, Memory]) -> PodRef | None:
    """Give the pod that an action is about, which is what its check singled out last."""
    if remediate.delete_pod is None:
        return None
    newest = checks[remediate.delete_pod.pod_from].newest
    return newest.pod if newest else None


def verify_of(row: Row, remediate: Remediate) -> Verify:
    """Give what proves an action: without `verify`, the checks that its row rests on."""
    if remediate.verify:
        return remediate.verify
    refs = row.when.refs if row.when else ()
    return Verify(checks=tuple(dict.fromkeys(ref.partition("/")[0] for ref in refs)))


def evidence_of(section: Section, row: Row) -> tuple[str, ...]:
    """Give the checks that a row's victory rests on: its own, and those of the rows above it."""
    names: dict[str, None] = {}
    for one in section.rows:
        for ref in one.when.refs if one.when else ():
            names[ref.partition("/")[0]] = None
        if one.name == row.name:
            break
    if row.remediate and row.remediate.delete_pod:
        names[row.remediate.delete_pod.pod_from] = None
    return tuple(names)


def facts_of(
    snapshot: Snapshot,
    remediate: Remediate,
    action: str = "",
    evidence: tuple[str, ...] = (),
) -> Facts:
    """Gather what the guards look at. What the action of this id has claimed is its own."""
    spec = snapshot.spec
    name = target_of(spec, remediate)
    target = snapshot.targets[name]
    floors = [
        check.workload.min_ready or 1
        for check in spec.checks
        if check.workload and (check.workload.target or spec.targets[0].name) == name
    ]
    pod = pod_of(remediate, snapshot.checks)
    pod_check = (
        snapshot.checks[remediate.delete_pod.pod_from]
        if remediate.delete_pod and evidence
        else None
    )
    return Facts(
        mode=spec.mode,
        suspended=spec.suspend,
        starting=snapshot.starting,
        evidence=tuple(snapshot.checks[check] for check in evidence),
        target=target.view,
        target_known=target.known,
        kind=target.kind,
        workload=target.workload,
        floor=max(floors, default=1),
        may_act=target.may_act.get(remediate.action),
        entries=tuple(entry for entry in target.entries if entry.id != action),
        conflict=target.conflict(action),
        budget=target.affordable(action),
        pod_check=pod_check,
        pod=snapshot.pods.get(pod) if pod and pod_check else None,
    )
