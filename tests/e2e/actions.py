"""What was done to workloads, read from the audit log and from the objects."""

import json

from testbed.audit import AuditRecord
from testbed.operator import ACCOUNT, NAMESPACE, RUNNER
from testbed.team import Json, Team

OPERATOR = f"system:serviceaccount:{NAMESPACE}:{ACCOUNT}"


def runner(team: Team) -> str:
    """Give the user that acts in the team's namespace."""
    return f"system:serviceaccount:{team.namespace}:{RUNNER}"


def actions(team: Team, workload: str = "api") -> list[AuditRecord]:
    """Give every request of the operator that could change a workload, refused ones included."""
    return [
        record
        for record in team.control_plane.audit().mutations(by=OPERATOR)
        if record.group == "apps"
        and record.resource in ("deployments", "statefulsets")
        and (record.namespace, record.name) == (team.namespace, workload)
    ]


def restarts(team: Team, workload: str = "api") -> list[AuditRecord]:
    """Give the restarts: the requests of `actions` that the server carried out."""
    return [record for record in actions(team, workload) if record.code == 200]


def evictions(team: Team) -> list[AuditRecord]:
    """Give every request of the operator to evict or delete a pod, refused ones included."""
    return [
        record
        for record in team.control_plane.audit().mutations(by=OPERATOR)
        if (record.group, record.resource, record.namespace) == ("", "pods", team.namespace)
    ]


def tampering(team: Team) -> list[str]:
    """Give everything that the operator or its runner wrote in the namespace, but what it says."""
    own_words = {("servicesop.io", "servicesops", "status"), ("events.k8s.io", "events", "")}
    return [
        f"{record.verb} {record.uri}: {record.code}"
        for record in team.control_plane.audit().mutations()
        if (record.by(OPERATOR) or record.by(runner(team)))
        and record.namespace == team.namespace
        and (record.group, record.resource, record.subresource) not in own_words
    ]


def written(team: Team, since: int) -> list[str]:
    """Give all mutating requests of the operator's and the runner's accounts, anywhere."""
    return [
        f"{record.verb} {record.uri}: {record.code}"
        for record in team.control_plane.audit().mutations(since=since)
        if record.by(OPERATOR) or record.by(runner(team))
    ]


def workload(team: Team, name: str = "api", kind: str = "Deployment") -> Json:
    return team.read("apps/v1", f"{kind.lower()}s/{name}")


def deployment(team: Team, name: str = "api") -> Json:
    return workload(team, name)


def replica_sets(team: Team, name: str = "api") -> set[str]:
    """Give the uids of a Deployment's ReplicaSets: each pod template that it ever had is one."""
    found = team.read("apps/v1", f"replicasets?labelSelector=app%3D{name}")
    return {item["metadata"]["uid"] for item in found["items"]}


def break_pod(team: Team, app: str = "api") -> None:
    """Make one ready pod unready for good, as a failing readiness probe does."""
    pods = team.read("v1", f"pods?labelSelector=app%3D{app}")["items"]
    pod = next(item for item in pods if "deletionTimestamp" not in item["metadata"])
    unready = {"status": {"conditions": [{"type": "Ready", "status": "False"}]}}
    name = pod["metadata"]["name"]
    team.kubectl("patch", "pod", name, "--subresource=status", "-p", json.dumps(unready))
