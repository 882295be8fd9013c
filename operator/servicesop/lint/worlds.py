"""Every state that a check can come to be in, as far as a decision table can tell them apart.

The states are made by the operator's own debouncing and read by its own table, so that what is
called possible here is what the operator does.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta

from servicesop.api.checks.check import Check
from servicesop.api.status import CheckState
from servicesop.decide import table
from servicesop.decide.table import Three
from servicesop.judge.debounce import Memory, Windows, begin, windows_of
from servicesop.judge.supposed import AT, CANNOT_ASK, PASSED, after, changing, found
from servicesop.lint.samples import Found, samples_of, subsets


@dataclass(frozen=True, slots=True)
class World:
    """One state of a check."""

    values: tuple[Three, ...]
    """Whether each of the references to it is failed, in their order."""
    failed: bool
    passed: bool
    soon: bool
    """It is unknown, and will be known by itself."""
    tells: bool
    """What is unknown of it, or of its findings, will be known by itself."""


def worlds_of(check: Check, refs: Collection[str], every: timedelta) -> tuple[World, ...]:
    """Give the states of a check that runs, told apart by these references to it."""
    wanted = frozenset(ref.partition("/")[2] for ref in refs) - {""}
    states = _states(check, wanted, windows_of(check, check.every or every))
    return tuple(dict.fromkeys(_world(check.name, refs, memory) for memory in states))


def skipped(refs: Collection[str], *, soon: bool) -> World:
    """Give the state of a check that waits for others, which will soon be known or will not."""
    return World((None,) * len(refs), failed=False, passed=False, soon=soon, tells=soon)


def _world(name: str, refs: Collection[str], memory: Memory) -> World:
    checks = {name: memory}
    return World(
        values=tuple(table.failed(ref, checks) for ref in refs),
        failed=memory.state is CheckState.FAILED,
        passed=memory.state is CheckState.PASSED,
        soon=memory.state in table.SOON,
        tells=table.will_tell(name, checks),
    )


def _states(check: Check, wanted: Found, windows: Windows) -> Iterator[Memory]:
    yield begin(AT)
    yield after([PASSED])
    yield after([CANNOT_ASK, CANNOT_ASK])
    samples = samples_of(check, wanted)
    for sample in _told_apart(samples, wanted):
        yield after([found(sample)])
    # Findings that alternate: none lasts, where none is found every time.
    if samples and not frozenset.intersection(*samples):
        yield changing()
    for lasting, newest in _failed_states(samples, wanted, windows):
        newest_sample = found(newest) if newest else PASSED
        yield after([found(lasting), found(lasting), newest_sample])


def _failed_states(
    samples: frozenset[Found], wanted: Found, windows: Windows
) -> Iterator[tuple[Found, Found]]:
    """Give what may be confirmed, and what the newest run found meanwhile (nothing: it passed)."""
    confirmed = list(_confirmed(samples, windows))
    if windows.recover:
        # What is confirmed outlasts the run that does not find it any more.
        for lasting in _told_apart(confirmed, wanted):
            for newest in _told_apart([Found(), *samples], wanted):
                yield lasting, newest
    else:
        pairs = [(one, newest) for newest in samples for one in confirmed if one <= newest]
        yield from {(one & wanted, new & wanted): (one, new) for one, new in pairs}.values()


def _confirmed(samples: frozenset[Found], windows: Windows) -> Iterator[Found]:
    """Give the sets of findings that can be confirmed at a time."""
    possible = frozenset[str]().union(*samples)
    # What is found whenever another thing is found is confirmed no later than that.
    implied = {
        one: frozenset.intersection(*(each for each in samples if one in each)) for one in possible
    }
    for some in subsets(possible):
        if some and all(implied[one] <= some for one in some):
            pairs = ((one, other) for one in some for other in some if one < other)
            if all(_meet(one, other, samples, windows) for one, other in pairs):
                yield some


def _meet(one: str, other: str, samples: frozenset[Found], windows: Windows) -> bool:
    """Say whether two findings can be confirmed at a time.

    Those that no run has together can only if one is confirmed before the other has recovered.
    """
    together = any({one, other} <= each for each in samples)
    return together or min(windows.fail[one], windows.fail[other]) < windows.recover


def _told_apart(sets: Iterable[Found], wanted: Found) -> Iterable[Found]:
    """Give one of all sets that hold the same of what is wanted; nothing found is like no other."""
    return {(one & wanted, not one): one for one in sets}.values()
