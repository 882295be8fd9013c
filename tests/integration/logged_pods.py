"""The pods of a workload in a namespace of its own, their logs, and how a check sees them."""

import json
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Self

from polling import answer
from servicesop.api.kinds import WorkloadKind
from servicesop.api.sop import Target
from servicesop.checks.runner import CheckRunner, Surroundings
from servicesop.judge.rollout import PodView
from servicesop.sources.errors import SourceError
from servicesop.sources.kubernetes.client import KubeClient
from servicesop.sources.kubernetes.kinds import Kinds
from servicesop.sources.kubernetes.logs import LogReader
from servicesop.sources.kubernetes.objects import ObjectReader
from servicesop.sources.kubernetes.workloads import WorkloadCache
from surroundings import NOBODY
from testbed import ControlPlane, PodLog
from testbed.operator import wait_allowed


class LoggedPods:
    """A workload whose container `service` writes a log, and the namespace's runner."""

    workload = "api"

    def __init__(
        self,
        control_plane: ControlPlane,
        namespace: str,
        kind: WorkloadKind = WorkloadKind.DEPLOYMENT,
    ) -> None:
        self.control_plane = control_plane
        self.namespace = namespace
        self.kind = kind

    @classmethod
    @contextmanager
    def made(
        cls, control_plane: ControlPlane, kind: WorkloadKind = WorkloadKind.DEPLOYMENT
    ) -> Iterator[Self]:
        """Make the namespace and its runner, which may do nothing yet."""
        made = cls(control_plane, f"logs-{uuid.uuid4().hex[:8]}", kind)
        control_plane.kubectl("create", "namespace", made.namespace)
        made.kubectl("create", "serviceaccount", "servicesop-runner")
        yield made
        control_plane.kubectl("delete", "namespace", made.namespace, "--wait=false")

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        return self.control_plane.kubectl(*arguments, "-n", self.namespace, input=stdin)

    def grant(self, resource: str) -> None:
        """Let the runner get it; return when the API server acts upon that."""
        name = resource.replace("/", "-").replace(".", "-")
        self.kubectl("create", "role", name, "--verb=get", f"--resource={resource}")
        account = f"--serviceaccount={self.namespace}:servicesop-runner"
        self.kubectl("create", "rolebinding", name, f"--role={name}", account)
        kind, _, part = resource.partition("/")
        right = (kind, f"--subresource={part}") if part else (kind,)
        wait_allowed(self.control_plane, self.namespace, "get", *right)

    def deploy(self, replicas: int) -> None:
        """Make the workload, and wait until its pods are ready."""
        template = {
            "metadata": {"labels": {"app": "api"}},
            "spec": {
                "containers": [{"name": "service", "image": "example.org/service:1"}],
                "terminationGracePeriodSeconds": 1,
            },
        }
        spec: dict[str, object] = {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": "api"}},
            "template": template,
        }
        if self.kind is WorkloadKind.STATEFUL_SET:
            spec["serviceName"] = "api"
        body = {"apiVersion": "apps/v1", "kind": self.kind, "metadata": {"name": self.workload}}
        self.kubectl("apply", "-f", "-", stdin=json.dumps(body | {"spec": spec}))
        self.rolled_out()

    def rolled_out(self) -> None:
        """Wait until all pods are ready and of the newest template."""
        self.kubectl("rollout", "status", f"{self.kind.lower()}/{self.workload}")

    def names(self) -> list[str]:
        return sorted(
            self.kubectl("get", "pods", "-o", "jsonpath={.items[*].metadata.name}").split()
        )

    def log(self, pod: str) -> PodLog:
        """Begin the log of a new pod."""
        return self.control_plane.pod_log(self.namespace, pod, "service")

    def crash(self, pod: str, log: PodLog) -> None:
        """Restart the container: a second one, whose log begins here."""
        log.previous.write_text(log.current.read_text())
        log.current.write_text("")
        self.say_restarted(pod, 1, datetime.now(UTC))

    def say_restarted(self, pod: str, count: int, started: datetime) -> None:
        """Say what a kubelet says when the container was restarted so often, and last then."""
        status = {
            "name": "service",
            "image": "example.org/service:1",
            "imageID": "",
            "ready": True,
            "restartCount": count,
            "containerID": f"containerd://{count}",
            "state": {"running": {"startedAt": f"{started:%Y-%m-%dT%H:%M:%SZ}"}},
        }
        self.kubectl(
            *("patch", "pod", pod, "--subresource=status", "--type=merge", "-p"),
            json.dumps({"status": {"containerStatuses": [status]}}),
        )

    @asynccontextmanager
    async def surroundings(self) -> AsyncIterator[Surroundings]:
        """Give what a check of the workload may ask."""
        async with await KubeClient.connect(self.control_plane.kubeconfig) as client:
            cache = WorkloadCache(client, lambda *_: None)
            cache.hold(self.namespace, frozenset({self.kind}))
            await cache.synced(self.namespace)
            ref = {"kind": self.kind, "name": self.workload}
            target = Target.model_validate({"name": "a", "ref": ref})
            yield replace(
                NOBODY,
                namespace=self.namespace,
                targets={"a": target},
                default_target=target,
                workloads=cache.view(self.namespace),
                logs=LogReader(client).of(self.namespace),
                objects=ObjectReader(client, Kinds(client)).of(self.namespace),
            )
            await cache.close()

    async def seen(
        self, around: Surroundings, true: Callable[[tuple[PodView, ...]], object]
    ) -> tuple[PodView, ...]:
        """Wait until the pods are seen so."""

        async def pods() -> tuple[PodView, ...]:
            workload = around.workloads.get(self.kind, self.workload)
            return around.workloads.pods(workload) if workload is not None else ()

        return await answer(pods, true, 10)


def restarted(pods: tuple[PodView, ...]) -> bool:
    """Say whether a container is seen to have been restarted."""
    return any(container.restarts for pod in pods for container in pod.containers)


async def refused(check: CheckRunner) -> SourceError:
    """Run a check until its source refuses: a right that was taken away holds for a moment."""

    async def error() -> SourceError | None:
        try:
            await check.run(datetime.now(UTC))
        except SourceError as refusal:
            return refusal
        return None

    refusal = await answer(error, lambda refusal: refusal, 10)
    assert refusal is not None
    return refusal
