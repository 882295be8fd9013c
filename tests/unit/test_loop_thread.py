"""A loop in a thread leaves no connection and no task behind."""

import asyncio
import socket

import pytest

from testbed.loop_thread import LoopThread


async def _forget(port: int) -> None:
    await asyncio.get_running_loop().create_connection(asyncio.Protocol, "127.0.0.1", port)


@pytest.mark.filterwarnings("error::ResourceWarning")
def test_connections_that_nobody_holds_are_ended() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        with LoopThread("test") as thread:
            thread.run(_forget(listener.getsockname()[1]))
            accepted, _ = listener.accept()
        with accepted:
            accepted.settimeout(5)
            assert accepted.recv(1) == b""


def test_tasks_are_ended() -> None:
    with LoopThread("test") as thread:
        waiting = asyncio.run_coroutine_threadsafe(asyncio.Event().wait(), thread.loop)
    assert waiting.cancelled()
