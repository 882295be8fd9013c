"""Restarts of containers that one process of the operator counted, and the next cannot.

The API server tells how often a container was restarted in all, and when last. To the next process
the others were at some time since the pod was made: certain only where that is in the window.
"""

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime

from e2e.sops import check, sop, target
from testbed.operator import Operator
from testbed.team import Json, Team, condition, is_

WITHIN = 20
"""Seconds. The pods must be older than that when the next process looks at them first."""
MOST = 2
YOUNG, OLD, CALM = "young", "old", "calm"


def restarts(of: str, within: str) -> Json:
    return sop(
        targets=[target(of)],
        checks=[
            {
                "name": "restarts",
                "for": "1s",
                "recoverFor": "1s",
                "workload": {"restarts": {"max": MOST, "within": within}},
            }
        ],
    )


def state(status: Json) -> tuple[str, str, str]:
    found = check(status, "restarts")
    return found.get("state", ""), found.get("reason", ""), ", ".join(found.get("findings", []))


def restart(team: Team, of: str, count: int) -> None:
    """Say what a kubelet says when the container was started for the `count`th time after all."""
    pod = team.kubectl("get", "pods", "-l", f"app={of}", "-o", "jsonpath={.items[0].metadata.name}")
    container = {
        "name": "service",
        "image": "none",
        "imageID": "",
        "containerID": f"containerd://{count}",
        "ready": True,
        "restartCount": count,
        "state": {"running": {"startedAt": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"}},
    }
    team.kubectl(
        *("patch", "pod", pod, "--subresource=status", "--type=merge", "-p"),
        json.dumps({"status": {"containerStatuses": [container]}}),
    )


def escalation(status: Json) -> Json:
    (found,) = status["escalations"]
    return {key: found[key] for key in ("key", "opened") if key in found}


FAILED = ("Failed", "", "Restarting")
PASSED = ("Passed", "", "")
NOT_COVERED = ("Inconclusive", "NotCovered", "")


def test_what_the_next_operator_cannot_count_is_unknown_until_it_is_certain_again(
    team: Team, start: Callable[..., Operator]
) -> None:
    for name in (YOUNG, OLD, CALM):
        team.deploy(name, 1)
    made = time.monotonic()
    team.grant()
    first = start("--start-hold=1s", "--heartbeat=10m")
    restart(team, CALM, 4)
    for name, within in ((YOUNG, "1h"), (OLD, f"{WITHIN}s"), (CALM, f"{WITHIN}s")):
        team.apply(restarts(name, within), name)
    for name in (YOUNG, OLD):
        team.wait(lambda status: is_(status, "Healthy", "True"), name=name)
    # What it was restarted at first leaves the window, in which one more is no harm.
    team.wait(lambda status: state(status) == FAILED, name=CALM)
    team.wait(lambda status: is_(status, "Healthy", "True"), WITHIN + 15, name=CALM)
    for name, count in ((CALM, 5), (YOUNG, 3), (OLD, 3)):
        restart(team, name, count)
    young = team.wait(lambda status: is_(status, "Escalated", "True"), name=YOUNG)
    old = team.wait(lambda status: is_(status, "Escalated", "True"), name=OLD)
    assert state(young) == state(old) == FAILED
    assert is_(team.status(CALM), "Healthy", "True")
    first.kill()
    assert time.monotonic() - made > WITHIN

    start("--start-hold=1s", "--heartbeat=10m")
    said = set()

    def uncounted(status: Json) -> bool:
        said.add(state(status))
        return state(status) == NOT_COVERED

    # Neither an alarm that nothing has shown, nor an all-clear.
    calm = team.wait(uncounted, name=CALM)
    assert said <= {PASSED, NOT_COVERED}
    assert condition(calm, "Healthy")["status"] == "Unknown"
    unsure = team.wait(lambda status: state(status) == NOT_COVERED, name=OLD)
    assert is_(unsure, "Escalated", "True")
    assert escalation(unsure) == escalation(old)
    # Its pod is younger than the window: all restarts are in it.
    assert state(team.status(YOUNG)) == FAILED
    assert escalation(team.status(YOUNG)) == escalation(young)

    # Two more in the new process are certain, with the latest one of the former three.
    for count in (4, 5):
        restart(team, OLD, count)
    again = team.wait(lambda status: state(status) == FAILED, name=OLD)
    assert escalation(again) == escalation(old)
    well = team.wait(lambda status: is_(status, "Healthy", "True"), WITHIN + 15, name=CALM)
    assert state(well) == PASSED
