"""A real Prometheus and a real Alertmanager on 127.0.0.1, and an exporter to feed them.

Prometheus scrapes and evaluates five times a second, so that a test sees what it has just exported.
"""

import base64
import json
import ssl
import urllib.parse
import urllib.request
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import trustme

from testbed.lifetime import Lifetime
from testbed.monitoring_programs import alertmanager_program, prometheus_program
from testbed.processes import Process, Run, free_port, start_on_free_ports

_READY_SECONDS = 30.0
_ANSWER_SECONDS = 5.0
_INTERVAL = "200ms"


class Exporter(Lifetime):
    """Serves what a test says in the text format of Prometheus; a test may end and resume it."""

    def __init__(self) -> None:
        self.port = free_port()
        self.text = ""
        self._server: ThreadingHTTPServer | None = None

    def _live(self, life: ExitStack) -> None:
        self.start()
        life.callback(self.stop)

    def start(self) -> None:
        """Serve, where it does not yet; scrapes succeed."""
        if self._server is not None:
            return
        exporter = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = exporter.text.encode()
                # On a busy machine Prometheus hangs up before the answer is there.
                with suppress(ConnectionError):
                    self.send_response(200)
                    self.send_header("Content-Type", "text/plain; version=0.0.4")
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)

            def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        """Serve no more: scrapes fail."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None


class _Server(Lifetime):
    """What both have: a port, a directory, a readiness page and an API."""

    name: str
    _process: Process

    def __init__(self, run: Run) -> None:
        self.port = 0
        self._run = run
        self._directory = run.subdirectory(self.name)

    def _live(self, life: ExitStack) -> None:
        start_on_free_ports(self._start_on_new_port)
        life.callback(self.stop)

    def start(self) -> None:
        """Start it on its port and wait until it is ready; raises ServerError."""
        self._process = process = self._run.start(
            self.name, self._command(), directory=self._directory
        )
        try:
            process.wait_ready(
                lambda: process.listens_on(self.port) and self._is_ready(), _READY_SECONDS
            )
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End it; `start` goes on with the same port and data."""
        self._process.thaw()
        self._process.stop()

    def freeze(self) -> None:
        """Stop it without ending it: it accepts connections, never answers."""
        self._process.freeze()

    def thaw(self) -> None:
        """Let a frozen one go on."""
        self._process.thaw()

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    def _start_on_new_port(self) -> None:
        self.port = free_port()
        self.start()

    def _opener(self) -> urllib.request.OpenerDirector:
        return urllib.request.build_opener()

    def get(self, path: str, **parameters: str) -> Any:
        """Ask its own API, as nobody in particular, and give what the JSON holds."""
        query = f"?{urllib.parse.urlencode(parameters)}" if parameters else ""
        request = urllib.request.Request(f"{self.url}{path}{query}")
        return self._answer(request)

    def _answer(self, request: urllib.request.Request) -> Any:
        with self._opener().open(request, timeout=_ANSWER_SECONDS) as answer:
            return json.loads(answer.read())

    def _is_ready(self) -> bool:
        with suppress(OSError), self._opener().open(f"{self.url}/-/ready", timeout=1.0) as page:
            return bool(page.status == 200)
        return False

    def _command(self) -> list[str | Path]:
        raise NotImplementedError


class Alertmanager(_Server):
    """One Alertmanager that notifies nobody."""

    name = "alertmanager"

    def _command(self) -> list[str | Path]:
        program = alertmanager_program()
        with suppress(FileExistsError):
            (self._directory / "share").symlink_to(program.parents[1] / "share")
        config = self._directory / "alertmanager.yml"
        config.write_text("route: {receiver: nobody}\nreceivers: [{name: nobody}]\n")
        return [
            program,
            f"--config.file={config}",
            f"--storage.path={self._directory / 'data'}",
            f"--web.listen-address=127.0.0.1:{self.port}",
            "--cluster.listen-address=",
            "--log.level=warn",
        ]

    def silence(self, starts: str, ends: str, **labels: str) -> str:
        """Silence the alerts with these labels, by its API; times as RFC 3339. Give the id."""
        matchers = [
            {"name": name, "value": value, "isRegex": False, "isEqual": True}
            for name, value in labels.items()
        ]
        said = {"startsAt": starts, "endsAt": ends, "createdBy": "test", "comment": "a test"}
        return str(self._post("/api/v2/silences", {"matchers": matchers, **said})["silenceID"])

    def unsilence(self, identity: str) -> None:
        """Expire a silence."""
        request = urllib.request.Request(f"{self.url}/api/v2/silence/{identity}", method="DELETE")
        with urllib.request.urlopen(request, timeout=_ANSWER_SECONDS):
            pass

    def fire(self, *alerts: Mapping[str, str]) -> None:
        """Send alerts with these labels, as a Prometheus does."""
        with suppress(json.JSONDecodeError):
            self._post("/api/v2/alerts", [{"labels": dict(labels)} for labels in alerts])

    def _post(self, path: str, body: object) -> Any:
        request = urllib.request.Request(
            f"{self.url}{path}",
            data=json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        return self._answer(request)


class Prometheus(_Server):
    """One Prometheus that scrapes exporters and sends its alerts to an Alertmanager."""

    name = "prometheus"

    def __init__(
        self,
        run: Run,
        exporters: Mapping[str, Exporter | int],
        *,
        rules: str = "groups: []",
        alertmanager: Alertmanager | None = None,
        interval: str = _INTERVAL,
    ) -> None:
        """`exporters`, some known by their ports alone, are scraped as the jobs of these names;
        `rules` is a rule file's content; scrapes and evaluations are `interval` apart."""
        super().__init__(run)
        self._interval = interval
        self._ports = {
            job: each.port if isinstance(each, Exporter) else each
            for job, each in exporters.items()
        }
        self._rules = rules
        self._alertmanager = alertmanager

    def _command(self) -> list[str | Path]:
        config = self._directory / "prometheus.yml"
        rules = self._directory / "rules.yml"
        rules.write_text(self._rules)
        config.write_text(json.dumps(self._config(rules)))
        return [
            prometheus_program(),
            f"--config.file={config}",
            f"--storage.tsdb.path={self._directory / 'data'}",
            f"--web.listen-address=127.0.0.1:{self.port}",
            "--log.level=warn",
        ]

    def _config(self, rules: Path) -> dict[str, Any]:
        config: dict[str, Any] = {
            "global": {
                "scrape_interval": self._interval,
                "scrape_timeout": self._interval,
                "evaluation_interval": self._interval,
            },
            "rule_files": [str(rules)],
            "scrape_configs": [
                {"job_name": job, "static_configs": _at(port)} for job, port in self._ports.items()
            ],
        }
        if self._alertmanager is not None:
            managers = [{"static_configs": _at(self._alertmanager.port)}]
            config["alerting"] = {"alertmanagers": managers}
        return config

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Ask for a vector, and give its samples."""
        answer = self.get("/api/v1/query", query=expression)
        return list(answer["data"]["result"])

    def values(self, expression: str) -> list[str]:
        """Ask for a vector, and give its values."""
        return sorted(sample["value"][1] for sample in self.query(expression))


class GuardedPrometheus(Prometheus):
    """One with TLS that answers nobody but `USER` with `PASSWORD`."""

    USER = "canary-user"
    PASSWORD = "canary-password"
    # bcrypt, with the fewest rounds that there are.
    _HASH = "$2b$04$Txwz4/b9d8j8MgPC6zyYYemdtf.EGzlQq49lzMZwd7Yr6F47fb5f."

    def __init__(self, run: Run, exporters: Mapping[str, Exporter | int] | None = None) -> None:
        super().__init__(run, exporters or {})
        self.authority = trustme.CA()

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def _opener(self) -> urllib.request.OpenerDirector:
        context = ssl.create_default_context()
        self.authority.configure_trust(context)
        opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=context))
        pair = base64.b64encode(f"{self.USER}:{self.PASSWORD}".encode()).decode()
        opener.addheaders = [("Authorization", f"Basic {pair}")]
        return opener

    def _command(self) -> list[str | Path]:
        certificate = self.authority.issue_cert("127.0.0.1")
        key, chain = self._directory / "tls.key", self._directory / "tls.crt"
        certificate.private_key_pem.write_to_path(key)
        chain.write_bytes(b"".join(blob.bytes() for blob in certificate.cert_chain_pems))
        web = self._directory / "web.yml"
        server = {"cert_file": str(chain), "key_file": str(key)}
        config = {"tls_server_config": server, "basic_auth_users": {self.USER: self._HASH}}
        web.write_text(json.dumps(config))
        return [*super()._command(), f"--web.config.file={web}"]


def _at(port: int) -> list[dict[str, Any]]:
    return [{"targets": [f"127.0.0.1:{port}"]}]
