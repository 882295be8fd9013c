"""The testbed's client keeps connections for reads; a change is never sent twice."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
import trustme

from testbed.api_client import ApiClient, ApiError


class Server(ThreadingHTTPServer):
    """Counts connections and requests; it may close a connection that it has answered on."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.connections = 0
        self.requests: list[str] = []
        self.closes = False


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def setup(self) -> None:
        super().setup()
        self.server.connections += 1

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.requests.append(self.command)
        body = b'{"kind": "Status"}'
        self.send_response(404 if self.path == "/missing" else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        # Without a word of it to the client.
        self.close_connection = self.server.closes

    do_POST = do_GET  # noqa: N815 - as above

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


@contextmanager
def served() -> Iterator[tuple[Server, ApiClient]]:
    authority = trustme.CA().cert_pem.bytes().decode()
    with Server() as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            with closing(
                ApiClient(f"http://127.0.0.1:{server.server_port}", "", authority)
            ) as client:
                yield server, client
        finally:
            server.shutdown()
            thread.join()


def test_reads_share_a_connection_also_after_a_refusal() -> None:
    with served() as (server, client):
        for _ in range(3):
            assert client.request("GET", "/") == {"kind": "Status"}
            with pytest.raises(ApiError, match="404"):
                client.request("GET", "/missing")

        assert server.connections == 1


def test_a_read_on_a_connection_that_the_server_has_closed_is_done_on_a_new_one() -> None:
    with served() as (server, client):
        server.closes = True
        for _ in range(3):
            client.request("GET", "/")

        assert server.requests == ["GET"] * 3
        assert server.connections == 3


def test_what_changes_something_never_goes_out_on_a_kept_connection() -> None:
    with served() as (server, client):
        client.request("GET", "/")
        client.request("POST", "/", {})
        client.request("POST", "/", {})

        assert server.connections == 3
