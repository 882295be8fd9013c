"""The guards in front of an action: a chain of pure questions, each with one purpose.

The first guard that refuses decides. A guard that cannot be answered refuses.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from servicesop.api.kinds import ActionKind, WorkloadKind
from servicesop.api.procedures import Mode, Remediate
from servicesop.api.status import CheckState
from servicesop.decide.ledger import ActionEntry, all_actions, cooldown_ends, spent_attempts
from servicesop.judge.debounce import KNOWN_RUNS, Memory
from servicesop.judge.eviction import PodFacts
from servicesop.judge.results import Verdict
from servicesop.judge.rollout import Rollout, WorkloadView, rollout_of

LEAVE_DRY_RUN = "set spec.mode to Enforce to allow it"
"""What a person does about DryRun, in a cluster."""
_SINGLE_POD = "SinglePod"
"""The finding of a check that it is about one pod."""


class Allowed(StrEnum):
    """The reasons of the condition RemediationAllowed."""

    ALLOWED = "Allowed"
    NO_REMEDIATION = "NoRemediation"
    """The SOP names no action."""
    OBSERVE = "Observe"
    """The mode allows no action and proposes none."""
    DRY_RUN = "DryRun"
    """The mode allows no action; what would be done is said in status.procedures."""
    SUSPENDED = "Suspended"
    OPERATOR_STARTING = "OperatorStarting"
    """The operator has not watched for long enough since its start."""
    EVIDENCE_STALE = "EvidenceStale"
    """A check that the action rests on has not run twice, or is unknown."""
    TARGET_NOT_FOUND = "TargetNotFound"
    TARGET_UNKNOWN = "TargetUnknown"
    """The target cannot be read."""
    ACCESS_DENIED = "AccessDenied"
    """The namespace's runner may not do it."""
    ACCESS_UNKNOWN = "AccessUnknown"
    """Whether the runner may do it could not be asked."""
    KIND_NOT_SUPPORTED = "KindNotSupported"
    """The operator changes Deployments only."""
    NOT_EXACTLY_ONE_POD = "NotExactlyOnePod"
    """The check does not single out one pod: it is about none, or about more than one."""
    POD_UNKNOWN = "PodUnknown"
    """The pod or the namespace's PodDisruptionBudgets cannot be read."""
    POD_GONE = "PodGone"
    """The pod is gone by now, or being deleted."""
    POD_NOT_OF_TARGET = "PodNotOfTarget"
    """The pod does not belong to the target."""
    NO_DISRUPTION_BUDGET = "NoDisruptionBudget"
    """No PodDisruptionBudget selects the pod, and the SOP does not allow to do without."""
    SEVERAL_DISRUPTION_BUDGETS = "SeveralDisruptionBudgets"
    """More than one PodDisruptionBudget selects the pod: the API server then evicts nothing."""
    DISRUPTION_NOT_ALLOWED = "DisruptionNotAllowed"
    """The PodDisruptionBudget lets no pod go now."""
    SCALED_TO_ZERO = "ScaledToZero"
    DEPLOYMENT_PAUSED = "DeploymentPaused"
    ROLLOUT_IN_PROGRESS = "RolloutInProgress"
    ROLLOUT_FAILED = "RolloutFailed"
    """The last rollout exceeded its deadline; another one would not help."""
    OUTAGE = "StrategyMayCauseOutage"
    """The change may go below the ready pods that the SOP asks for."""
    TARGET_CONFLICT = "TargetConflict"
    """Another action on the target is in flight."""
    COOLDOWN = "CooldownActive"
    ATTEMPTS_SPENT = "AttemptsSpent"
    """The actions that did not help are used up."""
    LIMIT_REACHED = "LimitReached"
    """All actions are used up, helpful or not."""
    BUDGET_EXHAUSTED = "BudgetExhausted"
    """The namespace or the cluster has had its share of actions."""


FINAL = frozenset(
    {
        Allowed.ACCESS_DENIED,
        Allowed.KIND_NOT_SUPPORTED,
        Allowed.NOT_EXACTLY_ONE_POD,
        Allowed.NO_DISRUPTION_BUDGET,
        Allowed.SEVERAL_DISRUPTION_BUDGETS,
        Allowed.ATTEMPTS_SPENT,
        Allowed.LIMIT_REACHED,
    }
)
"""Refusals that do not pass by themselves: somebody is told at once."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Why an action may not be done now."""

    reason: Allowed
    message: str


@dataclass(frozen=True, slots=True)
class Facts:
    """All that the guards look at."""

    mode: Mode
    suspended: bool
    starting: bool
    evidence: tuple[Memory, ...]
    """The checks that the action rests on."""
    target: WorkloadView | None
    target_known: bool
    kind: WorkloadKind
    workload: str
    floor: int
    """Pods that must stay ready."""
    may_act: bool | None
    """Whether the runner may do it; None when it could not be asked."""
    entries: tuple[ActionEntry, ...]
    """What was done to the target, by whichever SOP."""
    conflict: bool
    """Somebody else's claim on the target is in force."""
    budget: bool
    """One more action fits the limits of namespace and cluster."""
    pod_check: Memory | None = None
    """The check that singles out a pod; None where the action is about none, and where evidence
    is not asked about."""
    pod: PodFacts | None = None
    """What is known of that pod; None while it cannot be told."""


Gate = Callable[[Facts, Remediate, datetime], Refused | None]


def mode_enforces(facts: Facts, remediate: Remediate, now: datetime) -> Refused | None:
    """The SOP lets the machine act."""
    mode = facts.mode.lowered_to(remediate.mode)
    if mode is Mode.OBSERVE:
        return Refused(Allowed.OBSERVE, "the mode is Observe")
    if mode is Mode.DRY_RUN:
        return Refused(Allowed.DRY_RUN, f"the mode is DryRun; {LEAVE_DRY_RUN}")
    return None


def not_suspended(facts: Facts, remediate: Remediate, now: datetime) -> Refused | None:
    """The SOP is not suspended."""
    return Refused(Allowed.SUSPENDED, "spec.suspend is true") if facts.suspended else None


def operator_settled(facts: Facts, remediate: Remediate, now: datetime) -> Refused | None:
    """The operator has watched for long enough since its start."""
    if facts.starting:
        return Refused(Allowed.OPERATOR_STARTING, "the operator has just started")
    return None


def evidence_fresh(facts: Facts, remediate: Remediate, now: datetime) -> Refused | None:
    """Each check that the action rests on has run twice and its newest answer is known."""
    for memory in facts.evidence:
        newest = memory.newest
        if memory.known_runs < KNOWN_RUNS or newest is None or not newest.verdict.known:
            return Refused(Allowed.EVIDENCE_STALE, "a check has not yet run twice with an answer")
        if memory.state not in (CheckState.PASSED, CheckState.PENDING, CheckState.FAILED):
            return Refused(Allowed.EVIDENCE_STALE, "a check that the action rests on is unknown")
    return None


def target_exists(facts: Facts, remediate: Remediate, now: datetime) -> Refused | None:
    """The target is known to exist."""
    if not facts.target_known:
        return Refused(Allowed.TARGET_UNKNOWN, f"{facts.kind} {facts.workload} cannot be read now")
    if facts.target is None:
        return Refused(Allowed.TARGET_NOT_FOUND, f"{facts.kind} {facts.workload} does not exist")
    return None


def kind_supported(facts: Facts, remediate: Remediate, now: datetime) -> Refused | None:
    """The target is of a kind that the action is made for."""
    if facts.kind is not WorkloadKind.DEPLOYMENT:
        does = {
            ActionKind.RESTART: "restarts Deployments only",
            ActionKind.DELETE_POD: "evicts pods of Deployments only",
        }[remediate.action]
        return Refused(
            Allowed.KIND_NOT_SUPPORTED,
            f"the operator {does}, not {facts.kind} {facts.workload};"
            f" escalate instead, or leave the {remediate.action.noun} to a person",
        )
    return None


def one_pod(facts: Facts, remediate: Remediate, now: datetime) -> Refused | None:
    """The check singles out one pod, for as long as its `for`, and still does."""
    if facts.pod_check is None:
        return None
    newest, seen = facts.pod_check.newest, _SINGLE_POD in facts.pod_check.pending
    if newest is None or newest.verdict is not Verdict.FAILED or (newest.pod and seen):
        return Refused(Allowed.EVIDENCE_STALE, "the check has to single out the pod for longer")
    if newest.pod_unclear:
        return Refused(Allowed.EVIDENCE_STALE, "whether only one pod fails cannot be told yet")
    if newest.pod is None or _SINGLE_POD not in facts.pod_check.confirmed:
        return Refused(
            Allowed.NOT_EXACTLY_ONE_POD,
            f"it is not exactly one pod of {facts.kind} {facts.workload} that fails",
        )
    return None


def pod_there(facts: Facts, remediate: Remediate, now: datetime) -> Refused | None:
    """The pod exists, is not being deleted, and belongs to the target."""
    if facts.pod_check is None:
        return None
    name = f"{facts.kind} {facts.workload}"
    if facts.pod is None or None in (facts.pod.owned, facts.pod.budgets):
        said = f"the pod of {name} or its PodDisruptionBudget cannot be read now"
        return Refused(Allowed.POD_UNKNOWN, said)
    if not facts.pod.there:
        return Refused(Allowed.POD_GONE, f"the pod of {name} is gone or going")
    if not facts.pod.owned:
        return Refused(Allowed.POD_NOT_OF_TARGET, f"the pod does not belong to {name}")
    return None


def disruption_allowed(facts: Facts, remediate: Remediate, now: datetime) -> Refused | None:
    """A PodDisruptionBudget lets the pod go, or the SOP allows to do without one."""
    if remediate.delete_pod is None or facts.pod_check is None:
        return None
    assert facts.pod is not None, "pod_there comes first"
    assert facts.pod.budgets is not None, "pod_there refuses what cannot be told"
    name = f"{facts.kind} {facts.workload}"
    if facts.pod.budgets == 0 and not remediate.delete_pod.allow_without_pdb:
        return Refused(
            Allowed.NO_DISRUPTION_BUDGET,
            f"no PodDisruptionBudget selects the pod of {name}; create one, or set"
            " deletePod.allowWithoutPDB to do without",
        )
    if facts.pod.budgets > 1:
        return Refused(
            Allowed.SEVERAL_DISRUPTION_BUDGETS,
            f"more than one PodDisruptionBudget selects the pod of {name};"
            " the API server evicts no such pod: keep one",
        )
    if facts.pod.budgets == 1 and facts.pod.disruptions < 1:
        said = f"the PodDisruptionBudget lets no pod of {name} go now"
        return Refused(Allowed.DISRUPTION_NOT_ALLOWED, said)
    return None


def runner_may_act(facts: Facts, remediate: Remediate, now: datetime) -> Refused | None:
    """The namespace lets its runner do it."""
    restarts = remediate.action is ActionKind.RESTART
    verb = "patch" if restarts else "evict pods"
    if facts.may_act is None:
        return Refused(Allowed.ACCESS_UNKNOWN, f"whether servicesop-runner may {verb} is unknown")
    if not facts.may_act:
        what = f"patch {facts.kind} {facts.workload}" if restarts else "evict pods"
        return Refused(
            Allowed.ACCESS_DENIED,
            f"servicesop-runner may not {what}; grant it in this namespace (manifests/runner)",
        )
    return None


def replicas_wanted(facts: Facts, remediate: Remediate, now: datetime) -> Refused | None:
    """The target is not scaled to zero: there would be nothing to act on."""
    if facts.target and facts.target.replicas == 0:
        return Refused(Allowed.SCALED_TO_ZERO, f"{facts.kind} {facts.workload} has 0 replicas")
    return None


def rollout_at_rest(facts: Facts, remediate: Remediate, now: datetime) -> Refused | None:
    """No rollout of the target is running, paused or failed."""
    assert facts.target is not None, "target_exists comes first"
    name = f"{facts.kind} {facts.workload}"
    match rollout_of(facts.target):
        case Rollout.PAUSED:
            return Refused(Allowed.DEPLOYMENT_PAUSED, f"{name} is paused")
        case Rollout.IN_PROGRESS | Rollout.NOT_OBSERVED:
            return Refused(Allowed.ROLLOUT_IN_PROGRESS, f"{name} is rolling out")
        case Rollout.FAILED:
            return Refused(Allowed.ROLLOUT_FAILED, f"the last rollout of {name} did not complete")
        case Rollout.COMPLETE:
            return None


def capacity_kept(facts: Facts, remediate: Remediate, now: datetime) -> Refused | None:
    """The change keeps the pods that must stay ready."""
    assert facts.target is not None, "target_exists comes first"
    if remediate.restart is None:
        return _others_kept(facts)
    if remediate.restart.allow_outage:
        return None
    left = 0 if facts.target.recreate else facts.target.replicas - facts.target.max_unavailable
    if left < facts.floor:
        return Refused(
            Allowed.OUTAGE,
            f"a rollout of {facts.kind} {facts.workload} may leave {left} of {facts.floor} pods;"
            " set restart.allowOutage to accept that",
        )
    return None


def _others_kept(facts: Facts) -> Refused | None:
    # How many must stay is the PodDisruptionBudget's to say, where there is one. The last ready pod
    # stays in any case.
    if facts.pod is None:
        return None
    floor = 1 if facts.pod.budgets else max(1, facts.floor)
    if facts.pod.others_ready >= floor:
        return None
    return Refused(
        Allowed.OUTAGE,
        f"without the pod fewer than {floor} pods of {facts.kind} {facts.workload} are ready",
    )


def no_conflict(facts: Facts, remediate: Remediate, now: datetime) -> Refused | None:
    """Nobody else is acting on the target."""
    if facts.conflict:
        return Refused(Allowed.TARGET_CONFLICT, f"another action on {facts.workload} is in flight")
    return None


def attempts_left(facts: Facts, remediate: Remediate, now: datetime) -> Refused | None:
    """Not too many actions in vain, and not too many altogether."""
    limit, noun = remediate.attempts, f"{remediate.action.noun}s"
    entries = [entry for entry in facts.entries if entry.action == remediate.action]
    if spent_attempts(entries, remediate, now) >= limit.max:
        return Refused(Allowed.ATTEMPTS_SPENT, f"{limit.max} {noun} did not help")
    if all_actions(entries, remediate, now) >= remediate.at_most.max:
        return Refused(
            Allowed.LIMIT_REACHED, f"{remediate.at_most.max} {noun} are the most allowed"
        )
    return None


def cooled_down(facts: Facts, remediate: Remediate, now: datetime) -> Refused | None:
    """The last action on the target is long enough ago."""
    ends = cooldown_ends(facts.entries, remediate)
    if ends is not None and now < ends:
        return Refused(Allowed.COOLDOWN, f"the last action on {facts.workload} is too recent")
    return None


def budget_left(facts: Facts, remediate: Remediate, now: datetime) -> Refused | None:
    """Namespace and cluster have not had their share of actions."""
    if not facts.budget:
        return Refused(
            Allowed.BUDGET_EXHAUSTED, "namespace or cluster has had its share of actions"
        )
    return None


GATES: tuple[Gate, ...] = (
    # Before the mode: a dry run must not propose what would not be done either.
    kind_supported,
    one_pod,
    pod_there,
    disruption_allowed,
    mode_enforces,
    not_suspended,
    operator_settled,
    target_exists,
    runner_may_act,
    replicas_wanted,
    rollout_at_rest,
    capacity_kept,
    no_conflict,
    attempts_left,
    cooled_down,
    budget_left,
    evidence_fresh,
)


def refusal(facts: Facts, remediate: Remediate, now: datetime) -> Refused | None:
    """Ask all guards in order; give the first refusal."""
    for gate in GATES:
        refused = gate(facts, remediate, now)
        if refused is not None:
            return refused
    return None
