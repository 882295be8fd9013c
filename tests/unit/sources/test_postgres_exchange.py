"""What happens around a connection that breaks or brings too much."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from typing import ClassVar

import psycopg
import pytest
from psycopg import pq

from servicesop.sources.postgres import exchange as module
from servicesop.sources.postgres.exchange import LostError, exchange


@pytest.fixture
def sockets() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def connected(sockets: ExitStack) -> tuple[socket.socket, socket.socket]:
    """Give both ends of a TCP connection."""
    server = sockets.enter_context(socket.create_server(("127.0.0.1", 0)))
    near = sockets.enter_context(socket.create_connection(server.getsockname()))
    far = sockets.enter_context(server.accept()[0])
    near.setblocking(False)
    return near, far


async def test_the_next_owner_of_the_socket_number_keeps_its_reader(
    sockets: ExitStack,
) -> None:
    loop = asyncio.get_running_loop()
    near, far = connected(sockets)
    heard = asyncio.Event()
    number = near.fileno()

    class Broken:
        socket = number

        def flush(self) -> int:
            return 0

        def consume_input(self) -> None:
            # Queued before whatever the exchange queues, as another task's turn may be.
            loop.call_soon(take_over)
            near.close()
            raise psycopg.OperationalError("canary")

    others: list[socket.socket] = []

    def take_over() -> None:
        one, other = socket.socketpair()
        others.extend(sockets.enter_context(each) for each in (one, other))
        assert one.fileno() == number
        loop.add_reader(one, heard.set)

    far.send(b"x")
    with pytest.raises(LostError):
        await exchange(Broken(), 1)  # type: ignore[arg-type]  # the part of a PGconn that is used
    one, other = others
    other.send(b"x")
    try:
        async with asyncio.timeout(5.0):
            await heard.wait()
    finally:
        loop.remove_reader(one)


async def test_a_broken_connection_is_told_without_its_text(sockets: ExitStack) -> None:
    near, _ = connected(sockets)

    class Broken:
        socket = near.fileno()

        def flush(self) -> int:
            raise psycopg.OperationalError("canary")

    with pytest.raises(LostError) as caught:
        await exchange(Broken(), 1)  # type: ignore[arg-type]  # the part of a PGconn that is used
    assert "canary" not in repr(caught.value)


def test_the_kernel_is_asked_for_what_really_arrived(sockets: ExitStack) -> None:
    near, far = connected(sockets)
    before = module._received(near.fileno())
    near.setblocking(True)
    for _ in range(100):
        far.sendall(bytes(1000))
        assert len(near.recv(1000, socket.MSG_WAITALL)) == 1000
    assert module._received(near.fileno()) - before == 100_000


class Answer:
    """The part of a PGresult that is looked at."""

    def __init__(self, status: pq.ExecStatus) -> None:
        self.status = status


@pytest.mark.parametrize("status", [pq.ExecStatus.FATAL_ERROR, pq.ExecStatus.COMMAND_OK])
async def test_who_hangs_up_may_have_said_why(sockets: ExitStack, status: pq.ExecStatus) -> None:
    near, far = connected(sockets)
    said = Answer(status)

    class HungUp:
        socket = near.fileno()
        answers: ClassVar[list[Answer | None]] = [said, None, None]

        def flush(self) -> int:
            return 0

        def is_busy(self) -> bool:
            return False

        def get_result(self) -> Answer | None:
            return self.answers.pop(0)

        def consume_input(self) -> None:
            if not self.answers:
                raise psycopg.OperationalError("canary")

    far.send(b"x")
    asking = exchange(HungUp(), 1)  # type: ignore[arg-type]  # the part of a PGconn that is used
    if status is pq.ExecStatus.FATAL_ERROR:
        answers: list[object] = [*await asking]
        assert answers == [said]
    else:
        with pytest.raises(LostError):
            await asking
