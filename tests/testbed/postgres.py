"""A real PostgreSQL server on 127.0.0.1 that can be stopped, restarted and frozen."""

import os
import pwd
import secrets
import signal
import subprocess
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypedDict

import psycopg
import trustme
from psycopg import sql

from testbed.lifetime import Lifetime
from testbed.postgres_programs import Version, installation
from testbed.processes import Process, Run, ServerError, free_port, start_on_free_ports

CERTIFICATE_NAMES = ("127.0.0.1", "database.test")
"""Whom the certificate of a server with TLS names; `localhost` is not among them."""
_READY_SECONDS = 30.0
_STOP_SECONDS = 10.0
_CONNECT_SECONDS = 5
_SIGNALS = {"smart": signal.SIGTERM, "fast": signal.SIGINT, "immediate": signal.SIGQUIT}


class Dsn(TypedDict):
    """Connection parameters, by their libpq names."""

    host: str
    port: int
    user: str
    password: str
    dbname: str


class Certificate(NamedTuple):
    """Of a server with TLS, in PEM."""

    authority: str
    chain: Path
    key: Path


class Postgres(Lifetime):
    """One PostgreSQL server with its data in the run's directory; password authentication only.

    It listens on TCP alone; version 13 requires TLS there, the others cannot do it. Nothing is
    synced to disk: its data survives every end of the server, not that of the machine. Where the
    caller is root, whom PostgreSQL refuses, it runs as `nobody`.
    """

    def __init__(self, run: Run, version: Version = Version.V18) -> None:
        self.version = version
        self.certificate: Certificate | None = None
        """What it shows to clients; None where it cannot do TLS."""
        self._run = run
        self._process: Process | None = None
        root = os.geteuid() == 0
        account = pwd.getpwnam("nobody") if root else None
        self._uid = account.pw_uid if account else None
        self._gid = account.pw_gid if account else None

    def _live(self, life: ExitStack) -> None:
        self._initialize()
        life.callback(self._stop)
        start_on_free_ports(self._start_on_new_port)

    @property
    def port(self) -> int:
        """TCP port on 127.0.0.1; it stays the same across restarts."""
        return self._port

    @property
    def superuser_dsn(self) -> Dsn:
        """Connection parameters of the superuser for the database `postgres`."""
        return Dsn(
            host="127.0.0.1",
            port=self._port,
            user="postgres",
            password=self._password,
            dbname="postgres",
        )

    def start(self) -> None:
        """Start the server and wait until it answers; raises ServerError."""
        tls = _setting("ssl", "on") if self.certificate else ()
        process = self._run.start(
            "postgres",
            [
                self._programs / "postgres",
                "-D",
                self._data,
                *_setting("listen_addresses", "127.0.0.1"),
                *_setting("port", str(self._port)),
                *_setting("unix_socket_directories", ""),
                # Shared memory that ends with its processes, or with the run's directory.
                *_setting("shared_memory_type", "mmap"),
                *_setting("dynamic_shared_memory_type", "mmap"),
                *_setting("fsync", "off"),
                *_setting("max_connections", "200"),
                *tls,
            ],
            directory=self._directory,
            environment=self._environment(),
            stop_signal=signal.SIGQUIT,
            uid=self._uid,
            gid=self._gid,
        )
        self._process = process
        process.wait_ready(
            lambda: process.listens_on(self._port) and self._answers(), _READY_SECONDS
        )

    def shutdown(self, mode: Literal["smart", "fast", "immediate"] = "fast") -> None:
        """Shut down as `pg_ctl stop -m MODE` does; `start` goes on with the same data.

        smart waits for all clients to leave, fast ends their sessions, immediate also leaves the
        recovery to the next start. Raises TimeoutError when it has not ended after 10 s.
        """
        process = self._running()
        process.signal(_SIGNALS[mode])
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            raise TimeoutError(f"PostgreSQL has not shut down ({mode}) in 10 s") from None

    @property
    def is_running(self) -> bool:
        """Whether it runs, be it frozen."""
        return self._process is not None and self._process.poll() is None

    def log_text(self) -> str:
        """Return what the server has logged since its latest start; raises ServerError."""
        return self._running().log_text()

    def freeze(self) -> None:
        """Stop all its processes without ending them: it accepts connections, never answers."""
        self._running().freeze()

    def thaw(self) -> None:
        """Let a frozen server go on."""
        self._running().thaw()

    def execute(
        self, statement: str, *parameters: object, database: str = "postgres"
    ) -> list[tuple[Any, ...]]:
        """Run one statement as superuser, committed at once; return its rows, if it has any."""
        with self._connect(database) as connection:
            cursor = connection.execute(statement.encode(), parameters or None)
            return cursor.fetchall() if cursor.description else []

    def create_database(self, name: str) -> Dsn:
        """Create a database and return the superuser's connection parameters for it."""
        with self._connect("postgres") as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return {**self.superuser_dsn, "dbname": name}

    def _start_on_new_port(self) -> None:
        self._port = free_port()
        self.start()

    def _initialize(self) -> None:
        self._directory = self._run.subdirectory("postgres")
        self._password = secrets.token_urlsafe(24)
        self._data = self._directory / "data"
        password_file = self._directory / "password"
        password_file.touch(mode=0o600)
        password_file.write_text(self._password)
        self._programs = self._installed()
        if self._uid is not None and self._gid is not None:
            # Passing through is all that the other user gets in the run's own directory.
            self._run.directory.chmod(0o711)
            for path in (self._directory, password_file):
                os.chown(path, self._uid, self._gid)
        try:
            self._run.output(
                [
                    self._programs / "initdb",
                    f"--pgdata={self._data}",
                    f"--pwfile={password_file}",
                    "--username=postgres",
                    "--auth=scram-sha-256",
                    "--encoding=UTF8",
                    "--no-locale",
                    "--no-sync",
                ],
                directory=self._directory,
                environment=self._environment(),
                uid=self._uid,
                gid=self._gid,
            )
        except subprocess.CalledProcessError as error:
            raise ServerError(f"initdb failed:\n{error.stderr}") from None
        if self.version is Version.V13:
            self._require_tls()

    def _installed(self) -> Path:
        """Return the directory of the programs.

        Another user may not reach the virtual environment or the cache (a home directory, say), so
        that user gets a copy in the run's directory.
        """
        found = installation(self.version)
        if self._uid is not None:
            found = found.copied(self._directory / "installation")
        return found.base / found.programs

    def _require_tls(self) -> None:
        """Give the server a certificate, and let nobody in who does not encrypt."""
        authority = trustme.CA()
        certificate = authority.issue_cert(*CERTIFICATE_NAMES)
        chain, key = self._data / "server.crt", self._data / "server.key"
        certificate.private_key_pem.write_to_path(key)
        chain.write_bytes(b"".join(blob.bytes() for blob in certificate.cert_chain_pems))
        key.chmod(0o600)
        (self._data / "pg_hba.conf").write_text("hostssl all all 127.0.0.1/32 scram-sha-256\n")
        if self._uid is not None and self._gid is not None:
            for path in (key, chain):
                os.chown(path, self._uid, self._gid)
        self.certificate = Certificate(authority.cert_pem.bytes().decode(), chain, key)

    def _environment(self) -> dict[str, str]:
        return {"PATH": os.defpath, "HOME": str(self._directory), "LC_ALL": "C", "TZ": "UTC"}

    def _connect(self, database: str) -> psycopg.Connection[tuple[Any, ...]]:
        dsn: Dsn = {**self.superuser_dsn, "dbname": database}
        return psycopg.connect(**dsn, autocommit=True, connect_timeout=_CONNECT_SECONDS)

    def _answers(self) -> bool:
        try:
            self.execute("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    def _running(self) -> Process:
        if self._process is None or not self.is_running:
            raise ServerError("PostgreSQL is not running")
        return self._process

    def _stop(self) -> None:
        if self._process is not None:
            self._process.thaw()
            self._process.stop()
            self._process = None


def _setting(name: str, value: str) -> Sequence[str]:
    return ("-c", f"{name}={value}")
