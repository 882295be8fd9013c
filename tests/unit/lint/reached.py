"""States that checks really come to be in: all short series of answers, debounced."""

import itertools
from collections.abc import Collection
from datetime import timedelta
from functools import cache

from servicesop.api.checks.check import Check
from servicesop.api.status import CheckState
from servicesop.decide import table
from servicesop.judge import debounce
from servicesop.judge.debounce import Memory, windows_of
from servicesop.judge.results import Sample
from servicesop.judge.supposed import AT, CANNOT_ASK, PASSED, found
from servicesop.lint.samples import samples_of
from servicesop.lint.worlds import World

EVERY = timedelta(seconds=30)
RUNS = 6


@cache
def reached(check: Check) -> tuple[Memory, ...]:
    """One memory of all that look the same to a table; it looks at all findings here."""
    answers = [PASSED, CANNOT_ASK, *map(found, sorted(samples_of(check), key=sorted))]
    refs = (check.name, *(f"{check.name}/{finding}" for finding in check.findings))
    memories: dict[World, Memory] = {}
    for series in itertools.product(answers, repeat=RUNS):
        for memory in _along(check, series):
            memories.setdefault(seen(check.name, refs, memory), memory)
    return tuple(memories.values())


@cache
def _along(check: Check, series: tuple[Sample, ...]) -> tuple[Memory, ...]:
    """The memories after each of these answers."""
    if not series:
        return (debounce.begin(AT),)
    before = _along(check, series[:-1])
    windows = windows_of(check, EVERY)
    return (*before, debounce.step(before[-1], series[-1], AT + len(series) * EVERY, windows))


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
