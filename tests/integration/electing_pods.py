"""Pods that elect leaders and log it as the fleet manager does, and a check of what they log."""

import json
import re
import uuid
from datetime import UTC, datetime, timedelta

from integration.logged_pods import LoggedPods
from servicesop.checks.runner import CheckRunner
from servicesop.judge.results import Sample
from standins.fleet_manager import WORKERS
from standins.fleet_manager.glog import format_line
from testbed import PodLog

CANARY = "canary-in-a-log-line"
RUNNING = "Running as the leader and starting worker"
LOST = "No longer the leader and stopping worker"
STOPPING = "Stopping reconciliation loop for"
BEAT = "Timeout triggered reconciliation loop for"
LOGS = {
    "container": "service",
    "acquired": rf"{RUNNING} \S*{{worker}} \[{{holder}}\]",
    "lost": rf"{LOST} \S*{{worker}} \[",
    "stopped": rf"{STOPPING} \S*{{worker}} \[",
    "heartbeat": {"pattern": r"reconciliation loop for \S*{worker} \[{holder}\]", "within": "75s"},
}


def logs_of(*workers: str, **changes: object) -> dict[str, object]:
    """Give the part `logs` of a check of these workers."""
    printed = [{"worker": one, "text": WORKERS[one].rsplit(".", 1)[1]} for one in workers]
    return LOGS | {"printed": printed} | changes


class Pod:
    """One replica, which logs under an identity of its own."""

    def __init__(self, name: str, log: PodLog) -> None:
        self.name = name
        self.log = log
        self.identity = str(uuid.uuid4())

    def says(self, what: str, worker: str = "cluster", ago: float = 0) -> None:
        self.prints(f"{what} {WORKERS[worker]} [{self.identity}]", ago)

    def prints(self, message: str, ago: float = 0) -> None:
        at = datetime.now(UTC) - timedelta(seconds=ago)
        self.log.append(format_line("I", "x.go:109", message, at), at)


class ElectingPods(LoggedPods):
    """Three pods that elect a leader."""

    def pods(self) -> list[Pod]:
        pods = [Pod(name, self.log(name)) for name in self.names()]
        for pod in pods:
            pod.prints(f"starting {CANARY}", ago=600)
        return pods

    def grep(self, what: str, *options: str) -> dict[str, int]:
        """`kubectl logs POD | grep WHAT`, as the page has it: matching lines by pod."""
        pattern = re.compile(what)
        counts = {
            name: len(pattern.findall(self.kubectl("logs", name, "-c", "service", *options)))
            for name in self.names()
        }
        return {name: count for name, count in counts.items() if count}

    def lease(self, name: str, spec: dict[str, object]) -> None:
        metadata = {"name": name, "namespace": self.namespace}
        body = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata}
        self.kubectl("apply", "-f", "-", stdin=json.dumps(body | {"spec": spec}))


async def judged(check: CheckRunner, after: float = 0) -> Sample:
    sample = await check.run(datetime.now(UTC) + timedelta(seconds=after))
    assert "canary" not in repr(sample)
    return sample
