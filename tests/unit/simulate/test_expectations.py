"""Each kind of expectation fails when it is not so, and says what is so instead."""

import pytest

from unit.simulate.stories import faults, sop, told

GIVEN = """
given:
- {at: 0s, all: Passed}
- {at: 2m, check: accepted-moves-on, finding: Stuck}
expect:
"""
LOST = """
given:
- {at: 0s, all: Passed}
- {at: 2m, check: led, finding: None}
expect:
"""
ESCALATED = "escalated to ops"


@pytest.mark.parametrize(
    ("expect", "fault"),
    [
        (
            'procedures: {Provisioned: "False"}',
            "at 5m: procedures.Provisioned: expected False, it is True (accepted-moves-on: as the"
            " test says)",
        ),
        (
            'conditions: {Escalated: "False"}',
            "at 5m: conditions.Escalated: expected False, it is True (Provisioning: to ops)",
        ),
        (
            "conditions: {Stalled: Unknown}",
            "at 5m: conditions.Stalled: expected Unknown, it is not there",
        ),
        (
            "checks: {accepted-moves-on: Passed}",
            "at 5m: checks.accepted-moves-on: expected Passed, it is Failed (as the test says)",
        ),
        (
            "row: Provisioning/no-leader",
            "at 5m: row: expected Provisioning/no-leader, it is Provisioning/otherwise"
            f" (Provisioning: {ESCALATED})",
        ),
        ("act: restart", "at 5m: act: expected restart, done was nothing (NoRowMatches)"),
        ("acts: 1", "at 5m: acts: expected 1, there were 0"),
        ("escalated: []", "at 5m: escalated: expected [], called are [ops] (NoRowMatches)"),
        (
            "escalated: [ops, ocm-support]",
            "at 5m: escalated: expected [ops, ocm-support], called are [ops] (NoRowMatches)",
        ),
    ],
)
def test_what_is_not_so_is_said(expect: str, fault: str) -> None:
    assert faults(f"{GIVEN}- {{at: 5m, {expect}}}") == (f"expect[0] {fault}",)


@pytest.mark.parametrize(
    ("never", "fault"),
    [
        ('procedures: {Provisioned: "True"}', "never.procedures.Provisioned: True at 3m"),
        ('conditions: {Healthy: "False"}', "never.conditions.Healthy: False at 3m"),
        ("checks: {accepted-moves-on: Failed}", "never.checks.accepted-moves-on: Failed at 3m"),
        ("row: Provisioning/otherwise", "never.row: Provisioning/otherwise at 3m"),
        ("escalated: [ocm-support, ops]", "never.escalated: ops at 3m"),
    ],
)
def test_what_must_never_be_is_found_when_it_begins(never: str, fault: str) -> None:
    text = f"{GIVEN}- {{at: 0s, until: 10m, never: {{{never}}}}}"

    assert faults(text) == (f"expect[0] {fault}",)


def test_an_act_that_must_never_be_is_found_unless_it_was_before() -> None:
    assert faults(LOST + "- {at: 0s, until: 4m, never: {act: restart}}") == (
        "expect[0] never.act: restart of api at 3m30s",
    )
    assert faults(LOST + "- {at: 3m30s, until: 4m, never: {act: restart}}") == ()
    assert faults(LOST + "- {at: 0s, until: 3m29s, never: {act: restart}}") == ()


def test_what_must_hold_throughout_is_looked_at_in_between() -> None:
    text = GIVEN + '- {at: 0s, until: 10m, conditions: {Healthy: "True"}}'

    assert faults(text) == (
        "expect[0] at 2m: conditions.Healthy: expected True, it is Unknown (accepted-moves-on: as"
        " the test says)",
    )


def test_what_a_dry_run_would_do_is_said_with_what_lets_the_test_do_it() -> None:
    (fault,) = faults(f"{LOST}- {{at: 5m, act: restart}}", sop(mode="DryRun"))

    assert fault == (
        "expect[0] at 5m: act: expected restart, done was nothing (Provisioning: would do: restart"
        " of Deployment fleet-manager (the mode is DryRun; give the file of tests mode: Enforce to"
        " allow it))"
    )


def test_each_expectation_is_told_by_its_number() -> None:
    text = GIVEN + "- {at: 5m, acts: 0}\n- {at: 5m, acts: 1}\n- {at: 6m, acts: 2}\n"

    assert [fault.partition(" ")[0] for fault in faults(text)] == ["expect[1]", "expect[2]"]


def test_a_story_can_end_with_the_first_thing_that_is_not_as_expected() -> None:
    # The later one stands first in the file.
    text = GIVEN + "- {at: 30m, acts: 2}\n- {at: 4m, acts: 0}\n- {at: 5m, acts: 1}\n"

    hasty = told(text, to_the_end=False)

    assert [fault.partition(" ")[0] for fault in hasty.faults] == ["expect[2]"]
    assert [fault.partition(" ")[0] for fault in faults(text)] == ["expect[0]", "expect[2]"]
    assert told(LOST + "- {at: 3m29s, acts: 1}\n- {at: 20m, acts: 1}", to_the_end=False).acts == ()
