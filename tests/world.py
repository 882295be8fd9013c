"""A world in which every attempt to connect is counted, and only loopback is really dialled."""

import socket
from collections.abc import Mapping, Sequence
from ipaddress import ip_address
from typing import Any

import pytest


class World:
    """Listeners on loopback, a name service, and counters at `socket.connect`."""

    def __init__(
        self,
        monkeypatch: pytest.MonkeyPatch,
        names: Mapping[str, Sequence[str]],
        directory: str = "",
    ) -> None:
        """`directory`: sockets in it are dialled too."""
        self.dialled: list[str] = []
        self._names = names
        self.directory = directory
        self._listeners = self._listen()
        self.port = self._listeners[0].getsockname()[1]
        if directory:
            path = socket.socket(socket.AF_UNIX)
            path.bind(f"{directory}/.s.PGSQL.{self.port}")
            self._listeners.append(path)
        for listener in self._listeners:
            listener.listen(1024)
            listener.setblocking(False)
        self._really_resolve = socket.getaddrinfo
        self._really_connect = socket.socket.connect
        monkeypatch.setattr(socket, "getaddrinfo", self.resolve)
        monkeypatch.setattr(socket.socket, "connect", lambda one, to: self._connect(one, to))

    @staticmethod
    def _listen() -> list[socket.socket]:
        # All of 127.0.0.0/8, and whatever else this machine answers to.
        four = socket.create_server(("0.0.0.0", 0))  # noqa: S104
        listeners = [four]
        if socket.has_ipv6:
            six = socket.socket(socket.AF_INET6)
            try:
                six.bind(("::1", four.getsockname()[1]))
            except OSError:
                # A machine may have no IPv6 loopback; attempts are counted where they are made.
                six.close()
            else:
                listeners.append(six)
        return listeners

    def close(self) -> None:
        for listener in self._listeners:
            listener.close()

    def arrived(self) -> int:
        """Count the connections that the listeners have got, and close them."""
        count = 0
        for listener in self._listeners:
            while True:
                try:
                    client, _ = listener.accept()
                except BlockingIOError:
                    break
                client.close()
                count += 1
        return count

    def addresses(self, host: str) -> Sequence[str]:
        """Give the addresses of a name at this moment."""
        return self._names[host]

    def resolve(self, host: Any, port: Any, *rest: Any, **options: Any) -> Any:
        if host not in self._names:
            # Numbers in all their spellings, and localhost, for which no name server is asked.
            return self._really_resolve(host, port, *rest, **options)
        return [
            answer
            for address in self.addresses(host)
            for answer in self._really_resolve(address, port, type=socket.SOCK_STREAM)
        ]

    def _connect(self, one: socket.socket, to: Any) -> None:
        self.dialled.append(str(to))
        address = to if one.family == socket.AF_UNIX else ip_address(to[0].partition("%")[0])
        if isinstance(address, str):
            here = bool(self.directory) and address.startswith(self.directory)
        else:
            here = address.is_loopback
        if not here:
            raise ConnectionRefusedError("nothing leaves this machine")
        self._really_connect(one, to)
