"""Starting or upgrading the operator changes nothing that people see, and touches nothing."""

import json
from collections.abc import Callable

from testbed.operator import Operator
from testbed.team import Json, Team, is_


def sop(name: str, replicas: int) -> Json:
    return {
        "title": name,
        "mode": "Enforce",
        "every": "1s",
        "targets": [{"name": "api", "ref": {"kind": "Deployment", "name": "api"}}],
        "teams": [{"name": "owners", "title": "Owners"}],
        "checks": [{"name": "enough", "for": "1s", "workload": {"replicas": replicas}}],
        "procedures": [
            {
                "name": "TooSmall",
                "checks": ["enough"],
                "handle": [{"name": "rest", "otherwise": True, "escalate": {"to": ["owners"]}}],
            }
        ],
    }


def said(status: Json) -> str:
    """Everything but the time of the heartbeat."""
    return json.dumps({key: status[key] for key in status if key != "lastCheckedTime"})


def test_a_restart_of_the_operator_is_not_seen_in_any_status(
    team: Team, start: Callable[..., Operator]
) -> None:
    team.deploy(replicas=2)
    team.grant(deployments=("api",))
    first = start("--start-hold=1s")
    team.apply(sop("well", 2), "well")
    team.apply(sop("sick", 3), "sick")
    well = team.wait(lambda status: is_(status, "Healthy", "True"), name="well")
    sick = team.wait(lambda status: is_(status, "Escalated", "True"), name="sick")
    first.kill()

    mark = team.control_plane.audit().mark()
    second = start("--start-hold=1s")
    runs = 'servicesop_check_runs_total{type="workload",verdict="Failed"}'

    def runs_of_the_second() -> float:
        lines = second.get("/metrics")[1].splitlines()
        found = [line for line in lines if line.startswith(runs)]
        return float(found[0].split()[-1]) if found else 0.0

    team.wait(lambda _: runs_of_the_second() >= 5, name="sick")
    assert said(team.status("well")) == said(well)
    assert said(team.status("sick")) == said(sick)
    written = team.control_plane.audit().mutations(
        by="system:serviceaccount:servicesop-system:servicesop", since=mark
    )
    assert [record.uri for record in written if record.resource == "servicesops"] == []
