"""Who asks next."""

import asyncio

import pytest

from servicesop.sources.postgres.turns import Turns


class Queue:
    """Askers that hold their turn until they are told to leave."""

    def __init__(self, bound: int = 2) -> None:
        self.turns = Turns(bound)
        self.entered: list[str] = []
        self._ends: dict[str, asyncio.Event] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def ask(self, *names: str) -> None:
        """Let `a1` ask for SOP `a`, and so on, in this order."""
        for name in names:
            self._ends[name] = asyncio.Event()
            self._tasks[name] = asyncio.create_task(self._hold(name))
            await settle()

    async def _hold(self, name: str) -> None:
        async with self.turns.turn(name[0]):
            self.entered.append(name)
            await self._ends[name].wait()

    async def leave(self, *names: str) -> None:
        for name in names:
            self._ends[name].set()
            await settle()

    async def cancel(self, *names: str) -> None:
        for name in names:
            self._tasks[name].cancel()
        await asyncio.gather(*(self._tasks[name] for name in names), return_exceptions=True)


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_as_many_as_the_bound_are_inside() -> None:
    queue = Queue()
    await queue.ask("a1", "b1", "c1")
    assert queue.entered == ["a1", "b1"]
    await queue.leave("b1")
    assert queue.entered == ["a1", "b1", "c1"]


async def test_one_sop_may_have_all_turns_while_nobody_else_waits() -> None:
    queue = Queue()
    await queue.ask("a1", "a2", "a3")
    await queue.leave("a2", "a1")
    assert queue.entered == ["a1", "a2", "a3"]


async def test_a_greedy_sop_waits_for_itself_only() -> None:
    queue = Queue()
    await queue.ask("a1", "a2", "a3", "a4", "a5", "b1", "c1")
    await queue.leave("a1", "b1")
    assert queue.entered[2:] == ["b1", "c1"]
    await queue.leave("a2", "c1")
    assert queue.entered[4:] == ["a3", "a4"]


async def test_the_one_with_the_fewest_inside_is_next() -> None:
    queue = Queue(bound=3)
    await queue.ask("a1", "a2", "b1", "a3", "b2", "c1")
    await queue.leave("b1")
    assert queue.entered[-1] == "b2"
    await queue.leave("a1")
    assert queue.entered[-1] == "c1"


async def test_equals_follow_each_other_round_robin() -> None:
    queue = Queue(bound=1)
    await queue.ask("a1", "a2", "a3", "b1", "b2", "c1", "b3")
    for place in range(6):
        await queue.leave(queue.entered[place])
    assert queue.entered == ["a1", "a2", "b1", "c1", "a3", "b2", "b3"]


@pytest.mark.parametrize("name", ["a2", "a3", "b1"])
async def test_one_that_gives_up_waiting_takes_no_turn(name: str) -> None:
    queue = Queue(bound=1)
    await queue.ask("a1", "a2", "a3", "b1")
    await queue.cancel(name)
    await queue.leave("a1")
    rest = {"a2": ["a3", "b1"], "a3": ["a2", "b1"], "b1": ["a2", "a3"]}[name]
    await queue.leave(*rest)
    assert queue.entered == ["a1", *rest]
    await queue.ask("d1")
    assert queue.entered[-1] == "d1"


@pytest.mark.parametrize("cancelled_first", [True, False])
async def test_a_turn_that_comes_with_the_cancellation_is_passed_on(cancelled_first: bool) -> None:
    queue = Queue(bound=1)
    await queue.ask("a1", "b1", "c1")
    if cancelled_first:
        queue._tasks["b1"].cancel()
        queue._tasks["a1"].cancel()
    else:
        queue._tasks["a1"].cancel()
        # One step: a1 has left and b1 was called, but has not run yet.
        await asyncio.sleep(0)
        queue._tasks["b1"].cancel()
    await settle()
    assert queue.entered == ["a1", "c1"]
    await queue.leave("c1")
    await queue.ask("d1", "e1")
    assert queue.entered == ["a1", "c1", "d1"]
    await queue.leave("d1", "e1")


async def test_nothing_is_kept_of_those_who_left() -> None:
    queue = Queue()
    await queue.ask("a1", "b1", "c1", "d1")
    await queue.cancel("c1")
    await queue.leave("a1", "b1", "d1")
    assert not queue.turns._inside
    assert not queue.turns._waiting
