"""Pods whose logs are served as a kubelet serves them, and a check that reads them."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from servicesop.api.checks.check import Check
from servicesop.api.kinds import WorkloadKind
from servicesop.api.sop import Target
from servicesop.checks.logs import logs_check
from servicesop.checks.runner import CheckRunner, Surroundings
from servicesop.judge.results import Sample
from servicesop.judge.rollout import ContainerView, PodView, WorkloadView
from servicesop.sources.kubernetes.logs import LogRequest, OnChunk
from surroundings import NOBODY, Logs

Then = Callable[[], None]

T0 = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def line(text: str | bytes, seconds: float) -> bytes:
    stamp = f"{at(seconds):%Y-%m-%dT%H:%M:%S.%f}000Z ".encode()
    return stamp + (text if isinstance(text, bytes) else text.encode()) + b"\n"


class Container:
    """A container whose log is served as a kubelet serves it: newest file, previous container."""

    def __init__(self, started: float = -3600.0, name: str = "service", restarts: int = 0) -> None:
        self.name = name
        self.started = started
        self.restarts = restarts
        self.lines: list[bytes] = []
        self.previous: list[bytes] = []

    def log(self, text: str | bytes, seconds: float) -> None:
        self.lines.append(line(text, seconds))

    def rotate(self) -> None:
        self.lines = []

    def restart(self, seconds: float) -> None:
        self.previous, self.lines = self.lines, []
        self.started = seconds
        self.restarts += 1

    def view(self) -> ContainerView:
        return ContainerView(
            self.name, f"id-{self.restarts}", self.restarts, True, "", at(self.started)
        )


class Pods(Logs):
    """Pods of one Deployment, and their logs."""

    def __init__(self, *names: str) -> None:
        self.pods = {name: [Container()] for name in names}
        self.chunk = 4096
        self.reads: list[tuple[str, str, datetime | None, bool]] = []
        self.after_read: Then = lambda: None
        self.problem: dict[str, Exception] = {}
        self.bytes = 0

    def __getitem__(self, pod: str) -> Container:
        return self.pods[pod][0]

    def get(self, kind: WorkloadKind, name: str) -> WorkloadView | None:
        if name != "api":
            return None
        n = len(self.pods)
        return WorkloadView("api", "u", 1, 1, n, n, n, n, n, False, False, False, 0, "", "h")

    def view(self) -> tuple[PodView, ...]:
        return tuple(
            PodView(name, f"uid-{name}", "t", True, False, tuple(c.view() for c in containers))
            for name, containers in self.pods.items()
        )

    async def read(self, request: LogRequest, on_chunk: OnChunk) -> None:
        pod = request.pod
        self.reads.append((pod, request.container, request.since, request.previous))
        if pod in self.problem:
            raise self.problem[pod]
        found = next(c for c in self.pods[pod] if c.name == request.container)
        lines = [
            text
            for text in (found.previous if request.previous else found.lines)
            if request.since is None or text[:19] >= f"{request.since:%Y-%m-%dT%H:%M:%S}".encode()
        ]
        body = b"".join(lines if request.tail is None else lines[-request.tail :])
        for start in range(0, len(body), self.chunk):
            await asyncio.sleep(0)
            self.bytes += len(body[start : start + self.chunk])
            if not on_chunk(body[start : start + self.chunk]):
                break
        self.after_read()


class Cache:
    def __init__(self, pods: Pods) -> None:
        self._pods = pods

    def get(self, kind: WorkloadKind, name: str) -> WorkloadView | None:
        return self._pods.get(kind, name)

    def pods(self, workload: WorkloadView) -> tuple[PodView, ...]:
        assert workload.name == "api"
        return self._pods.view()


def check_of(**spec: object) -> Check:
    fields: dict[str, object] = {"pattern": "boom", "within": "10m", "max": 0} | spec
    fields = {key: value for key, value in fields.items() if value is not None}
    return Check.model_validate({"name": "quiet", "logs": fields})


def around(pods: Pods) -> Surroundings:
    target = Target.model_validate({"name": "a", "ref": {"kind": "Deployment", "name": "api"}})
    return replace(
        NOBODY, targets={"a": target}, default_target=target, workloads=Cache(pods), logs=pods
    )


def build(pods: Pods, **spec: object) -> CheckRunner:
    return logs_check(check_of(**spec), around(pods))


def counted(sample: Sample) -> dict[str, int]:
    return {pod: int(n) for pod, n in (entry.split(": ") for entry in sample.evidence)}
