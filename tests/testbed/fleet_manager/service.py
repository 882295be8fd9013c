"""Building the stand-in on real servers, breaking it, and looking at it."""

import contextlib
import json
import os
import secrets
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psycopg
from psycopg import sql

from testbed.control_plane import ControlPlane
from testbed.fleet_manager.faults import Faults
from testbed.fleet_manager.settings import Settings
from testbed.fleet_manager.workers import ORPHAN, WORKERS
from testbed.postgres import Dsn, Postgres
from testbed.processes import Process, Run

_HERE = Path(__file__).parent
_TESTS = _HERE.parent.parent
_DATABASE = "kas-fleet-manager"
_APPLICATION = "ocm"
_READER = "servicesop_reader"
_READY_SECONDS = 60.0


class FleetManager:
    """The stand-in: Deployment, database and process. Use as a context manager.

    One at a time on a `Postgres`, which must run; leaving ends the process and lets the rest be.
    `lease`, `election` and `reconcile` are the intervals in seconds.
    """

    deployment = "kas-fleet-manager"
    container = "service"
    replicas = 3
    secret = "kas-fleet-manager-rds"
    """The Secret with the application's own role."""
    reader_secret = "kas-fleet-manager-rds-readonly"
    """The Secret with the role that may only read; keys db.host, db.port, db.name, ..."""

    def __init__(
        self,
        run: Run,
        control_plane: ControlPlane,
        postgres: Postgres,
        *,
        namespace: str = "managed-services-stage",
        lease: float = 3.0,
        election: float = 0.5,
        reconcile: float = 0.5,
    ) -> None:
        self.namespace = namespace
        self._run = run
        self._control_plane = control_plane
        self._postgres = postgres
        self._timing = {"lease": lease, "election": election, "reconcile": reconcile}
        # Quotes and URL characters: a password that only travels unharmed as a parameter.
        self._passwords = {
            role: f"{secrets.token_urlsafe(12)}@:/%'\"" for role in (_APPLICATION, _READER)
        }
        self._row_secret = f"row-{secrets.token_hex(12)}"
        self._request_id = f"log-{secrets.token_hex(12)}"
        self._faults = Faults()
        self._process: Process | None = None

    def __enter__(self) -> Self:
        self._directory = self._run.subdirectory("fleet-manager")
        self._faults_file = self._directory / "faults.json"
        self._faults.write(self._faults_file)
        self._create_database()
        self._create_objects()
        self._start()
        assert self._process is not None
        self._process.wait_ready(
            lambda: self.leaders().keys() == WORKERS.keys() and self._available(), _READY_SECONDS
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process is not None:
            self._process.stop()

    @property
    def reader(self) -> Dsn:
        """Connection parameters of the role that may only read."""
        return self._dsn(_READER)

    @property
    def canaries(self) -> dict[str, str]:
        """What must never be seen outside: by the place where it lies."""
        return {
            "application password": self._passwords[_APPLICATION],
            "reader password": self._passwords[_READER],
            "row": self._row_secret,
            "log line": self._request_id,
        }

    # ---- breaking it

    def lose_leader(self, worker: str) -> None:
        """Let the worker's lease run out; nobody takes it while one of today's pods is there."""
        uids = frozenset(self.pod_uids().values())
        self._switch(Faults({**self._faults.lost, worker: uids}, self._faults.ocm_refuses))

    def refuse_clusters(self) -> None:
        """Let OCM refuse to create clusters: accepted ones stay, the leader logs the error."""
        self._switch(Faults(self._faults.lost, ocm_refuses=True))

    def accept_clusters(self) -> None:
        """Let OCM create clusters again."""
        self._switch(Faults(self._faults.lost, ocm_refuses=False))

    def request_cluster(self) -> str:
        """Add a cluster that waits for its creation, and return its id; one at a time can."""
        cluster = secrets.token_hex(10)
        self._insert("clusters", id=cluster, status="cluster_accepted", cluster_id="")
        return cluster

    # ---- looking at it

    def pod_uids(self) -> dict[str, str]:
        """Return the uids of the service's pods by name, ending ones included."""
        pods = self._objects("pods", "-l", f"app={self.deployment}")["items"]
        return {pod["metadata"]["name"]: pod["metadata"]["uid"] for pod in pods}

    def leaders(self) -> dict[str, str]:
        """Return who leads, per worker with a valid lease."""
        rows = self._postgres.execute(
            "SELECT lease_type, leader FROM leader_leases WHERE leader <> '' AND expires > now()",
            database=_DATABASE,
        )
        return dict(rows)

    def cluster_status(self, cluster: str) -> str:
        """Return the status of a cluster by the id of its row."""
        [(status,)] = self._postgres.execute(
            "SELECT status FROM clusters WHERE id = %s", cluster, database=_DATABASE
        )
        return str(status)

    def execute(self, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Run one statement in the service's database as superuser and return its rows."""
        return self._postgres.execute(statement, *parameters, database=_DATABASE)

    # ---- building it

    def _create_database(self) -> None:
        with psycopg.connect(**self._postgres.superuser_dsn, autocommit=True) as connection:
            database = sql.Identifier(_DATABASE)
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(database))
            for role, password in self._passwords.items():
                name = sql.Identifier(role)
                with contextlib.suppress(psycopg.errors.DuplicateObject):
                    connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(name))
                connection.execute(
                    sql.SQL("ALTER ROLE {} PASSWORD {}").format(name, sql.Literal(password))
                )
            owner = sql.Identifier(_APPLICATION)
            connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(database, owner))
        with psycopg.connect(**self._dsn(_APPLICATION), autocommit=True) as connection:
            connection.execute((_HERE / "schema.sql").read_bytes())
            connection.execute(
                sql.SQL("GRANT SELECT ON ALL TABLES IN SCHEMA public TO {}").format(
                    sql.Identifier(_READER)
                )
            )
        self._insert_rows()

    def _insert_rows(self) -> None:
        now = datetime.now(UTC)
        for worker in (*WORKERS, ORPHAN):
            self._insert(
                "leader_leases",
                id=secrets.token_hex(10),
                lease_type=worker,
                leader=secrets.token_hex(10) if worker == ORPHAN else "",
                expires=now - timedelta(minutes=1),
            )
        self._insert("clusters", id="stage-1", status="ready", cluster_id="ocm-stage-1")
        # What has been deleted stays, with its last status, and grows older for ever.
        week = now - timedelta(days=7)
        gone: dict[str, Any] = {"created_at": week, "updated_at": week, "deleted_at": week}
        self._insert("clusters", id="old-1", status="cleanup", cluster_id="ocm-old-1", **gone)
        self._insert("clusters", id="old-2", status="cluster_accepted", cluster_id="gone", **gone)
        self._insert("kafka_requests", id="kafka-1", status="ready", name="orders")
        self._insert("kafka_requests", id="kafka-2", status="suspended", name="trial")
        self._insert("kafka_requests", id="kafka-old", status="deleting", name="old", **gone)

    def _insert(self, table: str, **values: object) -> None:
        now = datetime.now(UTC)
        secret = {
            "clusters": "client_secret",
            "kafka_requests": "canary_service_account_client_secret",
        }.get(table)
        row = {"created_at": now, "updated_at": now, **values}
        if secret is not None:
            row[secret] = self._row_secret
        with psycopg.connect(**self._dsn(_APPLICATION), autocommit=True) as connection:
            connection.execute(
                sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
                    sql.Identifier(table),
                    sql.SQL(", ").join(map(sql.Identifier, row)),
                    sql.SQL(", ").join(map(sql.Placeholder, row)),
                ),
                row,
            )

    def _create_objects(self) -> None:
        namespace = {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": self.namespace},
        }
        self._kubectl("apply", "-f", "-", input=json.dumps(namespace))
        for name, role in ((self.secret, _APPLICATION), (self.reader_secret, _READER)):
            dsn = self._dsn(role)
            data = {
                "db.host": dsn["host"],
                "db.port": str(dsn["port"]),
                "db.name": dsn["dbname"],
                "db.user": dsn["user"],
                "db.password": dsn["password"],
            }
            secret = {
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {"name": name},
                "stringData": data,
            }
            self._kubectl("apply", "-f", "-", input=json.dumps(secret))
        self._kubectl("apply", "-f", str(_HERE / "manifest.yaml"))

    def _start(self) -> None:
        kubeconfig = self._control_plane.service_account_kubeconfig(
            self.namespace, "fleet-manager-stand-in"
        )
        settings = self._directory / "settings.json"
        Settings(
            kubeconfig=str(kubeconfig),
            namespace=self.namespace,
            selector=f"app={self.deployment}",
            container=self.container,
            logs=str(self._directory),
            faults=str(self._faults_file),
            database=dict(self._dsn(_APPLICATION)),
            request_id=self._request_id,
            **self._timing,
        ).write(settings)
        self._process = self._run.start(
            "fleet-manager",
            [sys.executable, "-m", "testbed.fleet_manager", settings],
            directory=self._directory,
            environment={
                "PATH": os.defpath,
                "HOME": str(self._directory),
                "PYTHONPATH": str(_TESTS),
                "PYTHONDONTWRITEBYTECODE": "1",
            },
        )

    def _switch(self, faults: Faults) -> None:
        faults.write(self._faults_file)
        self._faults = faults

    def _dsn(self, role: str) -> Dsn:
        return {
            **self._postgres.superuser_dsn,
            "dbname": _DATABASE,
            "user": role,
            "password": self._passwords[role],
        }

    def _available(self) -> bool:
        status = self._objects("deployment", self.deployment)["status"]
        return bool(status.get("availableReplicas") == self.replicas)

    def _objects(self, *what: str) -> Any:
        return json.loads(self._kubectl("get", *what, "-o", "json"))

    def _kubectl(self, *arguments: str, input: str | None = None) -> str:  # noqa: A002
        return self._control_plane.kubectl("-n", self.namespace, *arguments, input=input)
