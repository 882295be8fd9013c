"""Restart a workload's pods: one annotation of our own on its pod template.

Not `kubectl.kubernetes.io/restartedAt`: where Git carries that key, the next sync puts the old
value back and rolls the pods a second time.
"""

from dataclasses import dataclass
from enum import StrEnum

from servicesop.api.kinds import WorkloadKind
from servicesop.api.status import Intent
from servicesop.judge.rollout import WorkloadView
from servicesop.sources.kubernetes.client import ApiError, ApiUnreachable, Json, RunnerClient
from servicesop.sources.kubernetes.views import workload_view

ANNOTATION = "servicesop.io/action"
FIELD_MANAGER = "servicesop-actions"


class Sent(StrEnum):
    """What became of the change."""

    APPLIED = "Applied"
    STALE = "Stale"
    """The target is not what was judged any more; nothing was changed."""
    REFUSED = "Refused"
    """The API server does not accept the change; nothing was changed."""
    UNKNOWN = "Unknown"
    """No answer: it may or may not have been applied."""


@dataclass(frozen=True, slots=True)
class Result:
    """What became of the change, and the target afterwards if it is known."""

    sent: Sent
    target: WorkloadView | None = None


def resource_of(kind: WorkloadKind) -> str:
    """Give the resource of a kind, as paths and rights name it."""
    return f"{kind.lower()}s"


def path_of(namespace: str, kind: WorkloadKind, name: str) -> str:
    """Give the path of a workload."""
    return f"/apis/apps/v1/namespaces/{namespace}/{resource_of(kind)}/{name}"


async def read(runner: RunnerClient, kind: WorkloadKind, name: str) -> Json | None:
    """Read the target live, as the runner; None where it does not exist."""
    try:
        return await runner.get(path_of(runner.namespace, kind, name))
    except ApiError as error:
        if error.status == 404:
            return None
        raise


def patch_of(intent: Intent, live: Json) -> list[Json]:
    """Give the JSON patch. It applies only to the very object and spec that were judged."""
    annotations = live["spec"]["template"].get("metadata", {}).get("annotations")
    path = "/spec/template/metadata/annotations"
    change: list[Json]
    if annotations is None:
        # A patch cannot add a key to a map that is not there, nor may it replace one that is.
        change = [
            {"op": "test", "path": path, "value": None},
            {"op": "add", "path": path, "value": {ANNOTATION: intent.id}},
        ]
    else:
        key = ANNOTATION.replace("~", "~0").replace("/", "~1")
        change = [{"op": "add", "path": f"{path}/{key}", "value": intent.id}]
    return [
        {"op": "test", "path": "/metadata/uid", "value": intent.uid},
        {"op": "test", "path": "/metadata/generation", "value": intent.generation},
        *change,
    ]


async def send(runner: RunnerClient, intent: Intent, live: Json) -> Result:
    """Apply the restart. Raise nothing: an unclear end is `Unknown`, and is found out later."""
    path = path_of(runner.namespace, intent.kind, intent.workload)
    try:
        after = await runner.json_patch(path, patch_of(intent, live), FIELD_MANAGER)
    except ApiUnreachable:
        return Result(Sent.UNKNOWN)
    except ApiError as error:
        if error.status in (400, 401, 403, 404, 405, 409, 413, 422):
            return await _classify(runner, intent)
        return Result(Sent.UNKNOWN)
    return Result(Sent.APPLIED, workload_view(intent.kind, after))


async def _classify(runner: RunnerClient, intent: Intent) -> Result:
    # 422 has the same body for a failed test, a wrong path and a refused value: look instead.
    try:
        live = await read(runner, intent.kind, intent.workload)
    except (ApiError, ApiUnreachable):
        return Result(Sent.UNKNOWN)
    if live is None:
        return Result(Sent.STALE)
    view = workload_view(intent.kind, live)
    if view.action == intent.id:
        return Result(Sent.APPLIED, view)
    if view.uid != intent.uid or view.generation != intent.generation:
        return Result(Sent.STALE)
    return Result(Sent.REFUSED)
