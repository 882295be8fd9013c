"""Pods whose logs say that they fail."""

from datetime import datetime

from testbed.team import Team


def log_failure(team: Team, *names: str) -> None:
    """Let pods log a first line when they start, and `panic` now, all at once.

    By the first line it is known that nothing was logged before, however long the window is.
    """
    logs = []
    for name in names:
        status = team.read("v1", f"pods/{name}")["status"]["containerStatuses"][0]
        started = datetime.fromisoformat(status["state"]["running"]["startedAt"])
        log = team.control_plane.pod_log(team.namespace, name, "service")
        log.append("started", at=started)
        logs.append(log)
    for log in logs:
        log.append("panic")
