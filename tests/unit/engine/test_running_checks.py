"""Which checks the engine asks, whose answers count, and which specs it does not run."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any, cast

import pytest
from prometheus_client import CollectorRegistry

from servicesop.api.checks.check import Check
from servicesop.api.sop import TargetRef
from servicesop.api.status import CheckState, Status, Tri
from servicesop.checks.runner import NO_TURN
from servicesop.engine.clock import SteadyClock
from servicesop.engine.engine import Engine
from servicesop.engine.metrics import Metrics
from servicesop.engine.sop import Sop
from servicesop.judge import debounce
from servicesop.judge.results import Sample, failed, passed
from unit.decide.scenes import NOW, spec_of

WAITS = {"leader": ["moves"]}
STUCK = failed({"Stuck"}, "a row")


@dataclass
class Source:
    """Answers when it is told to, and counts who asks."""

    turn: AbstractAsyncContextManager[object] = NO_TURN
    answer: Sample = field(default_factory=passed)
    reacts_to: TargetRef | None = None
    asked: int = 0
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self, now: datetime) -> Sample:
        self.asked += 1
        self.begun.set()
        await self.gate.wait()
        return self.answer


class NoCache:
    """Nobody needs workloads here."""

    def hold(self, namespace: str, kinds: object) -> None: ...

    def release(self, namespace: str) -> None: ...

    async def synced(self, namespace: str) -> None: ...


class Scene:
    """An engine, and an SOP in which `leader` depends on `moves`, without turns."""

    def __init__(self, **changes: object) -> None:
        self.sources = {name: Source() for name in ("leader", "ocm", "moves", "ready")}
        self.engine = engine_of(self.sources)
        self.sop = Sop(("ns", "fleet"), "uid", 1, "1", NOW, Status(), turn=True)
        spec = spec_of(checks=checks_of(WAITS, **changes))
        self.sop.fit(spec, lambda check: self.sources[check.name], NOW)
        for source in self.sources.values():
            source.gate.set()

    async def run(self, name: str, answer: Sample | None = None) -> None:
        self.sources[name].answer = answer or passed()
        await self.engine._run_check(self.sop, name)

    def state(self, name: str) -> CheckState:
        return self.sop.checks[name].state


def engine_of(sources: dict[str, Source]) -> Engine:
    nothing = cast("Any", None)

    def build(check: Check, surroundings: object) -> Source:
        return sources[check.name]

    return Engine(
        client=nothing,
        kinds=nothing,
        namespace="servicesop-system",
        cache=cast("Any", NoCache()),
        surroundings=lambda namespace, spec: nothing,
        build=build,
        recorder=nothing,
        metrics=Metrics(CollectorRegistry()),
        clock=SteadyClock(),
        random=Random(1),  # noqa: S311 - jitter
        start_hold=timedelta(),
        heartbeat=timedelta(minutes=5),
    )


def checks_of(depends_on: dict[str, list[str]], **changes: object) -> list[dict[str, Any]]:
    """The checks of the decisions' SOP with dependencies; `changes` are for `moves`."""
    whole = spec_of().model_dump(mode="json", by_alias=True, exclude_none=True)["checks"]
    return [
        one
        | {"dependsOn": depends_on.get(one["name"], [])}
        | (changes if one["name"] == "moves" else {})
        for one in whole
    ]


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    scene = Scene()
    yield scene
    await scene.engine.close()


async def test_a_check_that_waits_is_not_asked_and_is_when_it_need_not(scene: Scene) -> None:
    await scene.run("leader")
    assert (scene.sources["leader"].asked, scene.state("leader")) == (0, CheckState.SKIPPED)

    await scene.run("moves")
    await scene.run("leader")
    assert (scene.sources["leader"].asked, scene.state("leader")) == (1, CheckState.PASSED)

    await scene.run("moves", STUCK)
    await scene.run("leader")
    assert (scene.sources["leader"].asked, scene.state("leader")) == (1, CheckState.SKIPPED)


async def test_a_suspended_check_is_never_asked() -> None:
    scene = Scene(suspend=True)
    for name in ("moves", "leader", "ocm"):
        await scene.run(name)

    assert [source.asked for source in scene.sources.values()] == [0, 1, 0, 0]
    assert scene.state("moves") is CheckState.SUSPENDED


async def test_what_was_asked_before_it_had_to_wait_does_not_count_afterwards(scene: Scene) -> None:
    await scene.run("moves")
    scene.sources["leader"].gate.clear()
    asking = asyncio.create_task(scene.run("leader", failed({"None"}, "nobody")))
    await scene.sources["leader"].begun.wait()
    await scene.run("moves", STUCK)
    await scene.run("moves")
    freed = scene.sop.checks["leader"]
    assert freed == debounce.begin(freed.since)
    scene.sources["leader"].gate.set()
    await asking

    assert scene.sop.checks["leader"] is freed


async def test_who_has_to_wait_while_it_queues_at_its_source_does_not_ask_any_more(
    scene: Scene,
) -> None:
    queue = asyncio.Semaphore(0)
    scene.sources["leader"].turn = queue
    await scene.run("moves")
    queued = asyncio.create_task(scene.run("leader"))
    await asyncio.sleep(0)
    await scene.run("moves", STUCK)
    queue.release()
    await queued

    assert scene.sources["leader"].asked == 0


def test_a_spec_with_a_circle_is_refused_and_the_circle_is_named() -> None:
    engine = engine_of({})
    depends_on = {"leader": ["ocm"], "ocm": ["moves"], "moves": ["leader"]}
    spec = spec_of().model_dump(mode="json", by_alias=True, exclude_none=True)
    sop = Sop(("ns", "fleet"), "uid", 0, "", NOW, Status())
    metadata = {"resourceVersion": "1", "generation": 1}
    engine._adopt(sop, {"metadata": metadata, "spec": spec | {"checks": checks_of(depends_on)}})

    assert (sop.spec, sop.readiness.status) == (None, Tri.FALSE)
    assert sop.readiness.message == (
        "spec: checks[].dependsOn must not lead back to the check itself,"
        " and a chain of them may hold at most 8 checks: leader -> ocm -> moves -> leader"
    )
