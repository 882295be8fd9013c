"""A connection is used again only after the server has forgotten what was done in it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import pytest

from integration.reader import Reader, new_reader
from polling import until
from servicesop.sources.dial import DialGuard
from servicesop.sources.postgres.pool import Databases
from testbed import Postgres, Version


@dataclass
class Garbling:
    """A way to the server on which one command arrives as another one, which it refuses."""

    target: int
    command: bytes = b""
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, onward = await asyncio.open_connection("127.0.0.1", self.target)
        self.tasks |= {
            asyncio.create_task(self._copy(reader, onward)),
            asyncio.create_task(self._copy(there, writer)),
        }

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while chunk := await reader.read(65536):
                if self.command:
                    chunk = chunk.replace(self.command, b"?" * len(self.command))
                writer.write(chunk)
                await writer.drain()
        writer.close()


@pytest.fixture
async def garbling(
    postgres_of: Callable[[Version], Postgres],
) -> AsyncIterator[tuple[Garbling, Reader]]:
    # A server without TLS: what is sent can be read, and changed.
    reader = new_reader(postgres_of(Version.V18))
    garbling = Garbling(reader.server.port)
    server = await asyncio.start_server(garbling.serve, "127.0.0.1")
    port = server.sockets[0].getsockname()[1]
    reader.secret["port"] = str(port).encode()
    guard = DialGuard(frozenset({("127.0.0.1", port)}))
    reader.databases = Databases(guard, reader._read_secret, reader.clock)
    yield garbling, reader
    reader.databases.close()
    server.close()
    await asyncio.wait_for(asyncio.gather(*garbling.tasks), 10)


async def process(reader: Reader) -> object:
    ((number,),) = await reader.ask("SELECT pg_backend_pid()")
    return number


@pytest.mark.parametrize("command", [b"DISCARD ALL", b"ROLLBACK"])
async def test_a_connection_that_could_not_be_cleaned_is_dropped(
    garbling: tuple[Garbling, Reader], command: bytes
) -> None:
    way, reader = garbling
    first = await process(reader)
    assert await process(reader) == first
    way.command = command
    refused = await reader.refused("SELECT pg_advisory_lock_shared(1)")
    assert "canary" not in str(refused)
    await until(lambda: reader.sessions() == 0)
    assert reader.do("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == [(0,)]
    way.command = b""
    assert await process(reader) != first
    assert reader.sessions() == 1
