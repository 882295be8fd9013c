"""Web servers on loopback that fail as real ones do, and how the services ask them."""

import http.client
import json
import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from testbed.lifetime import Lifetime
from testbed.processes import free_port

_POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Asked:
    """A request."""

    target: str
    """Path and query."""
    headers: Mapping[str, str]
    body: str


@dataclass(frozen=True, slots=True)
class Answered:
    """A response, whose body is JSON."""

    code: int
    body: object = None


class WebServer(Lifetime):
    """Answers requests as `answer` says, unless it fails. Use as a context manager."""

    def __init__(self, answer: Callable[[Asked], Answered]) -> None:
        self.port = free_port()
        self._answer = answer
        self._code: int | None = None
        self._server: ThreadingHTTPServer | None = None

    @property
    def address(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """Where it answers, without a path."""
        return f"http://{self.address}"

    def answers(self, code: int) -> None:
        """Answer everything with this code."""
        self._code = code

    def _live(self, life: ExitStack) -> None:
        self._server = server = ThreadingHTTPServer(("127.0.0.1", self.port), self._handler())
        self._thread = threading.Thread(
            target=server.serve_forever, args=(_POLL_SECONDS,), name="web", daemon=True
        )
        self._thread.start()
        life.callback(self.stop)

    def stop(self) -> None:
        """Be gone: connections are refused."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()
            self._server = None

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        web = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
                answer = web._reply(Asked(self.path, dict(self.headers), body))
                content = json.dumps(answer.body).encode()
                self.send_response(answer.code)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_POST = do_GET  # noqa: N815 - named by the library

            def handle(self) -> None:
                # Whoever asks may end at any moment.
                with suppress(OSError):
                    super().handle()

            def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
                """Say nothing."""

        return Handler

    def _reply(self, asked: Asked) -> Answered:
        return self._answer(asked) if self._code is None else Answered(self._code)


class NoAnswerError(Exception):
    """There was none; the message is what a program in Go says of it."""


class Asker:
    """What a service asks web servers with."""

    def __init__(self, origins: Mapping[str, str], seconds: float) -> None:
        """`origins` is the name service: where `https://host` is; `seconds` its patience."""
        self._origins = origins
        self._seconds = seconds

    def ask(
        self, url: str, headers: Mapping[str, str] | None = None, body: str | None = None
    ) -> Answered:
        """GET a URL, or POST a body to it. Raise NoAnswerError."""
        parts = urlsplit(url)
        address = urlsplit(self._origins[f"{parts.scheme}://{parts.netloc}"]).netloc
        connection = http.client.HTTPConnection(address, timeout=self._seconds)
        try:
            target = f"{parts.path}?{parts.query}" if parts.query else parts.path
            connection.request("GET" if body is None else "POST", target, body, headers or {})
            response = connection.getresponse()
            return Answered(response.status, json.loads(response.read()))
        except TimeoutError:
            raise NoAnswerError(f"dial tcp {address}: i/o timeout") from None
        except ConnectionRefusedError:
            raise NoAnswerError(f"dial tcp {address}: connect: connection refused") from None
        except (OSError, http.client.HTTPException):
            raise NoAnswerError("EOF") from None
        finally:
            connection.close()
