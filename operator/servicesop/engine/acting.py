"""One action from the plan to the sent change, each step written down before the next.

The order, and after each arrow the process may die: episode in the status -> claim on the target's
record -> budget entry -> intent in the status -> live re-read -> act -> issued. What is found
after a restart is found by the action's id, which the same decision always gives again.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import datetime

from servicesop.actions.action import Action, Sent, Subject
from servicesop.api.kinds import ActionKind
from servicesop.api.status import CheckState, Intent, Outcome, Phase
from servicesop.api.times import whole_seconds
from servicesop.decide import gates, table
from servicesop.decide.course import Plan
from servicesop.decide.progress import Found, Live, found, issued
from servicesop.decide.snapshot import Snapshot, evidence_of, facts_of, pod_of
from servicesop.engine.ledger import Conflict, Ledger, Target
from servicesop.engine.metrics import Metrics
from servicesop.engine.sop import Sop
from servicesop.judge.debounce import Memory
from servicesop.judge.results import Verdict
from servicesop.judge.rollout import WorkloadView
from servicesop.status.writer import StatusWriter

_log = logging.getLogger(__name__)

Write = Callable[[Sop, tuple[Intent, ...]], Awaitable[None]]
"""Writes the SOP's status with these intents."""
Complete = Callable[[Sop, Intent, Outcome], Awaitable[None]]
"""Ends an intent: history, episode, ledger."""


def raw(memory: Memory) -> Memory:
    """Give what the newest run alone says, without any debouncing."""
    newest = memory.newest
    if newest is None or not newest.verdict.known:
        return replace(memory, state=CheckState.ERROR)
    if newest.verdict is Verdict.PASSED:
        return replace(memory, state=CheckState.PASSED, failing={}, confirmed=frozenset())
    return replace(memory, state=CheckState.FAILED, failing={}, confirmed=newest.findings)


class Acting:
    """Carries out plans. Raise ApiError, ApiUnreachable, StaleCopy, Gone: the turn is repeated."""

    def __init__(
        self,
        actions: Mapping[ActionKind, Action],
        writer: StatusWriter,
        ledger: Ledger,
        metrics: Metrics,
        *,
        now: Callable[[], datetime],
        run_check: Callable[[Sop, str], Awaitable[None]],
        snapshot: Callable[[Sop], Snapshot],
        targets: Callable[[], int],
        write: Write,
        complete: Complete,
    ) -> None:
        """`targets` counts all targets that SOPs name, for the share that may be in flight."""
        self._actions = actions
        self._writer = writer
        self._ledger = ledger
        self._metrics = metrics
        self._now = now
        self._run_check = run_check
        self._snapshot = snapshot
        self._targets = targets
        self._write = write
        self._complete = complete

    async def begin(self, sop: Sop, plan: Plan) -> None:
        """Carry out a plan that every guard allows, up to the sent change."""
        if not await self.confirmed(sop, plan):
            return
        target = (sop.namespace, plan.kind, plan.workload)
        try:
            action = plan.remediate.action
            await self._ledger.claim(target, plan.id, action, "/".join(sop.key), sop.uid)
            await self._ledger.spend(sop.namespace, self._targets(), plan.id)
        except Conflict:
            self._metrics.refused.labels("Conflict").inc()
            return
        subject = Subject.of_plan(sop.namespace, plan)
        live = (await self._actions[plan.remediate.action].look(subject)).live
        view = live.target
        if view is None or view.uid != plan.uid or self._refused(sop, plan, live):
            # The claim is left to its deadline: another process may be acting under the same id.
            return
        intent = self._intent(plan, view)
        await self._write(sop, (*sop.status.intents, intent))
        await self.send(sop, plan, intent)

    async def confirmed(self, sop: Sop, plan: Plan) -> bool:
        """Run the checks of the winning row and those above once more; the row must still win."""
        section = next(one for one in sop.sections if one.name == plan.procedure)
        names = evidence_of(section, plan.row)
        await asyncio.gather(*(self._run_check(sop, name) for name in names))
        checks = {name: raw(memory) for name, memory in sop.checks.items()}
        verdict = table.read(section.rows, checks, lambda row: row.name in plan.skipped)
        won = verdict.why is table.Why.ROW and verdict.row.name == plan.row.name
        if not won:
            self._metrics.refused.labels("NotConfirmed").inc()
        return won

    async def send(
        self, sop: Sop, plan: Plan, intent: Intent, unsent: Outcome = Outcome.NOT_NEEDED
    ) -> None:
        """Read everything live once more and send the change with the recorded preconditions.

        `unsent` is how the intent ends if that shows that it must not be sent.
        """
        action, subject = self._actions[intent.action], Subject.of_intent(sop.namespace, intent)
        look = await action.look(subject)
        seen, view = found(intent, look.live), look.live.target
        if seen is Found.APPLIED and view is not None:
            # Sent by another process, or late by an earlier one.
            await self._issued(sop, intent, view)
            return
        if seen is Found.LOST or await self._withdrawn(sop):
            await self._complete(sop, intent, unsent)
            return
        if self._refused(sop, plan, look.live):
            await self._complete(sop, intent, unsent)
            return
        result = await action.send(subject, intent, look)
        _log.info(
            "%s/%s: %s, action %s: %s",
            sop.namespace,
            sop.name,
            intent.action.of(intent.kind, intent.workload),
            intent.id,
            result.sent,
        )
        match result.sent:
            case Sent.APPLIED if result.target is not None:
                await self._issued(sop, intent, result.target)
            case Sent.STALE:
                await self._complete(sop, intent, unsent)
            case Sent.REFUSED:
                await self._complete(sop, intent, Outcome.REFUSED)
            case Sent.NOT_NOW:
                await self._complete(sop, intent, Outcome.DISRUPTION_REFUSED)
            case _:
                # No answer. The intent stays Planned, and the target will tell.
                pass

    async def _issued(self, sop: Sop, intent: Intent, target: WorkloadView) -> None:
        done = issued(intent, target, self._now())
        others = tuple(one for one in sop.status.intents if one.id != intent.id)
        await self._write(sop, (*others, done))

    async def _withdrawn(self, sop: Sop) -> bool:
        """Say whether the SOP that was judged is not the one that the server has now."""
        body = await self._writer.read(sop.namespace, sop.name)
        metadata = body["metadata"]
        return (
            metadata["uid"] != sop.uid
            or metadata["generation"] != sop.generation
            or metadata.get("deletionTimestamp") is not None
        )

    def _refused(self, sop: Sop, plan: Plan, live: Live) -> bool:
        snapshot = self._snapshot(sop)
        section = next(one for one in sop.sections if one.name == plan.procedure)
        evidence = evidence_of(section, plan.row)
        if pod_of(plan.remediate, snapshot.checks) != plan.pod:
            # The check has run once more since, and means another pod now.
            self._metrics.refused.labels("NotConfirmed").inc()
            return True
        facts = facts_of(snapshot, plan.remediate, plan.id, evidence)
        facts = replace(facts, target=live.target, pod=live.pod)
        refused = gates.refusal(facts, plan.remediate, self._now())
        if refused is not None:
            self._metrics.refused.labels(refused.reason).inc()
        return refused is not None

    def _intent(self, plan: Plan, view: WorkloadView) -> Intent:
        now = whole_seconds(self._now())
        return Intent(
            id=plan.id,
            action=plan.remediate.action,
            procedure=plan.procedure,
            row=plan.row.name,
            target=plan.target,
            kind=plan.kind,
            workload=plan.workload,
            uid=view.uid,
            generation=view.generation,
            template_hash=view.template_hash,
            pod=plan.pod.name if plan.pod else None,
            pod_uid=plan.pod.uid if plan.pod else None,
            attempt=plan.attempt,
            planned=now,
            phase=Phase.PLANNED,
            phase_since=now,
        )


def target_of(sop: Sop, intent: Intent) -> Target:
    """Give the ledger's name of an intent's target."""
    return (sop.namespace, intent.kind, intent.workload)
