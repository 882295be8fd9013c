"""URLs that lead where the operator must never connect: an unguarded client goes, ours does not.

Every attempt to connect is counted at `socket.connect`, and by listeners on the loopback addresses.
One exception is in force: exactly `localhost` and the port of one server, which redirects.
"""

import asyncio
import contextlib
import itertools
import re
import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

import pytest
import yaml
from pydantic import ValidationError

from raw_http import Exchange, RawServer, serving
from servicesop.api.checks.check import Check
from servicesop.api.reasons import UnknownReason
from servicesop.checks.ask import ask
from servicesop.checks.registry import build
from servicesop.judge.results import Sample, Verdict
from servicesop.sources.dial import DialGuard
from servicesop.sources.http.targets import HttpTargets
from servicesop.sources.kubernetes.admission import open_everywhere
from surroundings import NOBODY
from world import World

CORPUS = yaml.safe_load((Path(__file__).parents[2] / "corpora" / "hostile_urls.yaml").read_text())
FAMILIES: Mapping[str, list[str]] = CORPUS["families"]
REBINDING, REDIRECTS = "rebinding", "redirects from the exception"
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


class RebindingWorld(World):
    """Some names have another address each time that they are resolved."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__(monkeypatch, CORPUS["names"] | CORPUS["rebinding"])
        self.forget()

    def forget(self) -> None:
        self._turns = {name: itertools.cycle(each) for name, each in CORPUS["rebinding"].items()}

    def addresses(self, host: str) -> Sequence[str]:
        return [next(self._turns[host])] if host in self._turns else super().addresses(host)


async def redirecting(exchange: Exchange) -> None:
    path, _, to = exchange.target.partition("?")
    await exchange.answer(int(path.rpartition("/")[2]), b"", f"Location: {to}")


@pytest.fixture
async def opened(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[RawServer]:
    async with serving(redirecting) as server:
        yield server


@pytest.fixture
async def world(
    opened: RawServer, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[RebindingWorld]:
    world = RebindingWorld(monkeypatch)
    yield world
    world.close()


def urls_of(family: str, world: World, opened: RawServer) -> list[str]:
    ports = {"{port}": str(world.port), "{open}": str(opened.port)}
    return [re.sub("{port}|{open}", lambda found: ports[found[0]], url) for url in FAMILIES[family]]


def unguarded(url: str) -> None:
    """GET as a client does that checks nothing: any scheme, any host, redirects followed once."""
    to = _get(url)
    if to is not None:
        _get(urljoin(url, to))


def _get(url: str) -> str | None:
    parts = urlsplit(url)
    host = unquote(parts.hostname or "")
    for family, _, _, _, to in socket.getaddrinfo(host, parts.port or 80, type=socket.SOCK_STREAM):
        with socket.socket(family) as client, contextlib.suppress(OSError):
            client.settimeout(2.0)
            client.connect(to)
            if "/redirect/" not in parts.path:
                return None
            client.sendall(f"GET {parts.path}?{parts.query} HTTP/1.1\r\n\r\n".encode())
            found = re.search(rb"Location: (.*)\r\n", client.recv(4096))
            return found[1].decode() if found else None
    return None


class Guarded:
    """Our checks, of a URL as their target and as their token's issuer."""

    def __init__(self, opened: RawServer) -> None:
        guard = DialGuard(
            frozenset({("localhost", opened.port)}),
            [ip_network(address) for address in CORPUS["api_server"]],
            lambda: CORPUS["node"],
        )
        self.targets = HttpTargets(guard, self._read, self._read)

    async def samples(self, url: str) -> list[Sample]:
        """Give what the checks say; nothing where the resource itself is refused."""
        issuer = {"tokenUrl": url, "secretRef": {"name": "client"}}
        service = {"name": "refresher", "port": 80}
        return [
            *await self._sample({"url": url}),
            *await self._sample({"service": service, "oauth2": issuer}),
        ]

    async def _sample(self, http: dict[str, Any]) -> list[Sample]:
        try:
            check = Check.model_validate({"name": "c", "timeout": "5s", "http": http})
        except ValidationError:
            return []
        around = replace(
            NOBODY, http=self.targets.of("shop"), admission=partial(open_everywhere, "shop")
        )
        runner = build(check, around)
        defects: list[Exception] = []
        sample = await ask(runner, check, NOW, defects.append)
        assert not defects, defects
        return [sample]

    async def _read(self, namespace: str, name: str) -> Mapping[str, bytes]:
        return {"client-id": b"fleet", "client-secret": b"canary"}


def test_the_corpus_is_as_large_as_it_says() -> None:
    urls = [url for family in FAMILIES.values() for url in family]
    assert len(FAMILIES) >= 20
    assert len(set(urls)) == len(urls) >= 200


@pytest.mark.parametrize("family", FAMILIES)
async def test_an_unguarded_client_goes_there_and_ours_does_not(
    family: str, world: RebindingWorld, opened: RawServer
) -> None:
    urls = urls_of(family, world, opened)
    for url in urls:
        world.dialled.clear()
        if family == REBINDING:
            # It checks the name, and then connects to the name.
            socket.getaddrinfo(urlsplit(url).hostname, world.port)
        await asyncio.to_thread(unguarded, url)
        reached = [to for to in world.dialled if family != REDIRECTS or f"{opened.port}" not in to]
        assert reached, f"{url!r} leads nowhere"
        assert family != REBINDING or "10.1.2.3" not in reached[0]
    if family.startswith("loopback") and "IPv6" not in family:
        assert world.arrived() >= len(urls)
    world.arrived()

    world.forget()
    world.dialled.clear()
    connections = opened.connections
    guarded = Guarded(opened)
    for url in urls:
        for sample in await guarded.samples(url):
            if family not in (REBINDING, REDIRECTS):
                assert sample.verdict is Verdict.ERROR, url
                assert sample.reason is UnknownReason.ADDRESS_REFUSED, url
                assert not re.search(r"\d{3}", sample.message), url
            assert "canary" not in repr(sample), url
    await guarded.targets.close()
    if family == REBINDING:
        # Each is resolved once, to the address that was checked, as target and then as issuer.
        assert set(world.dialled) == {str(("10.1.2.3", world.port))}
    elif family == REDIRECTS:
        assert len(world.dialled) == opened.connections - connections == 2 * len(urls)
        assert set(world.dialled) == {str(("127.0.0.1", opened.port))}
    else:
        assert world.dialled == []
    assert world.arrived() == 0


async def test_the_exception_is_dialled_so_that_the_counters_are_known_to_count(
    world: RebindingWorld, opened: RawServer
) -> None:
    guarded = Guarded(opened)
    samples = await guarded.samples(f"http://localhost:{opened.port}/200")
    await guarded.targets.close()
    assert samples[0].verdict is Verdict.PASSED
    assert len(world.dialled) == opened.connections == 2
