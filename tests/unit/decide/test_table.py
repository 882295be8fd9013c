"""How a decision table is read: the first true row wins, unless a row above it is unknown."""

from typing import Any

import pytest

from servicesop.api.procedures import Row
from servicesop.api.status import CheckState
from servicesop.decide import table
from servicesop.decide.table import Why
from servicesop.judge.debounce import Memory
from unit.decide.scenes import bad, blind, good, maybe, memory, skipped, suspended, unsettled

ACT: dict[str, Any] = {"remediate": {"restart": {}}}
CALL: dict[str, Any] = {"escalate": {"to": ["team"]}}
HOLD: dict[str, Any] = {"hold": {"because": "it passes", "atMost": "10m"}}


def rows_of(*does: dict[str, Any]) -> tuple[Row, ...]:
    """Rows `a`, `b`, ... on the checks of those names, and `otherwise`."""
    rows = [
        {"name": name, "when": {"anyFailed": [name]}} | what
        for name, what in zip("abcdef", does, strict=False)
    ]
    last = {"name": "otherwise", "otherwise": True, "escalate": {"to": ["team"]}}
    return tuple(Row.model_validate(row) for row in [*rows, last])


@pytest.mark.parametrize(
    ("does", "states", "wins", "why", "unknown"),
    [
        pytest.param([ACT, ACT], [bad(), bad()], "a", Why.ROW, (), id="the first true row wins"),
        pytest.param([ACT, CALL], [good(), bad()], "b", Why.ROW, (), id="false rows are passed"),
        pytest.param(
            [ACT, CALL], [good(), good()], "otherwise", Why.NO_ROW, (), id="no row is true"
        ),
        pytest.param(
            [CALL, ACT], [blind(), bad()], "otherwise", Why.BLOCKED, ("a",),
            id="below an unknown row nothing acts",
        ),
        pytest.param(
            [ACT, CALL], [blind(), bad()], "b", Why.ROW, ("a",),
            id="below an unknown row people may be called",
        ),
        pytest.param(
            [ACT, HOLD], [blind(), bad()], "b", Why.ROW, ("a",),
            id="below an unknown row one may wait",
        ),
        pytest.param(
            [ACT, CALL], [bad(), blind()], "a", Why.ROW, (),
            id="an unknown row below does not matter",
        ),
        pytest.param(
            [ACT, CALL], [blind(), good()], "otherwise", Why.UNSURE, ("a",),
            id="only unknown rows led to the last one",
        ),
        pytest.param(
            [CALL, CALL, ACT], [blind(), memory(CheckState.INCONCLUSIVE), bad()], "otherwise",
            Why.BLOCKED, ("a", "b"), id="all unknown rows are named",
        ),
        pytest.param(
            [ACT, CALL], [maybe(), bad()], "a", Why.WAIT, (),
            id="a pending row is waited for even when one below is true",
        ),
        pytest.param(
            [ACT, CALL], [maybe(), good()], "a", Why.WAIT, (),
            id="a pending row never leads to otherwise",
        ),
        pytest.param(
            [CALL, ACT, CALL], [blind(), maybe(), bad()], "b", Why.WAIT, ("a",),
            id="a pending row is waited for below an unknown one too",
        ),
        pytest.param(
            [CALL, ACT], [memory(CheckState.NOT_RUN), bad()], "a", Why.WAIT, (),
            id="a check that is about to run is waited for",
        ),
        pytest.param(
            [CALL, ACT], [suspended(), bad()], "otherwise", Why.BLOCKED, ("a",),
            id="a suspended check is unknown",
        ),
        pytest.param(
            [CALL, ACT, CALL], [skipped("c"), bad(), blind()], "otherwise", Why.BLOCKED, ("a",),
            id="so is one that waits for a check that cannot tell",
        ),
        pytest.param(
            [CALL, ACT, CALL], [skipped("c"), bad(), bad()], "otherwise", Why.BLOCKED, ("a",),
            id="or for one that has failed",
        ),
        pytest.param(
            [CALL, ACT, CALL], [skipped("c"), bad(), maybe()], "a", Why.WAIT, (),
            id="for one that is pending it is waited for",
        ),
        pytest.param(
            [CALL, ACT, CALL, CALL], [skipped("c", "d"), bad(), maybe(), blind()], "otherwise",
            Why.BLOCKED, ("a",), id="but not when it waits for another one too",
        ),
        pytest.param(
            [ACT, CALL], [unsettled(), good()], "a", Why.ROW, (),
            id="a check that fails for changing reasons is Failed",
        ),
        pytest.param(
            [ACT, CALL], [bad(), maybe()], "a", Why.ROW, (),
            id="a pending row below is not waited for",
        ),
    ],
)  # fmt: skip
def test_the_table_says_what_wins_and_why(
    does: list[dict[str, Any]], states: list[Memory], wins: str, why: Why, unknown: tuple[str, ...]
) -> None:
    checks = dict(zip("abcdef", states, strict=False))

    verdict = table.read(rows_of(*does), checks)

    assert (verdict.row.name, verdict.why, verdict.unknown) == (wins, why, unknown)


@pytest.mark.parametrize("finding", ["None", "Many"])
def test_findings_that_alternate_are_not_waited_for(finding: str) -> None:
    row = {"name": "a", "when": {"anyFailed": [f"a/{finding}"]}} | ACT
    rows = (Row.model_validate(row), rows_of()[0])

    assert table.read(rows, {"a": unsettled()}).why is Why.UNSURE


def test_a_skipped_row_counts_as_false() -> None:
    rows = rows_of(HOLD, ACT)
    checks = {"a": bad(), "b": bad()}

    assert table.read(rows, checks).row.name == "a"
    assert table.read(rows, checks, skipped=lambda row: row.name == "a").row.name == "b"


def test_a_skipped_row_that_is_unknown_blocks_nothing() -> None:
    verdict = table.read(
        rows_of(HOLD, ACT), {"a": blind(), "b": bad()}, skipped=lambda row: row.hold is not None
    )

    assert (verdict.row.name, verdict.why) == ("b", Why.ROW)


def test_a_row_with_a_pending_and_an_unknown_member_is_unknown_not_pending() -> None:
    row = {"name": "a", "when": {"anyFailed": ["a", "b"]}} | ACT
    rows = (Row.model_validate(row), rows_of()[0])

    assert table.read(rows, {"a": maybe(), "b": blind()}).why is Why.UNSURE
    assert table.read(rows, {"a": maybe(), "b": good()}).why is Why.WAIT


def test_a_pending_finding_of_a_failed_check_is_waited_for() -> None:
    row = {"name": "a", "when": {"anyFailed": ["a/None"]}} | ACT
    rows = (Row.model_validate(row), rows_of()[0])
    both = memory(CheckState.FAILED, confirmed=frozenset({"Many"}), pending=frozenset({"None"}))

    assert table.read(rows, {"a": both}).why is Why.WAIT
