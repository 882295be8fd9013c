"""The load: SOPs of services that are well, on real sources; and ways to break a service."""

import json
import secrets
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from psycopg import sql

from bench.metrics import ENDPOINT, MetricsServer
from bench.report import Size
from bench.web import WebServer
from testbed import ControlPlane, PodLog, Postgres
from testbed.api_client import ApiClient
from testbed.postgres import Dsn
from testbed.team import Team

_DATABASE = "bench"
_READER = "bench_reader"
_SECRET = "database"
_ERROR = "failed to create cluster"
_PER_NAMESPACE = 25
_MAX_NAMESPACES = 25
_MAX_IN_PROCEDURE = 12
_OTHER_ROWS = 200
_WRITERS = 8


@dataclass(frozen=True, slots=True)
class Service:
    """One SOP and the Deployment of the same name, with one pod."""

    number: int
    namespace: str
    name: str


class Load:
    """Builds everything that the SOPs of one size look at. Use `chatter` while it is looked at."""

    def __init__(
        self,
        size: Size,
        control_plane: ControlPlane,
        postgres: Postgres,
        metrics: MetricsServer,
        web: WebServer,
    ) -> None:
        self._size = size
        self._control_plane = control_plane
        self._postgres = postgres
        self._web = web
        self._metrics = metrics
        config = json.loads(control_plane.kubeconfig.read_text())
        self._api = ApiClient(
            control_plane.url,
            config["users"][0]["user"]["token"],
            control_plane.certificate_authority.read_text(),
        )
        namespaces = min(_MAX_NAMESPACES, -(-size.sops // _PER_NAMESPACE))
        self.services = [
            Service(number, f"bench-{number % namespaces}", f"service-{number}")
            for number in range(size.sops)
        ]
        self.namespaces = sorted({service.namespace for service in self.services})
        self.logs: dict[tuple[Service, str], tuple[str, PodLog]] = {}
        """The pod and the log, by service and container."""

    def build(self) -> None:
        """Make the database, the namespaces with their runners, the workloads and their logs."""
        self._create_database()
        self._metrics.serve(name for one in self.services for name in self._series(one))
        for namespace in self.namespaces:
            team = Team(self._control_plane, namespace)
            team.grant(secrets=(_SECRET,))
            dsn = self.dsn
            team.secret(
                _SECRET,
                host=dsn["host"],
                port=str(dsn["port"]),
                database=dsn["dbname"],
                user=dsn["user"],
                password=dsn["password"],
            )
            self._apply(namespace, [self._deployment(one) for one in self._in(namespace)])
        for namespace in self.namespaces:
            self._kubectl(
                *("-n", namespace, "wait", "--for=condition=Available", "deployments", "--all"),
                "--timeout=120s",
            )
        with ThreadPoolExecutor(_WRITERS) as pool:
            for found in pool.map(self._open_logs, self.namespaces):
                self.logs |= found

    def apply_sops(self) -> None:
        for namespace in self.namespaces:
            self._apply(namespace, [self._sop(one) for one in self._in(namespace)])

    def chatter(self, stop: threading.Event) -> None:
        """Let each container log a line per period, until told to stop."""
        pause = self._size.every / len(self.logs)
        while not stop.is_set():
            for _, log in self.logs.values():
                log.append("level=info reconciled 17 of 17 in 12 ms")
                if stop.wait(pause):
                    return

    @property
    def dsn(self) -> Dsn:
        """Connection parameters of the role that reads."""
        return {
            **self._postgres.superuser_dsn,
            "dbname": _DATABASE,
            "user": _READER,
            "password": self._password,
        }

    def statuses(self, namespace: str) -> list[str]:
        """What the namespace's `stuckRows` checks look for, one each."""
        return [
            _status(service, index)
            for service in self._in(namespace)
            for index in range(self._size.per_sop("stuckRows"))
        ]

    @property
    def urls(self) -> list[str]:
        """What the `http` checks ask, one each."""
        return [self._web.url(path) for service in self.services for path in self._paths(service)]

    @property
    def queries(self) -> list[str]:
        """What the `prometheus` checks ask, one each."""
        return [self._metrics.url(name) for one in self.services for name in self._series(one)]

    def scans(self) -> int:
        """How often the table has been read, as PostgreSQL counts it."""
        [(count,)] = self._postgres.execute(
            "SELECT seq_scan + coalesce(idx_scan, 0) FROM pg_stat_user_tables"
            " WHERE relname = 'work'",
            database=_DATABASE,
        )
        return int(count)

    def break_(self, kind: str, service: Service) -> str:
        """Break what the first check of a kind looks at; return that check's name."""
        pod, log = self.logs[service, _container(0)]
        if kind == "workload":
            self._api.request(
                "PATCH",
                f"/api/v1/namespaces/{service.namespace}/pods/{pod}/status",
                {"status": {"conditions": [{"type": "Ready", "status": "False"}]}},
                content_type="application/strategic-merge-patch+json",
            )
        elif kind == "logs":
            log.append(f"{_ERROR}: no quota")
        elif kind == "http":
            self._web.broken.add(self._paths(service)[0].encode())
        elif kind == "prometheus":
            self._metrics.break_(self._series(service)[0])
        else:
            self._postgres.execute(
                "INSERT INTO work (id, status, updated_at) VALUES (%s, %s, now() - interval '1h')",
                f"stuck-{service.number}",
                _status(service, 0),
                database=_DATABASE,
            )
        return _check_name(kind, 0)

    def _in(self, namespace: str) -> list[Service]:
        return [service for service in self.services if service.namespace == namespace]

    def _create_database(self) -> None:
        self._password = secrets.token_urlsafe(16)
        dsn = self._postgres.create_database(_DATABASE)
        with psycopg.connect(**dsn, autocommit=True) as connection:
            connection.execute(
                sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(
                    sql.Identifier(_READER), sql.Literal(self._password)
                )
            )
            connection.execute(
                "CREATE TABLE work (id text PRIMARY KEY, status text NOT NULL,"
                " updated_at timestamptz NOT NULL, deleted_at timestamptz)"
            )
            connection.execute(
                "INSERT INTO work SELECT 'done-' || n, 'done', now() FROM generate_series(1, %s) n",
                (_OTHER_ROWS,),
            )
            connection.execute("ANALYZE work")
            connection.execute(
                sql.SQL("GRANT SELECT ON work TO {}").format(sql.Identifier(_READER))
            )

    def _open_logs(self, namespace: str) -> dict[tuple[Service, str], tuple[str, PodLog]]:
        """Give each container a log that began long ago: all of every window can be read."""
        pods = json.loads(self._kubectl("-n", namespace, "get", "pods", "-o", "json"))["items"]
        names = {pod["metadata"]["labels"]["app"]: pod["metadata"]["name"] for pod in pods}
        logs = {}
        for service in self._in(namespace):
            for container in self._containers():
                pod = names[service.name]
                log = self._control_plane.pod_log(namespace, pod, container)
                log.append("level=info started", at=datetime.now(UTC) - timedelta(hours=1))
                logs[service, container] = pod, log
        return logs

    def _paths(self, service: Service) -> list[str]:
        return [f"{service.number}-{index}" for index in range(self._size.per_sop("http"))]

    def _series(self, service: Service) -> list[str]:
        return [f"{service.number}-{index}" for index in range(self._size.per_sop("prometheus"))]

    def _containers(self) -> list[str]:
        return [_container(index) for index in range(self._size.per_sop("logs"))]

    def _deployment(self, service: Service) -> dict[str, Any]:
        labels = {"app": service.name}
        return {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": service.name},
            "spec": {
                "replicas": 1,
                "selector": {"matchLabels": labels},
                "template": {
                    "metadata": {"labels": labels},
                    "spec": {
                        "containers": [
                            {"name": name, "image": "none"} for name in self._containers()
                        ]
                    },
                },
            },
        }

    def _sop(self, service: Service) -> dict[str, Any]:
        size = self._size
        checks: list[dict[str, Any]] = [
            *(
                {"name": _check_name("workload", index), "workload": {"replicas": 1}}
                for index in range(size.per_sop("workload"))
            ),
            *(
                {
                    "name": _check_name("logs", index),
                    "logs": {
                        "container": _container(index),
                        "pattern": _ERROR,
                        "within": "10m",
                        "max": 0,
                    },
                }
                for index in range(size.per_sop("logs"))
            ),
            *(
                {
                    "name": _check_name("stuckRows", index),
                    "stuckRows": {
                        "connection": "database",
                        "table": "work",
                        "statuses": [_status(service, index)],
                        "olderThan": "3m",
                    },
                }
                for index in range(size.per_sop("stuckRows"))
            ),
            *(
                {
                    "name": _check_name("http", index),
                    "http": {"url": self._web.url(path), "body": {"matches": "ok"}},
                }
                for index, path in enumerate(self._paths(service))
            ),
            *(
                {
                    "name": _check_name("prometheus", index),
                    "prometheus": {
                        "connection": "metrics",
                        "query": {
                            "expr": self._metrics.expression(name),
                            "max": "5",
                            "onEmpty": "Failed",
                        },
                    },
                }
                for index, name in enumerate(self._series(service))
            ),
        ]
        handle = [{"name": "rest", "otherwise": True, "escalate": {"to": ["owners"]}}]
        procedures = [
            {
                "name": f"Part{start // _MAX_IN_PROCEDURE}",
                "checks": [check["name"] for check in checks[start : start + _MAX_IN_PROCEDURE]],
                "handle": handle,
            }
            for start in range(0, len(checks), _MAX_IN_PROCEDURE)
        ]
        return {
            "apiVersion": "servicesop.io/v1alpha1",
            "kind": "ServiceSOP",
            "metadata": {"name": service.name},
            "spec": {
                "title": f"Service {service.number}",
                "every": f"{size.every}s",
                "targets": [{"name": "it", "ref": {"kind": "Deployment", "name": service.name}}],
                "connections": [
                    {
                        "name": "database",
                        "postgres": {"secretRef": {"name": _SECRET}, "tls": "Disable"},
                    },
                    {"name": "metrics", "prometheus": {"endpoint": ENDPOINT}},
                ],
                "teams": [{"name": "owners", "title": "Owners"}],
                "checks": checks,
                "procedures": procedures,
            },
        }

    def _apply(self, namespace: str, objects: list[dict[str, Any]]) -> None:
        body = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
        self._kubectl("-n", namespace, "create", "-f", "-", stdin=body)

    def _kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        return self._control_plane.kubectl(*arguments, input=stdin, seconds=180.0)


def _check_name(kind: str, index: int) -> str:
    return f"{kind.lower()}-{index}"


def _container(index: int) -> str:
    return f"c{index}"


def _status(service: Service, index: int) -> str:
    return f"waiting-{service.number}-{index}"
