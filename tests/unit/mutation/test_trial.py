"""Whether an SOP's tests notice a mutant, and what is made of one that they do not notice."""

from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner

from mutation import __main__ as command
from mutation import equivalents, pool
from mutation.equivalents import Equivalents, stale
from mutation.mutants import Mutant, mutants_of
from mutation.report import Report
from mutation.trial import (
    Baseline,
    Outcome,
    SopTest,
    baseline,
    likeliest_first,
    outcome,
    sop_tests,
)
from servicesop.cli.suites import find_suites

SOP = """
apiVersion: servicesop.io/v1alpha1
kind: ServiceSOP
metadata: {name: orders}
spec:
  title: Orders
  every: 30s
  connections: [{name: metrics, prometheus: {endpoint: cluster}}]
  teams: [{name: ops, title: Operations}, {name: dba, title: Databases}]
  checks:
  - name: is-quick
    prometheus: {connection: metrics, query: {expr: x, max: "4", onEmpty: Inconclusive}}
  - name: is-up
    prometheus: {connection: metrics, query: {expr: "y", min: "2", onEmpty: Inconclusive}}
  procedures:
  - name: Slow
    checks: [is-quick, is-up]
    handle:
    - {name: slow, when: {anyFailed: [is-quick]}, escalate: {to: [dba]}}
    - {name: otherwise, otherwise: true, escalate: {to: [ops]}}
"""
TESTS = """
sop: servicesop.yaml
tests:
- name: it is down
  given:
  - {at: 0s, all: Passed}
  - {at: 0s, samples: {check: is-up, series: [{value: "1.5"}]}}
  expect:
  - {at: 2m, row: Slow/otherwise}
- name: over the limit it is slow
  given:
  - {at: 0s, all: Passed}
  - {at: 0s, samples: {check: is-quick, series: [{value: "5"}]}}
  expect:
  - {at: 2m, row: Slow/slow}
"""
UNDER = """
- name: at the limit it is not
  given:
  - {at: 0s, all: Passed}
  - {at: 0s, samples: {check: is-quick, series: [{value: "4"}]}}
  - {at: 0s, samples: {check: is-up, series: [{value: "2"}]}}
  expect:
  - {at: 2m, procedures: {Slow: "False"}}
"""
NOT_NOTICED = "halve checks[is-quick].prometheus.query.max"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "servicesop.yaml").write_text(SOP)
    (tmp_path / "tests.yaml").write_text(TESTS)
    return tmp_path


@pytest.fixture
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def one(directory: Path) -> Iterator[Executor]:
        with ThreadPoolExecutor(1, initializer=pool.load, initargs=(directory,)) as executor:
            yield executor

    monkeypatch.setattr(pool, "processes", one)


def read(directory: Path) -> list[SopTest]:
    return list(sop_tests(find_suites([directory])))


def mutant(tests: list[SopTest], name: str) -> Mutant:
    mutants = mutants_of(tests[0].file.subject.spec)
    return next(one for one in mutants if one.name == name)


def test_a_mutant_that_fails_a_test_is_killed_by_it(directory: Path) -> None:
    tests = read(directory)

    told = outcome(mutant(tests, "drop row Slow/slow"), tests)

    assert told.killed_by == "tests.yaml: over the limit it is slow"
    assert not told.survived


def test_a_mutant_that_fails_no_test_survives_until_a_test_comes_near_it(directory: Path) -> None:
    tests = read(directory)
    assert outcome(mutant(tests, NOT_NOTICED), tests).survived

    (directory / "tests.yaml").write_text(TESTS + UNDER)
    tests = read(directory)
    assert outcome(mutant(tests, NOT_NOTICED), tests).killed_by == (
        "tests.yaml: at the limit it is not"
    )


def test_a_dropped_check_has_to_be_missed_and_not_only_named(directory: Path) -> None:
    tests = read(directory)
    dropped = mutant(tests, "drop check is-quick")

    down, slow = (test for test in tests)
    assert outcome(dropped, [down]).survived
    assert not outcome(dropped, [slow]).survived


def test_a_mutant_that_is_no_valid_sop_is_neither_killed_nor_a_survivor(directory: Path) -> None:
    tests = read(directory)
    one = Mutant("no teams", frozenset(), {"title": "Orders", "teams": []})

    told = outcome(one, tests)

    assert told.refused is not None
    assert told.killed_by is None
    assert not told.survived


def test_a_pattern_that_the_operator_does_not_run_is_no_valid_sop(directory: Path) -> None:
    tests = read(directory)
    values = mutant(tests, NOT_NOTICED).values
    values["targets"] = [{"name": "api", "ref": {"kind": "Deployment", "name": "orders"}}]
    values["checks"][1] = {
        "name": "is-up",
        "logs": {"pattern": "(" * 3, "within": "1m", "max": 0},
    }

    assert outcome(Mutant("a pattern", frozenset(), values), tests).refused is not None


def test_tests_that_name_what_is_changed_come_first_and_the_quick_ones_of_them() -> None:
    def known(seconds: float, named: str, observed: str) -> Baseline:
        return Baseline((), seconds, frozenset({named}), frozenset({observed}))

    tests = [
        known(1, "is-up", "is-up"),
        known(4, "is-quick", "is-up"),
        known(3, "Slow/slow", "is-quick"),
        known(2, "is-quick", "is-up"),
        known(0.5, "is-up", "is-up"),
    ]

    assert likeliest_first(tests, frozenset({"is-quick"})) == (3, 1, 2, 4, 0)
    assert likeliest_first(tests, frozenset({"Slow/slow"})) == (2, 4, 0, 3, 1)
    assert likeliest_first(tests, frozenset()) == (4, 0, 3, 2, 1)


def test_it_is_known_what_a_test_names_and_lets_observe(directory: Path) -> None:
    down, slow = (baseline(test) for test in read(directory))

    assert down.named == {"is-up", "Slow/otherwise"}
    assert down.observed == {"is-up"}
    assert slow.named == {"is-quick", "Slow/slow"}
    assert slow.observed == {"is-quick"}


def test_a_test_passes_on_the_sop_itself(directory: Path) -> None:
    assert [baseline(test).faults for test in read(directory)] == [(), ()]


OUTCOMES = (
    Outcome("a", killed_by="t.yaml: one"),
    Outcome("b"),
    Outcome("c", refused="spec.every: wrong"),
)


def test_a_survivor_that_is_not_listed_fails() -> None:
    report = Report("orders", OUTCOMES, {}, 3)

    assert not report.passed
    assert list(report.lines()) == [
        "orders: 3 mutants in 3 s: 1 killed, 0 equivalent, 1 not valid, 1 survived",
        "  not valid: c: spec.every: wrong",
        "  SURVIVED: b",
    ]


def test_a_survivor_that_is_listed_passes() -> None:
    report = Report("orders", OUTCOMES, {"b": "never looked at"}, 3)

    assert report.passed
    assert "1 equivalent" in next(report.lines())


def test_a_list_that_is_not_true_any_more_fails() -> None:
    listed = {"a": "why", "b": "why", "c": "why", "d": "why"}

    assert list(stale(listed, OUTCOMES)) == [
        "a is listed as equivalent, and fails t.yaml: one",
        "c is listed as equivalent, and is no valid SOP",
        "there is no mutant d, which is listed as equivalent",
    ]
    assert not Report("orders", OUTCOMES, listed, 3).passed


def test_the_command_fails_for_a_survivor_and_names_it(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def tried(directory: Path, listed: Equivalents, say: object) -> Report:
        return Report("orders", OUTCOMES, {}, 3)

    monkeypatch.setattr(command, "try_mutants", tried)

    result = CliRunner().invoke(command.main, [str(directory)])

    assert result.exit_code == 1
    assert "SURVIVED: b" in result.output


@pytest.mark.usefixtures("in_this_process")
def test_an_sop_that_fails_its_own_tests_has_no_mutants_tried(directory: Path) -> None:
    (directory / "tests.yaml").write_text(TESTS.replace("Slow/slow", "Slow/otherwise"))

    result = CliRunner().invoke(command.main, [str(directory)])

    assert result.exit_code == 2
    assert "orders fails as it is: tests.yaml: over the limit it is slow" in result.output


def test_a_file_of_tests_that_cannot_be_run_is_not_left_out(directory: Path) -> None:
    (directory / "wrong.yaml").write_text(TESTS.replace("is-quick", "is-slow"))

    result = CliRunner().invoke(command.main, [str(directory)])

    assert result.exit_code == 2
    assert "there is no check that asks samples is-slow" in result.output


def test_the_list_of_equivalents_can_be_read() -> None:
    listed = equivalents.read(equivalents.FILE)

    assert all(reason.strip() for each in listed.root.values() for reason in each.values())


@pytest.mark.usefixtures("in_this_process")
def test_all_mutants_of_an_sop_are_tried(directory: Path) -> None:
    listed = Equivalents({"orders": {NOT_NOTICED: "no test is at the limit"}})
    lines: list[str] = []

    report = pool.try_mutants(directory, listed, lines.append)

    survived = "double checks[is-up].prometheus.query.min"
    assert len(report.outcomes) == 7
    assert report.survivors == [survived]
    assert sorted(lines) == [f"orders: survived: {one}" for one in (survived, NOT_NOTICED)]
