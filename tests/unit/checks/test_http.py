"""The check `http` against servers on loopback: each class of fault is told apart."""

import asyncio
import errno
import socket
import ssl
from typing import Any

import pytest
import trustme

from raw_http import Exchange, Script, answering, sending, silent
from servicesop.api.reasons import UnknownReason
from servicesop.judge.results import Sample, Verdict
from unit.checks.http_place import CANARY, Place, place_with


async def judged(script: Script, limit: str = "5s", **http: Any) -> Sample:
    async with place_with(script) as (place, server):
        sample: Sample = await place.sample(limit, url=server.url(), **http)
    return sample


def assert_failed(sample: Sample, finding: str, message: str) -> None:
    assert (sample.verdict, set(sample.findings)) == (Verdict.FAILED, {finding})
    assert sample.message == message


def assert_unknown(
    sample: Sample, verdict: Verdict, reason: UnknownReason, message: str = ""
) -> None:
    assert (sample.verdict, sample.reason, sample.findings) == (verdict, reason, frozenset())
    assert message in sample.message


async def test_an_accepted_code_passes() -> None:
    sample = await judged(answering(200, b"ok"))
    assert (sample.verdict, sample.message) == (Verdict.PASSED, "the server answers as it should")
    assert sample.evidence == ("code 200",)


@pytest.mark.parametrize("code", [204, 301, 302, 401, 404, 500, 502, 503, 504])
async def test_any_other_code_is_status(code: int) -> None:
    sample = await judged(answering(code))
    assert_failed(sample, "Status", "the server answers with another code than 200")
    assert sample.evidence == (f"code {code}",)
    accepted = await judged(answering(code), codes=[200, code])
    assert accepted.verdict is Verdict.PASSED


async def _resetting(exchange: Exchange) -> None:
    exchange.reset()


@pytest.mark.parametrize(
    ("script", "finding", "message"),
    [
        (silent, "Timeout", "the server does not answer in time"),
        (_resetting, "Reset", "the server ends connections in the middle"),
        (sending(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort"), "Reset", ""),
        (sending(b"\x00\x01" * 99), "Malformed", "the server answers what is no HTTP"),
    ],
)
async def test_no_answer_is_code_0_and_a_class_of_its_own(
    script: Script, finding: str, message: str
) -> None:
    sample = await judged(script, "1s")
    assert_failed(sample, finding, message or sample.message)
    assert sample.evidence == ("code 0: no answer",)


async def test_a_port_where_nobody_listens_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    place = Place()
    place.allow(port)
    sample = await place.sample(url=f"http://127.0.0.1:{port}/")
    await place.targets.close()
    assert_failed(sample, "Refused", "the server refuses connections")
    assert sample.evidence == ("code 0: no answer",)


async def test_a_body_that_hangs_behind_an_accepted_code_is_a_timeout() -> None:
    async def half(exchange: Exchange) -> None:
        await exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok")
        await silent(exchange)

    assert_failed(await judged(half, "1s"), "Timeout", "the server does not answer in time")


async def test_a_timeout_is_the_targets_only_where_it_had_half_of_the_time() -> None:
    async with place_with(silent) as (place, server):
        place.secrets["key"] = {"value": b"v"}
        read = place._read

        async def slow(namespace: str, name: str) -> Any:
            await asyncio.sleep(0.6)
            return read(place.secrets, namespace, name, UnknownReason.SECRET_NOT_FOUND)

        place.targets._read_secret = slow
        header = {"header": "X-Key", "secretKeyRef": {"name": "key", "key": "value"}}
        sample = await place.sample("1s", url=server.url(), headers=[header])
    assert_unknown(sample, Verdict.ERROR, UnknownReason.TIMED_OUT, "was not asked")
    assert server.connections == 0


async def test_a_slow_answer_is_latency_beside_its_code() -> None:
    async def slow(exchange: Exchange) -> None:
        await asyncio.sleep(0.05)
        await exchange.answer(502)

    assert_failed(
        await judged(slow, maxSeconds="0.02", codes=[502]),
        "Latency",
        "the server takes longer than 0.02 s",
    )
    both = await judged(slow, maxSeconds="0.02")
    assert both.findings == {"Status", "Latency"}
    assert (await judged(slow, codes=[502], maxSeconds="3")).verdict is Verdict.PASSED


@pytest.mark.parametrize(
    ("body", "rules", "verdict"),
    [
        (b'{"healthy": true}', {"matches": '"healthy": true'}, Verdict.PASSED),
        (b'{"healthy": false}', {"matches": '"healthy": true'}, Verdict.FAILED),
        (b"", {"matches": "ok"}, Verdict.FAILED),
        (b"all is well", {"lacks": "error"}, Verdict.PASSED),
        (b"an error", {"lacks": "error"}, Verdict.FAILED),
        (b"ok, no error", {"matches": "ok", "lacks": "error"}, Verdict.FAILED),
        (b"\xff\xfe ok", {"matches": "^.. ok"}, Verdict.PASSED),
        (b"ok" + b"x" * 70_000, {"matches": "^ok"}, Verdict.PASSED),
        (b"x" * 70_000 + b"ok", {"matches": "ok"}, Verdict.INCONCLUSIVE),
        (b"x" * 70_000, {"lacks": "error"}, Verdict.INCONCLUSIVE),
        (b"error" + b"x" * 70_000, {"lacks": "error"}, Verdict.FAILED),
        (b"error" + b"x" * 70_000, {"lacks": "error", "matches": "ok"}, Verdict.FAILED),
    ],
)
async def test_a_body_is_searched_as_far_as_it_is_read(
    body: bytes, rules: dict[str, str], verdict: Verdict
) -> None:
    sample = await judged(answering(200, body), body=rules)
    assert sample.verdict is verdict
    if verdict is Verdict.FAILED:
        assert sample.findings == {"Body"}
    if verdict is Verdict.INCONCLUSIVE:
        assert sample.reason is UnknownReason.NOT_COVERED
    assert sample.evidence == ("code 200",)


async def test_the_body_of_an_error_is_not_held_against_it_twice() -> None:
    sample = await judged(answering(503, b"error"), body={"matches": "ok"})
    assert sample.findings == {"Status"}


async def test_a_compressed_body_cannot_be_searched() -> None:
    gzip = answering(200, b"\x1f\x8bok", "Content-Encoding: gzip")
    sample = await judged(gzip, body={"matches": "ok"})
    assert_unknown(sample, Verdict.INCONCLUSIVE, UnknownReason.NOT_COVERED, "compresses")
    assert (await judged(gzip)).verdict is Verdict.PASSED


async def test_a_pattern_that_is_too_much_is_an_error_and_asks_nobody() -> None:
    async with place_with(answering()) as (place, server):
        sample = await place.sample(url=server.url(), body={"matches": "((a{100}){10}){10}"})
    assert_unknown(sample, Verdict.ERROR, UnknownReason.INVALID_PATTERN, "body.matches")
    assert server.connections == 0


async def test_a_redirect_is_not_followed_and_is_a_code_like_any_other() -> None:
    async with place_with(answering(), answering()) as (place, server, elsewhere):
        server.script = answering(302, b"", f"Location: {elsewhere.url()}")
        refused = await place.sample(url=server.url())
        accepted = await place.sample(url=server.url(), codes=[302])
    assert refused.findings == {"Status"}
    assert accepted.verdict is Verdict.PASSED
    assert elsewhere.connections == 0


@pytest.mark.parametrize(
    ("host", "reason"),
    [
        ("localhost", UnknownReason.ADDRESS_REFUSED),
        ("169.254.169.254", UnknownReason.ADDRESS_REFUSED),
        ("2130706433", UnknownReason.ADDRESS_REFUSED),
    ],
)
async def test_what_is_never_dialled_is_an_error(host: str, reason: UnknownReason) -> None:
    async with place_with(answering()) as (place, server):
        sample = await place.sample(url=server.url(host=host))
    assert_unknown(sample, Verdict.ERROR, reason)
    assert server.connections == 0


@pytest.mark.parametrize("number", [errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EPERM])
async def test_no_way_out_is_an_error_and_not_the_servers_fault(
    number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(one: socket.socket, to: object) -> None:
        raise OSError(number, CANARY)

    async with place_with(answering()) as (place, server):
        monkeypatch.setattr(socket.socket, "connect", refuse)
        sample = await place.sample(url=server.url())
    assert_unknown(sample, Verdict.ERROR, UnknownReason.UNREACHABLE, "cannot be reached")


HEADERS = [
    {"header": "X-Api-Key", "secretKeyRef": {"name": "login", "key": "api-key"}},
    {"header": "Authorization", "secretKeyRef": {"name": "login", "key": "token"}},
]


async def test_headers_come_from_the_namespaces_secret_which_is_read_once() -> None:
    async with place_with(answering()) as (place, server):
        place.secrets["login"] = {"api-key": b"k-1\n", "token": b"Bearer t-1"}
        sample = await place.sample(url=server.url(), headers=HEADERS)
    assert sample.verdict is Verdict.PASSED
    assert server.exchanges[0].headers["X-Api-Key"] == "k-1"
    assert server.exchanges[0].headers["Authorization"] == "Bearer t-1"
    assert place.reads == ["login"]


@pytest.mark.parametrize(
    ("data", "reason", "message"),
    [
        (None, UnknownReason.SECRET_NOT_FOUND, ""),
        ({}, UnknownReason.INVALID_CONNECTION, 'key "api-key" of the Secret "login" is missing'),
        ({"api-key": b""}, UnknownReason.INVALID_CONNECTION, "must hold 1 to 8192 printable"),
        ({"api-key": b"canary-7f3a\r\nX: y"}, UnknownReason.INVALID_CONNECTION, "on one line"),
        ({"api-key": b"canary-7f3a\n\n"}, UnknownReason.INVALID_CONNECTION, "on one line"),
        ({"api-key": b"canary-7f3a\x00"}, UnknownReason.INVALID_CONNECTION, "on one line"),
        ({"api-key": b"canary-7f3a\xff"}, UnknownReason.INVALID_CONNECTION, "ASCII"),
        ({"api-key": b"k" * 8193}, UnknownReason.INVALID_CONNECTION, "1 to 8192"),
    ],
)
async def test_a_secret_that_cannot_be_used_is_named_and_nobody_is_asked(
    data: dict[str, bytes] | None, reason: UnknownReason, message: str
) -> None:
    async with place_with(answering()) as (place, server):
        if data is not None:
            place.secrets["login"] = data
        sample = await place.sample(url=server.url(), headers=HEADERS[:1])
    assert_unknown(sample, Verdict.ERROR, reason, message)
    assert server.connections == 0


async def test_a_service_is_asked_by_its_name_in_the_sops_own_namespace() -> None:
    async with place_with(answering()) as (place, server):
        service = {"name": "refresher", "port": server.port, "path": "/live?full=1"}
        sample = await place.sample(service=service)
    assert sample.verdict is Verdict.PASSED
    assert server.exchanges[0].target == "/live?full=1"
    assert server.exchanges[0].headers["Host"] == f"refresher.shop.svc:{server.port}"


AUTHORITY = trustme.CA()


def _tls(name: str) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    AUTHORITY.issue_cert(name).configure_cert(context)
    return context


OURS = AUTHORITY.cert_pem.bytes()
OTHERS = trustme.CA().cert_pem.bytes()
IN_SECRET = {"secretKeyRef": {"name": "ca", "key": "ca.crt"}}
IN_CONFIG_MAP = {"configMapKeyRef": {"name": "ca", "key": "ca.crt"}}


async def over_tls(name: str, ca: dict[str, Any] | None, pem: bytes = OURS) -> Sample:
    async with place_with(answering(), tls=_tls(name)) as (place, server):
        place.secrets["ca"] = {"ca.crt": pem}
        place.config_maps["ca"] = {"ca.crt": pem}
        http = {"url": server.url(scheme="https", host="shop.test")} | ({"ca": ca} if ca else {})
        sample: Sample = await place.sample(**http)
        assert server.exchanges == [] or sample.verdict is Verdict.PASSED
    return sample


@pytest.mark.parametrize("ca", [IN_SECRET, IN_CONFIG_MAP])
async def test_the_authority_is_in_a_secret_or_config_map(ca: dict[str, Any]) -> None:
    assert (await over_tls("shop.test", ca)).verdict is Verdict.PASSED
    untrusted = "the server has a certificate that is signed by nobody who is trusted"
    assert_failed(await over_tls("shop.test", ca, OTHERS), "TLS", untrusted)
    assert_failed(await over_tls("shop.test", None), "TLS", untrusted)
    assert_failed(
        await over_tls("other.test", ca), "TLS", "the server has a certificate for another name"
    )


@pytest.mark.parametrize(
    ("ca", "where"),
    [
        (IN_SECRET, 'key "ca.crt" of the Secret "ca"'),
        (IN_CONFIG_MAP, 'key "ca.crt" of the ConfigMap "ca"'),
    ],
)
async def test_what_is_no_certificate_is_an_error(ca: dict[str, Any], where: str) -> None:
    sample = await over_tls("shop.test", ca, CANARY.encode())
    assert_unknown(
        sample, Verdict.ERROR, UnknownReason.INVALID_CERTIFICATE_AUTHORITY, f"{where} must hold"
    )


async def test_each_run_takes_a_connection_of_its_own() -> None:
    async with place_with(answering()) as (place, server):
        for _ in range(3):
            await place.sample(url=server.url())
    assert server.connections == 3
