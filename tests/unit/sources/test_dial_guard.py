"""Which hosts the dial guard lets through, and which address it gives."""

import asyncio
from collections.abc import Sequence
from ipaddress import ip_network

import pytest

from servicesop.api.reasons import UnknownReason
from servicesop.sources.dial import DialGuard
from servicesop.sources.errors import SourceError


def resolving_to(*addresses: str) -> DialGuard:
    return DialGuard(resolve=Resolver(*addresses))


class Resolver:
    """Answers every name with the same addresses, and counts the questions."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = addresses
        self.asked: list[str] = []

    async def __call__(
        self, host: str, port: int, **options: object
    ) -> Sequence[tuple[object, ...]]:
        self.asked.append(host)
        return [(2, 1, 6, "", (address, port)) for address in self.addresses]


async def refusal(guard: DialGuard, host: str, port: int = 5432) -> SourceError:
    with pytest.raises(SourceError) as caught:
        await guard.address(host, port)
    return caught.value


@pytest.mark.parametrize(
    "host", ["db", "db.shop.svc", "db.shop.svc.cluster.local", "my_db.example.com", "db-1.x2"]
)
async def test_a_name_becomes_the_address_it_resolves_to(host: str) -> None:
    assert await resolving_to("10.1.2.3").address(host, 5432) == "10.1.2.3"


@pytest.mark.parametrize("host", ["10.1.2.3", "192.168.0.1", "52.1.2.3", "2600:1f18::7", "fd12::1"])
async def test_an_ordinary_address_is_used_without_asking_the_resolver(host: str) -> None:
    resolver = Resolver("127.0.0.1")
    assert await DialGuard(resolve=resolver).address(host, 5432) == host
    assert resolver.asked == []


async def test_the_name_is_resolved_once_per_call() -> None:
    resolver = Resolver("10.1.2.3", "10.1.2.4")
    assert await DialGuard(resolve=resolver).address("db", 5432) == "10.1.2.3"
    assert resolver.asked == ["db"]


FORBIDDEN = [
    "127.0.0.1",
    "127.8.9.1",
    "0.0.0.0",  # noqa: S104 - the address that must be refused
    "0.1.2.3",
    "169.254.169.254",
    "169.254.1.1",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "224.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "0:0:0:0:0:0:0:1",
    "::7f00:1",
    "fe80::1",
    "ff02::1",
    "fd00:ec2::254",
    "fd20:ce::254",
    "::ffff:127.0.0.1",
    "::ffff:10.1.2.3",
    "2002:7f00:1::",
    "2002:a9fe:a9fe::1",
    "64:ff9b::127.0.0.1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::169.254.169.254",
    "2001:0:a9fe:a9fe::1",
]


@pytest.mark.parametrize("address", FORBIDDEN)
async def test_a_forbidden_address_is_refused_as_it_stands(address: str) -> None:
    failure = await refusal(resolving_to("10.1.2.3"), address)
    assert failure.reason is UnknownReason.ADDRESS_REFUSED


@pytest.mark.parametrize("address", FORBIDDEN)
async def test_a_name_is_refused_when_any_of_its_addresses_is(address: str) -> None:
    failure = await refusal(resolving_to("10.1.2.3", address), "db.example.com")
    assert failure.reason is UnknownReason.ADDRESS_REFUSED


@pytest.mark.parametrize("address", ["64:ff9b::a01:203", "2002:3401:203::1"])
async def test_a_translated_ordinary_address_is_allowed(address: str) -> None:
    assert await resolving_to().address(address, 5432) == address


@pytest.mark.parametrize(
    "host",
    [
        "",
        " ",
        "db,other",
        "10.1.2.3,127.0.0.1",
        "/var/run/postgresql",
        "@abstract",
        "user@db",
        "db:5432",
        "[10.1.2.3]",
        "[::1]",
        "fe80::1%eth0",
        "10.1.2.3%eth0",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "127.1",
        "0177.0.0.1",
        "127.0.0.01",
        "db.1",
        "db.",
        ".db",
        "-db",
        "db-",
        "a..b",
        "db\n",
        "d\u0431.example.com",
        "a" * 64,
        "a." * 130 + "b",
        "C:\\pipe",
    ],
)
async def test_an_odd_spelling_is_refused_before_anything_is_resolved(host: str) -> None:
    resolver = Resolver("10.1.2.3")
    failure = await refusal(DialGuard(resolve=resolver), host)
    assert failure.reason is UnknownReason.ADDRESS_REFUSED
    assert resolver.asked == []


async def test_nodes_and_the_api_server_are_refused_as_they_become_known() -> None:
    networks = {ip_network("10.0.0.0/24")}
    guard = DialGuard(refused=networks, resolve=Resolver("10.0.1.5"))
    assert (await refusal(guard, "10.0.0.7")).reason is UnknownReason.ADDRESS_REFUSED
    assert (await refusal(guard, "64:ff9b::10.0.0.7")).reason is UnknownReason.ADDRESS_REFUSED
    assert await guard.address("db", 5432) == "10.0.1.5"
    networks.add(ip_network("10.0.1.5/32"))
    assert (await refusal(guard, "db")).reason is UnknownReason.ADDRESS_REFUSED


async def test_the_nodes_of_pods_are_refused_while_there_are_any() -> None:
    nodes = {"10.0.0.7", "fd12::7"}
    guard = DialGuard(nodes=lambda: nodes, resolve=Resolver("10.0.0.7"))
    for host in ("10.0.0.7", "db", "fd12:0::7", "64:ff9b::10.0.0.7"):
        assert (await refusal(guard, host)).reason is UnknownReason.ADDRESS_REFUSED
    nodes.clear()
    assert await guard.address("db", 5432) == "10.0.0.7"


async def test_an_exception_holds_for_exactly_that_host_and_port() -> None:
    guard = DialGuard(frozenset({("localhost", 5432)}), resolve=Resolver("127.0.0.1"))
    assert await guard.address("localhost", 5432) == "127.0.0.1"
    for host, port in (("localhost", 5433), ("127.0.0.1", 5432), ("LOCALHOST", 5432)):
        assert (await refusal(guard, host, port)).reason is UnknownReason.ADDRESS_REFUSED


async def test_a_name_without_an_address_is_not_found() -> None:
    failure = await refusal(resolving_to(), "db")
    assert failure.reason is UnknownReason.HOST_NOT_FOUND


async def test_a_failing_resolver_is_not_found_and_its_text_goes_no_further() -> None:
    async def resolve(*_: object, **__: object) -> Sequence[tuple[object, ...]]:
        raise OSError("canary")

    failure = await refusal(DialGuard(resolve=resolve), "db")
    assert failure.reason is UnknownReason.HOST_NOT_FOUND
    assert "canary" not in failure.message


async def test_a_resolver_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("servicesop.sources.dial._RESOLVE_SECONDS", 0.01)

    async def resolve(*_: object, **__: object) -> Sequence[tuple[object, ...]]:
        await asyncio.Event().wait()
        raise AssertionError("unreachable")

    failure = await refusal(DialGuard(resolve=resolve), "db")
    assert failure.reason is UnknownReason.HOST_NOT_FOUND


@pytest.mark.parametrize("host", ["127.0.0.1", "canary.example.com", "user:canary@db"])
async def test_a_refusal_never_repeats_the_host(host: str) -> None:
    failure = await refusal(resolving_to("127.0.0.1"), host)
    assert host not in failure.message
    assert "canary" not in failure.message
