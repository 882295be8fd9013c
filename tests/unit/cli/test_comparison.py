"""What differs between the records of two versions, line by line."""

from typing import Any

import pytest

from servicesop.cli.comparison import compare, text
from servicesop.cli.record import FORMAT, Record


def record(*files: dict[str, Any], number: str = "1") -> Record:
    return Record.model_validate({"format": FORMAT, "version": number, "files": files})


def file(*tests: dict[str, Any], path: str = "a.yaml", refused: tuple[str, ...] = ()) -> Any:
    return {"path": path, "refused": refused, "tests": tests}


def case(
    changes: str = "", acts: str = "", faults: tuple[str, ...] = (), name: str = "it"
) -> dict[str, Any]:
    """A test from `at what = now; ...` and `at act target; ...`; `none` where nothing is said."""
    said = [one.strip().partition(" = ") for one in changes.split(";") if one.strip()]
    done = [one.split() for one in acts.split(";") if one.strip()]
    return {
        "name": name,
        "faults": faults,
        "changes": [
            {
                "at": head.partition(" ")[0],
                "what": head.partition(" ")[2],
                "now": None if now == "none" else now,
            }
            for head, _, now in said
        ],
        "acts": [{"at": at, "act": act, "target": target} for at, act, target in done],
    }


def lines(older: Record, newer: Record) -> list[str]:
    return text(compare(older, newer), "1", "2").splitlines()


@pytest.mark.parametrize(
    ("older", "newer", "told"),
    [
        pytest.param(
            case("0s check led = Passed; 2m check led = Failed/None"),
            case("0s check led = Passed; 3m check led = Failed/None"),
            ["at 2m until 3m: check led: Failed/None (1) → Passed (2)"],
            id="later",
        ),
        pytest.param(
            case("0s row P = no-leader"),
            case("0s row P = otherwise"),
            ["at 0s: row P: no-leader (1) → otherwise (2)"],
            id="to the end",
        ),
        pytest.param(
            case("0s condition Healthy = True/ChecksPassed"),
            case("0s condition Well = True/ChecksPassed"),
            [
                "at 0s: condition Healthy: True/ChecksPassed (1) → none (2)",
                "at 0s: condition Well: none (1) → True/ChecksPassed (2)",
            ],
            id="renamed",
        ),
        pytest.param(
            case("1m escalation P = RowEscalates to ops; 5m escalation P = none"),
            case("1m escalation P = RowEscalates to ops; 9m escalation P = none"),
            ["at 5m until 9m: escalation P: none (1) → RowEscalates to ops (2)"],
            id="ends later",
        ),
        pytest.param(
            case("1m row P = a; 2m row P = b; 4m row P = c"),
            case("1m row P = a; 3m row P = c"),
            ["at 2m until 3m: row P: b (1) → a (2)", "at 3m until 4m: row P: b (1) → c (2)"],
            id="other ways to the same end",
        ),
        pytest.param(
            case(acts="2m restart api; 9m restart api"),
            case(acts="3m restart api; 9m restart api"),
            [
                "at 2m: act: restart of api (1) → none (2)",
                "at 3m: act: none (1) → restart of api (2)",
            ],
            id="an act later",
        ),
        pytest.param(
            case(acts="2m restart api"),
            case(acts="2m restart api; 2m restart api"),
            ["at 2m: act: none (1) → restart of api (2)"],
            id="an act once more",
        ),
        pytest.param(
            case(),
            case(faults=("expect[1] at 5m: no", "expect[1] never.row: P/a at 6m")),
            ["verdict: passed (1) → failed in expect[1] (2): expect[1] at 5m: no"],
            id="fails",
        ),
        pytest.param(
            case(faults=("expect[0] at 1m: no", "expect[2] at 2m: never")),
            case(faults=("expect[0] at 1m: in other words",)),
            [
                "verdict: failed in expect[0], expect[2] (1) → failed in expect[0] (2):"
                " expect[2] at 2m: never"
            ],
            id="fails in less",
        ),
        pytest.param(
            case("0s row P = b; 9m row Q = a"),
            case("0s row P = b; 3m check led = Passed", "1m restart api"),
            [
                "at 1m: act: none (1) → restart of api (2)",
                "at 3m: check led: none (1) → Passed (2)",
                "at 9m: row Q: a (1) → none (2)",
            ],
            id="in the order of time",
        ),
    ],
)
def test_each_difference_is_a_line(
    older: dict[str, Any], newer: dict[str, Any], told: list[str]
) -> None:
    assert lines(record(file(older)), record(file(newer))) == [
        *(f"a.yaml: it: {one}" for one in told),
        "1 test: 0 the same in 1 and 2, 1 not",
    ]


def test_what_is_the_same_is_only_counted() -> None:
    same = record(file(case("1m row P = a", "2m restart api", ("expect[0] at 1m: no",))))

    assert lines(same, same) == ["1 test: 1 the same in 1 and 2, 0 not"]


def test_a_file_that_one_refuses_changes_all_its_tests() -> None:
    good = file(case(), case(name="also"))
    bad = file(refused=("a.yaml: sop: unknown field spec.x", "a.yaml: sop: unknown field spec.y"))

    assert lines(record(bad), record(good)) == [
        "a.yaml: refused (1) → accepted (2): sop: unknown field spec.x",
        "a.yaml: refused (1) → accepted (2): sop: unknown field spec.y",
        "2 tests: 0 the same in 1 and 2, 2 not",
    ]


def test_a_file_that_one_does_not_take_for_tests_is_told() -> None:
    assert lines(record(file(case())), record()) == [
        "a.yaml: accepted (1) → no file of tests (2)",
        "1 test: 0 the same in 1 and 2, 1 not",
    ]


def test_files_and_tests_are_told_apart() -> None:
    older = record(file(case(), case(name="also"), path="b.yaml"), file(case()))
    newer = record(file(case(), case("0s row P = a", name="also"), path="b.yaml"), file(case()))

    assert lines(older, newer) == [
        "b.yaml: also: at 0s: row P: none (1) → a (2)",
        "3 tests: 2 the same in 1 and 2, 1 not",
    ]


def test_nothing_reaches_the_terminal_but_text() -> None:
    assert "\x1b" not in "".join(lines(record(file(case())), record(file(case("0s a\x1b = b")))))
