"""What every action is: a look at what it changes, and one conditional write."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from servicesop.api.kinds import WorkloadKind
from servicesop.api.status import Intent
from servicesop.decide.course import Plan
from servicesop.decide.progress import Live
from servicesop.judge.results import PodRef
from servicesop.judge.rollout import WorkloadView
from servicesop.sources.kubernetes.client import ApiError, Json
from servicesop.sources.kubernetes.requests import Requests


class Sent(StrEnum):
    """What became of the change."""

    APPLIED = "Applied"
    STALE = "Stale"
    """The target is not what was judged any more; nothing was changed."""
    REFUSED = "Refused"
    """The API server does not accept the change; nothing was changed."""
    NOT_NOW = "NotNow"
    """The API server keeps a PodDisruptionBudget; nothing was changed."""
    UNKNOWN = "Unknown"
    """No answer: it may or may not have been applied."""


@dataclass(frozen=True, slots=True)
class Result:
    """What became of the change, and the target afterwards if it is known."""

    sent: Sent
    target: WorkloadView | None = None


@dataclass(frozen=True, slots=True)
class Subject:
    """What an action is about, by name."""

    namespace: str
    kind: WorkloadKind
    workload: str
    pod: PodRef | None = None

    @classmethod
    def of_plan(cls, namespace: str, plan: Plan) -> "Subject":
        """Give what a plan is about."""
        return cls(namespace, plan.kind, plan.workload, plan.pod)

    @classmethod
    def of_intent(cls, namespace: str, intent: Intent) -> "Subject":
        """Give what an intent is about."""
        return cls(namespace, intent.kind, intent.workload, pod_of_intent(intent))


@dataclass(frozen=True, slots=True)
class Look:
    """What an action changes, live."""

    live: Live
    objects: tuple[Json, ...] = ()
    """The objects themselves, as the action that looked needs them to build its write."""


class Action(Protocol):
    """One kind of action. `send` raises nothing: an unclear end is `Unknown`, found out later."""

    async def look(self, subject: Subject) -> Look:
        """Read what it would change. Raise ApiError, ApiUnreachable and SourceError."""

    async def send(self, subject: Subject, intent: Intent, look: Look) -> Result:
        """Make the change, on the conditions that the intent and this look record."""


def pod_of_intent(intent: Intent) -> PodRef | None:
    """Give the one pod that an intent is about."""
    if intent.pod is None or intent.pod_uid is None:
        return None
    return PodRef(intent.pod, intent.pod_uid)


def resource_of(kind: WorkloadKind) -> str:
    """Give the resource of a kind, as paths and rights name it."""
    return f"{kind.lower()}s"


def path_of(namespace: str, kind: WorkloadKind, name: str) -> str:
    """Give the path of a workload."""
    return f"/apis/apps/v1/namespaces/{namespace}/{resource_of(kind)}/{name}"


async def read(client: Requests, path: str) -> Json | None:
    """Read an object live; None where it does not exist."""
    try:
        return await client.get(path)
    except ApiError as error:
        if error.status == 404:
            return None
        raise
