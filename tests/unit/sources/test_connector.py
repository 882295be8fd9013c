"""Every socket is closed when the pool is, at whichever moment a request was given up."""

import asyncio
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import aiohttp
import pytest
import trustme
import uvloop

from servicesop.sources.connector import Connector

TURNS = 40
"""Usually an answer has begun by then."""


@dataclass(frozen=True)
class Trust:
    """Both sides of TLS."""

    server: ssl.SSLContext
    client: ssl.SSLContext


@pytest.fixture(scope="module")
def trust() -> Trust:
    authority = trustme.CA()
    both = Trust(ssl.create_default_context(ssl.Purpose.CLIENT_AUTH), ssl.create_default_context())
    authority.issue_cert("127.0.0.1").configure_cert(both.server)
    authority.configure_trust(both.client)
    return both


class Recorded(Connector):
    """Keeps its sockets, which a pool does not."""

    def __init__(self, tls: ssl.SSLContext) -> None:
        super().__init__(ssl=tls)
        self.made: list[socket.socket] = []

    def _socket(self, address: aiohttp.AddrInfoType) -> socket.socket:
        self.made.append(super()._socket(address))
        return self.made[-1]


async def begin_an_answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer as a watch does: there is always more to come."""
    with suppress(EOFError):
        await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{")
    await reader.read()
    writer.close()


async def left_open(trust: Trust, turns: int | None) -> tuple[int, int]:
    """Give a request up, and count the sockets: all, and those left open.

    That is after so many turns of the loop, or, where none are given, once its answer has begun.
    """
    connector = Recorded(trust.client)
    begun = asyncio.Event()

    async def ask(url: str) -> None:
        async with session.get(url) as response:
            begun.set()
            try:
                await response.read()
            finally:
                response.close()

    async with await asyncio.start_server(
        begin_an_answer, "127.0.0.1", 0, ssl=trust.server
    ) as server:
        url = "https://{}:{}/".format(*server.sockets[0].getsockname())
        async with aiohttp.ClientSession(connector=connector) as session:
            asking = asyncio.ensure_future(ask(url))
            for _ in range(turns or 0):
                await asyncio.sleep(0)
            if turns is None:
                await begun.wait()
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking
        left = sum(one.fileno() != -1 for one in connector.made)
    return len(connector.made), left


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_no_socket_outlives_the_pool(
    trust: Trust, loop: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    with asyncio.Runner(loop_factory=loop) as runner:
        found = [runner.run(left_open(trust, turns)) for turns in (*range(TURNS), None)]
    assert {left for _, left in found} == {0}
    assert found[-1] == (1, 0)
