"""The whole status from a decision. Pure; the result is written only when it differs."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from servicesop.api.checks.check import Check
from servicesop.api.kinds import ActionKind
from servicesop.api.sop import Spec
from servicesop.api.status import (
    CheckState,
    CheckStatus,
    Condition,
    HistoryItem,
    Intent,
    Phase,
    ProcedureStatus,
    Seen,
    Status,
    Tri,
)
from servicesop.api.texts import fitted
from servicesop.api.times import whole_seconds
from servicesop.decide.course import doing
from servicesop.decide.decide import Decision
from servicesop.decide.gates import Allowed
from servicesop.decide.procedures import Section, blind_checks, handled_checks
from servicesop.judge.debounce import HELD, Memory
from servicesop.judge.dependencies import causes
from servicesop.status import conditions as say
from servicesop.status.bounds import bounded

MAX_MESSAGE = 512
NOTHING = "-"


def report(
    *,
    spec: Spec,
    generation: int,
    uid: str,
    sections: tuple[Section, ...],
    checks: Mapping[str, Memory],
    seen: Mapping[str, tuple[Seen, ...]],
    decision: Decision,
    intents: tuple[Intent, ...],
    history: tuple[HistoryItem, ...],
    readiness: say.Readiness,
    before: Status,
    now: datetime,
) -> Status:
    """Say everything about one SOP. `last_checked_time` stays as it was: the writer sets it.

    `seen` is what must be kept for the checks, by name.
    """
    healthy = say.healthy(spec, sections, decision.procedures, checks)
    said = [
        say.ready(readiness),
        *say.stalled(readiness),
        healthy,
        say.remediation_allowed(decision.allowed),
        say.remediating(intents, doing(intents[0]) if intents else ""),
        say.escalated(decision.escalations),
    ]
    for section, status in zip(sections, decision.procedures, strict=True):
        said += say.procedure(section, status, checks, suspended=spec.suspend)
    conditions = say.conditions(said, before.conditions, generation, now)
    teams = dict.fromkeys(team for one in decision.escalations for team in one.to)
    whole = Status(
        observed_generation=generation,
        conditions=conditions,
        last_checked_time=before.last_checked_time,
        failing=_failing(spec, sections, decision.procedures, checks, readiness, healthy.status),
        since=_since(conditions),
        doing=_doing(decision, intents),
        team=fitted(", ".join(teams), MAX_MESSAGE) or None,
        checks_summary=_summary(checks),
        last_action=_last_action(history),
        message=fitted(healthy.message, MAX_MESSAGE) or None,
        uid=uid,
        procedures=decision.procedures,
        checks=_checks(spec, checks, seen, before),
        intents=intents,
        escalations=decision.escalations,
        history=history,
    )
    # What was written fits.
    return before if whole == before else bounded(whole)


def refused(
    generation: int, uid: str, readiness: say.Readiness, before: Status, now: datetime
) -> Status:
    """Say that the spec cannot be run; what is remembered stays."""
    health = say.Said("Healthy", Tri.UNKNOWN, readiness.reason, "no check runs")
    said = [say.ready(readiness), *say.stalled(readiness), health]
    conditions = say.conditions(said, before.conditions, generation, now)
    update = {
        "observed_generation": generation,
        "uid": uid,
        "conditions": conditions,
        "failing": f"Not ready: {readiness.reason}",
        "since": _since(conditions),
        "message": fitted(readiness.message, MAX_MESSAGE),
    }
    return before.model_copy(update=update)


def _checks(
    spec: Spec,
    checks: Mapping[str, Memory],
    seen: Mapping[str, tuple[Seen, ...]],
    before: Status,
) -> tuple[CheckStatus, ...]:
    old = {one.name: one for one in before.checks}
    found = []
    for check in spec.checks:
        one = check_status(check, checks[check.name], spec.every, old.get(check.name))
        found.append(one.evolve(seen=seen.get(check.name, ())))
    return tuple(found)


def check_status(
    check: Check, memory: Memory, every: timedelta, was: CheckStatus | None
) -> CheckStatus:
    """Say where one check stands; the details only while it is not Passed."""
    twice = 2 * (check.every or every)
    said = None if memory.state is CheckState.PASSED else memory.last
    findings = memory.confirmed if memory.state is CheckState.FAILED else memory.pending
    standing: dict[str, Any] = {
        "name": check.name,
        "state": memory.state,
        "since": whole_seconds(memory.since),
        "findings": tuple(sorted(findings)),
        "reason": said.reason.value if said and said.reason else None,
        "message": said.message if said else None,
        "for_": None if check.for_ is not None or check.leader else twice,
        "recover_for": None if check.recover_for is not None else twice,
    }
    # Counts in the evidence move with every run; the sample of when it began will do.
    if was is not None and all(getattr(was, name) == value for name, value in standing.items()):
        return was
    return CheckStatus(**standing, evidence=said.evidence if said else ())


def _summary(checks: Mapping[str, Memory]) -> str:
    """Count the passed checks, and those that are not run."""
    counts = Counter(memory.state for memory in checks.values())
    parts = [f"{counts[CheckState.PASSED]}/{len(checks)}"]
    parts += [f"{counts[state]} {state.lower()}" for state in HELD if counts[state]]
    return ", ".join(parts)


def _since(conditions: tuple[Condition, ...]) -> datetime:
    return next(one.last_transition_time for one in conditions if one.type == "Healthy")


def _failing(
    spec: Spec,
    sections: tuple[Section, ...],
    procedures: tuple[ProcedureStatus, ...],
    checks: Mapping[str, Memory],
    readiness: say.Readiness,
    healthy: Tri,
) -> str | None:
    if readiness.status is not Tri.TRUE:
        return fitted(f"Not ready: {readiness.message}", MAX_MESSAGE)
    if spec.suspend:
        return "Suspended"
    happening = [
        title
        for section, status in zip(sections, procedures, strict=True)
        if status.state is Tri.TRUE
        for title in section.titles
    ]
    if happening:
        return _first_and_count(happening)
    if healthy is Tri.TRUE:
        return None
    names = dict.fromkeys(
        name
        for section, status in zip(sections, procedures, strict=True)
        if status.state is Tri.UNKNOWN
        for name in section.checks
    )
    blind = blind_checks(names, checks, handled_checks(sections))
    if blind:
        by_name = {check.name: check for check in spec.checks}
        sources = {source_of(by_name[name]) for name in blind}
        return "Blind: " + (sources.pop() if len(sources) == 1 else _first_and_count(blind))
    waiting = tuple(dict.fromkeys(cause for name in names for cause in causes(name, checks)))
    pending = [name for name in waiting if checks[name].state is CheckState.PENDING]
    if pending:
        return "Pending: " + _first_and_count(pending)
    suspended = [name for name in waiting if checks[name].state is CheckState.SUSPENDED]
    return "Suspended: " + _first_and_count(suspended)


def source_of(check: Check) -> str:
    """Name what a check asks: a connection where it has one, else itself."""
    if check.leader and check.leader.lease:
        return check.leader.lease.connection
    if check.sql:
        return check.sql.connection
    if check.stuck_rows:
        return check.stuck_rows.connection
    return check.name


def _first_and_count(names: Sequence[str]) -> str:
    return names[0] + (f" +{len(names) - 1}" if len(names) > 1 else "")


def _doing(decision: Decision, intents: tuple[Intent, ...]) -> str:
    if intents:
        under_way = {ActionKind.RESTART: "Restarting", ActionKind.DELETE_POD: "Evicting"}
        return {
            Phase.PLANNED: under_way[intents[0].action],
            Phase.ISSUED: under_way[intents[0].action],
            Phase.SETTLING: "Settling",
            Phase.VERIFYING: "Verifying",
        }[intents[0].phase]
    if decision.escalations:
        return "Escalated"
    texts = [one.doing or "" for one in decision.procedures]
    if any(text.startswith("would do") for text in texts):
        return Allowed.DRY_RUN.value
    if any(text.startswith("holds") for text in texts):
        return "Holding"
    return "Waiting" if any(texts) else NOTHING


def _last_action(history: tuple[HistoryItem, ...]) -> str | None:
    if not history:
        return None
    last = history[0]
    return f"{last.action} {last.workload}: {last.outcome}"
