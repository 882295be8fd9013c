"""Sends what was queued on a connection in pipeline mode, and collects the answers.

psycopg's own wait goes on for up to five seconds after a cancellation, to cancel in the server as
well. A check has a deadline instead, and the server has its own, so here a cancellation is final.
"""

import asyncio
import socket
import struct

import psycopg
from psycopg import pq

MAX_ANSWER_BYTES = 1024 * 1024
"""No check needs more: an answer that is larger is given up while it arrives."""


_RECEIVE_BUFFER = 64 * 1024
_BYTES_RECEIVED = struct.Struct("=128xQ")
"""Where Linux puts `tcpi_bytes_received` in its struct tcp_info."""


class LostError(Exception):
    """The connection broke, or the server ended the session."""


class TooLargeError(Exception):
    """The answers have more than MAX_ANSWER_BYTES."""


async def exchange(pgconn: pq.abc.PGconn, syncs: int) -> list[pq.abc.PGresult]:
    """Give the answers up to the Sync number `syncs`, in order, without the Syncs themselves.

    Errors of the server are answers as well; one that is followed by the end of the connection is
    the last that is known, and those before it are all that is given. Raise LostError or
    TooLargeError; after these and after a cancellation the connection can only be closed.
    """
    return await _Exchange(pgconn, syncs).run()


class _Exchange:
    def __init__(self, pgconn: pq.abc.PGconn, syncs: int) -> None:
        self._pgconn = pgconn
        self._syncs = syncs
        self._answers: list[pq.abc.PGresult] = []
        self._loop = asyncio.get_running_loop()
        self._done: asyncio.Future[None] = self._loop.create_future()
        self._descriptor: int | None = None
        self._limit = 0

    async def run(self) -> list[pq.abc.PGresult]:
        try:
            descriptor = self._pgconn.socket
            self._limit = _received(descriptor) + MAX_ANSWER_BYTES
            unsent = self._pgconn.flush()
        except (psycopg.Error, OSError):
            raise LostError from None
        self._descriptor = descriptor
        self._loop.add_reader(descriptor, self._read, descriptor)
        if unsent:
            self._loop.add_writer(descriptor, self._write, descriptor)
        try:
            await self._done
        finally:
            self._unwatch()
        return self._answers

    def _write(self, descriptor: int) -> None:
        try:
            unsent = self._pgconn.flush()
        except psycopg.Error:
            self._finish(LostError())
        else:
            if not unsent:
                self._loop.remove_writer(descriptor)

    def _read(self, descriptor: int) -> None:
        try:
            self._pgconn.consume_input()
            # Before libpq's rows are looked at: it keeps a whole row however long it is.
            if _received(descriptor) > self._limit:
                self._finish(TooLargeError())
            else:
                self._collect()
        except (psycopg.Error, OSError):
            # Who hangs up may have said why.
            said = any(each.status == pq.ExecStatus.FATAL_ERROR for each in self._answers)
            self._finish(None if said else LostError())

    def _collect(self) -> None:
        after_none = False
        while not self._pgconn.is_busy():
            answer = self._pgconn.get_result()
            if answer is None:
                # One None ends the answers of each statement; two mean that nothing has come yet.
                if after_none:
                    return
                after_none = True
                continue
            after_none = False
            if answer.status != pq.ExecStatus.PIPELINE_SYNC:
                self._answers.append(answer)
                continue
            self._syncs -= 1
            if not self._syncs:
                self._finish()
                return

    def _finish(self, error: Exception | None = None) -> None:
        self._unwatch()
        if self._done.done():
            return
        if error is None:
            self._done.set_result(None)
        else:
            self._done.set_exception(error)

    def _unwatch(self) -> None:
        """Stop watching the socket, once.

        libpq closes it when the connection breaks. Its number may belong to another connection as
        soon as the loop goes on, so that it has to be unwatched in the same callback.
        """
        if self._descriptor is not None:
            self._loop.remove_reader(self._descriptor)
            self._loop.remove_writer(self._descriptor)
            self._descriptor = None


def bound_receive_buffer(pgconn: pq.abc.PGconn) -> None:
    """Make the server wait for us, so that a huge answer rarely arrives within one read of libpq.

    libpq reads as long as something is there. What it may hold beyond MAX_ANSWER_BYTES depends on
    who is faster; without this it was up to 100 MiB on a local connection.
    """
    wire = socket.socket(socket.AF_INET, socket.SOCK_STREAM, fileno=pgconn.socket)
    try:
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
    finally:
        wire.detach()


def _received(descriptor: int) -> int:
    """Ask the kernel for the bytes received so far; libpq does not tell how much it holds."""
    # With all three named, Python asks the kernel nothing else.
    wire = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, fileno=descriptor)
    try:
        information = wire.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _BYTES_RECEIVED.size)
    finally:
        wire.detach()
    (count,) = _BYTES_RECEIVED.unpack(information)
    return int(count)
