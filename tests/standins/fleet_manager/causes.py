"""What happens to the service from outside: to its nodes, its release, its Deployment."""

import json
from datetime import UTC, datetime
from typing import Any

from polling import eventually
from standins.fleet_manager.service import FleetManager

_MISSING = "stand-in.invalid/service:missing"


def close_nodes(service: FleetManager) -> None:
    """Let no node take pods any more, and lose those that are there."""
    service.kubectl("cordon", *_nodes(service))
    service.kubectl("delete", "pods", "-l", f"app={service.deployment}", "--wait=false")


def open_nodes(service: FleetManager) -> None:
    """Let the nodes take pods again."""
    service.kubectl("uncordon", *_nodes(service))


def scale(service: FleetManager, replicas: int) -> None:
    service.kubectl("scale", f"deployment/{service.deployment}", f"--replicas={replicas}")


def release_what_is_missing(service: FleetManager) -> None:
    """Release an image that no registry has, and say what kubelets say of that.

    kwok, in their place, pulls nothing: it would run the pod.
    """
    before = service.pod_uids().keys()
    template = {
        "metadata": {"annotations": {"testbed/ready-after": "1h"}},
        "spec": {"containers": [{"name": service.container, "image": _MISSING}]},
    }
    patch = json.dumps({"spec": {"template": template}})
    service.kubectl("patch", "deployment", service.deployment, "-p", patch)
    eventually(lambda: _started(service, before), "a pod of the release")
    (name,) = _started(service, before)
    waiting = {"reason": "ImagePullBackOff", "message": f'Back-off pulling image "{_MISSING}"'}
    status = {"name": service.container, "image": _MISSING, "imageID": "", "restartCount": 0}
    status |= {"ready": False, "started": False, "state": {"waiting": waiting}}
    service.kubectl(
        *("patch", "pod", name, "--subresource=status", "--type=merge"),
        *("-p", json.dumps({"status": {"containerStatuses": [status]}})),
    )
    _warn(service, name, "Failed", f'Failed to pull image "{_MISSING}": not found')


def _started(service: FleetManager, before: Any) -> list[str]:
    """Give the new pods that kwok has begun to run."""
    pods = json.loads(service.kubectl("get", "pods", "-o", "json"))["items"]
    return [
        pod["metadata"]["name"]
        for pod in pods
        if pod["metadata"]["name"] not in before and pod["status"].get("containerStatuses")
    ]


def _warn(service: FleetManager, pod: str, reason: str, message: str) -> None:
    """Tell an Event about a pod as a kubelet does."""
    now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    about = {"kind": "Pod", "name": pod, "namespace": service.namespace}
    event = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"generateName": f"{pod}."},
        "involvedObject": about | {"uid": service.pod_uids()[pod]},
        "type": "Warning",
        "reason": reason,
        "message": message,
        "firstTimestamp": now,
        "lastTimestamp": now,
        "count": 1,
        "source": {"component": "kubelet"},
    }
    service.kubectl("create", "-f", "-", input=json.dumps(event))


def _nodes(service: FleetManager) -> list[str]:
    return service.kubectl("get", "nodes", "-o", "name").split()
