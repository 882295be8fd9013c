"""Whatever a server answers, memory and time are bounded, and it is judged for what it is.

Of the target that is its own fault, or cannot be told; of the token's issuer it is always an Error.
"""

import asyncio
import tracemalloc

import pytest

from raw_http import Exchange, Script, answering, sending, silent
from servicesop.api.reasons import UnknownReason
from servicesop.judge.results import Sample, Verdict
from unit.checks.http_place import CANARY, place_with

MEMORY = 16 * 1024 * 1024
CHUNK = b"x" * 65536
HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


def endless(head: bytes, chunk: bytes = CHUNK) -> Script:
    async def script(exchange: Exchange) -> None:
        await exchange.send(head)
        while True:
            await exchange.send(chunk)

    return script


def dripping(head: bytes, piece: bytes) -> Script:
    async def script(exchange: Exchange) -> None:
        await exchange.send(head)
        while True:
            await exchange.send(piece)
            await asyncio.sleep(0.02)

    return script


async def _goes_on_for_ever_at_once(exchange: Exchange) -> None:
    await exchange.send(b"HTTP/1.1 100 Continue\r\n\r\n" * 50)
    await silent(exchange)


ENDLESS = {
    "an endless body": endless(HEAD + b"\r\n"),
    "an endless body in chunks": endless(CHUNKED, b"10000\r\n" + CHUNK + b"\r\n"),
    "a body of a terabyte": endless(HEAD + b"Content-Length: 1099511627776\r\n\r\n"),
}
SLOW = {
    "silence": silent,
    "half a status line": dripping(b"HTTP/1.1 20", b""),
    "a header at a time": dripping(HEAD, b"X: y\r\n"),
    "a byte at a time": dripping(HEAD + b"Content-Length: 9999\r\n\r\n", b"x"),
    "a chunk at a time": dripping(CHUNKED, b"1\r\nx\r\n"),
    "an endless chunk size": endless(CHUNKED, b"0" * 65536),
    "only interim answers": _goes_on_for_ever_at_once,
}
MALFORMED = {
    "binary": sending(bytes(range(256)) * 64),
    "another protocol": sending(b"220 mail.example.com ESMTP\r\n\r\n"),
    "a status that is none": sending(b"HTTP/1.1 OK 200\r\n\r\n"),
    "an endless status line": endless(b"HTTP/1.1 200 ", b"x" * 65536),
    "an endless header": endless(HEAD + b"X-A: ", b"x" * 65536),
    "endless headers": endless(HEAD, b"X-A: y\r\n" * 4096),
    "two lengths": sending(HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab"),
    "a length below zero": sending(HEAD + b"Content-Length: -1\r\n\r\n"),
    "a chunk size that is none": sending(CHUNKED + b"zz\r\nab\r\n0\r\n\r\n"),
}
BODIES = {
    "binary": answering(200, bytes(range(256)) * 200),
    "gzip that was not asked for": answering(200, b"\x1f\x8b\x08", "Content-Encoding: gzip"),
    "no UTF-8": answering(200, b"\xff\xfe" * 1000),
    "only zeros": answering(200, bytes(60_000)),
}


async def of_target(script: Script, limit: str = "5s") -> Sample:
    async with place_with(script) as (place, server):
        body = {"matches": "healthy", "lacks": CANARY}
        sample: Sample = await place.sample(limit, url=server.url(), body=body)
    return sample


async def of_issuer(script: Script, limit: str = "5s") -> Sample:
    async with place_with(answering(), script) as (place, target, issuer):
        place.secrets["client"] = {"client-id": b"a", "client-secret": b"b"}
        oauth2 = {"tokenUrl": issuer.url(), "secretRef": {"name": "client"}}
        sample: Sample = await place.sample(limit, url=target.url(), oauth2=oauth2)
        assert target.connections == 0
    return sample


@pytest.fixture(autouse=True)
def bounded_memory() -> object:
    tracemalloc.start()
    yield
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < MEMORY


@pytest.mark.parametrize("answer", ENDLESS)
async def test_of_an_endless_answer_only_its_beginning_is_read(answer: str) -> None:
    sample = await of_target(ENDLESS[answer])
    assert (sample.verdict, sample.reason) == (Verdict.INCONCLUSIVE, UnknownReason.NOT_COVERED)
    issuer = await of_issuer(ENDLESS[answer])
    assert (issuer.verdict, issuer.reason) == (Verdict.ERROR, UnknownReason.BAD_ANSWER)


@pytest.mark.parametrize("answer", SLOW)
async def test_a_slow_target_is_a_timeout_and_a_slow_issuer_an_error(answer: str) -> None:
    sample, issuer = await asyncio.gather(
        of_target(SLOW[answer], "1s"), of_issuer(SLOW[answer], "1s")
    )
    assert (sample.verdict, sample.findings) == (Verdict.FAILED, frozenset({"Timeout"}))
    assert (issuer.verdict, issuer.reason) == (Verdict.ERROR, UnknownReason.ISSUER_UNAVAILABLE)


@pytest.mark.parametrize("answer", MALFORMED)
async def test_what_is_no_http_is_malformed_and_never_more(answer: str) -> None:
    sample = await of_target(MALFORMED[answer])
    assert (sample.verdict, sample.findings) == (Verdict.FAILED, frozenset({"Malformed"}))
    issuer = await of_issuer(MALFORMED[answer])
    assert (issuer.verdict, issuer.reason) == (Verdict.ERROR, UnknownReason.BAD_ANSWER)


@pytest.mark.parametrize("answer", BODIES)
async def test_a_body_that_is_no_text_is_searched_or_left_and_never_shown(answer: str) -> None:
    sample = await of_target(BODIES[answer])
    assert sample.findings <= {"Body"}
    assert sample.evidence == ("code 200",)
    issuer = await of_issuer(BODIES[answer])
    assert (issuer.verdict, issuer.reason) == (Verdict.ERROR, UnknownReason.BAD_ANSWER)
