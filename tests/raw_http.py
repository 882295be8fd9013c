"""HTTP servers on loopback that send exactly the bytes that a test wants to be sent."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable

Script = Callable[["Exchange"], Awaitable[None]]
"""What the server does with one request; afterwards it closes the connection."""


class Exchange:
    """One request as it came, and the way back."""

    def __init__(self, head: bytes, body: bytes, writer: asyncio.StreamWriter) -> None:
        lines = head.decode("latin-1").split("\r\n")
        self.request_line = lines[0]
        self.target = lines[0].split(" ")[1]
        self.headers = dict(line.split(": ", 1) for line in lines[1:] if line)
        self.body = body
        self.writer = writer

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self, status: int, body: bytes = b"", *headers: str) -> None:
        lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", *headers]
        await self.send("\r\n".join([*lines, "", ""]).encode() + body)

    def reset(self) -> None:
        """Cut the connection as a process that is killed does."""
        self.writer.transport.abort()


class RawServer:
    """Runs a script for each request. Keeps the requests and counts the connections."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.exchanges: list[Exchange] = []
        self.connections = 0
        self.port = 0

    def url(self, target: str = "/", *, scheme: str = "http", host: str = "127.0.0.1") -> str:
        return f"{scheme}://{host}:{self.port}{target}"

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            # Whoever asks may go at any moment.
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                await self._talk(reader, writer)
                writer.close()
                await writer.wait_closed()
        finally:
            writer.transport.abort()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n"))[:-4]
            exchange = Exchange(head, b"", writer)
            length = int(exchange.headers.get("Content-Length", 0))
            exchange.body = await reader.readexactly(length)
            self.exchanges.append(exchange)
            await self.script(exchange)
            # The connection stays open only where the client says that it will be used again.
            if exchange.headers.get("Connection") != "keep-alive":
                return


@contextlib.asynccontextmanager
async def serving(script: Script, tls: ssl.SSLContext | None = None) -> AsyncIterator[RawServer]:
    server = RawServer(script)
    tasks: set[asyncio.Task[None]] = set()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(server.handle(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    listener = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=tls)
    server.port = listener.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listener.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def answering(status: int = 200, body: bytes = b"", *headers: str) -> Script:
    """Answer each request in the same way."""

    async def script(exchange: Exchange) -> None:
        await exchange.answer(status, body, *headers)

    return script


def sending(*chunks: bytes) -> Script:
    """Send these bytes, whatever is asked."""

    async def script(exchange: Exchange) -> None:
        for chunk in chunks:
            await exchange.send(chunk)

    return script


async def silent(_: Exchange) -> None:
    """Never answer."""
    await asyncio.Event().wait()
