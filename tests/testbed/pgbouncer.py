"""A real PgBouncer on 127.0.0.1 in front of a PostgreSQL server, from Debian's package."""

import os
import pwd
import shutil
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Literal

from testbed.debian import unpacked
from testbed.lifetime import Lifetime
from testbed.postgres import Postgres
from testbed.processes import Process, Run, free_port, start_on_free_ports

PoolMode = Literal["session", "transaction", "statement"]
_PROGRAM = Path("usr") / "sbin" / "pgbouncer"
# With its libraries, which a machine need not have.
_PACKAGES = ("pgbouncer", "libevent-2.1-7", "libc-ares2")
_READY_SECONDS = 10.0


def pgbouncer_installation() -> Path:
    """Return where PgBouncer is unpacked, fetching it when it is not there yet.

    Raises ServerError, also where there is no apt.
    """
    return unpacked("pgbouncer", _PACKAGES, title="PgBouncer")


class PgBouncer(Lifetime):
    """One PgBouncer that lets the roles in `passwords` in, and logs in for them.

    Where the server has a certificate, it demands TLS on both sides and shows the same one.
    It runs as `nobody` where the caller is root, whom it refuses.
    """

    def __init__(
        self,
        run: Run,
        server: Postgres,
        passwords: Mapping[str, str],
        pool_mode: PoolMode,
        **settings: str,
    ) -> None:
        """`settings` are those of its section `pgbouncer`, in addition."""
        self.port = 0
        self._run = run
        self._server = server
        self._passwords = passwords
        self._settings = {"pool_mode": pool_mode} | settings
        account = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
        self._uid = account.pw_uid if account else None
        self._gid = account.pw_gid if account else None
        self._directory = run.subdirectory("pgbouncer")

    def _live(self, life: ExitStack) -> None:
        self._installation = self._installed()
        start_on_free_ports(self._start)
        life.callback(self._process.stop)

    def _installed(self) -> Path:
        """Return the installation; another user, who may not reach the cache, gets a copy."""
        found = pgbouncer_installation()
        if self._uid is None or self._gid is None:
            return found
        self._run.directory.chmod(0o711)
        os.chown(self._directory, self._uid, self._gid)
        copied = self._directory / "installation"
        shutil.copytree(found / "usr", copied / "usr", symlinks=True)
        return copied

    def _start(self) -> None:
        self.port = free_port()
        self._process: Process = self._run.start(
            "pgbouncer",
            [self._installation / _PROGRAM, self._configured()],
            directory=self._directory,
            environment={"LD_LIBRARY_PATH": _libraries(self._installation), "LC_ALL": "C"},
            uid=self._uid,
            gid=self._gid,
        )
        self._process.wait_ready(lambda: self._process.listens_on(self.port), _READY_SECONDS)

    def _configured(self) -> Path:
        users = self._directory / "users.txt"
        users.write_text("".join(_user(*each) for each in self._passwords.items()))
        authority = self._directory / "authority.pem"
        settings = {
            "listen_addr": "127.0.0.1",
            "listen_port": str(self.port),
            "unix_socket_dir": "",
            "auth_type": "scram-sha-256",
            "auth_file": str(users),
        } | self._settings
        if self._server.certificate is not None:
            authority.write_text(self._server.certificate.authority)
            settings |= {
                "client_tls_sslmode": "require",
                "client_tls_cert_file": str(self._server.certificate.chain),
                "client_tls_key_file": str(self._server.certificate.key),
                "server_tls_sslmode": "verify-full",
                "server_tls_ca_file": str(authority),
            }
        config = self._directory / "pgbouncer.ini"
        lines = [
            "[databases]",
            f"* = host=127.0.0.1 port={self._server.port}",
            "[pgbouncer]",
            *(f"{name} = {value}" for name, value in settings.items()),
        ]
        config.write_text("\n".join(lines) + "\n")
        for path in (users, config, authority):
            path.touch(mode=0o600)
            path.chmod(0o600)
            if self._uid is not None and self._gid is not None:
                os.chown(path, self._uid, self._gid)
        return config


def _user(name: str, password: str) -> str:
    quoted = password.replace('"', '""')
    return f'"{name}" "{quoted}"\n'


def _libraries(installation: Path) -> str:
    """Give the directory of the libraries, which is named after the machine's architecture."""
    (library,) = (installation / "usr" / "lib").glob("*/libevent-2.1.so.7")
    return str(library.parent)
