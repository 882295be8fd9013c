"""A way to a server on which what is sent can be changed or held up."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

Pieces = Callable[[bytes], AsyncIterator[bytes]]


async def as_it_is(chunk: bytes) -> AsyncIterator[bytes]:
    """Hand it on."""
    yield chunk


@dataclass
class Relay:
    """Hands on to the server what `pieces` makes of what is sent, and all that comes back."""

    target: int
    pieces: Pieces = as_it_is
    port: int = 0
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, onward = await asyncio.open_connection("127.0.0.1", self.target)
        self.tasks |= {
            asyncio.create_task(_copy(reader, onward, lambda chunk: self.pieces(chunk))),
            asyncio.create_task(_copy(there, writer, as_it_is)),
        }


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, pieces: Pieces) -> None:
    with contextlib.suppress(OSError):
        while chunk := await reader.read(65536):
            async for piece in pieces(chunk):
                writer.write(piece)
                await writer.drain()
    writer.close()


@contextlib.asynccontextmanager
async def relaying(target: int) -> AsyncIterator[Relay]:
    """Serve a relay to this port of 127.0.0.1; its clients have to close their connections."""
    relay = Relay(target)
    server = await asyncio.start_server(relay.serve, "127.0.0.1")
    relay.port = server.sockets[0].getsockname()[1]
    try:
        yield relay
    finally:
        server.close()
        await asyncio.wait_for(asyncio.gather(*relay.tasks), 10)
