"""The operator in a test: the engine's own turns for one SOP, from one due time to the next."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from prometheus_client import CollectorRegistry

from servicesop.api.base import API_VERSION, KIND
from servicesop.api.checks.check import Check
from servicesop.api.dependencies import in_order
from servicesop.api.sop import Spec
from servicesop.api.status import Status
from servicesop.checks.runner import CheckRunner, WorkloadViews
from servicesop.engine.asking import run_check
from servicesop.engine.engine import UNEASY_SECONDS
from servicesop.engine.ledger import Ledger
from servicesop.engine.metrics import Metrics
from servicesop.engine.registry import Registry
from servicesop.engine.sop import Sop
from servicesop.engine.turn import Turns
from servicesop.simulate.api_server import ApiServer
from servicesop.simulate.cases import Acted
from servicesop.simulate.clock import SetClock
from servicesop.simulate.past import remember
from servicesop.sources.kubernetes.client import KubeClient
from servicesop.sources.kubernetes.kinds import Kinds
from servicesop.sources.kubernetes.workloads import Place
from servicesop.status.events import Note
from servicesop.status.recorder import Regarding
from servicesop.status.writer import StatusWriter, path_of

OWN_NAMESPACE = "servicesop-system"
_HEARTBEAT = timedelta(minutes=5)
_ROUNDS = 16
"""Turns at one moment; more would mean that they wake each other for ever."""


@dataclass(frozen=True, slots=True)
class Moment:
    """What was said from a time on."""

    time: datetime
    status: Status


class _Unrecorded:
    """Takes Events, for nobody."""

    def record(self, about: Regarding, note: Note) -> None: ...


class SimulatedOperator:
    """Runs one SOP. Its checks come at their `every` exactly, first of all at the start."""

    def __init__(
        self,
        *,
        name: str,
        namespace: str,
        spec: Spec,
        clock: SetClock,
        server: ApiServer,
        views: WorkloadViews,
        client: KubeClient,
        build: Callable[[Check], CheckRunner],
        on_moment: Callable[[Moment], None],
        on_defect: Callable[[Exception], None],
    ) -> None:
        """`on_moment` is told whenever the status has changed."""
        self._clock = clock
        self._on_moment = on_moment
        self._on_defect = on_defect
        self._metrics = Metrics(CollectorRegistry())
        self._sop = self._new(name, namespace, clock.now(), server)
        self._sop.fit(spec, build, clock.now())
        registry = Registry()
        registry.add(self._sop)
        registry.link(self._sop)
        self._registry = registry
        self._ledger = Ledger(
            client,
            OWN_NAMESPACE,
            now=clock.now,
            open_ids=registry.open_ids,
            alive=registry.alive,
        )
        self._turns = Turns(
            client=client,
            cache=views,
            kinds=Kinds(client, clock=clock.monotonic),
            registry=registry,
            writer=StatusWriter(client),
            ledger=self._ledger,
            recorder=_Unrecorded(),
            metrics=self._metrics,
            clock=clock,
            run_check=self._run_check,
            start_hold=timedelta(),
            heartbeat=_HEARTBEAT,
        )
        self._order = [check.name for check in in_order(spec.checks)]
        self._due = {one: clock.now() for one in self._order}
        self._extra: dict[str, datetime] = {}
        self._turn_at: datetime | None = clock.now()
        self._said: Status | None = None

    @staticmethod
    def _new(name: str, namespace: str, now: datetime, server: ApiServer) -> Sop:
        metadata = {"name": name, "namespace": namespace, "uid": f"sop-{name}", "generation": 1}
        body = {"apiVersion": API_VERSION, "kind": KIND, "metadata": metadata, "status": {}}
        written = server.put(path_of(namespace, name), body)["metadata"]
        return Sop(
            key=(namespace, name),
            uid=written["uid"],
            generation=1,
            resource_version=written["resourceVersion"],
            first_seen=now,
            status=Status(),
        )

    @property
    def sop(self) -> Sop:
        """The SOP as the engine keeps it."""
        return self._sop

    async def start(self, acted: Iterable[Acted]) -> None:
        """Read the records, as a process does at its start, with what was done before."""
        assert self._sop.spec is not None, "it was fitted"
        namespace, _ = self._sop.key
        await remember(acted, self._sop.spec, namespace, self._ledger, self._clock)
        await self._ledger.load()

    async def run_until(self, end: datetime) -> None:
        """Do everything that is due up to that time, and that time included."""
        while (due := self._next()) <= end:
            self._clock.set(max(due, self._clock.now()))
            await self._moment()
        self._clock.set(end)

    def workload_changed(self, place: Place) -> None:
        """Run the checks that look at a workload, and give the SOP a turn."""
        for _, name in self._registry.reacting(place):
            self._hasten(name)
        if self._registry.changing(place):
            self._turn_at_latest(self._clock.now())

    def _next(self) -> datetime:
        times = [*self._due.values(), *self._extra.values()]
        return min([*times, self._turn_at] if self._turn_at else times)

    def _hasten(self, name: str, delay: timedelta = timedelta()) -> None:
        at = self._clock.now() + delay
        if at < self._due[name] and at < self._extra.get(name, self._due[name]):
            self._extra[name] = at

    async def _moment(self) -> None:
        """Run what is due now, and take turns until nothing is left to do at this time."""
        for _ in range(_ROUNDS):
            now = self._clock.now()
            ran = False
            while (name := self._first_due(now)) is not None:
                self._reschedule(name, now)
                await self._run_check(self._sop, name)
                ran = True
            turn = self._turn_at is not None and self._turn_at <= now
            if ran and (self._sop.wanted or self._sop.uneasy):
                turn = True
            if not turn:
                return
            await self._turn(now)
        raise RuntimeError("turns wake each other for ever")

    def _first_due(self, now: datetime) -> str | None:
        for name in self._order:
            if self._due[name] <= now or self._extra.get(name, self._due[name]) <= now:
                return name
        return None

    def _reschedule(self, name: str, now: datetime) -> None:
        self._extra.pop(name, None)
        every = self._sop.watched[name].every
        while self._due[name] <= now:
            self._due[name] += every

    async def _turn(self, now: datetime) -> None:
        sop = self._sop
        sop.wanted = False
        self._turn_at = None
        await self._turns.settle(sop)
        await self._ledger.sweep()
        await self._turns.take(sop, may_act=True)
        if self._said is not sop.status:
            self._said = sop.status
            self._on_moment(Moment(now, sop.status))
        if sop.uneasy and sop.spec is not None:
            self._turn_at_latest(now + min(sop.spec.every, timedelta(seconds=UNEASY_SECONDS)))

    def _turn_at_latest(self, at: datetime) -> None:
        if self._turn_at is None or at < self._turn_at:
            self._turn_at = at

    async def _run_check(self, sop: Sop, name: str) -> None:
        answered = await run_check(
            sop,
            name,
            clock=self._clock,
            on_answer=lambda check, sample, seconds: None,
            on_defect=self._on_defect,
        )
        if answered is None:
            return
        sop.wanted = sop.wanted or answered.changed
        for freed in answered.freed:
            self._hasten(freed)
        for delay in answered.again:
            self._hasten(name, delay)
