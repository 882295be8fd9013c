"""Evict the one pod that a check singles out, so that its workload's controller makes a new one.

By the Eviction API, which keeps PodDisruptionBudgets; a plain delete would pass them by. The pod's
uid is the condition: of two requests, however late the first one arrives, one can take effect. The
API server charges the budget before it looks at conditions, so one that they refuse may cost the
budget a disruption until its controller has counted again: then the guards wait for that.
"""

import asyncio

from servicesop.actions.action import Action, Look, Sent, Subject, path_of, read
from servicesop.api.status import Intent
from servicesop.checks.runner import WorkloadViews
from servicesop.decide.progress import Live
from servicesop.judge.eviction import PodFacts, pod_facts
from servicesop.judge.rollout import WorkloadView
from servicesop.sources.errors import SourceError
from servicesop.sources.kubernetes.client import Json, KubeClient
from servicesop.sources.kubernetes.views import workload_view

MAX_BUDGETS = 500
"""More PodDisruptionBudgets in one namespace are not looked through."""


class DeletePod(Action):
    """It reads as the operator's own account, which may see pods anyway; the runner only evicts."""

    refusals = Action.refusals | {429}

    def __init__(self, client: KubeClient, cache: WorkloadViews) -> None:
        """`cache` knows which pods are the workload's."""
        self._client = client
        self._cache = cache

    async def look(self, subject: Subject) -> Look:
        """Read workload, pod and budgets. Raise ApiError and ApiUnreachable."""
        namespace = subject.namespace
        workload, pod, budgets = await asyncio.gather(
            read(self._client, path_of(namespace, subject.kind, subject.workload)),
            self._pod(subject),
            self._budgets(namespace),
        )
        target = None if workload is None else workload_view(subject.kind, workload)
        return Look(Live(target, self._facts(subject, pod, budgets)), () if pod is None else (pod,))

    async def _write(self, subject: Subject, intent: Intent, look: Look) -> WorkloadView | None:
        """Evict the very pod that was seen, if nothing has changed about it since."""
        (pod,) = look.objects
        runner = self._client.as_runner(subject.namespace)
        path = f"{_path(subject)}/eviction"
        await runner.create(path, eviction_of(intent, subject.namespace, pod))
        return look.live.target

    def _refused(self, status: int, live: Live) -> Sent:
        if status == 409:
            # The pod has changed between the look and the request.
            return Sent.STALE
        if status == 429:
            # The same code says that the server is overloaded; that can be where no budget is.
            kept = live.pod is not None and live.pod.budgets != 0
            return Sent.NOT_NOW if kept else Sent.UNKNOWN
        return super()._refused(status, live)

    async def _pod(self, subject: Subject) -> Json | None:
        return None if subject.pod is None else await read(self._client, _path(subject))

    async def _budgets(self, namespace: str) -> list[Json] | None:
        path = f"/apis/policy/v1/namespaces/{namespace}/poddisruptionbudgets"
        budgets: list[Json] = []
        async for page in self._client.list_pages(path, limit=MAX_BUDGETS):
            budgets += page.items
            if len(budgets) > MAX_BUDGETS:
                return None
        return budgets

    def _facts(
        self, subject: Subject, pod: Json | None, budgets: list[Json] | None
    ) -> PodFacts | None:
        if subject.pod is None:
            return None
        try:
            view = self._cache.view(subject.namespace)
            workload = view.get(subject.kind, subject.workload)
            pods = () if workload is None else view.pods(workload)
        except SourceError:
            return pod_facts(subject.pod, pod, budgets, None)
        return pod_facts(subject.pod, pod, budgets, pods)


def eviction_of(intent: Intent, namespace: str, pod: Json) -> Json:
    """Give the Eviction. It applies only to the very pod that was judged, as it was seen last."""
    conditions = {
        "uid": intent.pod_uid,
        "resourceVersion": pod["metadata"]["resourceVersion"],
    }
    return {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": intent.pod, "namespace": namespace},
        "deleteOptions": {"preconditions": conditions},
    }


def _path(subject: Subject) -> str:
    assert subject.pod is not None, "an eviction is about one pod"
    return f"/api/v1/namespaces/{subject.namespace}/pods/{subject.pod.name}"
