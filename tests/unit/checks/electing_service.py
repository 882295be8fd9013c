"""A service that elects its leaders and logs it, and the check `leader` of it."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from servicesop.api.checks.check import Check
from servicesop.api.reasons import UnknownReason
from servicesop.api.sop import Connection, Target
from servicesop.checks.leader import leader_check
from servicesop.checks.runner import CheckRunner
from servicesop.judge.debounce import Memory, begin, step, windows_of
from servicesop.judge.results import Sample, error
from servicesop.sources.errors import SourceError
from surroundings import NOBODY
from unit.checks.log_pods import Cache, Container, Pods, at

CLUSTER = "*cluster_mgrs.ClusterManager"
DNS = "*kafka_mgrs.KafkaRoutesCNAMEManager"
LOGS: dict[str, object] = {
    "container": "service",
    "acquired": r"Running as the leader and starting worker \S*{worker} \[{holder}\]",
    "lost": r"No longer the leader and stopping worker \S*{worker} \[",
    "stopped": r"Stopping reconciliation loop for \S*{worker} \[",
}
PRINTED = {"cluster": "ClusterManager", "kafka_dns": "KafkaRoutesCNAMEManager"}
HEARTBEAT = {"pattern": r"reconciliation loop for \S*{worker} \[{holder}\]", "within": "75s"}
EVERY = timedelta(seconds=15)


class Service:
    """Pods that elect and log as the service does, and the lease of its cluster worker."""

    def __init__(self, *names: str) -> None:
        self.pods = Pods(*names)
        self.lease: list[tuple[object, ...]] | None = []
        self.timeout = "5s"
        for container in self.containers.values():
            container.log("starting", -3600)

    @property
    def containers(self) -> dict[str, Container]:
        return {name: self.pods[name] for name in self.pods.pods}

    def say(self, pod: str, what: str, seconds: float, worker: str = CLUSTER) -> None:
        self.pods[pod].log(f"I1121 12:00:00.000000 1 x.go:1] {what} {worker} [uuid-{pod}]", seconds)

    def leads(self, pod: str, seconds: float, worker: str = CLUSTER) -> None:
        self.say(pod, "Running as the leader and starting worker", seconds, worker)
        self.say(pod, "Initial reconciliation loop for", seconds, worker)

    def loses(self, pod: str, seconds: float) -> None:
        self.say(pod, "No longer the leader and stopping worker", seconds)
        self.say(pod, "Stopping reconciliation loop for", seconds)

    def works(self, pod: str, seconds: float) -> None:
        self.say(pod, "Timeout triggered reconciliation loop for", seconds)

    def holds(self, pod: str) -> None:
        self.lease = [("cluster", 1, f"uuid-{pod}")]

    async def query(self, *_: object, **options: object) -> list[tuple[object, ...]]:
        if self.lease is None:
            raise SourceError(UnknownReason.UNREACHABLE, "no connection")
        return self.lease

    def grep(self, *, previous: bool = False) -> list[str]:
        """The page's command: which pods have the line, by `kubectl logs | grep`."""
        pattern = re.compile(rb"Running as the leader.*ClusterManager")
        return [
            name
            for name, container in self.containers.items()
            if any(
                pattern.search(line)
                for line in container.lines + (container.previous if previous else [])
            )
        ]

    def check(
        self, *workers: str, lease: bool = False, heartbeat: bool = True, **more: object
    ) -> CheckRunner:
        names = workers or ("cluster",)
        printed = [{"worker": worker, "text": PRINTED[worker]} for worker in names]
        logs = LOGS | {"printed": printed} | ({"heartbeat": HEARTBEAT} if heartbeat else {}) | more
        spec: dict[str, object] = {"workers": names, "logs": logs}
        if lease:
            spec["lease"] = {"connection": "database", "table": "leases"}
        self.spec = Check.model_validate({"name": "led", "timeout": self.timeout, "leader": spec})
        target = Target.model_validate({"name": "a", "ref": {"kind": "Deployment", "name": "api"}})
        connection = Connection.model_validate(
            {"name": "database", "postgres": {"secretRef": {"name": "db"}}}
        )
        return leader_check(
            self.spec,
            replace(
                NOBODY,
                targets={"a": target},
                default_target=target,
                workloads=Cache(self.pods),
                logs=self.pods,
                database=lambda _: self,
                connections={"database": connection},
            ),
        )


async def asked(check: CheckRunner, seconds: float) -> Sample:
    try:
        return await check.run(at(seconds))
    except SourceError as problem:
        return error(problem.reason, problem.message)


async def watched(
    service: Service,
    check: CheckRunner,
    seconds: float,
    happens: Callable[[float], None] = lambda _: None,
) -> list[tuple[float, Memory]]:
    """Run the check every 15 s for so long; give what is believed after each run."""
    memory, windows = begin(at(0)), windows_of(service.spec, EVERY)
    course = []
    for second in range(0, int(seconds) + 1, 15):
        happens(second)
        memory = step(memory, await asked(check, second), at(second), windows)
        course.append((float(second), memory))
    return course
