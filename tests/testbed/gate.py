"""A way to a server that can be cut, while the server itself lives on or is replaced."""

import asyncio
import contextlib
import json
from pathlib import Path

from testbed.lifetime import Lifetime
from testbed.loop_thread import LoopThread, stop_listening

_CHUNK = 65536


class Gate(Lifetime):
    """Forwards TCP connections to a port of 127.0.0.1; use as a context manager.

    While it is closed, its own port refuses connections, as that of a server that is not running.
    """

    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        self._thread = LoopThread("gate")
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0
        """Its port on 127.0.0.1; the same each time that it is opened."""

    def _live(self, life: contextlib.ExitStack) -> None:
        life.enter_context(self._thread)
        self.open()
        life.callback(self.close)

    def open(self) -> None:
        """Let connections through."""
        self._thread.run(self._open())

    def close(self) -> None:
        """Cut all connections and refuse new ones."""
        self._thread.run(self._close())

    def kubeconfig(self, original: Path) -> Path:
        """Copy a kubeconfig of the server, so that it leads through the gate."""
        config = json.loads(original.read_text())
        config["clusters"][0]["cluster"]["server"] = f"https://127.0.0.1:{self.port}"
        copy = original.with_suffix(f".gate-{self.port}")
        copy.touch(mode=0o600)
        copy.write_text(json.dumps(config))
        return copy

    async def _open(self) -> None:
        self._server = await asyncio.start_server(self._forward, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            await stop_listening(server)
        for writer in self._writers:
            writer.transport.abort()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        with contextlib.suppress(OSError):
            try:
                if self._server is None:
                    return
                self._writers.add(writer)
                there, back = await asyncio.open_connection("127.0.0.1", self._target_port)
                self._writers.add(back)
                try:
                    # One side's end is the other's: HTTP has no half-closed connections.
                    copies = {
                        asyncio.create_task(_copy(reader, back)),
                        asyncio.create_task(_copy(there, writer)),
                    }
                    await asyncio.wait(copies, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    back.transport.abort()
                    writer.transport.abort()
                    await asyncio.gather(*copies, return_exceptions=True)
                    self._writers.discard(back)
            finally:
                writer.transport.abort()
                self._writers.discard(writer)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while chunk := await reader.read(_CHUNK):
            writer.write(chunk)
            await writer.drain()
