"""One run of one check: whether it is asked, and what follows from its answer."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from servicesop.api.checks.check import Check
from servicesop.checks.ask import ask
from servicesop.engine.clock import Clock
from servicesop.engine.sop import Sop
from servicesop.judge.debounce import HELD
from servicesop.judge.results import Sample


@dataclass(frozen=True, slots=True)
class Answered:
    """What follows from an answer that counts."""

    changed: bool
    """What people see of the SOP has changed."""
    freed: tuple[str, ...]
    """Checks that need not wait any longer; each is to be run at once."""
    again: tuple[timedelta, ...]
    """After which times another run of this check would tell more."""


async def run_check(
    sop: Sop,
    name: str,
    *,
    clock: Clock,
    on_answer: Callable[[Check, Sample, float], None],
    on_defect: Callable[[Exception], None],
) -> Answered | None:
    """Run a check, and take its answer into account; None where it is not asked, or too late.

    `on_answer` is told every answer, and how many seconds it took.
    """
    watched = sop.watched.get(name)
    if watched is None or watched.memory.state in HELD:
        return None
    # A runner keeps cursors; confirming an action may ask it while a regular run goes on.
    async with watched.lock, watched.runner.turn:
        if sop.watched.get(name) is not watched:
            return None  # while it waited for its turn, something that it depends on has failed
        began = clock.monotonic()
        sample = await ask(watched.runner, watched.check, clock.now(), on_defect, clock.limit)
    on_answer(watched.check, sample, clock.monotonic() - began)
    if sop.watched.get(name) is not watched:
        return None  # the spec has changed meanwhile; this answers a question nobody asks any more
    now = clock.now()
    before = watched.memory.state
    changed = sop.take(name, sample, now)
    # Who waits for whom follows from the states of checks alone.
    freed = sop.hold_back(now) if watched.memory.state is not before else ()
    ends = (
        watched.memory.pending_until(watched.windows),
        watched.memory.recovers_at(watched.windows),
    )
    again = tuple(end - now for end in ends if end is not None and end > now)
    return Answered(changed, freed, again)
