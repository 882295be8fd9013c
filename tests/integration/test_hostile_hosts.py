"""Hosts that lead where the operator must never connect: an unguarded client goes, ours does not.

Every attempt to connect is counted, at `socket.connect` or where psycopg is asked to connect, and
by listeners on the loopback addresses and in a socket directory. Only those are really dialled.
"""

import asyncio
import contextlib
import re
import socket
import tempfile
from collections.abc import Iterator, Mapping
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from psycopg import conninfo

from integration.reader import FakeClock
from servicesop.api.reasons import UnknownReason
from servicesop.api.sop import Connection
from servicesop.sources.dial import DialGuard
from servicesop.sources.errors import SourceError
from servicesop.sources.postgres.pool import Databases

CORPUS = yaml.safe_load((Path(__file__).parents[1] / "corpora" / "database_hosts.yaml").read_text())
FAMILIES: Mapping[str, list[str]] = CORPUS["families"]
EXCEPTION = "localhost"
"""What the administrator allows in this run, on the listeners' port."""


class World:
    """Listeners, name service and counters."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, directory: Path) -> None:
        self.directory = directory
        self.dialled: list[str] = []
        self._listeners = self._listen()
        self.port = self._listeners[0].getsockname()[1]
        path = socket.socket(socket.AF_UNIX)
        path.bind(f"{directory}/.s.PGSQL.{self.port}")
        self._listeners.append(path)
        for listener in self._listeners:
            listener.listen(1024)
            listener.setblocking(False)
        self._really_resolve = socket.getaddrinfo
        self._really_connect = socket.socket.connect
        connect = psycopg.AsyncConnection.connect
        world = self

        async def counting(**options: Any) -> psycopg.AsyncConnection[Any]:
            world.dialled.append(f"{options['hostaddr']} for {options['host']}")
            return await connect(**options)

        monkeypatch.setattr(psycopg.AsyncConnection, "connect", counting)
        monkeypatch.setattr(socket, "getaddrinfo", self._resolve)
        monkeypatch.setattr(socket.socket, "connect", lambda one, to: world._connect(one, to))

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

    def _resolve(self, host: Any, port: Any, *rest: Any, **options: Any) -> Any:
        if host not in CORPUS["names"]:
            # Numbers in all their spellings, and localhost, for which no name server is asked.
            return self._really_resolve(host, port, *rest, **options)
        return [
            answer
            for address in CORPUS["names"][host]
            for answer in self._really_resolve(address, port, type=socket.SOCK_STREAM)
        ]

    def _connect(self, one: socket.socket, to: Any) -> None:
        self.dialled.append(str(to))
        address = to if one.family == socket.AF_UNIX else ip_address(to[0].partition("%")[0])
        if isinstance(address, str):
            here = address.startswith(str(self.directory))
        else:
            here = address.is_loopback
        if not here:
            raise ConnectionRefusedError("nothing leaves this machine")
        self._really_connect(one, to)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    # A socket's path is short, which pytest's own directories are not.
    with tempfile.TemporaryDirectory(prefix="servicesop-") as directory:
        world = World(monkeypatch, Path(directory))
        yield world
        world.close()


def unguarded(world: World, host: str) -> None:
    """Connect as a client does that puts the host into a connection string, as libpq would."""
    options = conninfo.conninfo_to_dict(f"host={host} port={world.port}")
    for each in str(options.get("hostaddr") or options["host"]).split(","):
        if each.startswith(("/", "@")):
            path = f"{each}/.s.PGSQL.{world.port}"
            path = f"\0{path[1:]}" if each.startswith("@") else path
            with socket.socket(socket.AF_UNIX) as client:
                _attempt(client, path)
            continue
        for family, _, _, _, to in socket.getaddrinfo(
            each or "localhost", world.port, type=socket.SOCK_STREAM
        ):
            with socket.socket(family) as client:
                _attempt(client, to)


def _attempt(client: socket.socket, to: Any) -> None:
    client.settimeout(1.0)
    with contextlib.suppress(OSError):
        client.connect(to)


def guarded(world: World, host: str) -> Databases:
    secret = {
        "host": host.encode(),
        "port": str(world.port).encode(),
        "database": b"orders",
        "user": b"reader",
        "password": b"canary",
    }

    async def read(namespace: str, name: str) -> Mapping[str, bytes]:
        return secret

    guard = DialGuard(
        frozenset({(EXCEPTION, world.port)}),
        [ip_network(address) for address in CORPUS["api_server"]],
        lambda: CORPUS["node"],
    )
    return Databases(guard, read, FakeClock())


async def ask(databases: Databases) -> SourceError:
    connection = Connection.model_validate(
        {"name": "database", "postgres": {"secretRef": {"name": "db"}, "tls": "Disable"}}
    )
    source = databases.for_sop("shop")(connection)
    with pytest.raises(SourceError) as caught:
        await source.query("SELECT 1", timeout=5.0, max_rows=1)
    databases.close()
    return caught.value


def test_the_corpus_is_as_large_as_it_says() -> None:
    hosts = [host for family in FAMILIES.values() for host in family]
    assert len(FAMILIES) >= 20
    assert len(set(hosts)) == len(hosts) >= 200


@pytest.mark.parametrize("family", FAMILIES)
async def test_an_unguarded_client_goes_there_and_ours_does_not(family: str, world: World) -> None:
    hosts = [host.replace("{directory}", str(world.directory)) for host in FAMILIES[family]]
    for host in hosts:
        world.dialled.clear()
        await asyncio.to_thread(unguarded, world, host)
        assert world.dialled, f"{host!r} leads nowhere"
    if family.startswith("loopback") and "IPv6" not in family:
        assert world.arrived() >= len(hosts)
    world.arrived()

    world.dialled.clear()
    for host in hosts:
        failure = await ask(guarded(world, host))
        assert failure.reason is UnknownReason.ADDRESS_REFUSED, host
        assert not re.search(r"canary|\d{3}", failure.message)
    assert world.dialled == []
    assert world.arrived() == 0


async def test_the_exception_is_dialled_so_that_the_counters_are_known_to_count(
    world: World,
) -> None:
    asking = asyncio.create_task(ask(guarded(world, EXCEPTION)))
    arrived = 0
    async with asyncio.timeout(10):
        while not asking.done():
            arrived += world.arrived()
            await asyncio.sleep(0.01)
    assert (await asking).reason is UnknownReason.UNREACHABLE
    assert len(world.dialled) == 1
    assert arrived == 1
