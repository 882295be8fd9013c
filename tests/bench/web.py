"""A web server that costs little, counts what it is asked, and can fail by path."""

import asyncio
from contextlib import ExitStack

from testbed.lifetime import Lifetime
from testbed.loop_thread import LoopThread, stop_listening

_WELL = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"
_BROKEN = b"HTTP/1.1 503 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class WebServer(Lifetime):
    """Answers on a port of 127.0.0.1; use as a context manager."""

    def __init__(self) -> None:
        self.asked = 0
        """Requests that were answered."""
        self.broken: set[bytes] = set()
        """Paths that answer 503."""
        self.port = 0
        self._thread = LoopThread("web")

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}/{path}"

    def _live(self, life: ExitStack) -> None:
        server = life.enter_context(self._thread).run(self._listen())
        life.callback(lambda: self._thread.run(stop_listening(server)))
        self.port = server.sockets[0].getsockname()[1]

    async def _listen(self) -> asyncio.Server:
        return await self._thread.loop.create_server(
            lambda: _Connection(self), "127.0.0.1", 0, backlog=1024
        )


class _Connection(asyncio.Protocol):
    """One request, which fits into one packet, and its answer."""

    def __init__(self, server: WebServer) -> None:
        self._server = server

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        path = data.split(b" ", 2)[1].removeprefix(b"/")
        self._server.asked += 1
        self._transport.write(_BROKEN if path in self._server.broken else _WELL)
        self._transport.close()
