"""What the HTTP client does on the wire, and how it tells what went wrong, on loopback."""

import asyncio
import socket
import ssl
import tracemalloc
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest
import trustme

from raw_http import Exchange, RawServer, Script, answering, sending, serving, silent
from servicesop.api.reasons import UnknownReason
from servicesop.api.urls import url_parts
from servicesop.sources.dial import DialGuard
from servicesop.sources.errors import SourceError
from servicesop.sources.http.client import MAX_BODY, Answer, HttpClient, Request
from servicesop.sources.http.failures import HttpFailure, Kind
from servicesop.sources.http.trust import trust

CANARY = "canary-7f3a"
HEAD = b"HTTP/1.1 200 OK\r\n"


async def _loopback(host: str, port: int, **_: object) -> Sequence[tuple[object, ...]]:
    return [(2, 1, 6, "", ("127.0.0.1", port))]


def client_for(port: int, *hosts: str, keep_connections: bool = False) -> HttpClient:
    allowed = frozenset((host, port) for host in ("127.0.0.1", *hosts))
    return HttpClient(DialGuard(allowed, resolve=_loopback), keep_connections=keep_connections)


@asynccontextmanager
async def talking(script: Script) -> AsyncIterator[tuple[RawServer, HttpClient]]:
    async with serving(script) as server:
        client = client_for(server.port)
        yield server, client
        await client.close()


async def ask(
    client: HttpClient, url: str, *, within: float = 5.0, tls: ssl.SSLContext | None = None
) -> Answer:
    return await client.ask(Request(url_parts(url), tls=tls), within=within)


async def failure(script: Script, within: float = 5.0) -> Kind:
    async with talking(script) as (server, client):
        with pytest.raises(HttpFailure) as caught:
            await ask(client, server.url(f"/?{CANARY}"), within=within)
    error: BaseException | None = caught.value
    while error is not None:
        assert CANARY not in str(error)
        error = error.__cause__ or error.__context__
    return caught.value.kind


async def test_an_answer_is_given_as_it_came() -> None:
    async with talking(answering(503, b"no leader")) as (server, client):
        answer = await ask(client, server.url())
    assert (answer.status, answer.body, answer.complete) == (503, b"no leader", True)
    assert 0 < answer.seconds < 5


async def test_only_what_was_said_is_sent() -> None:
    async with talking(answering()) as (server, client):
        url = url_parts(server.url("/a/../b%20c?x=%2f"))
        request = Request(url, "POST", {"Authorization": "Bearer t"}, b"grant=1")
        await client.ask(request, within=5.0)
        await client.ask(Request(url_parts(f"http://127.0.0.1:{server.port}?q")), within=5.0)
    first, second = server.exchanges
    assert first.request_line == "POST /a/../b%20c?x=%2f HTTP/1.1"
    assert first.headers.pop("User-Agent").startswith("servicesop/")
    assert first.headers == {
        "Host": f"127.0.0.1:{server.port}",
        "Accept": "*/*",
        "Accept-Encoding": "identity",
        "Authorization": "Bearer t",
        "Content-Length": "7",
        "Content-Type": "application/octet-stream",
        "Connection": "close",
    }
    assert first.body == b"grant=1"
    assert second.target == "/?q"


async def test_the_name_is_resolved_by_the_guard_alone_and_still_named_to_the_server() -> None:
    async with serving(answering()) as server:
        client = client_for(server.port, "shop.test")
        await ask(client, server.url(host="shop.test"))
        await client.close()
    assert server.exchanges[0].headers["Host"] == f"shop.test:{server.port}"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_no_redirect_is_followed(status: int) -> None:
    async with serving(answering()) as elsewhere:
        there = f"Location: {elsewhere.url()}"
        async with talking(answering(status, b"", there)) as (server, client):
            answer = await ask(client, server.url())
    assert answer.status == status
    assert elsewhere.connections == 0


async def test_the_environment_has_no_say(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(answering()) as proxy, talking(answering(204)) as (server, client):
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url())
        answer = await ask(client, server.url())
    assert answer.status == 204
    assert proxy.connections == 0


@pytest.mark.parametrize(("keep", "connections"), [(False, 3), (True, 1)])
async def test_each_request_has_a_connection_of_its_own_unless_they_are_kept(
    keep: bool, connections: int
) -> None:
    async with serving(answering(200, b"ok")) as server:
        client = client_for(server.port, keep_connections=keep)
        for _ in range(3):
            # Without it aiohttp leaves the header out, for HTTP/1.1 implies it.
            request = Request(url_parts(server.url()), headers={"Connection": "keep-alive"})
            await client.ask(request if keep else Request(request.url), within=5.0)
        await client.close()
    assert server.connections == connections


@pytest.mark.parametrize("host", ["127.0.0.1", "shop.test", "[::1]", "169.254.169.254"])
async def test_a_refused_address_is_not_connected_to(host: str) -> None:
    async with serving(answering()) as server:
        client = HttpClient(DialGuard(frozenset({("other", server.port)}), resolve=_loopback))
        with pytest.raises(SourceError) as caught:
            await ask(client, server.url(host=host))
        await client.close()
    assert caught.value.reason is UnknownReason.ADDRESS_REFUSED
    assert server.connections == 0


async def test_a_name_server_that_answers_something_else_the_second_time_has_no_say() -> None:
    asked: list[str] = []

    async def rebinding(host: str, port: int, **_: object) -> Sequence[tuple[object, ...]]:
        asked.append(host)
        # TEST-NET-1: nobody is there, and nothing is refused.
        return [(2, 1, 6, "", ("192.0.2.1" if len(asked) == 1 else "127.0.0.1", port))]

    async with serving(answering()) as server:
        client = HttpClient(DialGuard(resolve=rebinding))
        with pytest.raises(HttpFailure):
            await ask(client, server.url(host="shop.test"), within=0.2)
        await client.close()
    assert asked == ["shop.test"]
    assert server.connections == 0


async def test_a_name_server_that_hangs_is_not_the_targets_fault() -> None:
    async def hanging(host: str, port: int, **_: object) -> Sequence[tuple[object, ...]]:
        await asyncio.Event().wait()
        raise AssertionError("unreachable")

    client = HttpClient(DialGuard(resolve=hanging))
    with pytest.raises(SourceError) as caught:
        await ask(client, "http://shop.test/", within=0.05)
    assert caught.value.reason is UnknownReason.HOST_NOT_FOUND


async def test_a_port_where_nobody_listens_refuses() -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    client = client_for(port)
    with pytest.raises(HttpFailure) as caught:
        await ask(client, f"http://127.0.0.1:{port}/")
    await client.close()
    assert caught.value.kind is Kind.REFUSED


async def test_a_server_that_never_accepts_is_a_timeout() -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        waiting = [socket.socket() for _ in range(3)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", port))
        client = client_for(port)
        with pytest.raises(HttpFailure) as caught:
            await ask(client, f"http://127.0.0.1:{port}/", within=0.2)
        await client.close()
        for one in waiting:
            one.close()
    assert caught.value.kind is Kind.TIMEOUT


async def _resetting(exchange: Exchange) -> None:
    exchange.reset()


async def _dripping(exchange: Exchange) -> None:
    await exchange.send(HEAD + b"Content-Length: 1000\r\n\r\n")
    while True:
        await exchange.send(b".")
        await asyncio.sleep(0.01)


async def _dripping_head(exchange: Exchange) -> None:
    await exchange.send(HEAD)
    while True:
        await exchange.send(b"X: y\r\n")
        await asyncio.sleep(0.02)


@pytest.mark.parametrize("script", [silent, _dripping, _dripping_head, sending(HEAD[:5])])
async def test_whatever_is_not_complete_in_time_is_a_timeout(script: Script) -> None:
    async def held(exchange: Exchange) -> None:
        await script(exchange)
        await silent(exchange)

    assert await failure(held, within=0.2) is Kind.TIMEOUT


@pytest.mark.parametrize(
    "script",
    [
        _resetting,
        sending(),
        sending(HEAD[:12]),
        sending(HEAD),
        sending(HEAD + b"Content-Length: 10\r\n\r\nshort"),
        sending(HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nab"),
    ],
)
async def test_a_connection_that_ends_in_the_middle_is_a_reset(script: Script) -> None:
    assert await failure(script) is Kind.RESET


@pytest.mark.parametrize(
    "data",
    [
        b"\x00\xff" * 500,
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 99999 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        HEAD + b"Content-Length: -5\r\n\r\n",
        HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
        HEAD + b"X-Long: " + b"a" * 20_000 + b"\r\n\r\n",
        HEAD + b"".join(b"X-%d: y\r\n" % number for number in range(1000)) + b"\r\n",
        b"HTTP/1.1 200 " + b"a" * 20_000 + b"\r\n\r\n",
    ],
)
async def test_what_is_no_http_is_malformed(data: bytes) -> None:
    assert await failure(sending(data)) is Kind.MALFORMED


async def test_a_body_is_read_up_to_its_limit() -> None:
    for size, complete in ((MAX_BODY, True), (MAX_BODY + 1, False)):
        async with talking(answering(200, b"x" * size)) as (server, client):
            answer = await ask(client, server.url())
        assert (len(answer.body), answer.complete) == (MAX_BODY, complete)


async def test_an_endless_body_is_left_and_costs_no_memory() -> None:
    sent = 0

    async def endless(exchange: Exchange) -> None:
        nonlocal sent
        await exchange.send(HEAD + b"\r\n")
        while True:
            await exchange.send(b"x" * MAX_BODY)
            sent += MAX_BODY

    tracemalloc.start()
    try:
        async with talking(endless) as (server, client):
            answer = await ask(client, server.url())
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (len(answer.body), answer.complete) == (MAX_BODY, False)
    assert peak < 8 * 1024 * 1024
    assert sent < 64 * 1024 * 1024


async def test_a_compressed_body_is_not_unpacked_and_marked() -> None:
    async with talking(answering(200, b"\x1f\x8b", "Content-Encoding: gzip")) as (server, client):
        answer = await ask(client, server.url())
    assert (answer.body, answer.encoded) == (b"\x1f\x8b", True)


AUTHORITY = trustme.CA()


def server_tls(*names: str, authority: trustme.CA = AUTHORITY) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(*names).configure_cert(context)
    return context


@asynccontextmanager
async def encrypted(context: ssl.SSLContext) -> AsyncIterator[tuple[RawServer, HttpClient]]:
    async with serving(answering(200, b"ok"), context) as server:
        client = client_for(server.port, "shop.test")
        yield server, client
        await client.close()


OURS = trust(AUTHORITY.cert_pem.bytes().decode())


@pytest.mark.parametrize(("name", "host"), [("shop.test", "shop.test"), ("127.0.0.1",) * 2])
async def test_a_certificate_of_the_authority_for_that_host_is_trusted(
    name: str, host: str
) -> None:
    async with encrypted(server_tls(name)) as (server, client):
        answer = await ask(client, server.url(scheme="https", host=host), tls=OURS)
    assert answer.body == b"ok"


def _expired() -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    past = datetime(2020, 1, 1, tzinfo=UTC)
    AUTHORITY.issue_cert("shop.test", not_before=past, not_after=past).configure_cert(context)
    return context


UNTRUSTED: Mapping[str, tuple[ssl.SSLContext, ssl.SSLContext | None, Kind]] = {
    "another authority": (
        server_tls("shop.test", authority=trustme.CA()),
        OURS,
        Kind.CERTIFICATE_NOT_TRUSTED,
    ),
    "the system's": (server_tls("shop.test"), None, Kind.CERTIFICATE_NOT_TRUSTED),
    "another name": (server_tls("other.test"), OURS, Kind.CERTIFICATE_NAME_MISMATCH),
    "its address": (server_tls("127.0.0.1"), OURS, Kind.CERTIFICATE_NAME_MISMATCH),
    "expired": (_expired(), OURS, Kind.CERTIFICATE_EXPIRED),
}


@pytest.mark.parametrize("case", UNTRUSTED)
async def test_any_other_certificate_is_refused(case: str) -> None:
    context, tls, kind = UNTRUSTED[case]
    async with encrypted(context) as (server, client):
        with pytest.raises(HttpFailure) as caught:
            await ask(client, server.url(scheme="https", host="shop.test"), tls=tls)
        assert server.exchanges == []
    assert caught.value.kind is kind


async def test_a_server_that_does_not_encrypt_is_told_apart() -> None:
    async def plain(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(plain, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        client = client_for(port)
        with pytest.raises(HttpFailure) as caught:
            await ask(client, f"https://127.0.0.1:{port}/", tls=OURS)
        await client.close()
    assert caught.value.kind is Kind.TLS_FAILED


def test_every_kind_has_a_sentence_of_its_own() -> None:
    assert len({kind.words for kind in Kind}) == len(Kind)


def test_a_request_never_shows_what_it_carries() -> None:
    request = Request(url_parts("http://shop.test/"), headers={"X-Key": CANARY}, body=b"canary")
    assert "canary" not in repr(request)
