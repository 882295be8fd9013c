"""Stories of plain results: what is decided, done and said, at which times."""

from typing import Any

import pytest
import yaml

from servicesop.api.sop import Spec
from unit.simulate.stories import SOP, faults, misnamed, sop

LOST = """
given:
- {at: 0s, all: Passed}
- {at: 2m, check: led, finding: None}
- {at: 5m, check: led, result: Passed}
expect:
"""
STAYS_LOST = """
given:
- {at: 0s, all: Passed}
- {at: 2m, check: led, finding: None}
expect:
"""
REFUSED = """
given:
- {at: 0s, all: Passed}
- {at: 2m, check: ocm-accepts, finding: TooMany}
- {at: 2m, check: accepted-moves-on, finding: Stuck}
expect:
"""


def test_a_lost_leader_is_restarted_once_and_the_restart_has_helped() -> None:
    expected = """
- {at: 90s, procedures: {Provisioning: "False"}, conditions: {Healthy: "True"}, acts: 0}
- {at: 3m, procedures: {Provisioning: Unknown}, checks: {led: Pending}}
- at: 4m
  procedures: {Provisioning: "True", Provisioned: "True"}
  row: Provisioning/no-leader
  act: restart
  target: api
  conditions: {Remediating: "True"}
  escalated: []
- {at: 4m, until: 30m, never: {act: restart, escalated: [ops, ocm-support]}}
- {at: 15m, until: 30m, conditions: {Healthy: "True", Remediating: "False"}, acts: 1}
"""
    assert faults(LOST + expected) == ()


def test_attempts_that_did_not_help_are_counted_by_the_engines_own_ledger() -> None:
    expected = """
- {at: 4m, acts: 1, escalated: []}
- {at: 2h, acts: 2, escalated: [ops]}
"""
    assert faults(STAYS_LOST + expected) == ()


def test_an_outage_of_ocm_is_nothing_that_a_restart_can_help_with() -> None:
    expected = """
- {at: 6m, row: Provisioning/ocm-refuses, escalated: [ocm-support]}
- {at: 0s, until: 30m, never: {act: restart, row: Provisioning/no-leader, escalated: [ops]}}
"""
    assert faults(REFUSED + expected) == ()


def test_one_bad_answer_is_not_believed() -> None:
    once = """
given:
- {at: 0s, all: Passed}
- {at: 2m, check: led, finding: None}
- {at: 2m30s, check: led, result: Passed}
expect:
- {at: 0s, until: 20m, never: {procedures: {Provisioning: "True"}, act: restart}}
"""
    assert faults(once) == ()


def test_what_is_unknown_is_never_acted_upon() -> None:
    dark = """
given:
- {at: 0s, all: Passed}
- {at: 2m, all: Error}
expect:
- {at: 3m, conditions: {Healthy: Unknown}, checks: {led: Error}}
- {at: 20m, conditions: {Healthy: Unknown, Escalated: "True"}, acts: 0}
"""
    assert faults(dark) == ()


@pytest.mark.parametrize("mode", ["Observe", "DryRun"])
def test_in_a_lower_mode_nothing_is_done(mode: str) -> None:
    assert faults(STAYS_LOST + "- {at: 1h, acts: 0}\n", sop(mode=mode)) == ()


def test_a_sop_says_the_same_each_time() -> None:
    wrong = STAYS_LOST + '- {at: 2h, conditions: {Healthy: "True"}, acts: 7, escalated: []}\n'

    assert faults(wrong) == faults(wrong) != ()


def mutant(change: Any) -> Spec:
    """The SOP, broken on purpose."""
    broken = yaml.safe_load(SOP)
    change(broken)
    return Spec.model_validate(broken)


def _drop_row(broken: Any) -> None:
    del broken["procedures"][0]["handle"][0]


def _swap_rows(broken: Any) -> None:
    rows = broken["procedures"][0]["handle"]
    rows[0], rows[1] = rows[1], rows[0]


def _drop_check(broken: Any) -> None:
    broken["procedures"][0]["checks"] = ["accepted-moves-on"]


def _more_attempts(broken: Any) -> None:
    broken["procedures"][0]["handle"][0]["remediate"]["attempts"]["max"] = 3


def _slower(broken: Any) -> None:
    broken["checks"][0]["leader"]["forNone"] = "10m"


BOTH = """
given:
- {at: 0s, all: Passed}
- {at: 2m, check: led, finding: None}
- {at: 2m, check: ocm-accepts, finding: TooMany}
expect:
- {at: 4m, procedures: {Provisioning: "True"}, row: Provisioning/no-leader, act: restart}
- {at: 2h, acts: 2}
"""


def test_the_order_of_the_rows_is_kept() -> None:
    assert faults(BOTH) == ()


@pytest.mark.parametrize("change", [_drop_row, _swap_rows, _drop_check, _more_attempts, _slower])
def test_a_sop_that_is_broken_on_purpose_fails(change: Any) -> None:
    broken = mutant(change)

    assert misnamed(BOTH, broken) or faults(BOTH, broken)
