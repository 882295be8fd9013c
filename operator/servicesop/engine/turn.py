"""One SOP's turn: progress of its actions, decision, status, and the next action, in that order."""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Protocol

from servicesop.actions.action import Action, Subject, pod_of_intent
from servicesop.actions.delete_pod import DeletePod
from servicesop.actions.restart import Restart
from servicesop.api.kinds import ActionKind
from servicesop.api.procedures import Remediate
from servicesop.api.sop import Spec, TargetRef
from servicesop.api.status import (
    HistoryItem,
    Intent,
    Outcome,
    Phase,
    ProcedureStatus,
    Status,
    Tri,
)
from servicesop.api.times import whole_seconds
from servicesop.checks.runner import WorkloadViews
from servicesop.decide.decide import Decision, decide
from servicesop.decide.ledger import joined
from servicesop.decide.procedures import state_of
from servicesop.decide.progress import NotSent, advance, recover
from servicesop.decide.snapshot import Snapshot, TargetFacts, pod_of, target_of, verify_of
from servicesop.decide.until import stands_until
from servicesop.engine.acting import Acting
from servicesop.engine.clock import Clock
from servicesop.engine.ledger import Ledger
from servicesop.engine.metrics import Metrics
from servicesop.engine.registry import Registry
from servicesop.engine.rest import Ground, Rest
from servicesop.engine.rights import Rights, needed_by_actions
from servicesop.engine.sop import Sop
from servicesop.judge.rollout import WorkloadView
from servicesop.sources.errors import SourceError
from servicesop.sources.kubernetes.client import ApiError, ApiUnreachable, KubeClient
from servicesop.sources.kubernetes.kinds import Kinds
from servicesop.sources.kubernetes.workloads import Place
from servicesop.status import events
from servicesop.status.events import Note
from servicesop.status.recorder import Regarding
from servicesop.status.report import refused, report
from servicesop.status.writer import StatusWriter


class Recorder(Protocol):
    """Tells people what has happened."""

    def record(self, about: Regarding, note: Note) -> None:
        """Take note of it; never waits."""


class Turns:
    """Gives SOPs their turns. Raise ApiError, ApiUnreachable, StaleCopy, Gone: it is repeated."""

    def __init__(
        self,
        *,
        client: KubeClient,
        cache: WorkloadViews,
        kinds: Kinds,
        registry: Registry,
        writer: StatusWriter,
        ledger: Ledger,
        recorder: Recorder,
        metrics: Metrics,
        clock: Clock,
        run_check: Callable[[Sop, str], Awaitable[None]],
        start_hold: timedelta,
        heartbeat: timedelta,
    ) -> None:
        """`start_hold` is how long nothing is done at first; `heartbeat` renews what stays."""
        self._cache = cache
        self._actions: Mapping[ActionKind, Action] = {
            ActionKind.RESTART: Restart(client),
            ActionKind.DELETE_POD: DeletePod(client, cache),
        }
        self._registry = registry
        self._writer = writer
        self._ledger = ledger
        self._recorder = recorder
        self._metrics = metrics
        self._clock = clock
        self._start_hold = start_hold
        self._heartbeat = heartbeat
        self._began = clock.now()
        self._rights = Rights(client, kinds, clock.monotonic)
        self._acting = Acting(
            self._actions,
            writer,
            ledger,
            metrics,
            now=clock.now,
            run_check=run_check,
            snapshot=self._snapshot,
            targets=registry.count_targets,
            write=self._write_intents,
            complete=self._complete,
        )

    async def take(self, sop: Sop, *, may_act: bool) -> None:
        """Take one SOP from what is known to what is said, and begin an action if one is due."""
        now = self._clock.now()
        if sop.spec is None:
            await self._write(sop, refused(sop.generation, sop.uid, sop.readiness, sop.status, now))
            return
        sop.readiness = await self._rights.readiness(sop.namespace, sop.spec)
        await self._ask_rights(sop, sop.spec)
        await self._look_at_pods(sop, sop.spec)
        sop.expire(self._clock.now())
        for intent in sop.status.intents:
            await self._pursue(sop, intent)
        if sop.unanswered(now) and not sop.spec.suspend:
            return
        before, ground = sop.status, self._ground(sop, sop.spec)
        if sop.rest is not None and sop.rest.holds(ground, now):
            await self._write(sop, before)
            return
        decision = await self._decide_and_write(sop, sop.spec, before.intents)
        idle = sop.status is before and not (before.intents or decision.plans)
        sop.rest = Rest(ground, now, self._until(sop, now)) if idle else None
        if decision.plans and not sop.status.intents and may_act:
            await self._acting.begin(sop, decision.plans[0])

    def _ground(self, sop: Sop, spec: Spec) -> Ground:
        """Give all that a decision would rest on now, the time aside."""
        places = [(sop.namespace, target.ref.kind, target.ref.name) for target in spec.targets]
        return (
            sop.ground,
            self._starting(sop, spec),
            tuple((self._seen(place), self._ledger.target(place)) for place in places),
            self._ledger.ground,
            self._registry.count_targets(),
        )

    def _until(self, sop: Sop, now: datetime) -> datetime | None:
        return stands_until(self._snapshot(sop), sop.sections, sop.status, now)

    async def _ask_rights(self, sop: Sop, spec: Spec) -> None:
        refs = {target.name: target.ref for target in spec.targets}
        for name, action in {(target_of(spec, one), one.action) for one in _remediations(sop)}:
            rights = needed_by_actions(spec, action, refs[name])
            sop.rights[name, action] = (
                await self._rights.may_all(sop.namespace, rights) if rights else None
            )

    async def _look_at_pods(self, sop: Sop, spec: Spec) -> None:
        """Read what is to be known of the pods that checks single out for an action now."""
        sop.pods = {}
        refs = {target.name: target.ref for target in spec.targets}
        for remediate in _remediations(sop):
            pod, ref = pod_of(remediate, sop.checks), refs[target_of(spec, remediate)]
            if pod is None or pod in sop.pods:
                continue
            subject = Subject(sop.namespace, ref.kind, ref.name, pod)
            try:
                live = (await self._actions[remediate.action].look(subject)).live
            except (ApiError, ApiUnreachable):
                continue
            if live.pod is not None:
                sop.pods[pod] = live.pod

    async def _decide_and_write(
        self,
        sop: Sop,
        spec: Spec,
        intents: tuple[Intent, ...],
        history: tuple[HistoryItem, ...] | None = None,
        procedures: tuple[ProcedureStatus, ...] | None = None,
    ) -> Decision:
        """Decide on the status as it would be with these intents, and write what follows."""
        now = self._clock.now()
        status = sop.status.evolve(
            intents=intents,
            history=sop.status.history if history is None else history,
            procedures=sop.status.procedures if procedures is None else procedures,
        )
        decision = decide(self._snapshot(sop), status, now)
        after = report(
            spec=spec,
            generation=sop.generation,
            uid=sop.uid,
            sections=sop.sections,
            checks=sop.checks,
            seen=sop.seen,
            decision=decision,
            intents=intents,
            history=status.history,
            readiness=sop.readiness,
            before=sop.status,
            now=now,
        )
        await self._write(sop, after)
        return decision

    def _snapshot(self, sop: Sop) -> Snapshot:
        assert sop.spec is not None, "only an SOP that can be run is decided about"
        return Snapshot(
            spec=sop.spec,
            uid=sop.uid,
            checks=sop.checks,
            targets={
                target.name: self._facts(sop, target.name, target.ref)
                for target in sop.spec.targets
            },
            starting=self._starting(sop, sop.spec),
            pods=sop.pods,
        )

    def _starting(self, sop: Sop, spec: Spec) -> bool:
        now = self._clock.now()
        return now - self._began < self._start_hold or now - sop.first_seen < 2 * spec.every

    def _seen(self, place: Place) -> tuple[WorkloadView | None, bool]:
        """Give what is seen of a target, and whether the caches can tell."""
        namespace, kind, name = place
        try:
            return self._cache.view(namespace).get(kind, name), True
        except SourceError:
            return None, False

    def _facts(self, sop: Sop, name: str, ref: TargetRef) -> TargetFacts:
        target = (sop.namespace, ref.kind, ref.name)
        view, known = self._seen(target)
        return TargetFacts(
            kind=ref.kind,
            workload=ref.name,
            view=view,
            known=known,
            may_act={action: sop.rights.get((name, action)) for action in ActionKind},
            entries=joined(self._ledger.target(target), sop.status.history),
            conflict=lambda action: self._ledger.conflict(target, action),
            affordable=lambda action: self._ledger.affordable(
                sop.namespace, self._registry.count_targets(), action
            ),
            ends=self._ledger.ends(target),
        )

    # Actions in flight.

    async def _pursue(self, sop: Sop, intent: Intent) -> None:
        """Take an open intent further: find out whether it was sent, then whether it helped."""
        if intent.phase is Phase.PLANNED:
            await self._recover(sop, intent)
            return
        try:
            cache = self._cache.view(sop.namespace)
            view = cache.get(intent.kind, intent.workload)
            pods = () if view is None else cache.pods(view)
        except SourceError:
            return
        section = next((one for one in sop.sections if one.name == intent.procedure), None)
        row = (
            next((one for one in section.rows if one.name == intent.row), None) if section else None
        )
        if row is None or row.remediate is None:
            # The spec has changed under the action: nobody can say any more what would prove it.
            await self._complete(sop, intent, Outcome.UNPROVEN)
            return
        verify = verify_of(row, row.remediate)
        checks = {name: sop.checks[name] for name in verify.checks if name in sop.checks}
        settle, within = row.remediate.settle, verify.within
        after = advance(intent, settle, within, view, checks, self._clock.now(), pods)
        if isinstance(after, Outcome):
            await self._complete(sop, intent, after)
        elif after != intent:
            await self._replace(sop, intent, after)

    async def _recover(self, sop: Sop, intent: Intent) -> None:
        subject = Subject.of_intent(sop.namespace, intent)
        live = (await self._actions[intent.action].look(subject)).live
        found = recover(intent, live, self._clock.now())
        if isinstance(found, Outcome):
            await self._complete(sop, intent, found)
        elif isinstance(found, Intent):
            await self._replace(sop, intent, found)
        elif isinstance(found, NotSent):
            await self._resend(sop, intent)

    async def _resend(self, sop: Sop, intent: Intent) -> None:
        """Send an intent that is not applied, if everything still speaks for it.

        If not, it ends as if it had been: an earlier process may have sent it, and such a request
        can arrive late.
        """
        section = next((one for one in sop.sections if one.name == intent.procedure), None)
        state = state_of(section, sop.checks) if section else Tri.FALSE
        if state is Tri.FALSE:
            await self._complete(sop, intent, Outcome.UNPROVEN)
            return
        others = tuple(one for one in sop.status.intents if one.id != intent.id)
        status = sop.status.model_copy(update={"intents": others})
        decision = decide(self._snapshot(sop), status, self._clock.now())
        plan = next((one for one in decision.plans if one.id == intent.id), None)
        same = plan is not None and plan.pod == pod_of_intent(intent)
        if plan is not None and same and await self._acting.confirmed(sop, plan):
            await self._acting.send(sop, plan, intent, unsent=Outcome.UNPROVEN)

    async def _replace(self, sop: Sop, old: Intent, new: Intent) -> None:
        intents = tuple(new if one.id == old.id else one for one in sop.status.intents)
        await self._write_intents(sop, intents)

    async def _write_intents(self, sop: Sop, intents: tuple[Intent, ...]) -> None:
        assert sop.spec is not None, "only an SOP that can be run has intents"
        await self._decide_and_write(sop, sop.spec, intents)

    async def _complete(self, sop: Sop, intent: Intent, outcome: Outcome) -> None:
        """End an intent: first in the SOP's status, then in the ledger."""
        assert sop.spec is not None, "only an SOP that can be run has intents"
        item = HistoryItem(
            time=whole_seconds(self._clock.now()),
            id=intent.id,
            action=intent.action,
            kind=intent.kind,
            workload=intent.workload,
            procedure=intent.procedure,
            outcome=outcome,
        )
        intents = tuple(one for one in sop.status.intents if one.id != intent.id)
        stopped = outcome in (Outcome.REFUSED, Outcome.DISRUPTION_REFUSED, Outcome.REVERTED)
        await self._decide_and_write(
            sop,
            sop.spec,
            intents,
            history=(item, *sop.status.history)[:5],
            procedures=tuple(
                _counted(one, outcome.value if stopped else None)
                if one.name == intent.procedure
                else one
                for one in sop.status.procedures
            ),
        )
        self._metrics.actions.labels(intent.action, outcome).inc()
        await self.settle(sop)

    async def settle(self, sop: Sop) -> None:
        """Bring the ledger up to what the SOP's history says; a crash may have come in between."""
        for item in sop.status.history:
            target = (sop.namespace, item.kind, item.workload)
            record = self._ledger.target(target)
            entry = next((one for one in record.actions if one.id == item.id), None)
            holds = record.claim is not None and record.claim.id == item.id
            if holds or (entry is not None and entry.outcome is None):
                await self._ledger.finish(target, item.id, item.outcome)

    # Writing.

    async def _write(self, sop: Sop, after: Status) -> None:
        """Write a status if it says anything new, or if the last word is too old."""
        now = self._clock.now()
        if (after is sop.status or after == sop.status) and not self.beat_due(sop, now):
            return
        before = sop.status
        after = after.model_copy(update={"last_checked_time": whole_seconds(now)})
        sop.resource_version = await self._writer.write(
            sop.namespace, sop.name, sop.resource_version, after
        )
        sop.status = after
        self._registry.note(sop)
        self._metrics.status_writes.labels("written").inc()
        about = Regarding(sop.namespace, sop.name, sop.uid, sop.resource_version)
        for note in events.notes(before, after):
            self._recorder.record(about, note)

    def beat_due(self, sop: Sop, now: datetime) -> bool:
        """Say whether an unchanged status is to be renewed."""
        last = sop.status.last_checked_time
        every = max(self._heartbeat, timedelta(seconds=len(self._registry)))
        return last is None or now - last >= every


def _remediations(sop: Sop) -> Iterator[Remediate]:
    """Give all that the SOP's rows may do."""
    for section in sop.sections:
        for row in section.rows:
            if row.remediate is not None:
                yield row.remediate


def _counted(procedure: ProcedureStatus, stopped: str | None) -> ProcedureStatus:
    if procedure.episode is None:
        return procedure
    update = {"attempts": procedure.episode.attempts + 1}
    if stopped is not None:
        update["stopped"] = stopped  # type: ignore[assignment]
    return procedure.model_copy(update={"episode": procedure.episode.model_copy(update=update)})
