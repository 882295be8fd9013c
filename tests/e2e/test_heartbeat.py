"""An SOP in which nothing changes still says that somebody is looking."""

from collections.abc import Callable

from e2e.actions import written
from e2e.sops import check, ready, sop
from testbed.operator import Operator
from testbed.team import Team, is_


def test_without_a_change_only_the_time_of_the_last_look_moves(
    team: Team, start: Callable[..., Operator]
) -> None:
    team.deploy(replicas=1)
    start("--heartbeat=2s")
    team.apply(sop(checks=[ready(replicas=1)]))
    team.wait(lambda status: is_(status, "Healthy", "True"))
    before = team.status()
    mark = team.control_plane.audit().mark()
    # Looked at by housekeeping, every 15 s.
    after = team.wait(lambda status: status["lastCheckedTime"] != before["lastCheckedTime"], 25)
    assert check(after, "ready")["state"] == "Passed"
    assert before.pop("lastCheckedTime") < after.pop("lastCheckedTime")
    assert after == before
    path = f"/apis/servicesop.io/v1alpha1/namespaces/{team.namespace}/servicesops/sop/status"
    for line in written(team, mark):
        assert line.startswith(f"patch {path}?"), "an Event, or something else, was written"
