"""Whether every worker has exactly one leader, as far as leases, metrics and logs tell. Pure.

A lease is the authority for None, and can hardly show two. Logs add what a lease cannot see: two
pods that both say they lead, and a leader that does not work. Alone, they also find None. What
they do not cover is unknown, never a failure. docs/checks/leader.md has the table.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto

from servicesop.api.reasons import UnknownReason
from servicesop.judge.results import Sample, failed, inconclusive, passed


@dataclass(frozen=True, slots=True)
class Held:
    """What the lease, or the metric, says of one worker."""

    holders: int
    """How many hold a valid one, or lead by the metric."""
    holder: str = ""
    """Who, if there is one."""
    doubt: UnknownReason | None = None
    """Why that cannot be told after all."""
    nobody: str = "no valid lease"
    """What is said where nobody leads."""


class Role(Enum):
    """What the log of one pod says of one worker."""

    LEADS = auto()
    FOLLOWS = auto()
    """It has lost it, stopped, or never led since its start."""
    IDLE = auto()
    """Its log does not reach back to its start; but it shows no heartbeat where it does cover."""
    UNKNOWN = auto()


@dataclass(frozen=True, slots=True)
class PodRole:
    """One pod and one worker."""

    pod: str
    role: Role
    holder: str = ""
    """The identity under which it leads, where its lines tell."""


@dataclass(frozen=True, slots=True)
class Logged:
    """What the logs of all pods say of one worker."""

    roles: Sequence[PodRole]
    works: bool | None
    """The leader showed a heartbeat in time; None: not known, or not asked for."""


@dataclass(frozen=True, slots=True)
class Logs:
    """What the logs of all pods say."""

    workers: Mapping[str, Logged]
    wants_heartbeat: bool
    doubt: UnknownReason
    """Why they cannot tell, where they cannot."""


@dataclass(slots=True)
class _Outcome:
    none: bool = False
    many: bool = False
    silent: bool = False
    doubts: list[UnknownReason] = field(default_factory=list)
    evidence: str = ""


def judge_leaders(
    workers: Sequence[str], held: Mapping[str, Held] | None, logs: Logs | None
) -> Sample:
    """Judge all workers. What is certain of one counts, whatever is unknown of the others."""
    outcomes = {
        worker: _judge(worker, held[worker] if held is not None else None, logs)
        for worker in workers
    }
    faults = {
        "None": ("no leader", [one for one in workers if outcomes[one].none]),
        "Many": ("more than one leader", [one for one in workers if outcomes[one].many]),
        "NoHeartbeat": ("no heartbeat", [one for one in workers if outcomes[one].silent]),
    }
    findings = {finding for finding, (_, found) in faults.items() if found}
    if findings:
        said = [f"{fault}: {', '.join(found)}" for fault, found in faults.values() if found]
        at_fault = {one for _, found in faults.values() for one in found}
        evidence = tuple(outcomes[one].evidence for one in workers if one in at_fault)
        return failed(findings, "; ".join(said), evidence)
    for reason in _DOUBTS:
        unsure = [one for one in workers if reason in outcomes[one].doubts]
        if unsure:
            return inconclusive(reason, f"{_DOUBTS[reason]}: {', '.join(unsure)}")
    evidence = tuple(outcomes[one].evidence for one in workers if outcomes[one].evidence)
    return passed("every worker has exactly one leader", evidence)


# In the order in which they are told.
_DOUBTS = {
    UnknownReason.INCOMPLETE_LEASE: "the Lease lacks holderIdentity, renewTime or"
    " leaseDurationSeconds",
    UnknownReason.CLOCKS_DIFFER: "the Lease was renewed in the future",
    UnknownReason.EMPTY: "the metric has no number, or no series, for the workers",
    UnknownReason.DOUBTFUL_ANSWER: "Prometheus warns that its answer is incomplete or may be wrong",
    UnknownReason.NO_PODS: "no pod of the target has a log to read",
    UnknownReason.SILENT_LOGS: "no pod has logged any line that the check looks for; check its"
    " patterns, and the service's log level",
    UnknownReason.NOT_COVERED: "the logs do not reach back far enough to tell who leads",
}


def _judge(worker: str, held: Held | None, logs: Logs | None) -> _Outcome:
    outcome = _Outcome()
    leading: list[PodRole] = []
    if logs is not None:
        leading = [one for one in logs.workers[worker].roles if one.role is Role.LEADS]
    stranger = _leads_without_lease(held, leading)
    if held is not None and held.doubt is not None:
        outcome.doubts.append(held.doubt)
    elif held is not None:
        outcome.none = held.holders == 0
        outcome.many = held.holders > 1
    outcome.many = outcome.many or len(leading) > 1 or stranger is not None
    if logs is not None:
        _judge_logs(outcome, logs.workers[worker], logs, alone=held is None, led=bool(leading))
    if said := _evidence(outcome, held, leading, stranger):
        outcome.evidence = f"{worker}: {said}"
    return outcome


def _judge_logs(outcome: _Outcome, logged: Logged, logs: Logs, *, alone: bool, led: bool) -> None:
    roles = {one.role for one in logged.roles}
    if alone and not led:
        outcome.none = bool(roles) and roles == {Role.FOLLOWS}
    if logs.wants_heartbeat and not outcome.none:
        outcome.silent = logged.works is False
    unsure = (
        not roles
        or (Role.UNKNOWN in roles and not outcome.many)
        or (alone and not led and not outcome.none and not outcome.silent)
        or (logs.wants_heartbeat and not outcome.none and logged.works is None)
    )
    if unsure:
        outcome.doubts.append(logs.doubt)


def _leads_without_lease(held: Held | None, leading: Sequence[PodRole]) -> PodRole | None:
    """Give the one pod that says it leads, where a valid lease names another holder."""
    if held is None or held.doubt is not None or held.holders != 1 or len(leading) != 1:
        return None
    (one,) = leading
    return one if one.holder and held.holder and one.holder != held.holder else None


def _evidence(
    outcome: _Outcome, held: Held | None, leading: Sequence[PodRole], stranger: PodRole | None
) -> str:
    pods = ", ".join(sorted(one.pod for one in leading))
    if outcome.none:
        if held is None:
            return "by its log, no pod leads"
        return held.nobody + (f"; by its log, {pods} leads" if pods else "")
    if stranger is not None:
        return f"{stranger.pod} leads by its log, but another holds the lease"
    if len(leading) > 1:
        owner = next((one.pod for one in leading if held and one.holder == held.holder != ""), "")
        return f"{len(leading)} pods lead by their logs: {pods}" + (
            f"; {owner} holds the lease" if owner else ""
        )
    if outcome.many and held is not None:
        return f"{held.holders} leaders"
    if outcome.silent:
        return f"no heartbeat of {pods or 'any pod'}"
    return f"led by {pods}" if pods else ""
