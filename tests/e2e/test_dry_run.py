"""What the modes DryRun and Observe say, and that they change nothing."""

from collections.abc import Callable

from e2e.actions import deployment, tampering
from e2e.sops import doing, enough, restart, sop
from testbed.operator import Operator
from testbed.team import Team, condition, is_


def test_without_enforce_nothing_is_changed_and_the_status_says_what_would_be(
    team: Team, start: Callable[..., Operator]
) -> None:
    team.deploy(replicas=2)
    team.grant(deployments=("api",))
    before, pods = deployment(team)["metadata"]["generation"], team.pod_uids()
    start("--start-hold=1s")
    checks, rows = [enough(5)], (restart("enough"),)
    # The default mode is DryRun.
    team.apply(sop(checks=checks, rows=rows), "dry-run")
    team.apply(sop(mode="Observe", checks=checks, rows=rows), "observe")
    team.apply(sop(notify="Page", checks=checks, rows=rows), "page")
    # A row may lower the mode of the SOP.
    row = restart("enough", mode="DryRun")
    team.apply(sop(mode="Enforce", checks=checks, rows=(row,)), "lowered")

    reason = "the mode is DryRun; set spec.mode to Enforce to allow it"
    for name in ("dry-run", "lowered"):
        status = team.wait(lambda status: doing(status).startswith("would do"), name=name)
        assert doing(status) == f"would do: restart of Deployment api ({reason})"
        assert status["doing"] == "DryRun"
        assert condition(status, "RemediationAllowed")["reason"] == "DryRun"
        assert is_(status, "Remediating", "False")
        assert is_(status, "Escalated", "False")
    status = team.wait(lambda status: doing(status), name="observe")
    assert doing(status) == "no restart of Deployment api: the mode is Observe"
    assert condition(status, "RemediationAllowed")["reason"] == "Observe"
    assert is_(status, "Escalated", "False")
    # Who asked to be paged is told at once what the machine may not do.
    status = team.wait(lambda status: is_(status, "Escalated", "True"), name="page")
    assert condition(status, "Escalated")["reason"] == "RemediationRefused"
    said = f"Down: to owners: no restart of Deployment api: {reason}"
    assert condition(status, "Escalated")["message"] == said

    assert tampering(team) == []
    assert deployment(team)["metadata"]["generation"] == before
    assert team.pod_uids() == pods
