"""Connections that are gone when their pool is closed."""

import asyncio
import socket
from typing import Any, Final
from weakref import WeakSet

import aiohttp

_PAUSE_SECONDS: Final = 0.001
_PAUSES: Final = 1000


class Connector(aiohttp.TCPConnector):
    """A pool whose `close` waits until the operating system has all its sockets back.

    A request that is given up while its TLS connection is being made leaves a transport which the
    loop closes in its next turns, but the pool does not know of it any more. At the end of a
    command there are no next turns. It takes milliseconds, and is given up after about a second.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(socket_factory=self._socket, **options)
        self._sockets: WeakSet[socket.socket] = WeakSet()

    def _socket(self, address: aiohttp.AddrInfoType) -> socket.socket:
        family, kind, protocol, *_ = address
        made = socket.socket(family, kind, protocol)
        self._sockets.add(made)
        return made

    async def close(self, *, abort_ssl: bool = False) -> None:
        """Drop all connections."""
        await super().close(abort_ssl=abort_ssl)
        for _ in range(_PAUSES):
            if all(one.fileno() == -1 for one in self._sockets):
                return
            await asyncio.sleep(_PAUSE_SECONDS)
