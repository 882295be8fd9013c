"""The pods of a namespace as a stand-in for what runs in them sees them, and their logs."""

import json
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from testbed import PodLog
from testbed.api_client import ApiError
from testbed.team import Json, Team


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod whose containers run, and the log of the first one."""

    manifest: Json
    log: PodLog

    @property
    def name(self) -> str:
        name: str = self.manifest["metadata"]["name"]
        return name

    @property
    def uid(self) -> str:
        uid: str = self.manifest["metadata"]["uid"]
        return uid

    @property
    def app(self) -> str:
        labels: dict[str, str] = self.manifest["metadata"]["labels"]
        return labels.get("app") or labels["app.kubernetes.io/name"]


class Pods:
    """Follows the pods of a team's namespace, and gives a log to each container that runs."""

    def __init__(self, team: Team) -> None:
        self._team = team
        self._running: dict[str, Pod] = {}

    def look(self) -> None:
        """See who runs now; a new pod's log begins with its start.

        Without an answer of the API server what runs goes on as it is.
        """
        with suppress(ApiError, OSError):
            self._running = {
                manifest["metadata"]["uid"]: self._pod(manifest)
                for manifest in self._team.read("v1", "pods")["items"]
                if runs(manifest)
            }

    def of(self, app: str) -> list[Pod]:
        """Give an app's running pods, the newest last."""
        return sorted(
            (pod for pod in self._running.values() if pod.app == app),
            key=lambda pod: (str(pod.manifest["metadata"]["creationTimestamp"]), pod.name),
        )

    def _pod(self, manifest: Json) -> Pod:
        known = self._running.get(manifest["metadata"]["uid"])
        return Pod(manifest, known.log if known else self._open(manifest))

    def _open(self, manifest: Json) -> PodLog:
        logs = []
        for status in manifest["status"]["containerStatuses"]:
            log = self._team.control_plane.pod_log(
                self._team.namespace, manifest["metadata"]["name"], status["name"]
            )
            # By this line it is known that nothing was logged before, however long a window is.
            started = datetime.fromisoformat(status["state"]["running"]["startedAt"])
            log.append("started", at=started)
            logs.append(log)
        return logs[0]


def runs(pod: Json) -> bool:
    """Say whether a pod's containers all run, and nobody has asked it to end."""
    statuses = pod["status"].get("containerStatuses", ())
    return (
        "deletionTimestamp" not in pod["metadata"]
        and bool(statuses)
        and all("running" in status["state"] for status in statuses)
    )


def say_waiting(team: Team, pod: str, reason: str) -> None:
    """Say what a kubelet says of a pod none of whose containers can be run."""
    spec = team.read("v1", f"pods/{pod}")["spec"]
    statuses = [
        {
            "name": container["name"],
            "image": container["image"],
            "imageID": "",
            "ready": False,
            # For kwok it has been started: it does not make it ready.
            "started": True,
            "restartCount": 0,
            "state": {"waiting": {"reason": reason}},
        }
        for container in spec["containers"]
    ]
    conditions = [{"type": kind, "status": "False"} for kind in ("Ready", "ContainersReady")]
    say(team, pod, containerStatuses=statuses, conditions=conditions)


def say(team: Team, pod: str, **status: object) -> None:
    """Say something of a pod in the place of its kubelet."""
    team.kubectl(
        *("patch", "pod", pod, "--subresource=status", "--type=strategic"),
        *("-p", json.dumps({"status": status})),
    )
