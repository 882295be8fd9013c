"""`for` and `recoverFor` in the running operator: what passes quickly raises and ends no alarm.

The check looks at a ConfigMap, which is as it should be or not: a workload would be neither while
its controller is at work.
"""

import json
import time
from collections.abc import Callable

from e2e.sops import check, sop
from polling import eventually
from testbed.operator import RUNNER, Operator, wait_allowed
from testbed.team import Json, Team, is_

FOR, RECOVER_FOR = 5.0, 8.0
SHORT = 1.0
"""Seconds; much less than each of the two."""
FAILED_RUNS = 'servicesop_check_runs_total{type="config",verdict="Failed"}'
PATIENT: Json = {
    "name": "switched-on",
    "for": f"{FOR:.0f}s",
    "recoverFor": f"{RECOVER_FOR:.0f}s",
    "config": {
        "object": {"kind": "ConfigMap", "name": "switch"},
        "values": [{"key": "switch", "equals": "on"}],
    },
}


def state(status: Json) -> str:
    found: str = check(status, PATIENT["name"]).get("state", "")
    return found


def failed_runs(operator: Operator) -> float:
    lines = operator.get("/metrics")[1].splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith(FAILED_RUNS))


def test_a_short_failure_raises_no_alarm_and_a_short_recovery_ends_none(
    team: Team, start: Callable[..., Operator]
) -> None:
    team.kubectl("create", "configmap", "switch", "--from-literal=switch=on")
    team.grant()
    account = f"--serviceaccount={team.namespace}:{RUNNER}"
    what = ("--resource=configmaps", "--resource-name=switch")
    team.kubectl("create", "role", "switch", "--verb=get", *what)
    team.kubectl("create", "rolebinding", "switch", "--role=switch", account)
    wait_allowed(team.control_plane, team.namespace, "get", "configmaps/switch")
    operator = start("--start-hold=1s")
    team.apply(sop(checks=[PATIENT]))
    team.wait(lambda status: is_(status, "Healthy", "True"))

    def switch(to: str) -> float:
        began = time.monotonic()
        patch = json.dumps({"data": {"switch": to}})
        team.kubectl("patch", "configmap", "switch", "--type=merge", f"-p={patch}")
        return began

    def stays(wanted: str) -> Json:
        began = time.monotonic()
        while time.monotonic() - began < SHORT:
            status = team.status()
            assert state(status) == wanted
        return status

    switch("off")
    team.wait(lambda status: state(status) == "Pending", FOR)
    switch("on")
    team.wait(lambda status: state(status) == "Passed", FOR)
    assert not stays("Passed").get("escalations")

    began = switch("off")
    called = team.wait(lambda status: status.get("escalations"))
    assert time.monotonic() - began >= FOR
    assert state(called) == "Failed"

    # A recovery that does not last.
    switch("on")
    stays("Failed")
    before = failed_runs(operator)
    switch("off")
    eventually(lambda: failed_runs(operator) > before, "it is seen to fail again")
    began = switch("on")
    still = stays("Failed")
    assert check(still, PATIENT["name"])["since"] == check(called, PATIENT["name"])["since"]
    assert still["escalations"][0]["opened"] == called["escalations"][0]["opened"]
    team.wait(lambda status: state(status) == "Passed")
    assert time.monotonic() - began >= RECOVER_FOR
