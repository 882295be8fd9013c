"""The kinds of workloads that an SOP may name, and what may be done to them."""

from enum import StrEnum


class WorkloadKind(StrEnum):
    """A kind of the API group `apps` that keeps a number of equal pods."""

    DEPLOYMENT = "Deployment"
    STATEFUL_SET = "StatefulSet"


class ActionKind(StrEnum):
    """A guarded change to one workload, by its field in the spec."""

    RESTART = "restart"
    DELETE_POD = "deletePod"

    @property
    def noun(self) -> str:
        """Give what people call it."""
        return {ActionKind.RESTART: "restart", ActionKind.DELETE_POD: "eviction"}[self]

    def of(self, kind: WorkloadKind, workload: str) -> str:
        """Say what is done to which workload."""
        pod = "a pod of " if self is ActionKind.DELETE_POD else ""
        return f"{self.noun} of {pod}{kind} {workload}"
