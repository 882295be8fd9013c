"""States that checks really come to be in: all series of answers, debounced."""

from collections.abc import Collection, Hashable
from datetime import datetime, timedelta
from functools import cache

from servicesop.api.checks.check import Check
from servicesop.api.status import CheckState
from servicesop.decide import table
from servicesop.judge import debounce
from servicesop.judge.debounce import Memory, windows_of
from servicesop.judge.supposed import AT, CANNOT_ASK, PASSED, found
from servicesop.lint.samples import samples_of
from servicesop.lint.worlds import World

EVERY = timedelta(seconds=30)
LONG = 3
"""So many periods are longer than any window of these tests."""


@cache
def reached(check: Check) -> tuple[Memory, ...]:
    """One memory of all that look the same to a table which names all findings of the check."""
    answers = [PASSED, CANNOT_ASK, *map(found, sorted(samples_of(check), key=sorted))]
    windows = windows_of(check, EVERY)
    refs = (check.name, *(f"{check.name}/{finding}" for finding in check.findings))
    known: set[Hashable] = set()
    memories: dict[World, Memory] = {}
    left = [(debounce.begin(AT), AT)]
    while left:
        memory, now = left.pop()
        memories.setdefault(seen(check.name, refs, memory), memory)
        for answer in answers:
            later = now + EVERY
            after = debounce.step(memory, answer, later, windows)
            if (key := _as_of(after, later)) not in known:
                known.add(key)
                left.append((after, later))
    return tuple(memories.values())


def _as_of(memory: Memory, now: datetime) -> Hashable:
    """All of a memory that its future depends on; what is long ago is all the same."""

    def ago(time: datetime | None) -> int | None:
        return None if time is None else min(LONG, (now - time) // EVERY)

    bad = memory.bad and (ago(memory.bad.first), min(2, memory.bad.runs))
    failing = {(one, ago(run.first), min(2, run.runs)) for one, run in memory.failing.items()}
    gone = {(one, ago(since)) for one, since in memory.gone.items()}
    unknown = min(2, memory.unknown_runs)
    now_said = memory.state, unknown, memory.confirmed, memory.lasting, memory.steady
    return now_said, bad, frozenset(failing), frozenset(gone), ago(memory.passing)


def seen(name: str, refs: Collection[str], memory: Memory) -> World:
    """What a table sees of a state."""
    checks = {name: memory}
    return World(
        values=tuple(table.failed(ref, checks) for ref in refs),
        failed=memory.state is CheckState.FAILED,
        passed=memory.state is CheckState.PASSED,
        soon=memory.state in (CheckState.PENDING, CheckState.NOT_RUN),
        tells=table.will_tell(name, checks),
    )
