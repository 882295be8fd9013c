"""Events tell transitions, once each; what comes again is counted in the same Event."""

from collections.abc import Callable

from e2e.sops import ready, sop
from testbed.operator import Operator
from testbed.team import Json, Team, is_

TOLD = {
    "ProcedureStarted": "Warning",
    "Escalated": "Warning",
    "ProcedureEnded": "Normal",
    "EscalationResolved": "Normal",
}


def events(team: Team, name: str = "sop") -> dict[str, Json]:
    """Give the Events about an SOP, by reason; each reason must be there once."""
    listed = team.read("events.k8s.io/v1", "events")["items"]
    ours = [item for item in listed if item["regarding"]["name"] == name]
    found = {item["reason"]: item for item in ours}
    assert len(found) == len(ours), [(item["reason"], item["note"]) for item in ours]
    return found


def counts(found: dict[str, Json]) -> dict[str, int]:
    return {reason: item.get("series", {}).get("count", 1) for reason, item in found.items()}


def test_only_transitions_are_told(team: Team, start: Callable[..., Operator]) -> None:
    team.deploy(replicas=2)
    operator = start()
    team.apply(sop(checks=[ready(replicas=2)], reopenWithin="1s"))
    team.wait(lambda status: is_(status, "Healthy", "True"))
    assert events(team) == {}

    for round_ in (1, 2):
        team.kubectl("scale", "deployment/api", "--replicas=1")
        team.wait(lambda status: is_(status, "Escalated", "True"))
        # It goes on failing, run after run: that is no news.
        before = failed_runs(operator)
        team.wait(lambda _, before=before: failed_runs(operator) >= before + 3)  # type: ignore[misc]
        team.kubectl("scale", "deployment/api", "--replicas=2")
        team.wait(
            lambda status: is_(status, "Healthy", "True") and is_(status, "Escalated", "False")
        )
        wanted = dict.fromkeys(TOLD, round_)
        team.wait(lambda _, wanted=wanted: counts(events(team)) == wanted)  # type: ignore[misc]

    found = events(team)
    assert {reason: item["type"] for reason, item in found.items()} == TOLD
    for item in found.values():
        assert item["regarding"]["uid"] == team.get()["metadata"]["uid"]
        assert item["reportingController"] == "servicesop.io/operator"
        assert len(item["note"]) <= 1024
    started = "Down: ready: 1 replicas are configured, at least 2 expected"
    assert found["ProcedureStarted"]["note"] == started


def failed_runs(operator: Operator) -> float:
    name = 'servicesop_check_runs_total{type="workload",verdict="Failed"} '
    lines = operator.get("/metrics")[1].splitlines()
    return sum(float(line.removeprefix(name)) for line in lines if line.startswith(name))
