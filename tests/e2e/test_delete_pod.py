"""deletePod: exactly the pod that fails is evicted, once, and nothing where that is not certain."""

import json
import time
from collections.abc import Callable

import pytest

from e2e.actions import deployment, evictions, runner
from e2e.pod_failures import log_failure
from e2e.sops import Json, check, doing, logs, sop
from polling import eventually
from testbed.operator import Operator
from testbed.team import Team, condition, is_

pytestmark = pytest.mark.long


def delete_pod(**changes: object) -> Json:
    """Give a row that evicts the pod that logs `panic`."""
    return {
        "name": "one-pod",
        "when": {"anyFailed": ["quiet"]},
        "remediate": {
            "deletePod": {"podFrom": "quiet"} | changes,
            "settle": "1s",
            "verify": {"checks": ["quiet"], "within": "20s"},
            "cooldown": "1s",
        },
    }


def noisy(mode: str = "Enforce", **changes: object) -> Json:
    """Give an SOP whose check is about each pod by itself: a pod that is gone fails no more."""
    quiet = logs(within="10m", per="Pod")
    return sop(mode=mode, reopenWithin="2s", checks=[quiet], rows=(delete_pod(**changes),))


def protect(team: Team, minimum: int) -> None:
    """Make a PodDisruptionBudget, and wait until its controller has judged the pods."""
    budget = {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": "api"},
        "spec": {"minAvailable": minimum, "selector": {"matchLabels": {"app": "api"}}},
    }
    team.kubectl("apply", "-f", "-", input=json.dumps(budget))
    path = "jsonpath={.status.currentHealthy}"
    eventually(
        lambda: team.kubectl("get", "pdb", "api", "-o", path) == "3", "the budget sees all pods"
    )


def pods(team: Team) -> dict[str, str]:
    """Give the uids of the living pods by name."""
    items = team.read("v1", "pods?labelSelector=app%3Dapi")["items"]
    return {
        one["metadata"]["name"]: one["metadata"]["uid"]
        for one in items
        if "deletionTimestamp" not in one["metadata"]
    }


def begin(team: Team, start: Callable[..., Operator], spec: Json) -> dict[str, str]:
    """Deploy three pods, start the operator, and wait until the SOP is healthy."""
    team.deploy(replicas=3)
    team.grant(evictions=True)
    start("--start-hold=1s")
    team.apply(spec)
    team.wait(lambda status: is_(status, "Healthy", "True"), 30)
    return pods(team)


def test_the_one_pod_that_fails_is_evicted_once(team: Team, start: Callable[..., Operator]) -> None:
    before = begin(team, start, noisy())
    protect(team, 1)
    generation = deployment(team)["metadata"]["generation"]
    bad = min(before)
    log_failure(team, bad)

    status = team.wait(lambda status: status.get("history"), 40)

    assert [item["outcome"] for item in status["history"]] == ["Helped"]
    assert status["lastAction"] == "deletePod api: Helped"
    [done] = evictions(team)
    assert (done.verb, done.subresource, done.name, done.code) == ("create", "eviction", bad, 201)
    assert done.impersonated_user == runner(team)
    assert isinstance(done.request_object, dict)
    conditions = done.request_object["deleteOptions"]["preconditions"]
    assert conditions["uid"] == before[bad]
    after = pods(team)
    assert len(after) == 3
    assert set(before.values()) - set(after.values()) == {before[bad]}
    assert deployment(team)["metadata"]["generation"] == generation


def test_a_dry_run_says_what_would_be_done(team: Team, start: Callable[..., Operator]) -> None:
    before = begin(team, start, noisy("DryRun"))
    protect(team, 1)
    log_failure(team, min(before))

    status = team.wait(lambda status: doing(status).startswith("would do"), 30)

    assert doing(status) == (
        "would do: eviction of a pod of Deployment api"
        " (the mode is DryRun; set spec.mode to Enforce to allow it)"
    )
    assert check(status, "quiet")["findings"] == ["SinglePod", "TooMany"]
    assert (evictions(team), pods(team)) == ([], before)


@pytest.mark.parametrize(
    ("failing", "minimum", "reason", "escalated"),
    [
        pytest.param(2, 1, "NotExactlyOnePod", True, id="two pods"),
        pytest.param(1, None, "NoDisruptionBudget", True, id="no budget"),
        pytest.param(1, 3, "DisruptionNotAllowed", False, id="a budget that lets none go"),
    ],
)
def test_what_is_not_certain_is_not_done(
    team: Team,
    start: Callable[..., Operator],
    failing: int,
    minimum: int | None,
    reason: str,
    escalated: bool,
) -> None:
    before = begin(team, start, noisy())
    if minimum is not None:
        protect(team, minimum)
    log_failure(team, *sorted(before)[:failing])

    def refused(status: Json) -> bool:
        return SAID[reason] in doing(status) + condition(status, "Escalated").get("message", "")

    status = team.wait(refused, 30)

    assert is_(status, "Escalated", "True") is escalated
    if escalated:
        assert condition(status, "Escalated")["reason"] == "RemediationRefused"
    end = time.monotonic() + 3
    team.wait(lambda _: time.monotonic() > end)
    assert (evictions(team), pods(team)) == ([], before)


SAID = {
    "NotExactlyOnePod": "it is not exactly one pod of Deployment api that fails",
    "NoDisruptionBudget": "no PodDisruptionBudget selects the pod of Deployment api",
    "DisruptionNotAllowed": "the PodDisruptionBudget lets no pod of Deployment api go now",
}
"""What the refusals say."""
