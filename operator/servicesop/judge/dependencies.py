"""Which checks may run: those that are not suspended, and whose dependencies have passed."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from servicesop.api.checks.check import Check
from servicesop.api.status import CheckState
from servicesop.judge import debounce
from servicesop.judge.debounce import HELD, Memory


def held_back(
    checks: Iterable[Check], memories: Mapping[str, Memory], now: datetime
) -> dict[str, Memory]:
    """Give the memories that change, by name, so that only checks that may run are asked.

    `checks` come in an order in which each stands after those that it depends on. A check that may
    run again begins afresh: what it said before says nothing about now.
    """
    around = dict(memories)
    changed: dict[str, Memory] = {}
    for check in checks:
        before = around[check.name]
        missing = tuple(
            name for name in check.depends_on if around[name].state is not CheckState.PASSED
        )
        if check.suspend:
            after = debounce.suspend(before, now)
        elif missing:
            found = dict.fromkeys(one for name in missing for one in causes(name, around))
            after = debounce.skip(before, missing, tuple(found), now)
        elif before.state in HELD:
            after = debounce.begin(now)
        else:
            after = before
        if after is not before:
            around[check.name] = changed[check.name] = after
    return changed


def causes(name: str, memories: Mapping[str, Memory]) -> tuple[str, ...]:
    """Give the checks that a check really waits for; of one that is not Skipped, itself."""
    memory = memories[name]
    return memory.causes if memory.state is CheckState.SKIPPED else (name,)
