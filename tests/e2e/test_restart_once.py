"""A restart: once per episode if it helps, and within its limits if it does not."""

import time
from collections.abc import Callable
from datetime import timedelta

import pytest

from e2e.actions import (
    actions,
    break_pod,
    deployment,
    replica_sets,
    restarts,
    runner,
)
from e2e.sops import check, doing, enough, ready, restart, sop
from testbed.operator import Operator
from testbed.team import Json, Team, condition, is_

pytestmark = pytest.mark.long


def outcomes(status: Json) -> list[str]:
    """Give how the actions ended, newest first."""
    return [item["outcome"] for item in status.get("history", [])]


def is_over(status: Json) -> bool:
    """Say whether no procedure is happening, no episode goes on, and nothing is in flight."""
    return (
        is_(status, "Healthy", "True")
        and all("episode" not in one for one in status["procedures"])
        and not status.get("intents")
    )


def test_one_restart_heals_one_episode(team: Team, start: Callable[..., Operator]) -> None:
    team.deploy(replicas=2)
    team.grant(deployments=("api",))
    start("--start-hold=1s")
    checks = [ready(minReady=2)]
    team.apply(sop(mode="Enforce", reopenWithin="2s", checks=checks, rows=(restart("ready"),)))
    team.wait(lambda status: is_(status, "RemediationAllowed", "True"))
    before = deployment(team)["metadata"]["generation"]
    old_pods, old_sets = team.pod_uids(), replica_sets(team)
    assert actions(team) == []

    break_pod(team)
    team.wait(lambda status: outcomes(status) == ["Helped"] and is_over(status), 30)

    [done] = actions(team)
    assert (done.code, done.verb, done.impersonated_user) == (200, "patch", runner(team))
    assert deployment(team)["metadata"]["generation"] == before + 1
    assert len(replica_sets(team) - old_sets) == 1
    assert not team.pod_uids() & old_pods
    # The proof that it was this action stands on the target itself.
    [item] = team.status()["history"]
    template = deployment(team)["spec"]["template"]["metadata"]
    assert template["annotations"] == {"servicesop.io/action": item["id"]}


def test_restarts_that_do_not_help_stop_for_the_whole_episode(
    team: Team, start: Callable[..., Operator]
) -> None:
    team.deploy(replicas=2)
    team.grant(deployments=("api",))
    start("--start-hold=1s")
    per = timedelta(seconds=15)
    row = restart(
        "enough",
        verify={"checks": ["enough"], "within": "1s"},
        attempts={"max": 2, "per": "15s"},
        atMost={"max": 20, "per": "1h"},
    )
    row["orElse"] = {"to": ["others"], "because": "a restart cannot help"}
    team.apply(sop(mode="Enforce", checks=[enough(5)], rows=(row,)))

    status = team.wait(lambda status: is_(status, "Escalated", "True"), 40)
    assert outcomes(status) == ["DidNotHelp", "DidNotHelp"]
    said = condition(status, "Escalated")
    assert said["reason"] == "AttemptsSpent"
    assert said["message"] == (
        "Down: to others: a restart cannot help; no further restart of Deployment api:"
        " those that were allowed did not help"
    )
    first, second = restarts(team)

    # It is not the passing of the limit's span that allows more: a person has to end the episode.
    end = time.monotonic() + (per - (second.at - first.at)).total_seconds() + 3
    team.wait(lambda _: time.monotonic() > end, 30)
    assert len(actions(team)) == 2
    assert len(replica_sets(team)) == 3
    assert is_(team.status(), "Escalated", "True")
    assert doing(team.status()) == "escalated to others"


def test_the_next_restart_waits_for_the_cooldown(
    team: Team, start: Callable[..., Operator]
) -> None:
    team.deploy(replicas=2)
    team.grant(deployments=("api",))
    start("--start-hold=1s")
    row = restart("ready", cooldown="10s")
    team.apply(sop(mode="Enforce", checks=[ready(minReady=2)], rows=(row,)))
    team.wait(lambda status: is_(status, "RemediationAllowed", "True"))
    break_pod(team)
    team.wait(lambda status: outcomes(status) == ["Helped"] and is_(status, "Healthy", "True"))

    break_pod(team)
    status = team.wait(lambda status: is_(status, "Down", "True"))
    assert condition(status, "RemediationAllowed")["reason"] == "CooldownActive"
    assert len(actions(team)) == 1
    team.wait(lambda status: outcomes(status) == ["Helped", "Helped"], 30)
    first, second = actions(team)
    # The claim, from which it counts, is older than the request, and in whole seconds.
    assert (second.at - first.at) > timedelta(seconds=10 - 1.5)


def test_a_restart_that_helps_again_and_again_is_limited_too(
    team: Team, start: Callable[..., Operator]
) -> None:
    team.deploy(replicas=2)
    team.grant(deployments=("api",))
    start("--start-hold=1s")
    row = restart("ready", atMost={"max": 1, "per": "1h"})
    spec = sop(mode="Enforce", reopenWithin="1s", checks=[ready(minReady=2)], rows=(row,))
    team.apply(spec)
    team.wait(lambda status: is_(status, "RemediationAllowed", "True"))
    break_pod(team)
    team.wait(lambda status: outcomes(status) == ["Helped"] and is_over(status), 30)

    break_pod(team)
    status = team.wait(lambda status: is_(status, "Escalated", "True"))
    assert condition(status, "RemediationAllowed")["reason"] == "LimitReached"
    assert condition(status, "Escalated")["reason"] == "AttemptsSpent"
    # Deleting and recreating the SOP resets nothing: the target remembers.
    team.kubectl("delete", "servicesop", "sop")
    team.apply(spec)
    status = team.wait(lambda status: is_(status, "Escalated", "True"))
    assert condition(status, "RemediationAllowed")["reason"] == "LimitReached"
    assert check(status, "ready")["state"] == "Failed"
    assert len(actions(team)) == 1
