"""Facts to decide about: checks in every state, one Deployment, and an SOP with two procedures."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import yaml

from servicesop.api.kinds import ActionKind, WorkloadKind
from servicesop.api.procedures import Remediate
from servicesop.api.reasons import UnknownReason
from servicesop.api.sop import Spec
from servicesop.api.status import CheckState, Intent, Phase, Status
from servicesop.decide.decide import Decision, decide
from servicesop.decide.gates import Facts
from servicesop.decide.ledger import ActionEntry
from servicesop.decide.snapshot import Snapshot, TargetFacts
from servicesop.judge import debounce
from servicesop.judge.debounce import Memory
from servicesop.judge.eviction import PodFacts
from servicesop.judge.results import PodRef, Sample, error, failed, inconclusive, passed
from servicesop.judge.rollout import WorkloadView
from unit.checks.workload_views import STEADY

DENIED = dict.fromkeys(ActionKind, False)
"""A runner that may do nothing."""
NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
SOP_UID = "b6f1a7a2-0000-4000-8000-000000000001"
TARGET_UID = "b6f1a7a2-0000-4000-8000-000000000002"

SPEC = """
title: Fleet manager
mode: Enforce
every: 30s
blindFor: 10m
reopenWithin: 15m
unsureFor: 2m
targets:
- {name: api, ref: {kind: Deployment, name: fleet-manager}}
- {name: refresher, ref: {kind: Deployment, name: token-refresher}}
connections:
- {name: database, postgres: {secretRef: {name: readonly}}}
teams:
- {name: control-plane, title: Control Plane}
- {name: ocm-support, title: OCM support}
- {name: sre, title: SRE}
checks:
- {name: leader, leader: {workers: [cluster], lease: {connection: database, table: leases}}}
- {name: ocm, logs: {pattern: refused, within: 10m, max: 0}}
- {name: moves, stuckRows: {connection: database, table: clusters, statuses: [a], olderThan: 3m}}
- {name: ready, workload: {replicas: 3, minReady: 2}}
procedures:
- name: Latency
  checks: [leader, moves]
  handle:
  - name: rolling
    when: {anyFailed: [ready]}
    hold: {because: pods are being replaced, atMost: 10m}
  - name: no-leader
    when: {anyFailed: [leader/None]}
    remediate:
      restart: {}
      settle: 90s
      verify: {checks: [leader], within: 3m}
      attempts: {max: 2, per: 6h}
      atMost: {max: 3, per: 24h}
      cooldown: 15m
  - name: ocm-refuses
    when: {anyFailed: [ocm]}
    escalate: {to: [ocm-support], because: a restart cannot help}
  - name: stuck
    when: {anyFailed: [moves]}
    remediate: {restart: {}}
    orElse: {to: [sre]}
  - name: otherwise
    otherwise: true
    escalate: {to: [control-plane]}
- name: Errors
  severity: warning
  checks: [ocm]
  stepsFrom: Latency
- name: Correctness
  sameAs: Latency
"""


def seconds(count: float) -> timedelta:
    return timedelta(seconds=count)


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


def spec_of(**changes: Any) -> Spec:
    """The SOP above, with other top-level fields, named as in the resource."""
    return Spec.model_validate(yaml.safe_load(SPEC) | changes)


def procedure_of(name: str, **changes: Any) -> dict[str, Any]:
    """A procedure of the SOP above as a plain object, to be changed."""
    found: dict[str, Any] = next(
        one for one in yaml.safe_load(SPEC)["procedures"] if one["name"] == name
    )
    return found | changes


def memory(
    state: CheckState,
    *,
    confirmed: frozenset[str] = frozenset(),
    pending: frozenset[str] = frozenset(),
    newest: Sample | None = None,
    runs: int = 2,
    at: datetime = NOW,
    causes: tuple[str, ...] = (),
) -> Memory:
    known = state in (CheckState.PASSED, CheckState.PENDING, CheckState.FAILED)
    last = newest or _sample(state, confirmed | pending)
    return Memory(
        state=state,
        since=at,
        last=last,
        newest=last,
        sampled=at if last else None,
        known_runs=runs if known else 0,
        failing={one: debounce._Seen(at, runs) for one in confirmed | pending},
        confirmed=confirmed,
        passing=at if state is CheckState.PASSED else None,
        steady=state is CheckState.PASSED,
        causes=causes,
    )


def _sample(state: CheckState, findings: frozenset[str]) -> Sample | None:
    match state:
        case CheckState.PASSED:
            return passed()
        case CheckState.PENDING | CheckState.FAILED:
            return failed(set(findings), "does not hold")
        case CheckState.INCONCLUSIVE:
            return inconclusive(UnknownReason.NOT_COVERED, "cannot tell")
        case CheckState.ERROR:
            return error(UnknownReason.UNREACHABLE, "could not ask")
        case CheckState.SKIPPED:
            return error(UnknownReason.DEPENDS_ON, "waits for another")
        case CheckState.SUSPENDED:
            return error(UnknownReason.SUSPENDED, "the check's suspend is true")
        case CheckState.NOT_RUN:
            return None


def good() -> Memory:
    return memory(CheckState.PASSED)


def bad(*findings: str) -> Memory:
    return memory(CheckState.FAILED, confirmed=frozenset(findings or ("TooMany",)))


def maybe(*findings: str) -> Memory:
    return memory(CheckState.PENDING, pending=frozenset(findings or ("TooMany",)))


def blind() -> Memory:
    return memory(CheckState.ERROR)


def skipped(*causes: str) -> Memory:
    return memory(CheckState.SKIPPED, causes=causes)


def suspended() -> Memory:
    return memory(CheckState.SUSPENDED)


def unsettled() -> Memory:
    """Failed throughout, but not for one reason."""
    return memory(CheckState.FAILED, pending=frozenset({"None"}))


def checks_of(**changes: Memory) -> dict[str, Memory]:
    """All checks of the SOP above Passed, but these."""
    return dict.fromkeys(("leader", "ocm", "moves", "ready"), good()) | changes


NO_LEADER = {"leader": bad("None")}
OCM_REFUSES = {"ocm": bad("TooMany"), "leader": bad("Many")}
NOTHING_KNOWN_ABOVE = {"leader": bad("Many"), "ocm": blind()}


def deployment(**changes: Any) -> WorkloadView:
    whole = replace(
        STEADY,
        name="fleet-manager",
        uid=TARGET_UID,
        generation=7,
        observed_generation=7,
        template_hash="before",
    )
    return replace(whole, **changes)


def target(**changes: Any) -> TargetFacts:
    free = TargetFacts(
        kind=WorkloadKind.DEPLOYMENT,
        workload="fleet-manager",
        view=deployment(),
        known=True,
        may_act=dict.fromkeys(ActionKind, True),
        entries=(),
        conflict=lambda action: False,
        affordable=lambda action: True,
        ends=(),
    )
    return replace(free, **changes)


def snapshot(
    checks: Mapping[str, Memory],
    spec: Spec | None = None,
    *,
    api: TargetFacts | None = None,
    starting: bool = False,
    pods: Mapping[PodRef, PodFacts] | None = None,
) -> Snapshot:
    other = target(workload="token-refresher", view=deployment(name="token-refresher", uid="u2"))
    return Snapshot(
        spec=spec or spec_of(),
        uid=SOP_UID,
        checks=checks_of(**checks),
        targets={"api": api or target(), "refresher": other},
        starting=starting,
        pods=pods or {},
    )


def facts(**changes: Any) -> Facts:
    """Facts for which every guard says yes."""
    spec = spec_of()
    allowed = Facts(
        mode=spec.mode,
        suspended=False,
        starting=False,
        evidence=(bad("None"),),
        target=deployment(),
        target_known=True,
        kind=WorkloadKind.DEPLOYMENT,
        workload="fleet-manager",
        floor=2,
        may_act=True,
        entries=(),
        conflict=False,
        budget=True,
    )
    return replace(allowed, **changes)


POD = PodRef("fleet-manager-1", "b6f1a7a2-0000-4000-8000-000000000003")


def one_pod_fails(newest: Sample | None = None, pod: PodRef = POD) -> Memory:
    """A check that has singled out one pod for as long as it must."""
    found = failed({"TooMany", "SinglePod"}, "one pod fails", pod=pod)
    return replace(bad("TooMany", "SinglePod"), last=found, newest=newest or found)


def pod_facts(**changes: Any) -> PodFacts:
    """A pod that may be evicted."""
    free = PodFacts(ref=POD, there=True, owned=True, others_ready=2, budgets=1, disruptions=1)
    return replace(free, **changes)


def remediate_of(**changes: Any) -> Remediate:
    return Remediate.model_validate({"restart": {}} | changes)


def entry(identity: str, ago: timedelta, **changes: Any) -> ActionEntry:
    return ActionEntry.model_validate(
        {"id": identity, "action": "restart", "time": NOW - ago} | changes
    )


def intent_of(phase: Phase = Phase.PLANNED, **changes: Any) -> Intent:
    planned = {
        "id": "0123456789abcdef",
        "action": "restart",
        "procedure": "Latency",
        "row": "no-leader",
        "target": "api",
        "workload": "fleet-manager",
        "uid": TARGET_UID,
        "generation": 7,
        "template_hash": "before",
        "attempt": 0,
        "planned": NOW,
        "phase": phase,
        "phase_since": NOW,
        "applied_hash": None if phase is Phase.PLANNED else "after",
    }
    return Intent.model_validate(planned | changes)


class Story:
    """Decisions one after the other, each on the status that the one before left."""

    def __init__(self, spec: Spec | None = None, status: Status | None = None) -> None:
        self.spec = spec or spec_of()
        self.status = status or Status()
        self.now = NOW

    def after(self, wait: timedelta, checks: Mapping[str, Memory], **around: Any) -> Decision:
        """Let time pass, then decide on these checks; what is not named has passed."""
        self.now += wait
        decision = decide(snapshot(checks, self.spec, **around), self.status, self.now)
        update = {"procedures": decision.procedures, "escalations": decision.escalations}
        self.status = self.status.model_copy(update=update)
        return decision

    def at_once(self, checks: Mapping[str, Memory], **around: Any) -> Decision:
        return self.after(timedelta(), checks, **around)
