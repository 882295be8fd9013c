"""What was really done to the service: read from the API server's audit log, never from status."""

import json
from dataclasses import dataclass

from testbed import AuditLog, AuditRecord

# Kubernetes itself and the demo's own set-up; everybody else who changes something counts.
_KUBERNETES = ("system:serviceaccount:kube-system:", "system:kube-", "testbed-")
_WORKLOADS = frozenset({"deployments", "replicasets", "statefulsets", "pods"})


@dataclass(frozen=True, slots=True)
class Evidence:
    """The changes of workloads in one namespace since a mark in the audit log."""

    log: AuditLog
    namespace: str
    since: int

    def touches(self) -> list[AuditRecord]:
        """Return the accepted changes of workloads and pods, without Kubernetes' own."""
        return [
            record
            for record in self.log.mutations(since=self.since)
            if record.namespace == self.namespace
            and record.resource in _WORKLOADS
            and record.code < 300
            and not (record.impersonated_user or record.user).startswith(_KUBERNETES)
        ]


def describe(record: AuditRecord) -> str:
    """Say who did what and when, one fact a line."""
    what = f"{record.verb} {record.resource}/{record.name}"
    lines = [
        f"when  {record.at:%H:%M:%S.%f} UTC",
        f"who   {record.user}",
        f"as    {record.impersonated_user}",
        f"what  {what} in {record.namespace}, answered {record.code}",
    ]
    if record.request_object is not None:
        lines += [f"body  {line}" for line in _operations(record.request_object)]
    return "\n".join(lines)


def _operations(body: object) -> list[str]:
    operations = body if isinstance(body, list) else [body]
    return [json.dumps(operation, sort_keys=True) for operation in operations]
