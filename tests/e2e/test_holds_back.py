"""An operator that has just started, and an SOP that is suspended: nothing is done."""

from collections.abc import Callable

from e2e.actions import actions
from e2e.sops import doing, enough, restart, sop
from testbed.operator import Operator
from testbed.team import Team, condition, is_


def test_an_operator_that_has_just_started_only_watches(
    team: Team, start: Callable[..., Operator]
) -> None:
    team.deploy(replicas=2)
    team.grant(deployments=("api",))
    start("--start-hold=1h")
    team.apply(sop(mode="Enforce", checks=[enough(5)], rows=(restart("enough"),)))
    status = team.wait(lambda status: is_(status, "Down", "True"))
    message = "the operator has just started"
    assert condition(status, "RemediationAllowed")["reason"] == "OperatorStarting"
    assert condition(status, "RemediationAllowed")["message"] == message
    assert doing(status) == f"no restart of Deployment api: {message}"
    # Nobody is called for what only has to be waited for.
    assert is_(status, "Escalated", "False")
    assert actions(team) == []


def test_a_suspended_sop_is_not_acted_upon(team: Team, start: Callable[..., Operator]) -> None:
    team.deploy(replicas=2)
    team.grant(deployments=("api",))
    start("--start-hold=1s")
    spec = sop(mode="Enforce", checks=[enough(5)], rows=(restart("enough", settle="1h"),))
    team.apply(spec | {"suspend": True})
    status = team.wait(lambda status: is_(status, "Ready", "True"))
    assert condition(status, "RemediationAllowed")["reason"] == "Suspended"
    assert condition(status, "Healthy")["reason"] == "Suspended"
    # The same SOP is acted upon as soon as it goes on: nothing else held it back.
    assert actions(team) == []
    team.apply(spec)
    team.wait(lambda status: is_(status, "Remediating", "True"), 20)
