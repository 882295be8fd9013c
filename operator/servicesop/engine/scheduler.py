"""When each check runs: a heap of due times, a fixed cadence, nothing due and silently not run.

A run is started as a task of its own, so a slow one delays nobody. The same entry is never run
twice at once: a run that is due while the last one is not over is counted as missed, and comes
with the next period.
"""

import asyncio
import heapq
import itertools
import math
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from random import Random

FIRST_RUNS_PER_SECOND = 1000
"""First runs are spread so that a start with many SOPs does not ask everybody at once."""
TIMER_SECONDS = 0.001
"""The loop's timers count whole milliseconds and may be early by one: without this on top, it would
spin through the last one before each run."""
LEAST_GAP_SECONDS = 0.1
"""Two runs of one check that events ask for are at least this far apart."""

Run = Callable[[], Awaitable[None]]


@dataclass(slots=True)
class Entry:
    """One check that is due again and again."""

    key: Hashable
    every: float
    """Seconds between two runs."""
    run: Run
    due: float = 0.0
    """When the next regular run is due, on the monotonic clock."""
    extra: float | None = None
    """When an additional run is due."""
    started: float = float("-inf")
    """When the last run started."""
    running: bool = False
    again: bool = False
    """An additional run was asked for while one was running."""
    removed: bool = field(default=False)


class Scheduler:
    """Starts runs when they are due.

    `on_start(lag)` is told for every run how late it starts, in seconds; `on_missed()` that one
    was due and did not start: the last was not over, or the loop was late by whole periods.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float],
        random: Random,
        on_start: Callable[[float], None] = lambda lag: None,
        on_missed: Callable[[], None] = lambda: None,
    ) -> None:
        self._clock = clock
        self._random = random
        self._on_start = on_start
        self._on_missed = on_missed
        self._heap: list[tuple[float, int, Entry]] = []
        self._order = itertools.count()
        self._wake = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._entries: dict[Hashable, Entry] = {}
        self._next_first = float("-inf")

    def __len__(self) -> int:
        return len(self._entries)

    def add(self, key: Hashable, every: float, run: Run) -> None:
        """Run `run` now and then every `every` seconds; an entry of that key is replaced."""
        self.remove(key)
        now = self._clock()
        self._next_first = max(now, self._next_first + 1 / FIRST_RUNS_PER_SECOND)
        entry = Entry(key, every, run, due=self._next_first)
        self._entries[key] = entry
        self._push(entry.due, entry)

    def remove(self, key: Hashable) -> None:
        """Forget an entry; a run in progress goes on."""
        entry = self._entries.pop(key, None)
        if entry is not None:
            entry.removed = True

    def hasten(self, key: Hashable, delay: float = 0.0) -> None:
        """Run an entry additionally, `delay` seconds from now, unless it is due by then anyway."""
        entry = self._entries.get(key)
        if entry is None:
            return
        if entry.running and delay <= 0:
            entry.again = True
            return
        at = max(self._clock() + delay, entry.started + LEAST_GAP_SECONDS)
        if at >= entry.due or (entry.extra is not None and entry.extra <= at):
            return
        entry.extra = at
        self._push(at, entry)

    async def run(self) -> None:
        """Start runs until cancelled; then cancel those in progress and wait for them."""
        try:
            while True:
                await self._sleep()
                self._start_due()
        finally:
            tasks = tuple(self._tasks)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _push(self, at: float, entry: Entry) -> None:
        first = not self._heap or at < self._heap[0][0]
        heapq.heappush(self._heap, (at, next(self._order), entry))
        if first:
            self._wake.set()

    async def _sleep(self) -> None:
        self._wake.clear()
        delay = self._heap[0][0] - self._clock() if self._heap else None
        if delay is not None and delay <= 0:
            # Even when everything is late, the loop must get its turn.
            await asyncio.sleep(0)
            return
        try:
            async with asyncio.timeout(None if delay is None else delay + TIMER_SECONDS):
                await self._wake.wait()
        except TimeoutError:
            pass

    def _start_due(self) -> None:
        now = self._clock()
        while self._heap and self._heap[0][0] <= now:
            at, _, entry = heapq.heappop(self._heap)
            if entry.removed:
                continue
            if at == entry.due:
                self._regular(entry, now)
            elif at == entry.extra:
                entry.extra = None
                self._begin(entry, at, now)

    def _regular(self, entry: Entry, now: float) -> None:
        due = entry.due
        # The second run comes at a random part of the period: it spreads what began together.
        first = entry.started == float("-inf")
        step = entry.every * self._random.uniform(0.5, 1.0) if first else entry.every
        entry.due = due + step
        # When the loop itself is late, the cadence stays and what fell out is counted.
        late = max(0, math.floor((now - entry.due) / entry.every) + 1)
        entry.due += late * entry.every
        for _ in range(late):
            self._on_missed()
        self._push(entry.due, entry)
        if entry.running:
            self._on_missed()
        else:
            self._begin(entry, due, now)

    def _begin(self, entry: Entry, due: float, now: float) -> None:
        if entry.running:
            entry.again = True
            return
        entry.running = True
        entry.started = now
        self._on_start(now - due)
        task = asyncio.ensure_future(self._one(entry))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _one(self, entry: Entry) -> None:
        try:
            await entry.run()
        finally:
            entry.running = False
            if entry.again and not entry.removed:
                entry.again = False
                self.hasten(entry.key)
