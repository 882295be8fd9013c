"""Starting or upgrading the operator changes nothing that people see, and touches nothing."""

import json
from collections.abc import Callable

from e2e.sops import logs
from polling import eventually
from testbed.operator import Operator
from testbed.team import Json, Team, is_


def sop(name: str, replicas: int) -> Json:
    return of_check(name, {"name": "enough", "for": "1s", "workload": {"replicas": replicas}})


def of_check(name: str, check: Json) -> Json:
    return {
        "title": name,
        "mode": "Enforce",
        "every": "1s",
        "targets": [{"name": "api", "ref": {"kind": "Deployment", "name": "api"}}],
        "teams": [{"name": "owners", "title": "Owners"}],
        "checks": [check],
        "procedures": [
            {
                "name": "TooSmall",
                "checks": [check["name"]],
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
    # What was read of a log is remembered by nobody: the next process reads it again.
    (pod, *_) = team.kubectl("get", "pods", "-o", "jsonpath={.items[*].metadata.name}").split()
    log = team.control_plane.pod_log(team.namespace, pod, "service")
    log.append("started")
    log.append("panic")
    team.apply(of_check("noisy", logs(within="10m")), "noisy")
    well = team.wait(lambda status: is_(status, "Healthy", "True"), name="well")
    sick = team.wait(lambda status: is_(status, "Escalated", "True"), name="sick")
    noisy = team.wait(lambda status: is_(status, "Escalated", "True"), name="noisy")
    first.kill()

    mark = team.control_plane.audit().mark()
    second = start("--start-hold=1s")

    def failed_runs(of: str) -> float:
        runs = f'servicesop_check_runs_total{{type="{of}",verdict="Failed"}}'
        lines = second.get("/metrics")[1].splitlines()
        found = [line for line in lines if line.startswith(runs)]
        return float(found[0].split()[-1]) if found else 0.0

    eventually(lambda: failed_runs("workload") >= 5, "the failed replicas are counted")
    eventually(lambda: failed_runs("logs") >= 5, "the log is read")
    assert said(team.status("well")) == said(well)
    assert said(team.status("sick")) == said(sick)
    assert said(team.status("noisy")) == said(noisy)
    written = team.control_plane.audit().mutations(
        by="system:serviceaccount:servicesop-system:servicesop", since=mark
    )
    assert [record.uri for record in written if record.resource == "servicesops"] == []
