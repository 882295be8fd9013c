"""An action from its intent to its outcome: what the target and the checks prove."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from servicesop.api.kinds import ActionKind
from servicesop.api.status import CheckState, Intent, Outcome, Phase
from servicesop.api.times import format_time, next_second, whole_seconds
from servicesop.judge.debounce import Memory
from servicesop.judge.eviction import PodFacts
from servicesop.judge.rollout import PodView, Rollout, WorkloadView, rollout_of

EVIDENCE_LIMIT = timedelta(minutes=10)
"""An intent that was not sent within this time is abandoned."""
ROLLOUT_LIMIT = timedelta(minutes=30)
"""A rollout that neither ends nor fails in this time has failed, and so has a pod's replacement."""


def action_id(sop_uid: str, procedure: str, episode: datetime, attempt: int, target: str) -> str:
    """Give the id of an action: the same decision always gives the same id.

    `target` is the uid of the target. 16 hexadecimal digits.
    """
    parts = (sop_uid, procedure, format_time(episode), str(attempt), target)
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class NotSent:
    """The intent was not applied and may be sent, with the preconditions that it recorded."""


@dataclass(frozen=True, slots=True)
class Live:
    """What an action changes, as the API server has it now."""

    target: WorkloadView | None
    """None where it does not exist."""
    pod: PodFacts | None = None
    """The pod; None where the action is not about a single one."""


class Found(StrEnum):
    """What the live objects say about an intent."""

    APPLIED = "Applied"
    NOT_APPLIED = "NotApplied"
    LOST = "Lost"
    """They are not what was judged any more, and do not tell."""


def found(intent: Intent, live: Live) -> Found:
    """Find out from the live objects whether an intent was applied."""
    target = live.target
    if target is None or target.uid != intent.uid:
        return Found.LOST
    if intent.action is ActionKind.DELETE_POD:
        if live.pod is None:
            return Found.LOST
        # A pod is there once. Whoever took it away, there is nothing left to do.
        return Found.NOT_APPLIED if live.pod.there else Found.APPLIED
    if target.action == intent.id:
        return Found.APPLIED
    # It may have been applied and rolled back since; the id alone would not show that.
    return Found.LOST if target.generation != intent.generation else Found.NOT_APPLIED


def recover(intent: Intent, live: Live, now: datetime) -> Intent | Outcome | NotSent:
    """Find out what became of an intent that may or may not have been sent."""
    what = found(intent, live)
    if what is Found.LOST or live.target is None:
        return Outcome.UNPROVEN
    if what is Found.APPLIED:
        return issued(intent, live.target, now)
    return Outcome.ABANDONED if now - intent.planned > EVIDENCE_LIMIT else NotSent()


def issued(intent: Intent, live: WorkloadView, now: datetime) -> Intent:
    """Give the intent after the change was seen on the target."""
    return intent.model_copy(
        update={
            "phase": Phase.ISSUED,
            "phase_since": whole_seconds(now),
            "applied_hash": live.template_hash,
        }
    )


def advance(
    intent: Intent,
    settle: timedelta,
    within: timedelta,
    target: WorkloadView | None,
    verify: Mapping[str, Memory],
    now: datetime,
    pods: Sequence[PodView] = (),
) -> Intent | Outcome:
    """Take an applied action one step further; give its outcome when it has one.

    `target` is the cached view; None means that the workload is gone. `verify` holds the checks
    that prove the action, by name; after `settle` they must pass throughout their `recoverFor`,
    at most `within` later. `pods` are the target's.
    """
    evicts = intent.action is ActionKind.DELETE_POD
    if target is None or target.uid != intent.uid:
        return Outcome.UNPROVEN if evicts else Outcome.REVERTED
    if not evicts and target.generation <= intent.generation:
        return intent  # the cache has not seen our own change yet
    if target.template_hash != intent.applied_hash:
        # Nobody undoes an eviction, but what other pods do proves nothing about it.
        return Outcome.UNPROVEN if evicts else Outcome.REVERTED
    if intent.phase is Phase.ISSUED:
        return _replacement(intent, target, pods, now) if evicts else _rollout(intent, target, now)
    if intent.phase is Phase.SETTLING:
        settled = now - intent.phase_since >= settle
        return _to(intent, Phase.VERIFYING, now) if settled else intent
    return _verify(intent, within, verify, now)


def _to(intent: Intent, phase: Phase, now: datetime) -> Intent:
    return intent.model_copy(update={"phase": phase, "phase_since": next_second(now)})


def _rollout(intent: Intent, target: WorkloadView, now: datetime) -> Intent | Outcome:
    stands = rollout_of(target)
    if stands is Rollout.COMPLETE:
        return _to(intent, Phase.SETTLING, now)
    if stands is Rollout.FAILED or now - intent.phase_since > ROLLOUT_LIMIT:
        return Outcome.ROLLOUT_FAILED
    return intent


def _replacement(
    intent: Intent, target: WorkloadView, pods: Sequence[PodView], now: datetime
) -> Intent | Outcome:
    # Of the pods themselves: the target's own count of ready ones follows a moment later.
    gone = all(pod.uid != intent.pod_uid for pod in pods)
    ready = sum(pod.ready and pod.counts for pod in pods)
    if gone and ready >= target.replicas and rollout_of(target) is Rollout.COMPLETE:
        return _to(intent, Phase.SETTLING, now)
    return Outcome.NOT_REPLACED if now - intent.phase_since > ROLLOUT_LIMIT else intent


def _verify(
    intent: Intent, within: timedelta, verify: Mapping[str, Memory], now: datetime
) -> Intent | Outcome:
    # An answer from before the verification proves nothing about the time after the action.
    fresh = all(
        memory.sampled is not None and memory.sampled >= intent.phase_since
        for memory in verify.values()
    )
    states = {memory.state for memory in verify.values()}
    newest = all(
        memory.newest is not None and memory.newest.verdict.known for memory in verify.values()
    )
    # Passed alone is not enough: after two unknown answers one good answer gives it.
    steady = all(memory.steady for memory in verify.values())
    if fresh and newest and steady and states == {CheckState.PASSED}:
        return Outcome.HELPED
    lost = timedelta(seconds=intent.lost)
    if newest and intent.lost_since is not None:
        lost += now - intent.lost_since
        intent = intent.model_copy(update={"lost": int(lost.total_seconds()), "lost_since": None})
    elif not newest and intent.lost_since is None:
        # What was not asked at all since the verification began (the operator was down) was not
        # answered either.
        unasked = any(memory.sampled is None for memory in verify.values())
        since = intent.phase_since if unasked else whole_seconds(now)
        lost += now - since
        intent = intent.model_copy(update={"lost_since": since})
    elif intent.lost_since is not None:
        lost += now - intent.lost_since
    used = now - intent.phase_since
    if used - min(lost, within) >= within:
        return Outcome.DID_NOT_HELP
    return intent
