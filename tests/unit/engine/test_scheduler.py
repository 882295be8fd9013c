"""When checks run, on a loop whose time is not real: cadence, misses, extra runs, removal."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from random import Random

import pytest

from servicesop.engine.scheduler import FIRST_RUNS_PER_SECOND, LEAST_GAP_SECONDS, Scheduler

pytestmark = pytest.mark.looptime

TOLERANCE = 0.01
"""First runs are spread by a millisecond each, and the fake loop wakes up a little late."""


class Late(Random):
    """Puts each second run at the end of its period, so that times can be foretold."""

    def uniform(self, a: float, b: float) -> float:
        return b


class Runs:
    """A scheduler on the loop's time, and what it started when."""

    def __init__(self, random: Random) -> None:
        self.loop = asyncio.get_running_loop()
        self.started: dict[str, list[float]] = {}
        self.missed = 0
        self.lags: list[float] = []
        self.running: dict[str, int] = {}
        self.most_at_once = 0
        self.scheduler = Scheduler(
            clock=self.loop.time, random=random, on_start=self.lags.append, on_missed=self._miss
        )
        self.task = self.loop.create_task(self.scheduler.run())

    def _miss(self) -> None:
        self.missed += 1

    def add(self, key: str, every: float, takes: Callable[[], float] = lambda: 0.0) -> None:
        async def run() -> None:
            self.started.setdefault(key, []).append(self.loop.time())
            self.running[key] = self.running.get(key, 0) + 1
            self.most_at_once = max(self.most_at_once, self.running[key])
            try:
                if takes():
                    await asyncio.sleep(takes())
            finally:
                self.running[key] -= 1

        self.scheduler.add(key, every, run)

    def near(self, key: str, *times: float) -> bool:
        return self.started.get(key, []) == pytest.approx(times, abs=TOLERANCE)


@pytest.fixture
async def runs() -> AsyncIterator[Runs]:
    runs = Runs(Late())
    yield runs
    runs.task.cancel()
    await asyncio.gather(runs.task, return_exceptions=True)


async def test_a_check_runs_at_once_and_then_on_its_cadence(runs: Runs) -> None:
    runs.add("a", 10)
    await asyncio.sleep(45)

    assert runs.near("a", 0, 10, 20, 30, 40)
    assert runs.missed == 0


async def test_the_cadence_does_not_drift_by_how_long_runs_take(runs: Runs) -> None:
    runs.add("a", 10, takes=lambda: 9)
    await asyncio.sleep(1005)

    assert runs.near("a", *range(0, 1001, 10))


async def test_a_run_that_is_still_on_is_missed_and_never_doubled(runs: Runs) -> None:
    runs.add("a", 10, takes=lambda: 25)
    await asyncio.sleep(65)

    # Due at 10 and 20 while the first one runs; the next one comes with its period.
    assert runs.near("a", 0, 30, 60)
    assert runs.missed == 4
    assert runs.most_at_once == 1


async def test_a_hanging_run_delays_nobody(runs: Runs) -> None:
    runs.add("hangs", 10, takes=lambda: 1e6)
    runs.add("a", 10)
    await asyncio.sleep(35)

    assert runs.near("a", 0, 10, 20, 30)
    assert runs.near("hangs", 0)
    assert runs.missed == 3
    assert max(runs.lags) < TOLERANCE


async def test_a_failing_run_ends_neither_itself_nor_others(runs: Runs) -> None:
    starts = []

    async def fails() -> None:
        starts.append(runs.loop.time())
        raise asyncio.CancelledError

    runs.scheduler.add("fails", 10, fails)
    runs.add("a", 10)
    await asyncio.sleep(25)

    assert len(starts) == 3
    assert runs.near("a", 0, 10, 20)


async def test_periods_that_a_late_loop_left_out_are_counted_and_the_cadence_stays() -> None:
    times = [0.0]
    missed: list[float] = []
    starts: list[float] = []
    scheduler = Scheduler(
        clock=lambda: times[-1], random=Late(), on_missed=lambda: missed.append(times[-1])
    )

    async def run() -> None:
        starts.append(times[-1])

    scheduler.add("a", 10, run)
    for now in (0.0, 10.0, 47.0, 49.9, 50.0):
        times.append(now)
        scheduler._start_due()
        await asyncio.sleep(0)

    # Due at 20, 30 and 40, of which one run started at 47; the next one is due at 50 as ever.
    assert starts == [0.0, 10.0, 47.0, 50.0]
    assert len(missed) == 2


async def test_hasten_runs_additionally_and_leaves_the_cadence(runs: Runs) -> None:
    runs.add("a", 10)
    await asyncio.sleep(13)
    runs.scheduler.hasten("a")
    await asyncio.sleep(10)

    assert runs.near("a", 0, 10, 13, 20)


async def test_hasten_with_a_delay(runs: Runs) -> None:
    runs.add("a", 10)
    await asyncio.sleep(1)
    runs.scheduler.hasten("a", 4)
    await asyncio.sleep(7)

    assert runs.near("a", 0, 5)


async def test_hasten_is_not_needed_when_the_check_is_due_by_then_anyway(runs: Runs) -> None:
    runs.add("a", 10)
    await asyncio.sleep(5)
    runs.scheduler.hasten("a", 5)
    runs.scheduler.hasten("a", 60)
    await asyncio.sleep(10)

    assert runs.near("a", 0, 10)


async def test_the_earliest_of_several_wishes_counts_once(runs: Runs) -> None:
    runs.add("a", 60)
    await asyncio.sleep(1)
    for delay in (9, 4, 7, 4):
        runs.scheduler.hasten("a", delay)
    await asyncio.sleep(20)

    assert runs.near("a", 0, 5)


async def test_a_storm_of_changes_is_not_a_storm_of_runs(runs: Runs) -> None:
    runs.add("a", 60)
    for _ in range(200):
        await asyncio.sleep(0.005)
        runs.scheduler.hasten("a")
    await asyncio.sleep(0.5)

    assert 8 <= len(runs.started["a"]) <= 12
    gaps = [b - a for a, b in itertools.pairwise(runs.started["a"])]
    assert min(gaps) >= LEAST_GAP_SECONDS - TOLERANCE


async def test_what_changes_while_a_check_runs_is_looked_at_after_it(runs: Runs) -> None:
    runs.add("a", 60, takes=lambda: 3)
    await asyncio.sleep(1)
    runs.scheduler.hasten("a")
    runs.scheduler.hasten("a")
    await asyncio.sleep(20)

    assert runs.near("a", 0, 3)
    assert runs.most_at_once == 1


async def test_hasten_of_something_unknown_does_nothing(runs: Runs) -> None:
    runs.scheduler.hasten("nobody")
    await asyncio.sleep(1)

    assert runs.started == {}


async def test_a_removed_check_does_not_run_again_but_ends_its_run(runs: Runs) -> None:
    runs.add("a", 10, takes=lambda: 3)
    runs.add("b", 10)
    await asyncio.sleep(11)
    runs.scheduler.hasten("a")
    runs.scheduler.remove("a")
    runs.scheduler.remove("never there")
    await asyncio.sleep(30)

    assert runs.near("a", 0, 10)
    assert runs.running["a"] == 0
    assert len(runs.scheduler) == 1
    assert runs.near("b", 0, 10, 20, 30, 40)


async def test_adding_again_replaces(runs: Runs) -> None:
    runs.add("a", 10)
    await asyncio.sleep(5)
    runs.add("a", 20)
    await asyncio.sleep(41)

    assert len(runs.scheduler) == 1
    assert runs.near("a", 0, 5, 25, 45)


async def test_a_check_added_while_the_scheduler_sleeps_starts_at_once(runs: Runs) -> None:
    runs.add("a", 1000)
    await asyncio.sleep(100)
    runs.add("b", 1000)
    await asyncio.sleep(1)

    assert runs.near("b", 100)


async def test_first_runs_are_spread(runs: Runs) -> None:
    count = 2000
    for number in range(count):
        runs.add(str(number), 600)
    await asyncio.sleep(count / FIRST_RUNS_PER_SECOND + 1)

    firsts = sorted(times[0] for times in runs.started.values())
    assert len(firsts) == count
    for second in (0, 1):
        began = sum(1 for at in firsts if second <= at < second + 1)
        assert abs(began - FIRST_RUNS_PER_SECOND) < 50


async def test_second_runs_come_at_random_parts_of_the_period() -> None:
    runs = Runs(Random(7))  # noqa: S311 - spreads load, hides nothing
    for number in range(200):
        runs.add(str(number), 100)
    await asyncio.sleep(101)
    seconds = [times[1] - times[0] for times in runs.started.values()]
    runs.task.cancel()
    await asyncio.gather(runs.task, return_exceptions=True)

    assert 49.9 < min(seconds) < 60
    assert 90 < max(seconds) < 100.1
    assert len({round(one) for one in seconds}) > 30


async def test_the_end_of_the_scheduler_ends_what_it_started(runs: Runs) -> None:
    runs.add("a", 10, takes=lambda: 1e6)
    await asyncio.sleep(1)
    assert runs.running["a"] == 1
    runs.task.cancel()
    await asyncio.gather(runs.task, return_exceptions=True)

    assert runs.running["a"] == 0
