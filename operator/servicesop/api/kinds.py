"""The kinds of workloads that an SOP may name."""

from enum import StrEnum


class WorkloadKind(StrEnum):
    """A kind of the API group `apps` that keeps a number of equal pods."""

    DEPLOYMENT = "Deployment"
    STATEFUL_SET = "StatefulSet"
