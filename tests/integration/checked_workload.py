"""A workload of a real API server, and the check `workload` of it at each of its changes."""

import asyncio
import json
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from polling import until
from servicesop.api.kinds import WorkloadKind
from servicesop.judge.results import Sample, Verdict
from servicesop.judge.rollout import WorkloadView
from servicesop.sources.errors import SourceError
from surroundings import NOBODY
from testbed import ControlPlane

if TYPE_CHECKING:
    from servicesop.checks.runner import CheckRunner

BOTH = tuple(WorkloadKind)
WORKLOAD = {"replicas": 3, "minReady": 3, "restarts": {"max": 1, "within": "1h"}}
STRATEGIES: dict[WorkloadKind, dict[str, Any]] = {
    WorkloadKind.DEPLOYMENT: {
        "strategy": {"rollingUpdate": {"maxUnavailable": 1, "maxSurge": 0}},
    },
    WorkloadKind.STATEFUL_SET: {"serviceName": "api"},
}


def manifest(
    kind: WorkloadKind, app: str = "api", ready_after: str = "400ms", **spec: object
) -> str:
    template = {
        "metadata": {"labels": {"app": app}, "annotations": {"testbed/ready-after": ready_after}},
        "spec": {
            "containers": [{"name": "service", "image": "example.org/service:1"}],
            "terminationGracePeriodSeconds": 1,
        },
    }
    body = {
        "replicas": 3,
        "selector": {"matchLabels": {"app": app}},
        "template": template,
        **STRATEGIES[kind],
        **spec,
    }
    return json.dumps(
        {"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": "api"}, "spec": body}
    )


class Service:
    """A workload in a namespace of its own, and the check of it at each of its changes."""

    def __init__(self, control_plane: ControlPlane, kind: WorkloadKind) -> None:
        self.control_plane = control_plane
        self.kind = kind
        self.name = f"{kind.lower()}/api"
        self.namespace = f"workload-{uuid.uuid4().hex[:8]}"
        self.samples: list[tuple[float, Sample]] = []
        self.changed = asyncio.Event()
        self.runner: CheckRunner | None = None
        self.around = NOBODY

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        return self.control_plane.kubectl(*arguments, "-n", self.namespace, input=stdin)

    async def patch(self, spec: dict[str, Any]) -> None:
        text = json.dumps({"spec": spec})
        await asyncio.to_thread(self.kubectl, "patch", self.name, "--type=merge", "-p", text)

    async def roll(self, **annotations: str) -> None:
        """Change the pod template."""
        annotated = {"metadata": {"annotations": {"roll": "1", **annotations}}}
        await self.patch({"template": annotated})

    async def patch_pod(self, pod: str, **status: object) -> None:
        """Say what a kubelet would say."""
        await asyncio.to_thread(
            self.kubectl,
            *("patch", "pod", pod, "--subresource=status", "--type=merge"),
            *("-p", json.dumps({"status": status})),
        )

    def pod(self) -> str:
        return self.kubectl(
            *("get", "pods", "-l", "app=api", "-o", "jsonpath={.items[0].metadata.name}")
        )

    def view(self) -> WorkloadView:
        view = self.around.workloads.get(self.kind, "api")
        assert view is not None
        return view

    async def viewed(self, true: Callable[[WorkloadView], bool]) -> None:
        await until(lambda: true(self.view()))

    async def until(self, verdict: Verdict, detail: str = "", seconds: float = 30) -> Sample:
        """Wait for a verdict, with a finding, a reason or a message where one is given."""
        return await self.sampled(
            lambda sample: (
                sample.verdict is verdict
                and (not detail or detail in {*sample.findings, sample.reason, sample.message})
            ),
            seconds,
        )

    async def sampled(self, true: Callable[[Sample], bool], seconds: float = 30) -> Sample:
        async with asyncio.timeout(seconds):
            while True:
                self.changed.clear()
                sample = self.samples[-1][1] if self.samples else None
                if sample and true(sample):
                    return sample
                await self.changed.wait()

    async def missed(self, since: int) -> Sample:
        """Give the first sample that finds pods not ready, of those from number `since` on.

        Pods that were deleted come back by themselves, on a busy machine before kubectl has ended.
        """

        def missing() -> list[Sample]:
            return [each for _, each in self.samples[since:] if each.findings == {"NotReady"}]

        await until(missing)
        return missing()[0]

    async def sample(self, later: timedelta = timedelta()) -> Sample | None:
        assert self.runner is not None
        try:
            sample = await self.runner.run(datetime.now(UTC) + later)
        except SourceError:
            return None
        self.samples.append((time.monotonic(), sample))
        self.changed.set()
        return sample

    def said(self) -> list[Verdict]:
        return [sample.verdict for _, sample in self.samples]
