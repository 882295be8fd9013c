"""The engine: keeps the SOPs, runs their checks when due, and gives each SOP its turn.

A turn is one pass of observe -> judge -> decide -> gate -> act -> report over one SOP. It starts
when something has changed, and an SOP has at most one at a time.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine, Iterator
from datetime import timedelta
from random import Random
from typing import Any

from pydantic import ValidationError

from servicesop.api.checks.check import Check
from servicesop.api.sop import Spec
from servicesop.api.status import (
    Outcome,
    Status,
    Tri,
)
from servicesop.checks.runner import CheckRunner, Surroundings
from servicesop.engine.acting import target_of
from servicesop.engine.asking import run_check
from servicesop.engine.clock import Clock
from servicesop.engine.copies import newer, remembered, where
from servicesop.engine.defects import Defects
from servicesop.engine.housekeeping import Housekeeping
from servicesop.engine.ledger import Ledger
from servicesop.engine.metrics import Metrics, Told
from servicesop.engine.registry import Registry
from servicesop.engine.scheduler import Scheduler
from servicesop.engine.sop import Key, Sop
from servicesop.engine.tasks import Tasks
from servicesop.engine.turn import Turns
from servicesop.judge.results import Sample
from servicesop.sources.kubernetes.client import ApiError, ApiUnreachable, Json, KubeClient
from servicesop.sources.kubernetes.kinds import Kinds
from servicesop.sources.kubernetes.workloads import Place, WorkloadCache
from servicesop.status.conditions import Readiness, ReadyReason
from servicesop.status.recorder import EventRecorder
from servicesop.status.writer import Gone, StaleCopy, StatusWriter

UNEASY_SECONDS = 10.0
"""An SOP in which something is going on gets a turn at least this often."""
FIRST_RETRY_SECONDS = 0.2
MOST_RETRY_SECONDS = 5.0
SYNC_SECONDS = 5.0
"""How long first runs wait for the caches; then they say themselves what is missing."""
SWARM_SECONDS = 0.2

_log = logging.getLogger(__name__)


class Engine:
    """Runs all SOPs of one process."""

    def __init__(
        self,
        *,
        client: KubeClient,
        namespace: str,
        cache: WorkloadCache,
        kinds: Kinds,
        surroundings: Callable[[str, Spec], Surroundings],
        build: Callable[[Check, Surroundings], CheckRunner],
        recorder: EventRecorder,
        metrics: Metrics,
        clock: Clock,
        random: Random,
        start_hold: timedelta,
        heartbeat: timedelta,
    ) -> None:
        """`namespace` is the operator's own; `start_hold` is how long it only watches at first.

        `heartbeat` is how often an unchanged status is renewed, at least.
        """
        self._client = client
        self._cache = cache
        self._surroundings = surroundings
        self._build = build
        self._recorder = recorder
        self._metrics = metrics
        self._clock = clock
        self._random = random
        self._sops = Registry()
        self._defects = Defects(metrics.errors)
        self._tasks = Tasks(self._defects)
        self._writer = StatusWriter(client)
        self._ledger = Ledger(
            client, namespace, now=clock.now, open_ids=self._sops.open_ids, alive=self._sops.alive
        )
        self._scheduler = Scheduler(
            clock=clock.monotonic,
            random=random,
            on_start=metrics.lag.observe,
            on_missed=metrics.missed.inc,
        )
        self._turns = Turns(
            client=client,
            cache=cache,
            kinds=kinds,
            registry=self._sops,
            writer=self._writer,
            ledger=self._ledger,
            recorder=recorder,
            metrics=metrics,
            clock=clock,
            run_check=self._run_check,
            start_hold=start_hold,
            heartbeat=heartbeat,
        )
        self._housekeeping = Housekeeping(
            client=client,
            sops=self._sops,
            turns=self._turns,
            ledger=self._ledger,
            defects=self._defects,
            clock=clock,
            observe=self.observe,
            forget=self.forget,
            want=self._want,
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
            sop = self._new(key, body)
            self._sops.add(sop)
            self._adopt(sop, body)
            sop.resume(self._clock.now())
        elif newer(str(metadata["resourceVersion"]), sop.resource_version):
            sop.newer = body
        else:
            return
        self._want(sop)

    def forget(self, key: Key) -> None:
        """Take note that an SOP is gone: its checks end, and what it held is given back."""
        sop = self._sops.remove(key)
        if sop is None:
            return
        sop.gone = True
        self._unschedule(sop)
        self._metrics.sops.set(len(self._sops))
        for intent in sop.status.intents:
            done = self._ledger.finish(target_of(sop, intent), intent.id, Outcome.UNPROVEN)
            self._tasks.begin("forget", done)

    def watch_began(self) -> None:
        """Take note that the watch of SOPs began anew: it tells of no deletion before that."""
        self._housekeeping.list_again()

    def workload_changed(self, place: Place) -> None:
        """Run the checks that look at a workload, because it or its pods changed."""
        for key in self._sops.reacting(place):
            self._scheduler.hasten(key)
        for sop in self._sops.changing(place):
            # Whether it may be acted on has perhaps changed; pods come and go in swarms.
            self._want_in(sop, SWARM_SECONDS)

    def told(self) -> Iterator[Told]:
        """Give what is said of each SOP."""
        for sop in self._sops.all():
            yield sop.namespace, sop.name, sop.status.conditions

    async def run(self) -> None:
        """Run until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._scheduler.run())
            group.create_task(self._housekeeping.run())

    @property
    def ready(self) -> bool:
        """Whether all SOPs and everything that must be remembered have been read."""
        return self._housekeeping.ready

    async def close(self) -> None:
        """End all turns in progress; what they had begun is found again by the next process.

        None begins any more: events and timers go on until the process ends.
        """
        await self._tasks.close()

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
        sop.status = remembered(body, sop)
        self._sops.note(sop)
        if sop.generation == metadata["generation"]:
            return
        sop.generation = int(metadata["generation"])
        # Held meanwhile, so that a change of the spec does not end and begin the watches.
        self._cache.hold(sop.namespace, frozenset())
        self._unschedule(sop)
        try:
            self._fit(sop, Spec.model_validate(body["spec"]))
        except ValidationError as invalid:
            sop.spec = None
            sop.readiness = Readiness(Tri.FALSE, ReadyReason.INVALID_SPEC, where(invalid))
        except LookupError:
            # The API server refuses this; an SOP of before its rules may still be stored.
            sop.spec = None
            text = "a target, connection or check is named that the spec does not list"
            sop.readiness = Readiness(Tri.FALSE, ReadyReason.INVALID_SPEC, text)
        finally:
            self._cache.release(sop.namespace)

    def _fit(self, sop: Sop, spec: Spec) -> None:
        surroundings = self._surroundings(sop.namespace, spec)
        sop.fit(spec, lambda check: self._build(check, surroundings), self._clock.now())
        self._cache.hold(sop.namespace, frozenset(target.ref.kind for target in spec.targets))
        self._sops.link(sop)
        self._metrics.sops.set(len(self._sops))
        if not spec.suspend:
            self._tasks.begin("start", self._schedule(sop, sop.generation))

    async def _schedule(self, sop: Sop, generation: int) -> None:
        """Let the checks run, as soon as the caches can answer or that takes too long."""
        with contextlib.suppress(TimeoutError, LookupError):
            async with asyncio.timeout(SYNC_SECONDS):
                await self._cache.synced(sop.namespace)
        if sop.gone or sop.generation != generation:
            return
        for name, watched in sop.watched.items():
            if watched.check.suspend:
                continue
            self._scheduler.add(
                (sop.key, name), watched.every.total_seconds(), self._due(sop, name)
            )

    def _unschedule(self, sop: Sop) -> None:
        if sop.spec is None:
            return
        self._cache.release(sop.namespace)
        self._sops.unlink(sop)
        for name in sop.watched:
            self._scheduler.remove((sop.key, name))

    # Checks.

    def _due(self, sop: Sop, name: str) -> Callable[[], Coroutine[Any, Any, None]]:
        async def run() -> None:
            with self._defects.contained("run"):
                await self._run_check(sop, name)
            if not sop.gone and (sop.uneasy or sop.wanted):
                self._want(sop)

        return run

    async def _run_check(self, sop: Sop, name: str) -> None:
        answered = await run_check(
            sop,
            name,
            clock=self._clock,
            on_answer=self._count,
            on_defect=lambda defect: self._defects.note("check", defect),
        )
        if answered is None:
            return
        if answered.changed:
            self._want(sop)
        for freed in answered.freed:
            self._scheduler.hasten((sop.key, freed))
        for delay in answered.again:
            self._scheduler.hasten((sop.key, name), delay.total_seconds())

    def _count(self, check: Check, sample: Sample, seconds: float) -> None:
        self._metrics.checks.labels(check.type, sample.verdict).inc()
        self._metrics.check_seconds.labels(check.type).observe(seconds)

    # Turns.

    def _want(self, sop: Sop) -> None:
        sop.wanted = True
        if not sop.turn and not sop.gone:
            sop.turn = True
            self._tasks.begin("turn", self._take_turns(sop))

    async def _take_turns(self, sop: Sop) -> None:
        try:
            while sop.wanted and not sop.gone:
                sop.wanted = False
                if not await self._guarded(sop):
                    sop.wanted = True
                    sop.retry = min(MOST_RETRY_SECONDS, max(FIRST_RETRY_SECONDS, 2 * sop.retry))
                    await asyncio.sleep(sop.retry * self._random.uniform(0.5, 1.0))
        finally:
            sop.turn = False
        if sop.spec is not None and not sop.gone and sop.uneasy:
            self._want_in(sop, min(sop.spec.every.total_seconds(), UNEASY_SECONDS))

    def _want_in(self, sop: Sop, seconds: float) -> None:
        """Give an SOP a turn after a while, unless it gets one by then anyway."""
        loop = asyncio.get_running_loop()
        if sop.timer is not None:
            if sop.timer.when() <= loop.time() + seconds:
                return
            sop.timer.cancel()

        def wake() -> None:
            sop.timer = None
            self._want(sop)

        sop.timer = loop.call_later(seconds, wake)

    async def _guarded(self, sop: Sop) -> bool:
        """Give an SOP its turn, and say whether it need not be tried again."""
        with self._defects.contained("turn"):
            return await self._answered(sop)
        return False

    async def _answered(self, sop: Sop) -> bool:
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
        sop.retry = 0.0
        return True

    async def _turn(self, sop: Sop) -> None:
        await self._refresh(sop)
        # Until all SOPs are read, a claim past its deadline may be that of an open intent.
        await self._turns.take(sop, may_act=self.ready)

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
            if newer(str(body["metadata"]["resourceVersion"]), sop.resource_version):
                self._adopt(sop, body)
