"""The engine: keeps the SOPs, runs their checks when due, and gives each SOP its turn.

A turn is one pass of observe -> judge -> decide -> gate -> act -> report over one SOP. It starts
when something has changed, and an SOP has at most one at a time.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine, Iterator
from datetime import datetime, timedelta
from random import Random
from typing import Any, Protocol

from pydantic import ValidationError

from servicesop.actions import restart
from servicesop.api.checks import Check
from servicesop.api.reasons import UnknownReason
from servicesop.api.sop import Spec
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
from servicesop.checks.runner import CheckRunner, Surroundings
from servicesop.decide.decide import Decision, Snapshot, TargetFacts, decide, verify_of
from servicesop.decide.ledger import joined
from servicesop.decide.procedures import state_of
from servicesop.decide.progress import NotSent, advance, recover
from servicesop.engine.acting import Acting, target_of
from servicesop.engine.defects import describe
from servicesop.engine.ledger import Conflict, Ledger
from servicesop.engine.metrics import Metrics, Told
from servicesop.engine.rights import Rights, needed_by_actions
from servicesop.engine.scheduler import Scheduler
from servicesop.engine.sop import Key, Sop
from servicesop.judge.results import Sample, error
from servicesop.sources.errors import SourceError
from servicesop.sources.kubernetes.client import ApiError, ApiUnreachable, Json, KubeClient
from servicesop.sources.kubernetes.workloads import WorkloadCache, deployment_view
from servicesop.status import events
from servicesop.status.conditions import Readiness, ReadyReason
from servicesop.status.recorder import EventRecorder, Regarding
from servicesop.status.report import refused, report
from servicesop.status.writer import Gone, StaleCopy, StatusWriter

LEAST_HEARTBEAT = timedelta(minutes=5)
READINESS_EVERY = timedelta(minutes=10)
UNEASY_SECONDS = 10.0
"""An SOP in which something is going on gets a turn at least this often."""
FIRST_RETRY_SECONDS = 0.2
MOST_RETRY_SECONDS = 5.0
SYNC_SECONDS = 5.0
"""How long first runs wait for the caches; then they say themselves what is missing."""
SWEEP_SECONDS = 15.0
RESYNC_SECONDS = 300.0

_log = logging.getLogger(__name__)


class Clock(Protocol):
    """Time, passed in."""

    def now(self) -> datetime:
        """Give the time, UTC."""

    def monotonic(self) -> float:
        """Give seconds from an arbitrary origin."""


class Engine:
    """Runs all SOPs of one process."""

    def __init__(
        self,
        *,
        client: KubeClient,
        namespace: str,
        cache: WorkloadCache,
        surroundings: Callable[[str, Spec], Surroundings],
        build: Callable[[Check, Surroundings], CheckRunner],
        recorder: EventRecorder,
        metrics: Metrics,
        clock: Clock,
        random: Random,
        start_hold: timedelta = timedelta(minutes=5),
        heartbeat: timedelta = LEAST_HEARTBEAT,
    ) -> None:
        """`namespace` is the operator's own; `start_hold` is how long it only watches at first."""
        self._client = client
        self._cache = cache
        self._surroundings = surroundings
        self._build = build
        self._recorder = recorder
        self._metrics = metrics
        self._clock = clock
        self._random = random
        self._start_hold = start_hold
        self._heartbeat = heartbeat
        self._began = clock.now()
        self._listed: float | None = None
        """When all SOPs were last listed."""
        self._list_again = False
        """The watch began anew since, so that deletions may have been missed."""
        self._wake_housekeeping = asyncio.Event()
        self._sops: dict[Key, Sop] = {}
        self._by_target: dict[tuple[str, str], set[tuple[Key, str]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._writer = StatusWriter(client)
        self._rights = Rights(client, clock.monotonic)
        self._ledger = Ledger(
            client, namespace, now=clock.now, open_ids=self._open_ids, alive=self._alive
        )
        self._scheduler = Scheduler(
            clock=clock.monotonic,
            random=random,
            on_start=metrics.lag.observe,
            on_missed=metrics.missed.inc,
        )
        self._acting = Acting(
            client,
            self._writer,
            self._ledger,
            metrics,
            now=clock.now,
            run_check=self._run_check,
            snapshot=self._snapshot,
            targets=self._count_targets,
            write=self._write_intents,
            complete=self._complete,
        )

    # What happens to SOPs.

    def observe(self, body: Json) -> None:
        """Take note of an SOP as it is now; called for every event of the watch. Never waits."""
        metadata = body["metadata"]
        key = (str(metadata["namespace"]), str(metadata["name"]))
        if metadata.get("deletionTimestamp"):
            self.forget(key)
            return
        sop = self._sops.get(key)
        if sop is not None and sop.uid != metadata["uid"]:
            self.forget(key)
            sop = None
        if sop is None:
            sop = self._sops[key] = self._new(key, body)
            self._adopt(sop, body)
            sop.resume()
        elif _newer(str(metadata["resourceVersion"]), sop.resource_version):
            sop.newer = body
        else:
            return
        self._want(sop)

    def forget(self, key: Key) -> None:
        """Take note that an SOP is gone: its checks end, and what it held is given back."""
        sop = self._sops.pop(key, None)
        if sop is None:
            return
        sop.gone = True
        self._unschedule(sop)
        self._metrics.sops.set(len(self._sops))
        for intent in sop.status.intents:
            done = self._ledger.finish(target_of(sop, intent), intent.id, Outcome.UNPROVEN)
            self._spawn("forget", done)

    def watch_began(self) -> None:
        """Take note that the watch of SOPs began anew: it tells of no deletion before that."""
        self._list_again = True
        self._wake_housekeeping.set()

    def workload_changed(self, namespace: str, deployment: str) -> None:
        """Run the checks that look at a Deployment, because it or its pods changed."""
        for key, name in self._by_target.get((namespace, deployment), ()):
            self._scheduler.hasten((key, name))
            sop = self._sops.get(key)
            if sop is not None and sop.status.intents:
                self._want(sop)

    def told(self) -> Iterator[Told]:
        """Give what is said of each SOP."""
        for sop in tuple(self._sops.values()):
            yield sop.namespace, sop.name, sop.status.conditions

    async def run(self) -> None:
        """Run until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._scheduler.run())
            group.create_task(self._housekeeping())

    @property
    def ready(self) -> bool:
        """Whether all SOPs and everything that must be remembered have been read."""
        return self._ledger.loaded and self._listed is not None

    async def close(self) -> None:
        """End all turns in progress; what they had begun is found again by the next process."""
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _new(self, key: Key, body: Json) -> Sop:
        return Sop(
            key=key,
            uid=str(body["metadata"]["uid"]),
            generation=-1,
            resource_version="",
            first_seen=self._clock.now(),
            status=Status(),
        )

    def _adopt(self, sop: Sop, body: Json) -> None:
        """Take over a copy of the SOP: its spec where it is new, and what was written into it."""
        metadata = body["metadata"]
        sop.resource_version = str(metadata["resourceVersion"])
        sop.status = _remembered(body, sop)
        if sop.generation == metadata["generation"]:
            return
        sop.generation = int(metadata["generation"])
        # Held meanwhile, so that a change of the spec does not end and begin the watches.
        self._cache.hold(sop.namespace)
        self._unschedule(sop)
        try:
            self._fit(sop, Spec.model_validate(body["spec"]))
        except ValidationError as invalid:
            sop.spec = None
            sop.readiness = Readiness(Tri.FALSE, ReadyReason.INVALID_SPEC, _where(invalid))
        except LookupError:
            # The API server refuses this; an SOP of before its rules may still be stored.
            sop.spec = None
            text = "a target or connection is named that the spec does not list"
            sop.readiness = Readiness(Tri.FALSE, ReadyReason.INVALID_SPEC, text)
        finally:
            self._cache.release(sop.namespace)

    def _fit(self, sop: Sop, spec: Spec) -> None:
        surroundings = self._surroundings(sop.namespace, spec)
        sop.fit(spec, lambda check: self._build(check, surroundings), self._clock.now())
        self._cache.hold(sop.namespace)
        self._metrics.sops.set(len(self._sops))
        if not spec.suspend:
            self._spawn("start", self._schedule(sop, sop.generation))

    async def _schedule(self, sop: Sop, generation: int) -> None:
        """Let the checks run, as soon as the caches can answer or that takes too long."""
        with contextlib.suppress(TimeoutError, LookupError):
            async with asyncio.timeout(SYNC_SECONDS):
                await self._cache.synced(sop.namespace)
        if sop.gone or sop.generation != generation:
            return
        for name, watched in sop.watched.items():
            if watched.runner.reacts_to:
                place = (sop.namespace, watched.runner.reacts_to)
                self._by_target.setdefault(place, set()).add((sop.key, name))
            self._scheduler.add(
                (sop.key, name), watched.every.total_seconds(), self._due(sop, name)
            )

    def _unschedule(self, sop: Sop) -> None:
        if sop.spec is None:
            return
        self._cache.release(sop.namespace)
        for name, watched in sop.watched.items():
            self._scheduler.remove((sop.key, name))
            if watched.runner.reacts_to:
                place = (sop.namespace, watched.runner.reacts_to)
                self._by_target.get(place, set()).discard((sop.key, name))
                if not self._by_target.get(place):
                    self._by_target.pop(place, None)

    # Checks.

    def _due(self, sop: Sop, name: str) -> Callable[[], Coroutine[Any, Any, None]]:
        async def run() -> None:
            try:
                await self._run_check(sop, name)
            except Exception as defect:  # noqa: BLE001 - a task of its own: nobody else would see it
                self._defect("run", defect)
            if not sop.gone and (sop.uneasy or sop.wanted):
                self._want(sop)

        return run

    async def _run_check(self, sop: Sop, name: str) -> None:
        watched = sop.watched.get(name)
        if watched is None:
            return
        # A runner keeps cursors; confirming an action may ask it while a regular run goes on.
        async with watched.lock, watched.runner.turn:
            began = self._clock.monotonic()
            sample = await self._sample(watched.runner, watched.check)
        kind = watched.check.type
        self._metrics.checks.labels(kind, sample.verdict).inc()
        self._metrics.check_seconds.labels(kind).observe(self._clock.monotonic() - began)
        if sop.watched.get(name) is not watched:
            return  # the spec has changed meanwhile; this answers a question nobody asks any more
        now = self._clock.now()
        if sop.take(name, sample, now):
            self._want(sop)
        ends = (
            watched.memory.pending_until(watched.windows),
            watched.memory.recovers_at(watched.windows),
        )
        for end in ends:
            if end is not None and end > now:
                self._scheduler.hasten((sop.key, name), (end - now).total_seconds())

    async def _sample(self, runner: CheckRunner, check: Check) -> Sample:
        try:
            async with asyncio.timeout(check.timeout.total_seconds()):
                return await runner.run(self._clock.now())
        except SourceError as unable:
            return error(unable.reason, unable.message)
        except TimeoutError:
            return error(
                UnknownReason.TIMED_OUT,
                "no answer within the check's timeout; see whether what it asks is up and fast"
                " enough, or raise the timeout",
            )
        except Exception as defect:  # noqa: BLE001 - one check must not end the others
            self._defect("check", defect)
            return error(UnknownReason.INTERNAL_ERROR, "the operator's log has the details")

    # Turns.

    def _want(self, sop: Sop) -> None:
        sop.wanted = True
        if not sop.turn and not sop.gone:
            sop.turn = True
            self._spawn("turn", self._turns(sop))

    async def _turns(self, sop: Sop) -> None:
        try:
            while sop.wanted and not sop.gone:
                sop.wanted = False
                if not await self._guarded(sop):
                    sop.wanted = True
                    sop.retry = min(MOST_RETRY_SECONDS, max(FIRST_RETRY_SECONDS, 2 * sop.retry))
                    await asyncio.sleep(sop.retry * self._random.uniform(0.5, 1.0))
        finally:
            sop.turn = False
        self._come_back(sop)

    def _come_back(self, sop: Sop) -> None:
        if sop.spec is None or sop.gone or not sop.uneasy or sop.timer is not None:
            return

        def wake() -> None:
            sop.timer = None
            self._want(sop)

        delay = min(sop.spec.every.total_seconds(), UNEASY_SECONDS)
        sop.timer = asyncio.get_running_loop().call_later(delay, wake)

    async def _guarded(self, sop: Sop) -> bool:
        try:
            await self._turn(sop)
        except StaleCopy:
            self._metrics.status_writes.labels("stale").inc()
            sop.stale = True
            return False
        except Gone:
            if self._sops.get(sop.key) is sop:
                self.forget(sop.key)
            return True
        except (ApiError, ApiUnreachable) as unable:
            _log.warning("%s/%s: %s; trying again", sop.namespace, sop.name, unable)
            # What was sent may have been written; only the server knows.
            sop.stale = True
            return False
        except Exception as defect:  # noqa: BLE001 - one SOP must not end the others
            self._defect("turn", defect)
            return False
        sop.retry = 0.0
        return True

    async def _turn(self, sop: Sop) -> None:
        await self._refresh(sop)
        now = self._clock.now()
        if sop.spec is None:
            await self._write(sop, refused(sop.generation, sop.uid, sop.readiness, sop.status, now))
            return
        sop.readiness = await self._rights.readiness(sop.namespace, sop.spec)
        await self._ask_rights(sop, sop.spec)
        sop.expire(self._clock.now())
        for intent in sop.status.intents:
            await self._pursue(sop, sop.spec, intent)
        if sop.unanswered(now) and not sop.spec.suspend:
            return
        decision = await self._decide_and_write(sop, sop.spec, sop.status.intents)
        # Until all SOPs are read, a claim past its deadline may be that of an open intent.
        if decision.plans and not sop.status.intents and self.ready:
            await self._acting.begin(sop, decision.plans[0])

    async def _refresh(self, sop: Sop) -> None:
        if sop.stale:
            body = await self._writer.read(sop.namespace, sop.name)
            sop.stale, sop.newer = False, None
            if body["metadata"]["uid"] != sop.uid:
                # Recreated while we were not looking; it starts afresh.
                self.observe(body)
                raise Gone
            self._adopt(sop, body)
        elif sop.newer is not None:
            body, sop.newer = sop.newer, None
            if _newer(str(body["metadata"]["resourceVersion"]), sop.resource_version):
                self._adopt(sop, body)

    async def _ask_rights(self, sop: Sop, spec: Spec) -> None:
        for target in spec.targets:
            rights = needed_by_actions(spec, target.ref.name)
            sop.rights[target.name] = (
                await self._rights.may_all(sop.namespace, rights) if rights else None
            )

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
        status = sop.status.model_copy(
            update={
                "intents": intents,
                "history": sop.status.history if history is None else history,
                "procedures": sop.status.procedures if procedures is None else procedures,
            }
        )
        decision = decide(self._snapshot(sop), status, now)
        after = report(
            spec=spec,
            generation=sop.generation,
            uid=sop.uid,
            sections=sop.sections,
            checks=sop.checks,
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
        now = self._clock.now()
        two_cycles = 2 * sop.spec.every
        starting = now - self._began < self._start_hold or now - sop.first_seen < two_cycles
        return Snapshot(
            spec=sop.spec,
            uid=sop.uid,
            checks=sop.checks,
            targets={
                target.name: self._facts(sop, target.name, target.ref.name)
                for target in sop.spec.targets
            },
            starting=starting,
        )

    def _facts(self, sop: Sop, name: str, workload: str) -> TargetFacts:
        target = (sop.namespace, "Deployment", workload)
        try:
            view = self._cache.view(sop.namespace).deployment(workload)
            known = True
        except SourceError:
            view, known = None, False
        return TargetFacts(
            workload=workload,
            view=view,
            known=known,
            may_patch=sop.rights.get(name),
            entries=joined(self._ledger.target(target), sop.status.history),
            conflict=lambda action: self._ledger.conflict(target, action),
            affordable=lambda action: self._ledger.affordable(
                sop.namespace, self._count_targets(), action
            ),
        )

    # Actions in flight.

    async def _pursue(self, sop: Sop, spec: Spec, intent: Intent) -> None:
        """Take an open intent further: find out whether it was sent, then whether it helped."""
        if intent.phase is Phase.PLANNED:
            await self._recover(sop, spec, intent)
            return
        try:
            view = self._cache.view(sop.namespace).deployment(intent.workload)
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
        after = advance(intent, settle, within, view, checks, self._clock.now())
        if isinstance(after, Outcome):
            await self._complete(sop, intent, after)
        elif after != intent:
            await self._replace(sop, intent, after)

    async def _recover(self, sop: Sop, spec: Spec, intent: Intent) -> None:
        live = await restart.read(self._client.as_runner(sop.namespace), intent.workload)
        view = deployment_view(live) if live is not None else None
        found = recover(intent, view, self._clock.now())
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
        if plan is not None and await self._acting.confirmed(sop, plan):
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
            workload=intent.workload,
            procedure=intent.procedure,
            outcome=outcome,
        )
        intents = tuple(one for one in sop.status.intents if one.id != intent.id)
        stopped = outcome in (Outcome.REFUSED, Outcome.REVERTED)
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
        await self._settle_ledger(sop)

    async def _settle_ledger(self, sop: Sop) -> None:
        """Bring the ledger up to what the SOP's history says; a crash may have come in between."""
        for item in sop.status.history:
            target = (sop.namespace, "Deployment", item.workload)
            record = self._ledger.target(target)
            entry = next((one for one in record.actions if one.id == item.id), None)
            holds = record.claim is not None and record.claim.id == item.id
            if holds or (entry is not None and entry.outcome is None):
                await self._ledger.finish(target, item.id, item.outcome)

    # Writing.

    async def _write(self, sop: Sop, after: Status) -> None:
        """Write a status if it says anything new, or if the last word is too old."""
        now = self._clock.now()
        if after == sop.status and not self._beat_due(sop, now):
            return
        before = sop.status
        after = after.model_copy(update={"last_checked_time": whole_seconds(now)})
        sop.resource_version = await self._writer.write(
            sop.namespace, sop.name, sop.resource_version, after
        )
        sop.status = after
        self._metrics.status_writes.labels("written").inc()
        about = Regarding(sop.namespace, sop.name, sop.uid, sop.resource_version)
        for note in events.notes(before, after):
            self._recorder.record(about, note)

    def _beat_due(self, sop: Sop, now: datetime) -> bool:
        last = sop.status.last_checked_time
        every = max(self._heartbeat, timedelta(seconds=len(self._sops)))
        return last is None or now - last >= every

    # Everything else.

    async def _housekeeping(self) -> None:
        while True:
            try:
                if not self._ledger.loaded:
                    await self._ledger.load()
                if self._list_due():
                    await self._list()
                    self._listed = self._clock.monotonic()
                for sop in tuple(self._sops.values()):
                    await self._settle_ledger(sop)
                await self._ledger.sweep()
            except (ApiError, ApiUnreachable, Conflict) as unable:
                _log.warning("housekeeping: %s; trying again", type(unable).__name__)
            except Exception as defect:  # noqa: BLE001 - the next round may do
                self._defect("housekeeping", defect)
            self._beat()
            self._wake_housekeeping.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(
                    SWEEP_SECONDS if self.ready and not self._list_again else 1.0
                ):
                    await self._wake_housekeeping.wait()

    def _list_due(self) -> bool:
        return (
            self._listed is None
            or self._list_again
            or self._clock.monotonic() - self._listed > RESYNC_SECONDS
        )

    def _beat(self) -> None:
        now = self._clock.now()
        for sop in self._sops.values():
            if self._beat_due(sop, now) or sop.readiness.status is not Tri.TRUE:
                self._want(sop)

    async def _list(self) -> None:
        """Read all SOPs, and drop those that vanished while nobody was watching.

        kopf does not tell of deletions that it missed. At the start this comes before the sweep:
        what looks abandoned in the ledger may stand in an intent that is not read yet.
        """
        before = dict(self._sops)
        seen: set[Key] = set()
        self._list_again = False
        path = "/apis/servicesop.io/v1alpha1/servicesops"
        try:
            async for page in self._client.list_pages(path):
                for body in page.items:
                    seen.add((body["metadata"]["namespace"], body["metadata"]["name"]))
                    self.observe(body)
        except (ApiError, ApiUnreachable):
            self._list_again = True
            raise
        for key, sop in before.items():
            # One that the watch told of since is newer than the list.
            if key not in seen and self._sops.get(key) is sop:
                self.forget(key)

    def _open_ids(self) -> set[str]:
        return {one.id for sop in self._sops.values() for one in sop.status.intents}

    def _alive(self) -> set[str]:
        return {sop.uid for sop in self._sops.values()}

    def _count_targets(self) -> int:
        return len(
            {
                (sop.namespace, target.ref.name)
                for sop in self._sops.values()
                if sop.spec is not None
                for target in sop.spec.targets
            }
        )

    def _spawn(self, what: str, work: Coroutine[Any, Any, None]) -> None:
        async def guarded() -> None:
            try:
                await work
            except (ApiError, ApiUnreachable, Conflict) as unable:
                _log.warning("%s: %s", what, type(unable).__name__)
            except Exception as defect:  # noqa: BLE001 - a task of its own: nobody else would see it
                self._defect(what, defect)

        task = asyncio.get_running_loop().create_task(guarded())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _defect(self, where: str, defect: Exception) -> None:
        """Count and log a defect."""
        self._metrics.errors.labels(where).inc()
        _log.error("internal error in %s: %s", where, describe(defect))


def _newer(candidate: str, known: str) -> bool:
    """Compare resourceVersions; since Kubernetes 1.35 they are comparable as numbers."""
    try:
        return int(candidate) > int(known or "0")
    except ValueError:
        return candidate != known


def _remembered(body: Json, sop: Sop) -> Status:
    """Read the memory back from a status; another SOP's or an unreadable one does not count."""
    try:
        status = Status.model_validate(body.get("status") or {})
    except ValidationError:
        _log.error(
            "%s/%s: its status cannot be read; the memory starts afresh", sop.namespace, sop.name
        )
        return Status()
    return status if status.uid in (None, sop.uid) else Status()


def _where(invalid: ValidationError) -> str:
    """Say which field is wrong and what is allowed, without repeating the value."""
    first = invalid.errors(include_input=False, include_url=False, include_context=False)[0]
    path = ".".join(str(part) for part in first["loc"])
    return f"spec.{path}: {first['msg']}"


def _counted(procedure: ProcedureStatus, stopped: str | None) -> ProcedureStatus:
    if procedure.episode is None:
        return procedure
    update = {"attempts": procedure.episode.attempts + 1}
    if stopped is not None:
        update["stopped"] = stopped  # type: ignore[assignment]
    return procedure.model_copy(update={"episode": procedure.episode.model_copy(update=update)})
