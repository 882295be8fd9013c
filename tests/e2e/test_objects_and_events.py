"""Checks of objects and of Events in the running operator, from missing rights to answers."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from e2e.sops import check, sop
from testbed.operator import Operator
from testbed.team import Json, Team, condition, is_

CANARY = "canary-in-an-event"

JOB: dict[str, Any] = {
    "name": "job-did-not-fail",
    "for": "1s",
    "recoverFor": "1s",
    "resource": {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "name": "nightly",
        "condition": {"type": "Failed", "status": "False", "onAbsent": "Passed"},
    },
}
QUIET: dict[str, Any] = {
    "name": "quiet",
    "for": "1s",
    "recoverFor": "1s",
    "events": {"pattern": "failed to pull", "within": "10m"},
}


def test_rights_are_asked_for_by_kind_and_both_checks_find(
    team: Team, start: Callable[..., Operator]
) -> None:
    team.deploy("api", 1)
    team.grant()
    start()
    team.apply(sop(checks=[JOB, QUIET]))
    denied = team.wait(lambda status: condition(status, "Ready").get("reason") == "AccessDenied")
    team.kubectl("create", "role", "jobs", "--verb=get", "--resource=jobs.batch")
    team.kubectl(
        *("create", "rolebinding", "jobs", "--role=jobs"),
        f"--serviceaccount={team.namespace}:servicesop-runner",
    )
    missing = team.wait(lambda status: state(status, "job-did-not-fail") == "Failed", 30)
    team.kubectl("create", "-f", "-", input=json.dumps(suspended_job()))
    well = team.wait(lambda status: is_(status, "Healthy", "True") and is_(status, "Ready", "True"))
    pod = team.kubectl("get", "pods", "-l", "app=api", "-o", "jsonpath={.items[0].metadata.name}")
    team.kubectl("create", "-f", "-", input=json.dumps(event(team, pod)))
    found = team.wait(lambda status: state(status, "quiet") == "Failed")

    assert condition(denied, "Ready")["message"].startswith(
        "servicesop-runner may not get jobs.batch nightly"
    )
    assert check(denied, "job-did-not-fail")["reason"] == "AccessDenied"
    assert check(missing, "job-did-not-fail")["findings"] == ["Missing"]
    assert is_(missing, "Down", "True")
    assert check(well, "quiet")["state"] == "Passed"
    assert check(found, "quiet")["findings"] == ["Found"]
    assert check(found, "quiet")["evidence"] == [f"BackOff of Pod {pod}: 1"]
    assert CANARY not in json.dumps(found)


def state(status: Json, name: str) -> Any:
    return check(status, name).get("state")


def suspended_job() -> dict[str, Any]:
    container = {"name": "work", "image": "none"}
    template = {"spec": {"restartPolicy": "Never", "containers": [container]}}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "nightly"},
        "spec": {"suspend": True, "template": template},
    }


def event(team: Team, pod: str) -> dict[str, Any]:
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": "pull"},
        "involvedObject": {"kind": "Pod", "name": pod, "namespace": team.namespace},
        "reason": "BackOff",
        "type": "Warning",
        "message": f"failed to pull {CANARY}",
        "firstTimestamp": now,
        "lastTimestamp": now,
        "count": 1,
    }
