"""The conditions of an SOP: what each says, in words that do not change unless the fact does."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from servicesop.api.kinds import ActionKind
from servicesop.api.procedures import Severity
from servicesop.api.sop import Spec
from servicesop.api.status import (
    CheckState,
    Condition,
    Escalation,
    Intent,
    Phase,
    ProcedureStatus,
    Tri,
)
from servicesop.api.texts import fitted
from servicesop.api.times import whole_seconds
from servicesop.decide.gates import Refused
from servicesop.decide.procedures import Section, health_of
from servicesop.judge.debounce import Memory

MAX_MESSAGE = 1024


class ReadyReason(StrEnum):
    """The reasons of the condition Ready."""

    OPERATIONAL = "Operational"
    """The checks run on schedule."""
    SUSPENDED = "Suspended"
    """spec.suspend is true."""
    INVALID_SPEC = "InvalidSpec"
    """The spec cannot be run; the message names the field."""
    NO_RUNNER = "NoRunner"
    """The namespace has no ServiceAccount servicesop-runner."""
    ACCESS_DENIED = "AccessDenied"
    """The runner lacks a right that the checks need."""
    UNKNOWN = "AccessUnknown"
    """The rights could not be asked."""


class HealthyReason(StrEnum):
    """The reasons of the condition Healthy, and of each procedure's condition."""

    CHECKS_PASSED = "ChecksPassed"
    CHECKS_FAILED = "ChecksFailed"
    CHECKS_PENDING = "ChecksPending"
    """A check fails, but not yet for long enough."""
    CHECKS_UNKNOWN = "ChecksUnknown"
    """A check cannot tell."""
    CHECKS_SKIPPED = "ChecksSkipped"
    """A check waits for another one, which is not Passed."""
    CHECKS_SUSPENDED = "ChecksSuspended"
    """A check is suspended."""
    STARTING = "Starting"
    """A check has not run yet."""
    SUSPENDED = "Suspended"


class RemediatingReason(StrEnum):
    """The reasons of the condition Remediating."""

    NO_ACTION = "NoAction"
    RESTART_PLANNED = "RestartPlanned"
    RESTART_ISSUED = "RestartIssued"
    EVICTION_PLANNED = "EvictionPlanned"
    EVICTION_ISSUED = "EvictionIssued"
    SETTLING = "Settling"
    VERIFYING = "Verifying"


class EscalatedReason(StrEnum):
    """The reason of Escalated when nobody is called; else it is that of the first escalation."""

    NOT_NEEDED = "NotNeeded"


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether the operator can run the SOP."""

    status: Tri
    reason: ReadyReason
    message: str = ""


@dataclass(frozen=True, slots=True)
class Said:
    """A condition before it has its times."""

    type: str
    status: Tri
    reason: str
    message: str = ""


def conditions(
    said: list[Said], before: tuple[Condition, ...], generation: int, now: datetime
) -> tuple[Condition, ...]:
    """Give conditions their times: `lastTransitionTime` moves only when the status does."""
    old = {condition.type: condition for condition in before}
    return tuple(_condition(one, old.get(one.type), generation, now) for one in said)


def _condition(said: Said, was: Condition | None, generation: int, now: datetime) -> Condition:
    message = fitted(said.message, MAX_MESSAGE)
    since = whole_seconds(now)
    if was is not None and was.status is said.status:
        since = was.last_transition_time
        known = (was.reason, was.message, was.observed_generation)
        if known == (said.reason, message, generation):
            return was
    return Condition(
        type=said.type,
        status=said.status,
        reason=said.reason,
        message=message,
        observed_generation=generation,
        last_transition_time=since,
    )


def ready(readiness: Readiness) -> Said:
    """Say whether the operator runs the SOP; it says nothing about the service."""
    return Said("Ready", readiness.status, readiness.reason, readiness.message)


def stalled(readiness: Readiness) -> list[Said]:
    """Say that nothing goes on until the spec changes, only when that is so (kstatus)."""
    if readiness.reason is not ReadyReason.INVALID_SPEC:
        return []
    return [Said("Stalled", Tri.TRUE, readiness.reason, readiness.message)]


def procedure(
    section: Section, status: ProcedureStatus, checks: Mapping[str, Memory], *, suspended: bool
) -> list[Said]:
    """Say whether a procedure is happening, under each of its titles."""
    if suspended:
        reason, message = HealthyReason.SUSPENDED, "spec.suspend is true"
    else:
        reason, message = _explain(section.checks, checks)
    state = Tri.UNKNOWN if suspended else status.state
    return [Said(title, state, reason, message) for title in section.titles]


def healthy(
    spec: Spec,
    sections: tuple[Section, ...],
    procedures: tuple[ProcedureStatus, ...],
    checks: Mapping[str, Memory],
) -> Said:
    """Say whether the service is well."""
    if spec.suspend:
        return Said("Healthy", Tri.UNKNOWN, HealthyReason.SUSPENDED, "spec.suspend is true")
    states = {status.name: status.state for status in procedures}
    severities = {section.name: section.procedure.severity for section in sections}
    health = health_of(states, severities)
    if health is Tri.TRUE:
        return Said("Healthy", health, HealthyReason.CHECKS_PASSED)
    wanted = Tri.TRUE if health is Tri.FALSE else Tri.UNKNOWN
    names: dict[str, None] = {}
    for section in sections:
        counts = health is Tri.UNKNOWN or section.procedure.severity is not Severity.INFO
        if states[section.name] is wanted and counts:
            names |= dict.fromkeys(section.checks)
    reason, message = _explain(tuple(names), checks)
    return Said("Healthy", health, reason, message)


def _explain(names: tuple[str, ...], checks: Mapping[str, Memory]) -> tuple[HealthyReason, str]:
    by_state: dict[CheckState, list[str]] = {state: [] for state in CheckState}
    for name in names:
        by_state[checks[name].state].append(name)
    if by_state[CheckState.FAILED]:
        return HealthyReason.CHECKS_FAILED, _texts(by_state[CheckState.FAILED], checks)
    blind = by_state[CheckState.ERROR] + by_state[CheckState.INCONCLUSIVE]
    if blind:
        return HealthyReason.CHECKS_UNKNOWN, _texts(blind, checks)
    if by_state[CheckState.NOT_RUN]:
        return HealthyReason.STARTING, _texts(by_state[CheckState.NOT_RUN], checks)
    if by_state[CheckState.PENDING]:
        return HealthyReason.CHECKS_PENDING, _texts(by_state[CheckState.PENDING], checks)
    if by_state[CheckState.SKIPPED]:
        return HealthyReason.CHECKS_SKIPPED, _texts(by_state[CheckState.SKIPPED], checks)
    if by_state[CheckState.SUSPENDED]:
        return HealthyReason.CHECKS_SUSPENDED, _texts(by_state[CheckState.SUSPENDED], checks)
    return HealthyReason.CHECKS_PASSED, ""


def _texts(names: list[str], checks: Mapping[str, Memory]) -> str:
    return "; ".join(text_of(name, checks[name]) for name in names)


def text_of(name: str, memory: Memory) -> str:
    """Say in one line what a check says."""
    said = memory.last
    if said is None:
        return f"{name}: has not run yet"
    reason = f"{said.reason}: " if said.reason else ""
    return f"{name}: {reason}{said.message}"


def remediation_allowed(refused: Refused | None) -> Said:
    """Say whether an action would be permitted now."""
    if refused is None:
        return Said("RemediationAllowed", Tri.TRUE, "Allowed")
    return Said("RemediationAllowed", Tri.FALSE, refused.reason, refused.message)


def remediating(intents: tuple[Intent, ...], doing: str) -> Said:
    """Say whether an action is in flight."""
    if not intents:
        return Said("Remediating", Tri.FALSE, RemediatingReason.NO_ACTION)
    planned, issued = {
        ActionKind.RESTART: (RemediatingReason.RESTART_PLANNED, RemediatingReason.RESTART_ISSUED),
        ActionKind.DELETE_POD: (
            RemediatingReason.EVICTION_PLANNED,
            RemediatingReason.EVICTION_ISSUED,
        ),
    }[intents[0].action]
    reason = {
        Phase.PLANNED: planned,
        Phase.ISSUED: issued,
        Phase.SETTLING: RemediatingReason.SETTLING,
        Phase.VERIFYING: RemediatingReason.VERIFYING,
    }[intents[0].phase]
    return Said("Remediating", Tri.TRUE, reason, doing)


def escalated(opened: tuple[Escalation, ...]) -> Said:
    """Say whether people have been called, whom, and why."""
    if not opened:
        return Said("Escalated", Tri.FALSE, EscalatedReason.NOT_NEEDED)
    texts = [
        f"{', '.join(one.procedures)}: to {', '.join(one.to)}"
        + (f": {one.message}" * bool(one.message))
        for one in opened
    ]
    return Said("Escalated", Tri.TRUE, opened[0].reason, "; ".join(texts))
