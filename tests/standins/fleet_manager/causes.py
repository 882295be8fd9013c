"""What happens to the service from outside: its nodes, its release, OCM, the agents."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from polling import eventually
from standins.fleet_manager.faults import Cause
from standins.fleet_manager.service import FleetManager

TIMES = 60
"""How much faster time runs: a minute is 1 s, which is the least that the CRD takes."""

_HOUR = timedelta(hours=1) / TIMES
_MISSING = "stand-in.invalid/service:missing"


def _close_nodes(service: FleetManager) -> None:
    """Let no node take pods any more, and lose those that are there."""
    service.kubectl("cordon", *_nodes(service))
    service.kubectl("delete", "pods", "-l", f"app={service.deployment}", "--wait=false")


def open_nodes(service: FleetManager) -> None:
    """Let the nodes take pods again."""
    service.kubectl("uncordon", *_nodes(service))


def _leave_kafka(service: FleetManager, status: str) -> None:
    """Let the agents have reported nothing for an hour, of a Kafka that is in this status."""
    service.begin(Cause.AGENTS_ARE_SILENT)
    service.add("kafka_requests", status, _HOUR)


def _expire_certificate(service: FleetManager) -> None:
    service.certify(until=datetime.now(UTC) - timedelta(days=1))


def _request_cluster(service: FleetManager, cause: Cause) -> None:
    service.begin(cause)
    service.request_cluster()


def _fail_kafka(service: FleetManager) -> None:
    service.begin(Cause.AGENTS_REPORT_ERRORS)
    service.add("kafka_requests", "accepted")


def _hang_before_cluster(service: FleetManager) -> None:
    service.hang("cluster")
    service.request_cluster()


def _release_what_is_missing(service: FleetManager) -> None:
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


CAUSES: Mapping[str, Callable[[FleetManager], object]] = {
    "the password of the pods runs out": FleetManager.expire_password,
    "the database is down": FleetManager.stop_database,
    "the certificate of the API runs out": _expire_certificate,
    "the nodes take no pods": _close_nodes,
    "an image is released that is missing": _release_what_is_missing,
    "OCM does not answer for accounts": lambda it: it.begin(Cause.ACCOUNTS_FAIL),
    "the database's queries are slow": lambda it: it.begin(Cause.QUERIES_ARE_SLOW),
    "the pods block each other from leading cluster": lambda it: it.lose_leader("cluster"),
    "the pods block each other from leading accepted_kafka": lambda it: it.lose_leader(
        "accepted_kafka"
    ),
    "the worker cluster hangs": lambda it: it.hang("cluster"),
    "the worker cluster hangs while a cluster waits": _hang_before_cluster,
    "the worker kafka hangs": lambda it: it.hang("kafka"),
    "OCM refuses a cluster": lambda it: _request_cluster(it, Cause.OCM_REFUSES),
    "OCM gives a cluster up": lambda it: _request_cluster(it, Cause.OCM_GIVES_UP),
    "an agent reports an error of a Kafka": _fail_kafka,
    "an agent says nothing of a new Kafka": lambda it: _leave_kafka(it, "resource_creating"),
    "an agent says nothing of a deleted Kafka": lambda it: _leave_kafka(it, "deprovision"),
}
"""What may happen, in words, and how it is let happen."""
