"""Building the stand-in on real servers, breaking it, and looking at it."""

import contextlib
import json
import os
import secrets
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import trustme
import yaml
from psycopg import sql

from standins.fleet_manager.faults import Cause, Faults
from standins.fleet_manager.kinds import KAS_FLEET_MANAGER, Kind
from standins.fleet_manager.settings import Settings
from testbed import objects
from testbed.control_plane import ControlPlane
from testbed.lifetime import Lifetime
from testbed.monitoring import Prometheus
from testbed.postgres import Dsn, Postgres
from testbed.processes import Process, Run, free_port, start_on_free_ports

_HERE = Path(__file__).parent
_TESTS = _HERE.parent.parent
_APPLICATION = "ocm"
_READER = "servicesop_reader"
_AUTHORITIES = "openshift-service-ca.crt"
_READY_SECONDS = 60.0


class FleetManager(Lifetime):
    """The stand-in: Deployment, database and process. Use as a context manager.

    One at a time on a `Postgres`, which must run; leaving ends the process and lets the rest be.
    `lease`, `election` and `reconcile` are the intervals in seconds.
    """

    container = "service"
    replicas = 3
    rules = "groups: []"
    """What Prometheus evaluates: nothing."""
    prometheus: Prometheus | None = None

    def __init__(
        self,
        run: Run,
        control_plane: ControlPlane,
        postgres: Postgres,
        *,
        kind: Kind = KAS_FLEET_MANAGER,
        namespace: str = "managed-services-stage",
        lease: float = 3.0,
        election: float = 0.5,
        reconcile: float = 0.5,
    ) -> None:
        self.kind = kind
        self.namespace = namespace
        self.deployment = kind.name
        self.secret = f"{kind.name}-rds"
        """The Secret with the application's own role."""
        self.reader_secret = f"{kind.name}-rds-readonly"
        """The Secret with the role that may only read; keys db.host, db.port, db.name, ..."""
        self.ports: dict[str, int] = {}
        """Of the API, the metrics of the service and of the router before it, once it runs."""
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
        self._authority = trustme.CA()

    def _live(self, life: contextlib.ExitStack) -> None:
        self._directory = self._run.subdirectory("fleet-manager")
        self._faults_file = self._directory / "faults.json"
        self._faults.write(self._faults_file)
        self._certificate = self._directory / "api.pem"
        self.certify(until=None)
        self._create_database()
        self._create_objects()
        start_on_free_ports(self._start_on_new_ports)
        life.callback(self._process.stop)

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

    @property
    def origins(self) -> dict[str, str]:
        """Where the Service is: it has no network in the cluster."""
        return {f"https://{self.kind.name}:8000": f"https://127.0.0.1:{self.ports['api']}"}

    @property
    def connections(self) -> tuple[str, ...]:
        """What the operator connects to."""
        return tuple(f"127.0.0.1:{port}" for port in (self.ports["api"], self._postgres.port))

    @property
    def jobs(self) -> dict[str, int]:
        """The ports of the metrics of the service and of the router before it."""
        return {
            f"{self.kind.name}-metrics": self.ports["metrics"],
            "router": self.ports["router"],
        }

    # ---- breaking it

    def lose_leader(self, worker: str) -> None:
        """Let the worker's lease run out; nobody takes it while one of today's pods is there."""
        uids = frozenset(self.pod_uids().values())
        self._switch(replace(self._faults, lost={**self._faults.lost, worker: uids}))

    def hang(self, worker: str) -> None:
        """Let the worker's reconcile not return, whichever of today's pods leads it."""
        uids = frozenset(self.pod_uids().values())
        self._switch(replace(self._faults, hung={**self._faults.hung, worker: uids}))

    def begin(self, cause: Cause) -> None:
        """Break something around the replicas."""
        self._switch(replace(self._faults, causes=self._faults.causes | {cause}))

    def end(self, cause: Cause) -> None:
        """Mend it."""
        self._switch(replace(self._faults, causes=self._faults.causes - {cause}))

    def refuse_clusters(self) -> None:
        """Let OCM refuse to create clusters: accepted ones stay, the leader logs the error."""
        self.begin(Cause.OCM_REFUSES)

    def accept_clusters(self) -> None:
        """Let OCM create clusters again."""
        self.end(Cause.OCM_REFUSES)

    def request_cluster(self) -> str:
        """Add a cluster that waits for its creation, and return its id; one at a time can."""
        return self.add("clusters", "cluster_accepted", cluster_id="")

    def add(self, table: str, status: str, idle: timedelta = timedelta(), **values: object) -> str:
        """Add a cluster or a Kafka that was last written to so long ago, and return its id."""
        identity = secrets.token_hex(10)
        then = datetime.now(UTC) - idle
        values |= {"created_at": then, "updated_at": then, "region": "eu-west-1"}
        self._insert(table, id=identity, status=status, **values)
        return identity

    def expire_password(self) -> None:
        """Let the password that the pods know be wrong from now on, and end their sessions."""
        role = sql.Identifier(_APPLICATION)
        with psycopg.connect(**self._postgres.superuser_dsn, autocommit=True) as connection:
            new = sql.Literal(secrets.token_hex(12))
            connection.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(role, new))
        self.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s",
            _APPLICATION,
        )

    def stop_database(self) -> None:
        """End the database's server, which others may share."""
        self._postgres.shutdown()

    def certify(self, until: datetime | None) -> None:
        """Give the API a certificate that is good until then."""
        certificate = self._authority.issue_cert("127.0.0.1", not_after=until)
        fresh = self._certificate.with_suffix(".new")
        fresh.write_bytes(certificate.private_key_and_cert_chain_pem.bytes())
        fresh.replace(self._certificate)

    # ---- looking at it

    def pod_uids(self) -> dict[str, str]:
        """Return the uids of the service's pods by name, ending ones included."""
        pods = self._read("v1", f"pods?labelSelector=app%3D{self.deployment}")["items"]
        return {pod["metadata"]["name"]: pod["metadata"]["uid"] for pod in pods}

    def leaders(self) -> dict[str, str]:
        """Return who leads, per worker with a valid lease."""
        rows = self._postgres.execute(
            "SELECT lease_type, leader FROM leader_leases WHERE leader <> '' AND expires > now()",
            database=self.kind.name,
        )
        return dict(rows)

    def cluster_status(self, cluster: str) -> str:
        """Return the status of a cluster by the id of its row."""
        [(status,)] = self._postgres.execute(
            "SELECT status FROM clusters WHERE id = %s", cluster, database=self.kind.name
        )
        return str(status)

    def execute(self, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Run one statement in the service's database as superuser and return its rows."""
        return self._postgres.execute(statement, *parameters, database=self.kind.name)

    def kubectl(self, *arguments: str, input: str | None = None) -> str:  # noqa: A002
        """Run kubectl in the service's namespace, as the cluster's administrator."""
        return self._control_plane.kubectl("-n", self.namespace, *arguments, input=input)

    # ---- building it

    def _create_database(self) -> None:
        with psycopg.connect(**self._postgres.superuser_dsn, autocommit=True) as connection:
            database = sql.Identifier(self.kind.name)
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
        for worker in (*self.kind.workers, *self.kind.orphans):
            self._insert(
                "leader_leases",
                id=secrets.token_hex(10),
                lease_type=worker,
                leader=secrets.token_hex(10) if worker in self.kind.orphans else "",
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
        self.kubectl("apply", "-f", "-", input=json.dumps(namespace))
        for name, role in ((self.secret, _APPLICATION), (self.reader_secret, _READER)):
            dsn = self._dsn(role)
            data = {
                "db.host": dsn["host"],
                "db.port": str(dsn["port"]),
                "db.name": dsn["dbname"],
                "db.user": dsn["user"],
                "db.password": dsn["password"],
            }
            if self._postgres.certificate is not None:
                data["db.ca_cert"] = self._postgres.certificate.authority
            self._apply("Secret", name, stringData=data)
        authority = self._authority.cert_pem.bytes().decode()
        self._apply("ConfigMap", _AUTHORITIES, data={"service-ca.crt": authority})
        manifest = (_HERE / "manifest.yaml").read_text().replace("SERVICE", self.kind.name)
        objects.apply(self._control_plane.api, self.namespace, *yaml.safe_load_all(manifest))

    def _apply(self, kind: str, name: str, **content: object) -> None:
        body = {"apiVersion": "v1", "kind": kind, "metadata": {"name": name}, **content}
        objects.apply(self._control_plane.api, self.namespace, body)

    def _start_on_new_ports(self) -> None:
        self.ports = {name: free_port() for name in ("api", "metrics", "router")}
        kubeconfig = self._control_plane.service_account_kubeconfig(
            self.namespace, "fleet-manager-stand-in"
        )
        settings = self._directory / "settings.json"
        Settings(
            kind=self.kind.name,
            kubeconfig=str(kubeconfig),
            ports=self.ports,
            certificate=str(self._certificate),
            namespace=self.namespace,
            selector=f"app={self.deployment}",
            container=self.container,
            logs=str(self._directory),
            faults=str(self._faults_file),
            database=dict(self._dsn(_APPLICATION)),
            request_id=self._request_id,
            **self._timing,
        ).write(settings)
        self._process: Process = self._run.start(
            "fleet-manager",
            [sys.executable, "-m", "standins.fleet_manager", settings],
            directory=self._directory,
            environment={
                "PATH": os.defpath,
                "HOME": str(self._directory),
                "PYTHONPATH": str(_TESTS),
                "PYTHONDONTWRITEBYTECODE": "1",
            },
        )
        self._process.wait_ready(self._is_well, _READY_SECONDS)

    def _switch(self, faults: Faults) -> None:
        faults.write(self._faults_file)
        self._faults = faults

    def _dsn(self, role: str) -> Dsn:
        return {
            **self._postgres.superuser_dsn,
            "dbname": self.kind.name,
            "user": role,
            "password": self._passwords[role],
        }

    def _is_well(self) -> bool:
        return self.leaders().keys() == self.kind.workers.keys() and self._available()

    def _available(self) -> bool:
        status = self._read("apps/v1", f"deployments/{self.deployment}")["status"]
        return bool(status.get("availableReplicas") == self.replicas)

    def _read(self, api_version: str, path: str) -> Any:
        path = objects.collection(self.namespace, api_version, path)
        return self._control_plane.api.request("GET", path)
