"""Restart a workload's pods: one annotation of our own on its pod template.

Not `kubectl.kubernetes.io/restartedAt`: where Git carries that key, the next sync puts the old
value back and rolls the pods a second time.
"""

from servicesop.actions.action import Look, Result, Sent, Subject, path_of, read
from servicesop.api.status import Intent
from servicesop.decide.progress import Found, Live, found
from servicesop.sources.kubernetes.client import ApiError, ApiUnreachable, Json, KubeClient
from servicesop.sources.kubernetes.views import workload_view

ANNOTATION = "servicesop.io/action"
FIELD_MANAGER = "servicesop-actions"


class Restart:
    """Everything is read and written as the namespace's runner."""

    def __init__(self, client: KubeClient) -> None:
        self._client = client

    async def look(self, subject: Subject) -> Look:
        """Read the workload. Raise ApiError and ApiUnreachable."""
        runner = self._client.as_runner(subject.namespace)
        item = await read(runner, path_of(subject.namespace, subject.kind, subject.workload))
        if item is None:
            return Look(Live(None))
        return Look(Live(workload_view(subject.kind, item)), (item,))

    async def send(self, subject: Subject, intent: Intent, look: Look) -> Result:
        """Apply the patch that fits what was seen."""
        runner = self._client.as_runner(subject.namespace)
        path = path_of(subject.namespace, subject.kind, subject.workload)
        (item,) = look.objects
        try:
            after = await runner.json_patch(path, patch_of(intent, item), FIELD_MANAGER)
        except ApiUnreachable:
            return Result(Sent.UNKNOWN)
        except ApiError as error:
            if error.status in (400, 401, 403, 404, 405, 409, 413, 422):
                return await self._classify(subject, intent)
            return Result(Sent.UNKNOWN)
        return Result(Sent.APPLIED, workload_view(intent.kind, after))

    async def _classify(self, subject: Subject, intent: Intent) -> Result:
        # 422 has the same body for a failed test, a wrong path and a refused value: look instead.
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
                return Result(Sent.REFUSED)


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
