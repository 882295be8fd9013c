"""The bearer token of an `http` check: the issuer, the credentials and the target, told apart."""

import asyncio
import base64
import json
import socket
import ssl
from typing import Any
from urllib.parse import parse_qs

import pytest
import trustme

from raw_http import Exchange, RawServer, Script, answering, sending, serving, silent
from servicesop.api.reasons import UnknownReason
from servicesop.judge.results import Sample, Verdict
from servicesop.sources.dial import DialGuard
from servicesop.sources.errors import SourceError
from servicesop.sources.http.client import HttpClient
from servicesop.sources.http.tokens import MAX_KEPT, Grant, Tokens
from unit.checks.http_place import CANARY, Place, loopback, place_with

TOKEN = f"token.{CANARY}-1"
SECRET = f"{CANARY} s3cret/%&"


def granting(expires_in: object = 3600, token: object = TOKEN, kind: object = "Bearer") -> Script:
    document = {"access_token": token, "token_type": kind, "expires_in": expires_in}
    return answering(200, json.dumps(document).encode(), "Content-Type: application/json")


def refusing(status: int, error: str = "") -> Script:
    body = json.dumps({"error": error, "error_description": CANARY}).encode()
    return answering(status, body)


def oauth2(issuer: RawServer, **more: Any) -> dict[str, Any]:
    url = issuer.url("/realms/x/token")
    return {"tokenUrl": url, "secretRef": {"name": "client"}} | more


def with_client(place: Place) -> None:
    place.secrets["client"] = {"client-id": b"fleet manager", "client-secret": SECRET.encode()}


async def judged(issuing: Script, limit: str = "5s", **more: Any) -> tuple[Sample, RawServer]:
    """Ask a target that is well with a token of an issuer that may not be."""
    async with place_with(answering(), issuing) as (place, target, issuer):
        with_client(place)
        spec = oauth2(issuer, **more)
        return await place.sample(limit, url=target.url(), oauth2=spec), target


def assert_not_asked(judged: tuple[Sample, RawServer], reason: UnknownReason, message: str) -> None:
    sample, target = judged
    assert (sample.verdict, sample.reason) == (Verdict.ERROR, reason)
    assert message in sample.message
    assert target.connections == 0


async def test_the_token_is_asked_for_as_the_standard_says_and_sent_to_the_target_alone() -> None:
    async with place_with(answering(), granting()) as (place, target, issuer):
        with_client(place)
        spec = oauth2(issuer, scopes=["metrics", "read:all"], audience="observatorium-telemeter")
        sample = await place.sample(url=target.url(), oauth2=spec)
    assert sample.verdict is Verdict.PASSED
    (asked,) = issuer.exchanges
    assert asked.request_line == "POST /realms/x/token HTTP/1.1"
    assert asked.headers["Content-Type"] == "application/x-www-form-urlencoded"
    scheme, _, login = asked.headers["Authorization"].partition(" ")
    assert (scheme, base64.b64decode(login).decode()) == (
        "Basic",
        "fleet+manager:canary-7f3a+s3cret%2F%25%26",
    )
    assert parse_qs(asked.body.decode()) == {
        "grant_type": ["client_credentials"],
        "scope": ["metrics read:all"],
        "audience": ["observatorium-telemeter"],
    }
    assert target.exchanges[0].headers["Authorization"] == f"Bearer {TOKEN}"


async def test_keys_of_other_names_are_read() -> None:
    async with place_with(answering(), granting()) as (place, target, issuer):
        place.secrets["client"] = {"oidc.id": b"a", "oidc.secret": b"b"}
        spec = oauth2(issuer, keys={"id": "oidc.id", "secret": "oidc.secret"})
        await place.sample(url=target.url(), oauth2=spec)
    assert issuer.exchanges[0].headers["Authorization"] == "Basic YTpi"


@pytest.mark.parametrize(
    ("status", "error", "message"),
    [
        (401, "invalid_client", "does not know the client, or its secret is wrong"),
        (400, "invalid_client", "does not know the client, or its secret is wrong"),
        (401, "", "does not know the client, or its secret is wrong"),
        (403, "", "does not know the client, or its secret is wrong"),
        (400, "unauthorized_client", "does not allow this client to use client credentials"),
        (400, "invalid_scope", "does not allow these scopes"),
        (400, "unsupported_grant_type", "does not offer client credentials"),
    ],
)
async def test_refused_credentials_are_told_apart(status: int, error: str, message: str) -> None:
    refused = await judged(refusing(status, error))
    assert_not_asked(refused, UnknownReason.CREDENTIALS_REFUSED, message)


async def _resetting(exchange: Exchange) -> None:
    exchange.reset()


@pytest.mark.parametrize(
    ("script", "message"),
    [
        (silent, "does not answer in time"),
        (_resetting, "ends connections in the middle"),
        (refusing(500), "answers 500"),
        (refusing(503), "answers 503"),
        (refusing(429), "answers 429"),
    ],
)
async def test_an_issuer_that_cannot_now_is_told_apart(script: Script, message: str) -> None:
    unable = await judged(script, "1s")
    assert_not_asked(unable, UnknownReason.ISSUER_UNAVAILABLE, message)


async def test_an_issuer_where_nobody_listens_is_unavailable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    async with place_with(answering()) as (place, target):
        with_client(place)
        place.allow(port)
        nobody = RawServer(silent)
        nobody.port = port
        sample = await place.sample(url=target.url(), oauth2=oauth2(nobody))
    refused = "its issuer refuses connections; nothing is known of the target"
    assert_not_asked((sample, target), UnknownReason.ISSUER_UNAVAILABLE, refused)


@pytest.mark.parametrize(
    "script",
    [
        refusing(404),
        refusing(400),
        answering(302, b"", "Location: http://127.0.0.1:1/"),
        answering(200, b""),
        answering(200, b"<html>"),
        answering(200, b"[]"),
        answering(200, b"{}"),
        answering(200, b"[" * 60_000),
        granting(token=""),
        granting(token=None),
        granting(token=["t"]),
        granting(token="a b"),
        granting(token="a\r\nX-Injected: y"),
        granting(token="t" * 20_000),
        granting(kind="mac"),
        granting(kind=None),
        sending(b"\x00\xff" * 999),
        answering(200, b" " * 100_000 + b"{}"),
    ],
)
async def test_what_is_no_token_is_never_the_targets_fault(script: Script) -> None:
    assert_not_asked(await judged(script), UnknownReason.BAD_ANSWER, "the token's issuer")


async def test_where_the_issuer_may_not_be_dialled_the_message_says_whose_address_it_is() -> None:
    async with place_with(answering(), granting()) as (place, target, issuer):
        with_client(place)
        spec = oauth2(issuer) | {"tokenUrl": issuer.url(host="localhost")}
        sample = await place.sample(url=target.url(), oauth2=spec)
    refused = "the token's issuer: the host is an address that the operator never connects to"
    assert_not_asked((sample, target), UnknownReason.ADDRESS_REFUSED, refused)
    assert issuer.connections == 0


async def test_the_issuers_certificate_is_verified() -> None:
    authority = trustme.CA()
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("issuer.test").configure_cert(tls)
    async with (
        place_with(answering(), answering()) as (place, target, _),
        serving(granting(), tls) as issuer,
    ):
        with_client(place)
        place.allow(issuer.port)
        place.config_maps["ca"] = {"ca.crt": authority.cert_pem.bytes()}
        url = issuer.url(scheme="https", host="issuer.test")
        spec = oauth2(issuer) | {"tokenUrl": url}
        untrusted = await place.sample(url=target.url(), oauth2=spec)
        before = target.connections
        ca = {"configMapKeyRef": {"name": "ca", "key": "ca.crt"}}
        trusted = await place.sample(url=target.url(), oauth2=spec | {"ca": ca})
    assert (untrusted.reason, before) == (UnknownReason.CERTIFICATE_NOT_TRUSTED, 0)
    assert untrusted.message.startswith("the token's issuer has a certificate")
    assert trusted.verdict is Verdict.PASSED


@pytest.mark.parametrize("code", [401, 403, 500, 502, 503])
async def test_a_target_that_refuses_a_good_token_has_failed_itself(code: int) -> None:
    async with place_with(answering(code), granting()) as (place, target, issuer):
        with_client(place)
        sample = await place.sample(url=target.url(), oauth2=oauth2(issuer))
    assert (sample.verdict, sample.findings) == (Verdict.FAILED, {"Status"})
    assert sample.evidence == (f"code {code}",)


async def test_a_token_is_kept_but_not_one_that_the_target_refuses() -> None:
    async with place_with(answering(), granting()) as (place, target, issuer):
        with_client(place)
        for _ in range(3):
            await place.sample(url=target.url(), oauth2=oauth2(issuer))
        assert len(issuer.exchanges) == 1
        target.script = answering(401)
        await place.sample(url=target.url(), oauth2=oauth2(issuer))
        target.script = answering(200)
        await place.sample(url=target.url(), oauth2=oauth2(issuer))
    assert len(issuer.exchanges) == 2


async def test_other_credentials_or_scopes_get_a_token_of_their_own() -> None:
    async with place_with(answering(), granting()) as (place, target, issuer):
        with_client(place)
        await place.sample(url=target.url(), oauth2=oauth2(issuer))
        await place.sample(url=target.url(), oauth2=oauth2(issuer, scopes=["other"]))
        place.secrets["client"]["client-secret"] = b"another"
        await place.sample(url=target.url(), oauth2=oauth2(issuer))
    assert len(issuer.exchanges) == 3


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


class Issuer:
    """An issuer, and the tokens that are kept of it on a clock of the test's own."""

    def __init__(self, server: RawServer) -> None:
        self.server = server
        self.clock = Clock()
        allowed = frozenset({("127.0.0.1", server.port)})
        self.client = HttpClient(DialGuard(allowed, resolve=loopback))
        self.tokens = Tokens(self.client, self.clock)

    def grant(self, namespace: str = "shop", client: str = "c") -> Grant:
        return Grant(namespace, self.server.url(), client, SECRET)

    async def token(self, grant: Grant | None = None, within: float = 5.0) -> str:
        return await self.tokens.token(grant or self.grant(), within=within)


@pytest.mark.parametrize(
    ("expires_in", "kept_for"),
    [
        (300, 270),
        ("300", 270),
        (20, 10),
        (10**400, 86370),
        (1.5, 0.75),
    ],
)
async def test_a_token_is_kept_until_shortly_before_its_end(
    expires_in: object, kept_for: float
) -> None:
    async with serving(granting(expires_in)) as server:
        issuer = Issuer(server)
        await issuer.token()
        issuer.clock.now += kept_for - 0.01
        await issuer.token()
        assert len(server.exchanges) == 1
        issuer.clock.now += 0.02
        await issuer.token()
        assert len(server.exchanges) == 2
        await issuer.client.close()


@pytest.mark.parametrize("expires_in", [None, 0, -5, True, "soon", float("nan"), [], "9" * 99])
async def test_a_token_that_does_not_say_how_long_it_lives_is_used_once(
    expires_in: object,
) -> None:
    async with serving(granting(expires_in)) as server:
        issuer = Issuer(server)
        assert [await issuer.token(), await issuer.token()] == [TOKEN, TOKEN]
        assert len(server.exchanges) == 2
        assert issuer.tokens._kept == {}
        await issuer.client.close()


async def test_many_that_want_the_same_token_at_once_ask_for_it_once() -> None:
    async with serving(granting()) as server:
        issuer = Issuer(server)
        found = await asyncio.gather(*(issuer.token() for _ in range(20)))
        await issuer.client.close()
    assert set(found) == {TOKEN}
    assert len(server.exchanges) == 1
    assert issuer.tokens._fetching == {}


async def test_no_namespace_gets_the_token_of_another() -> None:
    async with serving(granting()) as server:
        issuer = Issuer(server)
        await issuer.token(issuer.grant("shop"))
        await issuer.token(issuer.grant("other"))
        await issuer.client.close()
    assert len(server.exchanges) == 2


async def test_an_issuer_that_hangs_holds_up_all_who_wait_no_longer_than_one() -> None:
    async with serving(silent) as server:
        issuer = Issuer(server)
        loop = asyncio.get_running_loop()
        began = loop.time()
        asked = (issuer.token(within=0.2) for _ in range(20))
        failures = await asyncio.gather(*asked, return_exceptions=True)
        took = loop.time() - began
        await issuer.client.close()
    assert took < 2.0
    assert {type(each) for each in failures} == {SourceError}
    reasons = {each.reason for each in failures if isinstance(each, SourceError)}
    assert reasons == {UnknownReason.ISSUER_UNAVAILABLE}
    assert issuer.tokens._fetching == {}


async def test_a_bounded_number_of_tokens_is_kept() -> None:
    async with serving(granting()) as server:
        issuer = Issuer(server)
        tokens = issuer.tokens
        await issuer.token()
        (token,) = tokens._kept.values()
        for number in range(MAX_KEPT + 5):
            tokens._keep(issuer.grant(client=str(number)), token)
        assert len(tokens._kept) == MAX_KEPT
        issuer.clock.now += 10_000
        await issuer.token()
        assert len(tokens._kept) == 1
        await issuer.client.close()


def test_nothing_that_holds_a_secret_shows_it() -> None:
    grant = Grant("shop", "http://issuer.test/", CANARY, CANARY, ca=CANARY)
    assert CANARY not in repr(grant)
