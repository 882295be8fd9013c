"""Rows are evaluated in Kleene's logic: every combination of up to three members."""

import itertools
from collections.abc import Callable

import pytest

from servicesop.api.procedures import When
from servicesop.api.status import CheckState
from servicesop.decide import table
from servicesop.decide.table import Three
from servicesop.judge.debounce import Memory
from unit.decide.scenes import bad, blind, good, maybe, memory, skipped, suspended, unsettled

VALUES: tuple[Three, ...] = (True, False, None)
NAMES = ("a", "b", "c")
STATES = {True: bad(), False: good(), None: blind()}
"""A check that is failed, one that is not, and one of which that is unknown."""

MEANS: dict[str, Callable[[tuple[bool, ...]], bool]] = {
    "anyFailed": any,
    "allFailed": all,
    "allPassed": lambda failed: not any(failed),
}


def worlds(values: tuple[Three, ...]) -> list[tuple[bool, ...]]:
    """All ways in which the unknown values may turn out."""
    return list(itertools.product(*([True, False] if one is None else [one] for one in values)))


def agreed(answers: set[bool]) -> Three:
    """What is the same in all worlds is known, and nothing else is."""
    return answers.pop() if len(answers) == 1 else None


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("key", list(MEANS))
def test_a_key_is_known_exactly_when_its_unknown_members_cannot_change_it(
    key: str, count: int
) -> None:
    for values in itertools.product(VALUES, repeat=count):
        names = NAMES[:count]
        checks = {name: STATES[value] for name, value in zip(names, values, strict=True)}
        expected = agreed({MEANS[key](world) for world in worlds(values)})

        assert table.holds(When.model_validate({key: names}), checks) is expected, values


def test_the_keys_of_one_row_are_anded() -> None:
    when = When(any_failed=("a",), all_failed=("b",), all_passed=("c",))
    for values in itertools.product(VALUES, repeat=3):
        checks = {name: STATES[value] for name, value in zip(NAMES, values, strict=True)}
        expected = agreed({a and b and not c for a, b, c in worlds(values)})

        assert table.holds(when, checks) is expected, values


@pytest.mark.parametrize(
    ("ref", "found", "is_failed", "is_passed"),
    [
        ("c", good(), False, True),
        ("c", bad("None"), True, False),
        ("c", maybe("None"), None, None),
        ("c", blind(), None, None),
        ("c", memory(CheckState.INCONCLUSIVE), None, None),
        ("c", memory(CheckState.NOT_RUN), None, None),
        ("c", skipped("d"), None, None),
        ("c", suspended(), None, None),
        # It fails in every run, but for changing reasons: which one it is nobody can tell.
        ("c", unsettled(), True, False),
        ("c/None", unsettled(), None, None),
        ("c/Many", unsettled(), None, None),
        ("c/None", skipped("d"), None, None),
        ("c/None", suspended(), None, None),
        ("c/None", good(), False, True),
        ("c/None", bad("None"), True, False),
        ("c/None", bad("None", "Many"), True, False),
        # The check is failed, but for another reason: this one is known not to be there.
        ("c/None", bad("Many"), False, True),
        ("c/None", maybe("None"), None, None),
        ("c/None", maybe("Many"), False, True),
        ("c/None", blind(), None, None),
        ("c/None", memory(CheckState.INCONCLUSIVE), None, None),
        ("c/None", memory(CheckState.NOT_RUN), None, None),
        # One finding is confirmed while another is still pending.
        (
            "c/None",
            memory(CheckState.FAILED, confirmed=frozenset({"Many"}), pending=frozenset({"None"})),
            None,
            None,
        ),
        (
            "c/Many",
            memory(CheckState.FAILED, confirmed=frozenset({"Many"}), pending=frozenset({"None"})),
            True,
            False,
        ),
    ],
)
def test_a_reference_is_three_valued_like_its_check(
    ref: str, found: Memory, is_failed: Three, is_passed: Three
) -> None:
    assert table.failed(ref, {"c": found}) is is_failed
    assert table.passed(ref, {"c": found}) is is_passed
