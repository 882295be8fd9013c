"""How results are printed: the table, JSON, JUnit's XML, and the exit code."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from xml.etree import ElementTree

import pytest

from servicesop.api.sop import Spec
from servicesop.app.once import Result, Sop, State
from servicesop.cli.results import ONE_SAMPLE, Report, as_json, as_junit, exit_code, table
from sop_cases import complete

SPEC = Spec.model_validate(complete()["spec"])
FLEET, OTHER = Sop("stage", "fleet", SPEC), Sop("prod", "fleet", SPEC)
WORKLOAD, LEADER, ROWS, LOGS = SPEC.checks[:4]
STARTED = datetime(2026, 1, 31, 9, 30, 0, 5, tzinfo=UTC)

PASSED = Result(FLEET, WORKLOAD, State.PASSED, seconds=0.001)
FAILED = Result(
    FLEET,
    LEADER,
    State.FAILED,
    findings=("None", "Many"),
    message="no leader: a; more than one leader: b",
    evidence=("a: no valid lease", "b: 2 leaders"),
    seconds=1.234,
)
UNSURE = Result(
    FLEET, LOGS, State.INCONCLUSIVE, reason="NotCovered", message="not yet", seconds=0.5
)
ERROR = Result(FLEET, ROWS, State.ERROR, reason="TimedOut", message="no answer", seconds=5.0)
SUSPENDED = Result(FLEET, ROWS, State.SUSPENDED, reason="Suspended", message="not run")

TABLE = f"""\
CHECK               TYPE        RESULT         REASON       TIME    MESSAGE
{WORKLOAD.name}      workload    Passed         -            0.00s
{LEADER.name}      leader      Failed         None,Many    1.23s   no leader: a; more than one leader: b
{LOGS.name}         logs        Inconclusive   NotCovered   0.50s   not yet
{ROWS.name}   stuckRows   Error          TimedOut     5.00s   no answer

CHECK            EVIDENCE
{LEADER.name}   a: no valid lease
{LEADER.name}   b: 2 leaders

{ONE_SAMPLE}
leader: forNone and forMany are not applied: a worker whose lead is just being taken over fails here.

4 checks in 5.0s: 1 passed, 1 failed, 2 unknown
"""  # noqa: E501 - as it is printed

# What a testcase may hold, and which attributes what may have, as in the schema that CI systems
# share (the JUnit task of Ant, as extended by Jenkins).
SHAPE: dict[str, tuple[set[str], set[str], set[str]]] = {
    "testsuites": (
        set(),
        {"name", "time", "tests", "failures", "errors", "skipped"},
        {"testsuite"},
    ),
    "testsuite": (
        {"name", "tests"},
        {"time", "failures", "errors", "skipped", "timestamp", "hostname", "id"},
        {"testcase"},
    ),
    "testcase": ({"name", "classname"}, {"time"}, {"failure", "error", "skipped"}),
    "failure": (set(), {"message", "type"}, set()),
    "error": (set(), {"message", "type"}, set()),
    "skipped": (set(), {"message"}, set()),
}


def report(*results: Result) -> Report:
    return Report(STARTED, 5.04, results)


def parsed(*results: Result) -> ElementTree.Element:
    root = ElementTree.fromstring(as_junit(report(*results)))  # noqa: S314 - our own
    check_shape(root)
    return root


def check_shape(element: ElementTree.Element) -> None:
    required, optional, children = SHAPE[element.tag]
    assert required <= set(element.attrib) <= required | optional
    for child in element:
        assert child.tag in children
        check_shape(child)
    for name, tag in (("tests", "testcase"), ("failures", "failure"), ("errors", "error")):
        if name in element.attrib:
            assert int(element.attrib[name]) == len(list(element.iter(tag)))
    if "skipped" in element.attrib:
        assert int(element.attrib["skipped"]) == len(list(element.iter("skipped")))
    if element.tag == "testcase":
        assert len(element) <= 1


@pytest.mark.parametrize(
    ("results", "code"),
    [
        ((PASSED,), 0),
        ((PASSED, FAILED), 1),
        ((PASSED, UNSURE), 2),
        ((PASSED, ERROR), 2),
        ((PASSED, SUSPENDED), 2),
        ((FAILED, UNSURE, ERROR), 1),
    ],
)
def test_the_exit_code_never_calls_the_unknown_passed(
    results: tuple[Result, ...], code: int
) -> None:
    assert exit_code(report(*results)) == code


def test_the_table_is_printed_like_kubectl_prints_them() -> None:
    assert table(report(PASSED, FAILED, UNSURE, ERROR)) == TABLE


def test_several_sops_are_told_apart_in_both_tables() -> None:
    other = Result(OTHER, LEADER, State.FAILED, ("None",), evidence=("a: no valid lease",))
    lines = table(report(FAILED, other)).splitlines()

    assert lines[0].split()[:2] == ["SOP", "CHECK"]
    assert lines[2].split()[:2] == ["prod/fleet", LEADER.name]
    assert f"prod/fleet    {LEADER.name}   a: no valid lease" in lines


def test_nothing_but_what_can_be_shown_reaches_a_terminal() -> None:
    dirty = Result(
        FLEET, LOGS, State.FAILED, ("TooMany",), None, "a\x1b[2Jb\nc", ("p\x9b: \u202e1",)
    )
    text = table(report(dirty))

    assert "a?[2Jb?c" in text
    assert "p?: ?1" in text
    assert all(each.isprintable() or each == "\n" for each in text)


def test_json_has_the_documented_shape() -> None:
    document = json.loads(as_json(report(PASSED, FAILED, UNSURE)))

    assert list(document) == [
        *("started", "seconds", "passed", "failed", "unknown", "note", "checks")
    ]
    assert document["started"] == "2026-01-31T09:30:00+00:00"
    assert (document["passed"], document["failed"], document["unknown"]) == (1, 1, 1)
    assert document["checks"][1] == {
        "namespace": "stage",
        "sop": "fleet",
        "name": LEADER.name,
        "title": LEADER.title,
        "type": "leader",
        "result": "Failed",
        "findings": ["None", "Many"],
        "reason": None,
        "message": FAILED.message,
        "evidence": list(FAILED.evidence),
        "note": "forNone and forMany are not applied: a worker whose lead is just being taken over"
        " fails here",
        "seconds": 1.234,
    }
    assert document["checks"][2]["reason"] == "NotCovered"


def test_junit_has_a_suite_per_sop_and_a_case_per_check() -> None:
    other = Result(OTHER, WORKLOAD, State.PASSED)
    root = parsed(PASSED, FAILED, UNSURE, ERROR, SUSPENDED, other)
    cases = {
        (suite.get("name"), case.get("name"), case.get("classname")): [
            (one.tag, one.get("type")) for one in case
        ]
        for suite in root
        for case in suite
    }

    assert [suite.get("name") for suite in root] == ["stage/fleet", "prod/fleet"]
    assert cases == {
        ("stage/fleet", WORKLOAD.name, "stage.fleet"): [],
        ("stage/fleet", LEADER.name, "stage.fleet"): [("failure", "None,Many")],
        ("stage/fleet", LOGS.name, "stage.fleet"): [("error", "NotCovered")],
        ("stage/fleet", ROWS.name, "stage.fleet"): [("skipped", None)],
        ("prod/fleet", WORKLOAD.name, "prod.fleet"): [],
    }


def test_a_failure_of_junit_carries_message_and_evidence() -> None:
    (failure,) = parsed(FAILED).iter("failure")

    assert failure.get("message") == FAILED.message
    assert (failure.text or "").splitlines()[:2] == list(FAILED.evidence)


@pytest.mark.parametrize("write", [as_junit, as_json], ids=["junit", "json"])
def test_what_a_format_cannot_hold_does_not_break_it(write: Callable[[Report], str]) -> None:
    dirty = Result(FLEET, LOGS, State.FAILED, ("TooMany",), None, '<a>&"\x00\x1b', ("\ufffe]]>",))

    text = write(report(dirty))

    if write is as_junit:
        check_shape(ElementTree.fromstring(text))  # noqa: S314 - our own
    else:
        assert json.loads(text)["checks"][0]["message"] == dirty.message
