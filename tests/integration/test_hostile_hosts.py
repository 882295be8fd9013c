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
from ipaddress import ip_network
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
from world import World

CORPUS = yaml.safe_load((Path(__file__).parents[1] / "corpora" / "database_hosts.yaml").read_text())
FAMILIES: Mapping[str, list[str]] = CORPUS["families"]
EXCEPTION = "localhost"
"""What the administrator allows in this run, on the listeners' port."""


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    # A socket's path is short, which pytest's own directories are not.
    with tempfile.TemporaryDirectory(prefix="servicesop-") as directory:
        world = World(monkeypatch, CORPUS["names"], directory)
        connect = psycopg.AsyncConnection.connect

        async def counting(**options: Any) -> psycopg.AsyncConnection[Any]:
            world.dialled.append(f"{options['hostaddr']} for {options['host']}")
            return await connect(**options)

        monkeypatch.setattr(psycopg.AsyncConnection, "connect", counting)
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
    hosts = [host.replace("{directory}", world.directory) for host in FAMILIES[family]]
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
