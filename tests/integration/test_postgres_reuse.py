"""A connection is used again only after the server has forgotten what was done in it."""

from collections.abc import AsyncIterator, Callable

import pytest

from integration.pooled import lead
from integration.reader import Reader, new_reader
from integration.relay import Relay, as_it_is, relaying
from polling import until
from testbed import Postgres, Version


@pytest.fixture
async def garbling(
    postgres_of: Callable[[Version], Postgres],
) -> AsyncIterator[tuple[Relay, Reader]]:
    # A server without TLS: what is sent can be read, and changed.
    reader = new_reader(postgres_of(Version.V18))
    async with relaying(reader.server.port) as relay:
        lead(reader, relay.port)
        yield relay, reader
        reader.databases.close()


async def process(reader: Reader) -> object:
    ((number,),) = await reader.ask("SELECT pg_backend_pid()")
    return number


@pytest.mark.parametrize("command", [b"DISCARD ALL", b"ROLLBACK"])
async def test_a_connection_that_could_not_be_cleaned_is_dropped(
    garbling: tuple[Relay, Reader], command: bytes
) -> None:
    way, reader = garbling
    first = await process(reader)
    assert await process(reader) == first

    async def garbled(chunk: bytes) -> AsyncIterator[bytes]:
        yield chunk.replace(command, b"?" * len(command))

    way.pieces = garbled
    refused = await reader.refused("SELECT pg_advisory_lock_shared(1)")
    assert "canary" not in str(refused)
    await until(lambda: reader.sessions() == 0)
    assert reader.do("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == [(0,)]
    way.pieces = as_it_is
    assert await process(reader) != first
    assert reader.sessions() == 1
