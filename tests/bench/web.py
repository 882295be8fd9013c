"""A web server that costs little, counts what it is asked, and can fail by path."""

import asyncio
import threading
from types import TracebackType
from typing import Self

_SECONDS = 10.0
_WELL = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"
_BROKEN = b"HTTP/1.1 503 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class WebServer:
    """Answers on a port of 127.0.0.1; use as a context manager."""

    def __init__(self) -> None:
        self.asked = 0
        """Requests that were answered."""
        self.broken: set[bytes] = set()
        """Paths that answer 503."""
        self.port = 0

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}/{path}"

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="web", daemon=True)
        self._thread.start()
        listening = asyncio.run_coroutine_threadsafe(self._listen(), self._loop)
        self._server = listening.result(_SECONDS)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._server.close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_SECONDS)
        self._loop.close()

    async def _listen(self) -> asyncio.Server:
        return await self._loop.create_server(
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
