"""One benchmark, from the servers to the figures."""

import json
import os
import re
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from bench import usage
from bench.load import Load
from bench.metrics import MetricsServer
from bench.report import KINDS, Floor, Measured, Size, lateness
from bench.watch import StatusWatch
from bench.web import WebServer
from testbed import AuditRecord, ControlPlane, Postgres, Run, ServerError
from testbed.operator import ACCOUNT, NAMESPACE, RUNNER, Operator, install, start_operator

_FLOOR = Path(__file__).with_name("floor.py")
_OPERATOR = f"system:serviceaccount:{NAMESPACE}:{ACCOUNT}"
_VERDICTS_SECONDS = 120.0
_STATISTICS_SECONDS = 12.0
"""A session that has become idle tells its counts within 10 s."""
_MOST_BROKEN = 99
_BREAK_EVERY_SECONDS = 0.1


class Bench:
    """One operator on one load; `tell` is told what is being done."""

    def __init__(self, run: Run, size: Size, tell: Callable[[str], None]) -> None:
        self._run = run
        self._size = size
        self._tell = tell

    def measure(self) -> Measured:
        """Set everything up, and measure: the floor, the operator, the floor."""
        size = self._size
        with (
            ControlPlane(self._run) as self._control_plane,
            Postgres(self._run) as self._postgres,
            WebServer() as self._web,
            MetricsServer(self._run) as self._metrics,
        ):
            install(self._control_plane)
            self._kubeconfig = self._control_plane.service_account_kubeconfig(NAMESPACE, ACCOUNT)
            self._tell(f"setting up {size.sops} services with pods, logs and rows")
            self._load = Load(size, self._control_plane, self._postgres, self._metrics, self._web)
            self._load.build()
            self._load.apply_sops()
            with self._chatter():
                self._tell(f"the floor, {size.every + size.seconds} s")
                before = self._floor()
                steady, seen = self._operate()
                self._tell(f"the floor once more, {size.every + size.seconds} s")
                after = self._floor()
        return Measured(size=size, floors=(before, after), **steady, **seen)

    def _operate(self) -> tuple[dict[str, Any], dict[str, Any]]:
        size = self._size
        with StatusWatch(self._control_plane) as watch:
            self._tell("starting the operator")
            began = time.monotonic()
            operator = start_operator(
                self._run,
                self._kubeconfig,
                f"--allow-dial=127.0.0.1:{self._postgres.port}",
                f"--allow-dial=127.0.0.1:{self._web.port}",
                f"--endpoints={self._endpoints()}",
                log_level="warning",
            )
            try:
                if not watch.wait(lambda it: len(it.healthy) == size.sops, _VERDICTS_SECONDS):
                    raise ServerError(
                        f"only {len(watch.healthy)} of {size.sops} SOPs were healthy within"
                        f" {_VERDICTS_SECONDS:g} s; the operator wrote:\n"
                        f"{operator.process.log_text()[-2000:]}"
                    )
                first_verdicts = max(watch.healthy.values()) - began
                # The second run comes at a random part of the period, from then on each has its
                # own fixed time. And PostgreSQL's sessions tell what they counted at the start.
                time.sleep(max(2 * size.every, _STATISTICS_SECONDS))
                self._tell(f"the operator, {size.seconds} s")
                steady = self._steady(operator)
                self._tell("breaking services")
                seen = self._detect(watch)
            finally:
                operator.stop()
        return steady, seen | {"first_verdicts": first_verdicts}

    def _endpoints(self) -> Path:
        file = self._run.subdirectory("endpoints") / "endpoints.yaml"
        return self._metrics.endpoints(file, self._load.namespaces)

    def _steady(self, operator: Operator) -> dict[str, Any]:
        """Count for the time that is measured, in which nothing happens to the services."""
        pid = operator.process.pid
        audit = self._control_plane.audit()
        mark = audit.mark()
        begin = self._counted(operator)
        time.sleep(self._size.seconds)
        end = self._counted(operator)
        memory, peak = usage.memory(pid)
        records = [
            record
            for record in audit.since(mark)
            if begin.at <= record.at < end.at
            and record.stage != "ResponseStarted"
            and record.by(_OPERATOR)
        ]
        reads = [record for record in records if _resource(record) == "pods/log"]
        return {
            "done": {
                "workload": end.workload - begin.workload,
                "logs": sum(record.code == 200 for record in reads),
                "stuckRows": end.scans - begin.scans,
                "http": end.asked - begin.asked,
                "prometheus": end.queries - begin.queries,
            },
            "cpu": end.cpu - begin.cpu,
            "memory": memory,
            "peak_memory": peak,
            "requests": Counter(f"{record.verb} {_resource(record)}" for record in records),
            "status_writes": sum(
                _resource(record) == "servicesops/status" and record.code == 200
                for record in records
            ),
            "lateness": self._lateness(reads),
        }

    def _counted(self, operator: Operator) -> "_Counted":
        code, metrics = operator.get("/metrics")
        if code != 200:
            raise ServerError(f"the operator's metrics answer {code}")
        runs = re.findall(
            r'^servicesop_check_runs_total\{type="workload".*\} (\S+)$', metrics, re.MULTILINE
        )
        return _Counted(
            scans=self._load.scans(),
            asked=self._web.asked,
            queries=self._metrics.asked(),
            workload=int(sum(map(float, runs))),
            cpu=usage.cpu_seconds(operator.process.pid),
            at=datetime.now(UTC),
        )

    def _lateness(self, reads: list[AuditRecord]) -> list[float]:
        """Compare the requests for each log with a fixed cadence: each has its own check."""
        times = defaultdict(list)
        for record in reads:
            [container] = parse_qs(urlsplit(record.uri).query)["container"]
            times[record.namespace, record.name, container].append(record.at.timestamp())
        return [late for each in times.values() for late in lateness(each, self._size.every)]

    def _detect(self, watch: StatusWatch) -> dict[str, Any]:
        """Break up to 99 services, one after the other, and see when others can see it."""
        broken: dict[tuple[str, str, str], tuple[str, float]] = {}
        for service in self._load.services[:_MOST_BROKEN]:
            kind = KINDS[service.number % len(KINDS)]
            at = time.monotonic()
            check = self._load.break_(kind, service)
            broken[service.namespace, service.name, check] = kind, at
            time.sleep(_BREAK_EVERY_SECONDS)
        watch.wait(lambda it: broken.keys() <= it.not_passed.keys(), 3.0 * self._size.every + 5)
        detection: dict[str, list[float]] = {kind: [] for kind in KINDS}
        for which, (kind, at) in broken.items():
            if which in watch.not_passed:
                detection[kind].append(watch.not_passed[which] - at)
        return {
            "detection": detection,
            "unseen": sum(which not in watch.not_passed for which in broken),
        }

    def _floor(self) -> Floor:
        config = json.loads(self._kubeconfig.read_text())
        directory = self._run.subdirectory("floor")
        plan = directory / "plan.json"
        plan.touch(mode=0o600)
        logs = [
            {
                "namespace": service.namespace,
                "pod": pod,
                "container": container,
                "user": f"system:serviceaccount:{service.namespace}:{RUNNER}",
            }
            for (service, container), (pod, _) in self._load.logs.items()
        ]
        plan.write_text(
            json.dumps(
                {
                    "every": self._size.every,
                    "seconds": self._size.seconds,
                    "url": self._control_plane.url,
                    "ca": str(self._control_plane.certificate_authority),
                    "token": config["users"][0]["user"]["token"],
                    "logs": logs,
                    "dsn": {**self._load.dsn, "sslmode": "disable"},
                    "urls": self._load.urls,
                    "queries": self._load.queries,
                    "databases": [self._load.statuses(one) for one in self._load.namespaces],
                }
            )
        )
        process = self._run.start(
            "floor",
            [sys.executable, _FLOOR, plan],
            directory=directory,
            environment={"PATH": os.defpath, "HOME": str(directory)},
        )
        try:
            code = process.wait(2.0 * (self._size.every + self._size.seconds) + 30)
        except subprocess.TimeoutExpired:
            raise ServerError("the floor does not end") from None
        if code != 0:
            raise ServerError(f"the floor ended with code {code}:\n{process.log_text()[-2000:]}")
        return Floor(**json.loads(process.log_text()))

    @contextmanager
    def _chatter(self) -> Iterator[None]:
        stop = threading.Event()
        thread = threading.Thread(target=self._load.chatter, args=(stop,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()


@dataclass(frozen=True, slots=True)
class _Counted:
    """What has been done since the beginning, at one moment."""

    scans: int
    asked: int
    queries: int
    workload: int
    cpu: float
    at: datetime


def _resource(record: AuditRecord) -> str:
    return f"{record.resource}/{record.subresource}" if record.subresource else record.resource
