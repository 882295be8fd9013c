"""What every action is: a look at what it changes, and one conditional write."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from servicesop.api.kinds import WorkloadKind
from servicesop.api.status import Intent
from servicesop.decide.course import Plan
from servicesop.decide.progress import Found, Live, found
from servicesop.judge.results import PodRef
from servicesop.judge.rollout import WorkloadView
from servicesop.sources.kubernetes.client import ApiError, ApiUnreachable, Json
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


class Action(ABC):
    """One kind of action."""

    refusals: ClassVar = frozenset({400, 401, 403, 404, 405, 409, 413, 422})
    """Answers by which the API server has not made the change; after others it may have."""

    @abstractmethod
    async def look(self, subject: Subject) -> Look:
        """Read what it would change. Raise ApiError and ApiUnreachable."""

    async def send(self, subject: Subject, intent: Intent, look: Look) -> Result:
        """Make the change, on the conditions that the intent and this look record.

        It raises nothing: an unclear end is `Unknown`, found out later.
        """
        try:
            target = await self._write(subject, intent, look)
        except ApiUnreachable:
            return Result(Sent.UNKNOWN)
        except ApiError as error:
            if error.status in self.refusals:
                return await self._classify(subject, intent, error.status)
            return Result(Sent.UNKNOWN)
        return Result(Sent.APPLIED, target)

    @abstractmethod
    async def _write(self, subject: Subject, intent: Intent, look: Look) -> WorkloadView | None:
        """Send the one request and give the target afterwards. Raise ApiError, ApiUnreachable."""

    async def _classify(self, subject: Subject, intent: Intent, status: int) -> Result:
        # An answer says the same of a failed condition and of a refused value: look instead.
        try:
            live = (await self.look(subject)).live
        except (ApiError, ApiUnreachable):
            return Result(Sent.UNKNOWN)
        match found(intent, live):
            case Found.APPLIED:
                return Result(Sent.APPLIED, live.target)
            case Found.LOST:
                return Result(Sent.STALE)
            case Found.NOT_APPLIED:
                return Result(self._refused(status, live))

    def _refused(self, status: int, live: Live) -> Sent:
        """Say what a refusal means where the target is what was judged, and nobody changed it."""
        return Sent.REFUSED


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
