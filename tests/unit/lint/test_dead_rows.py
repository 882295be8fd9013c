"""A row is called dead exactly when no assignment of results lets it win: all are tried."""

import itertools
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from servicesop.api.dependencies import in_order
from servicesop.api.procedures import Row
from servicesop.api.sop import Spec
from servicesop.api.status import Tri
from servicesop.decide import table
from servicesop.decide.procedures import Section, sections_of, state_of
from servicesop.decide.table import Why
from servicesop.judge.debounce import Memory
from servicesop.judge.dependencies import held_back
from servicesop.judge.supposed import AT
from servicesop.lint.dead_rows import dead_rows, table_of
from servicesop.lint.rules import Subject
from unit.decide.scenes import spec_of
from unit.lint.reached import reached

LOGS = {"pattern": "x", "within": "1m"}
TIMES = {"for": "30s", "recoverFor": "30s"}
CHECKS: list[dict[str, Any]] = [
    {"name": "a", "logs": LOGS | {"max": 0}} | TIMES,
    {"name": "b", "logs": LOGS | {"min": 1, "max": 5}} | TIMES,
    {"name": "c", "events": {"type": "Warning", "within": "1m"}, "dependsOn": ["a"]} | TIMES,
]
REFS = ["a", "a/TooMany", "a/SinglePod", "b", "b/TooMany", "b/TooFew", "c", "c/Found", "a/TooFew"]
WHAT: dict[str, dict[str, Any]] = {
    "remediate": {"restart": {}},
    "escalate": {"to": ["sre"]},
    "hold": {"because": "it passes", "atMost": "10m"},
}
LAST = {"name": "otherwise", "otherwise": True, "escalate": {"to": ["sre"]}}
Rows = list[tuple[dict[str, list[str]], str]]


def spec_with(rows: Rows, happens_by: list[str], **more: Any) -> Spec:
    handle = [
        {"name": f"r{index}", "when": when, what: WHAT[what]}
        for index, (when, what) in enumerate(rows)
    ]
    procedure = {"name": "P", "checks": happens_by, "handle": [*handle, LAST]}
    return spec_of(checks=CHECKS, procedures=[procedure, *more.get("procedures", [])])


def assignments(spec: Spec) -> Iterator[Mapping[str, Memory]]:
    """All that the checks may say together."""
    names = [check.name for check in spec.checks]
    for memories in itertools.product(*(reached(check) for check in spec.checks)):
        checks = dict(zip(names, memories, strict=True))
        yield checks | held_back(in_order(spec.checks), checks, AT)


def _is_one_of(names: frozenset[str], row: Row) -> bool:
    return row.name in names


def tried(spec: Spec, section: Section) -> set[int]:
    """The rows that win somewhere, with every hold that can win itself skipped or not."""
    possible = [one for one in assignments(spec) if state_of(section, one) is Tri.TRUE]
    winners: set[str] = set()
    while True:
        holds = [row.name for row in section.rows if row.hold and row.name in winners]
        before = len(winners)
        for count in range(len(holds) + 1):
            for out in itertools.combinations(holds, count):
                names = frozenset(out)
                for checks in possible:
                    verdict = table.read(section.rows, checks, partial(_is_one_of, names))
                    if verdict.why is Why.ROW:
                        winners.add(verdict.row.name)
        if len(winners) == before:
            return {index for index, row in enumerate(section.rows) if row.name in winners}


refs = st.lists(st.sampled_from(REFS), min_size=1, max_size=3)
whens = st.dictionaries(
    st.sampled_from(["anyFailed", "allFailed", "allPassed"]), refs, min_size=1, max_size=2
)


@settings(max_examples=40, deadline=None)
@given(
    rows=st.lists(st.tuples(whens, st.sampled_from(list(WHAT))), min_size=1, max_size=4),
    happens_by=st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=2, unique=True),
)
def test_the_dead_rows_are_those_that_win_nowhere(rows: Rows, happens_by: list[str]) -> None:
    spec = spec_with(rows, happens_by)
    (section,) = sections_of(spec)

    dead = set(table_of(spec, section).dead())

    assert dead == set(range(len(rows))) - tried(spec, section)


def messages(spec: Spec) -> list[str]:
    return [problem.message for problem in dead_rows(Subject("fleet", spec))]


ACT, CALL, HOLD = WHAT
ANY = "anyFailed"


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        pytest.param(
            [({ANY: ["a"]}, CALL), ({ANY: ["a/SinglePod"]}, CALL)],
            "r1 of P can never win: whenever it is true, row r0 above it is true, or waited for",
            id="the finding of a check that was handled above",
        ),
        pytest.param(
            [({ANY: ["a/TooMany"]}, CALL), ({ANY: ["a/SinglePod"]}, CALL)],
            "r1 of P can never win: whenever it is true, row r0",
            id="a finding that implies the one above",
        ),
        pytest.param(
            [({"allFailed": ["b/TooMany", "b/TooFew"]}, CALL)],
            "r0 of P can never win: its `when` is never true while the procedure is happening",
            id="findings that exclude each other",
        ),
        pytest.param(
            [({ANY: ["a/TooFew"]}, CALL)],
            "r0 of P can never win: its `when` is never true",
            id="a finding for which the check has no limit",
        ),
        pytest.param(
            [({"allFailed": ["a", "c"]}, CALL)],
            "r0 of P can never win: its `when` is never true",
            id="a check that is not run when the other has failed",
        ),
        pytest.param(
            [({ANY: ["b"]}, CALL), ({"allPassed": ["b"]}, CALL), ({ANY: ["a"]}, ACT)],
            "r2 of P can never win: whenever it is true, one of the rows above it is true or"
            " unknown, and then nothing may be done",
            id="an action below rows that are never both false",
        ),
        pytest.param(
            [({ANY: ["c"]}, CALL), ({ANY: ["a"]}, ACT)],
            "r1 of P can never win: whenever it is true, row r0 above it is true or unknown",
            id="an action below a check that is not run while it could be done",
        ),
        pytest.param(
            [({"allPassed": ["a", "b"]}, CALL)],
            "r0 of P can never win: its `when` is never true while the procedure is happening",
            id="a row for when nothing is happening",
        ),
    ],
)
def test_a_dead_row_is_told_with_its_reason(rows: Rows, says: str) -> None:
    (message,) = messages(spec_with(rows, ["a", "b"]))

    assert says in message


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param([({ANY: ["a/SinglePod"]}, CALL), ({ANY: ["a"]}, CALL)], id="finding first"),
        pytest.param([({ANY: ["a"]}, HOLD), ({ANY: ["a"]}, CALL)], id="below a hold that ends"),
        pytest.param(
            [({ANY: ["c"]}, CALL), ({"allPassed": ["c"]}, CALL), ({ANY: ["b"]}, CALL)],
            id="a call below rows that are both unknown",
        ),
        pytest.param([], id="otherwise alone"),
    ],
)
def test_a_row_that_can_win_is_not_dead(rows: Rows) -> None:
    assert messages(spec_with(rows, ["a", "b"])) == []


def test_a_row_that_wins_in_a_procedure_that_borrows_the_table_is_not_dead() -> None:
    rows: Rows = [({ANY: ["a"]}, CALL), ({ANY: ["b"]}, CALL)]
    borrows = {"name": "Q", "checks": ["b"], "stepsFrom": "P"}

    assert messages(spec_with(rows, ["a"])) != []
    assert messages(spec_with(rows, ["a"], procedures=[borrows])) == []


def test_the_largest_table_is_read() -> None:
    classes = [{"name": name, "pattern": name} for name in "ABCD"]
    logs = LOGS | {"min": 1, "max": 5, "classes": classes}
    checks = [{"name": f"c{number}", "logs": logs} for number in range(64)]
    findings = ["", "/TooMany", "/TooFew", "/SinglePod", "/A", "/B"]
    names = [f"c{7 * number % 64}{findings[number % 6]}" for number in range(11 * 36)]
    taken = iter(names)
    keys = ["anyFailed", "allFailed", "allPassed"]
    handle = [
        {
            "name": f"r{index}",
            "when": {key: [next(taken) for _ in range(12)] for key in keys[: 1 + index % 3]},
            list(WHAT)[index % 2]: list(WHAT.values())[index % 2],
        }
        for index in range(11)
    ]
    procedure = {"name": "P", "checks": ["c0", "c1"], "handle": [*handle, LAST]}

    dead = messages(spec_of(checks=checks, procedures=[procedure]))

    # Both demand that c0 has failed, and that is the affair of r0.
    assert [message.split()[1] for message in dead] == ["r5", "r8"]
    assert all("row r0 above it" in message for message in dead)
