"""An event loop in a thread of its own, for servers that run beside a test that waits."""

import asyncio
import contextlib
import os
import selectors
import socket
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

from testbed.lifetime import Lifetime

_SECONDS = 30.0
T = TypeVar("T")


class LoopThread(Lifetime):
    """Runs while it is an open context; its end ends every task and connection of the loop."""

    def __init__(self, name: str) -> None:
        self._name = name

    def _live(self, life: contextlib.ExitStack) -> None:
        self._selector = selectors.DefaultSelector()
        self.loop = asyncio.SelectorEventLoop(self._selector)
        self._fds_of_loop = self._watched()
        self._thread = threading.Thread(target=self.loop.run_forever, name=self._name, daemon=True)
        self._thread.start()
        life.callback(self._stop)

    def _stop(self) -> None:
        try:
            self.run(self._end())
        finally:
            self.loop.call_soon_threadsafe(self.loop.stop)
            self._thread.join(_SECONDS)
            self.loop.close()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Do this on the loop and wait for it; raises what it raises, or TimeoutError."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(_SECONDS)

    async def _end(self) -> None:
        """End what nobody holds any more: a TLS goodbye under way, a connection just accepted.

        What is still open when a loop is closed stays open for as long as the process lives.
        """
        async with asyncio.timeout(_SECONDS):
            while True:
                others = asyncio.all_tasks() - {asyncio.current_task()}
                for task in others:
                    task.cancel()
                left = self._watched() - self._fds_of_loop
                for fd in left:
                    with contextlib.suppress(OSError), socket.socket(fileno=os.dup(fd)) as ended:
                        ended.shutdown(socket.SHUT_RDWR)
                if not others and not left:
                    return
                await asyncio.sleep(0.01)

    def _watched(self) -> set[int]:
        return {key.fd for key in self._selector.get_map().values()}


async def stop_listening(server: asyncio.Server) -> None:
    """Close a server of this loop; whom it has accepted, it has accepted whole.

    One that is closed between the two halves of accepting (Python 3.11) leaves a connection that is
    open and in nobody's hands.
    """
    for listening in server.sockets:
        asyncio.get_running_loop().remove_reader(listening.fileno())
    await asyncio.sleep(0)
    server.close()
