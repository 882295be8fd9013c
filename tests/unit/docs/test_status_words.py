"""docs/status.md names every condition, reason, state, outcome and Event, and no other."""

import ast
from enum import StrEnum
from inspect import getsource

import pytest

from readme.markdown import DOCS, table, words
from servicesop.api.crd import crd
from servicesop.api.kinds import ActionKind
from servicesop.api.procedures import FIXED_CONDITIONS
from servicesop.api.reasons import UnknownReason
from servicesop.api.status import CheckState, EscalationReason, Outcome
from servicesop.decide.gates import Allowed
from servicesop.status import events
from servicesop.status.conditions import (
    EscalatedReason,
    HealthyReason,
    ReadyReason,
    RemediatingReason,
)

INCONCLUSIVE = [
    "NotCovered",
    "Empty",
    "NoPods",
    "NotObserved",
    "RollingOut",
    "NotReported",
    "NoObjects",
    "SilentLogs",
    "IncompleteLease",
    "ClocksDiffer",
    "LabelsUnknown",
    "PluginDecides",
    "HostNetwork",
    "AdmissionUnknown",
    "NotVisible",
    "StartedEarlier",
    "NotEvaluated",
    "DoubtfulAnswer",
]


@pytest.mark.parametrize(
    ("heading", "kinds"),
    [
        ("Reasons of `Ready` and `Stalled`", [ReadyReason]),
        ("Reasons of `Healthy` and of procedures", [HealthyReason]),
        ("Reasons of `RemediationAllowed`", [Allowed]),
        ("Reasons of `Remediating`", [RemediatingReason]),
        ("Reasons of `Escalated`", [EscalatedReason, EscalationReason]),
        ("States of checks", [CheckState]),
        ("Outcomes of actions", [Outcome]),
    ],
)
def test_the_words_of_a_closed_set_are_documented_in_its_order(
    heading: str, kinds: list[type[StrEnum]]
) -> None:
    assert words("status.md", heading) == [word.value for kind in kinds for word in kind]


def test_the_reasons_of_unknown_checks_are_documented_in_their_order() -> None:
    inconclusive = words("status.md", "Reasons of checks that are Inconclusive")
    error = words("status.md", "Reasons of checks in Error")
    not_run = words("status.md", "Reasons of checks that are not run")

    assert inconclusive == INCONCLUSIVE
    assert inconclusive + error + not_run == [reason.value for reason in UnknownReason]


def test_every_documented_word_has_a_meaning() -> None:
    headings = [
        line.lstrip("# ")
        for line in (DOCS / "status.md").read_text().splitlines()
        if line.startswith("#")
    ]
    rows = [row for heading in headings for row in table("status.md", heading)]

    assert len(rows) > 80
    assert [row for row in rows if not all(row)] == []


def test_the_fixed_conditions_are_documented() -> None:
    # No procedure may be called Reconciling either, but the operator never says it.
    fixed = [name for name in FIXED_CONDITIONS if name != "Reconciling"]

    assert words("status.md", "Conditions")[:-1] == fixed


def test_the_events_are_documented() -> None:
    documented = words("status.md", "Events")

    # What begins with the action's noun is composed; all else stands in the module as it is.
    assert documented == [*_reasons_of_notes(), "Escalated", "EscalationResolved"]


def test_the_columns_of_the_table_are_documented() -> None:
    text = (DOCS / "status.md").read_text()
    columns = crd()["spec"]["versions"][0]["additionalPrinterColumns"]
    missing = [column["name"] for column in columns if column["name"].upper() not in text]

    assert missing == []


def _reasons_of_notes() -> list[str]:
    notes = [
        node.args[1]
        for function in (events._ready, events._checks, events._procedures, events._actions)
        for node in ast.walk(ast.parse(getsource(function)))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Note"
    ]
    found: list[str] = []
    for reason in notes:
        found += _composed(reason) if isinstance(reason, ast.JoinedStr) else [_constant(reason)]
    return found


def _constant(reason: ast.expr) -> str:
    assert isinstance(reason, ast.Constant)
    return str(reason.value)


def _composed(reason: ast.JoinedStr) -> list[str]:
    """Of each action's noun and a word, or the outcome, for which the noun alone stands."""
    last = reason.values[-1]
    word = str(last.value) if isinstance(last, ast.Constant) else ""
    nouns = [kind.noun.capitalize() for kind in ActionKind]
    return [noun + word for noun in nouns] if word else nouns
