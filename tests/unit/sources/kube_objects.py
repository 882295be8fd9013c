"""Workloads and pods as the API server gives them."""

from servicesop.sources.kubernetes.client import Json

DEPLOYMENT: Json = {
    "metadata": {"namespace": "ns", "name": "api", "uid": "d1", "generation": 4},
    "spec": {
        "replicas": 3,
        "template": {"metadata": {"annotations": {"servicesop.io/action": "a-1"}}, "spec": {}},
    },
    "status": {
        "observedGeneration": 3,
        "replicas": 4,
        "updatedReplicas": 2,
        "readyReplicas": 3,
        "availableReplicas": 1,
        "conditions": [
            {"type": "Available", "status": "False", "reason": "ProgressDeadlineExceeded"}
        ],
    },
}


STATEFUL_SET: Json = {
    "metadata": {
        "namespace": "ns",
        "name": "api",
        "uid": "s1",
        "generation": 4,
        "creationTimestamp": "2026-11-21T12:00:00Z",
    },
    "spec": {
        "replicas": 10,
        "podManagementPolicy": "Parallel",
        "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 2}},
        "template": {"metadata": {"annotations": {"servicesop.io/action": "a-1"}}, "spec": {}},
    },
    "status": {
        "observedGeneration": 3,
        "replicas": 9,
        "updatedReplicas": 5,
        "currentReplicas": 4,
        "readyReplicas": 7,
        "availableReplicas": 6,
        "currentRevision": "api-1",
        "updateRevision": "api-2",
    },
}


def replica_set(uid: str, deployment: str = "d1", *, controller: bool = True) -> Json:
    owner = {"kind": "Deployment", "name": "api", "uid": deployment, "controller": controller}
    metadata = {"namespace": "ns", "name": uid, "uid": uid, "ownerReferences": [owner]}
    return {"metadata": metadata}


def pod(name: str, owner: str, **status: object) -> Json:
    reference = {"kind": "ReplicaSet", "name": owner, "uid": owner, "controller": True}
    metadata = {
        "namespace": "ns",
        "name": name,
        "uid": name,
        "labels": {"pod-template-hash": f"hash-{owner}"},
        "ownerReferences": [reference],
    }
    return {"metadata": metadata, "status": status}


def member(name: str, owner: str = "s1", **status: object) -> Json:
    """A pod of the StatefulSet."""
    item = pod(name, owner, **status)
    metadata = item["metadata"]
    metadata["labels"] = {"controller-revision-hash": "api-2", "pod-template-hash": "forged"}
    metadata["ownerReferences"][0] |= {"kind": "StatefulSet", "name": "api"}
    return item
