"""`for` and `recoverFor` in the running operator: what passes quickly raises and ends no alarm.

The check reacts to each change of its target at once: what is waited for here are its own times.
"""

import time
from collections.abc import Callable

from e2e.sops import check, enough, sop
from polling import eventually
from testbed.operator import Operator
from testbed.team import Json, Team, is_

FOR = RECOVER_FOR = 5.0
SHORT = 1.0
"""Seconds; much less than each of the two."""
FAILED_RUNS = 'servicesop_check_runs_total{type="workload",verdict="Failed"}'


def state(status: Json) -> str:
    found: str = check(status, "enough").get("state", "")
    return found


def failed_runs(operator: Operator) -> float:
    lines = operator.get("/metrics")[1].splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith(FAILED_RUNS))


def test_a_short_failure_raises_no_alarm_and_a_short_recovery_ends_none(
    team: Team, start: Callable[..., Operator]
) -> None:
    team.deploy(replicas=2)
    team.grant()
    operator = start("--start-hold=1s")
    patient = enough(2) | {"for": f"{FOR:.0f}s", "recoverFor": f"{RECOVER_FOR:.0f}s"}
    team.apply(sop(checks=[patient]))
    team.wait(lambda status: is_(status, "Healthy", "True"))

    def scale(replicas: int) -> float:
        began = time.monotonic()
        team.kubectl("scale", "deployment/api", f"--replicas={replicas}")
        return began

    def stays(wanted: str) -> Json:
        began = time.monotonic()
        while time.monotonic() - began < SHORT:
            status = team.status()
            assert state(status) == wanted
        return status

    scale(1)
    team.wait(lambda status: state(status) == "Pending", FOR)
    scale(2)
    team.wait(lambda status: state(status) == "Passed", FOR)
    assert not stays("Passed").get("escalations")

    began = scale(1)
    called = team.wait(lambda status: status.get("escalations"))
    assert time.monotonic() - began >= FOR
    assert state(called) == "Failed"

    # A recovery that does not last.
    scale(2)
    stays("Failed")
    before = failed_runs(operator)
    scale(1)
    eventually(lambda: failed_runs(operator) > before, "it is seen to fail again")
    began = scale(2)
    still = stays("Failed")
    assert check(still, "enough")["since"] == check(called, "enough")["since"]
    assert still["escalations"][0]["opened"] == called["escalations"][0]["opened"]
    team.wait(lambda status: state(status) == "Passed")
    assert time.monotonic() - began >= RECOVER_FOR
