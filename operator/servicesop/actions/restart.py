"""Restart a workload's pods: one annotation of our own on its pod template.

Not `kubectl.kubernetes.io/restartedAt`: where Git carries that key, the next sync puts the old
value back and rolls the pods a second time.
"""

from servicesop.actions.action import Action, Look, Subject, path_of, read
from servicesop.api.status import Intent
from servicesop.decide.progress import Live
from servicesop.judge.rollout import WorkloadView
from servicesop.sources.kubernetes.client import Json, KubeClient
from servicesop.sources.kubernetes.views import workload_view

ANNOTATION = "servicesop.io/action"
FIELD_MANAGER = "servicesop-actions"


class Restart(Action):
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

    async def _write(self, subject: Subject, intent: Intent, look: Look) -> WorkloadView:
        """Apply the patch that fits what was seen."""
        runner = self._client.as_runner(subject.namespace)
        path = path_of(subject.namespace, subject.kind, subject.workload)
        (item,) = look.objects
        after = await runner.json_patch(path, patch_of(intent, item), FIELD_MANAGER)
        return workload_view(intent.kind, after)


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
