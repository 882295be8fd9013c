"""Who may ask which endpoint, with what, and that nobody else gets any of it."""

import base64
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import trustme

from raw_http import RawServer, Script, answering, serving
from servicesop.api.checks.prometheus import Alert
from servicesop.api.reasons import UnknownReason
from servicesop.api.sop import Connection
from servicesop.sources.dial import DialGuard
from servicesop.sources.errors import SourceError
from servicesop.sources.prometheus import credentials
from servicesop.sources.prometheus.client import Endpoints, PrometheusApi
from servicesop.sources.prometheus.credentials import CredentialFiles
from servicesop.sources.prometheus.endpoints import Endpoint

ONE = b'{"status":"success","data":{"resultType":"scalar","result":[1,"1"]}}'
METRICS = Connection.model_validate({"name": "m", "prometheus": {"endpoint": "metrics"}})
ALERTS = Connection.model_validate({"name": "a", "alertmanager": {"endpoint": "alerts"}})
CANARY = "canary-token"


def endpoint(server: RawServer, path: str = "", **fields: Any) -> Endpoint:
    given = {"name": "metrics", "kind": "Prometheus", "url": server.url(path)}
    return Endpoint.model_validate(given | {"namespaces": ["shop"]} | fields)


@asynccontextmanager
async def asked(*endpoints: Endpoint, namespace: str = "shop") -> AsyncIterator[PrometheusApi]:
    known = Endpoints(endpoints, DialGuard())
    try:
        yield known.of(namespace).prometheus(METRICS)
    finally:
        await known.close()


async def why(api: PrometheusApi, seconds: float = 5.0) -> SourceError:
    with pytest.raises(SourceError) as caught:
        await api.query("up", seconds)
    assert "canary" not in caught.value.message
    return caught.value


# Who may ask.


@pytest.mark.parametrize(
    ("namespaces", "tenancy", "may"),
    [
        ([], None, False),
        (["shop"], None, True),
        (["other"], None, False),
        (["shop-2", "sho"], None, False),
        (["*"], {"namespaceParam": "namespace"}, True),
        ([], {"namespaceParam": "namespace"}, False),
    ],
)
async def test_only_the_namespaces_that_are_named_may_ask(
    namespaces: list[str], tenancy: dict[str, str] | None, may: bool
) -> None:
    async with serving(answering(200, ONE)) as server:
        named = endpoint(server, namespaces=namespaces, tenancy=tenancy)
        async with asked(named) as api:
            if may:
                assert len(await api.query("1", 5.0)) == 1
            else:
                refused = await why(api)
                assert refused.reason is UnknownReason.ENDPOINT_NOT_ALLOWED
                assert "metrics" in refused.message
        assert server.connections == may


async def test_an_endpoint_that_nobody_named_or_of_another_kind_is_not_found() -> None:
    async with serving(answering(200, ONE)) as server:
        for named in ((), (endpoint(server, kind="Alertmanager"),)):
            async with asked(*named) as api:
                assert (await why(api)).reason is UnknownReason.ENDPOINT_NOT_FOUND
        assert server.connections == 0


async def test_an_endpoints_address_is_an_exception_for_nobody_else() -> None:
    async with serving(answering(200, ONE)) as server:
        guard = DialGuard()
        known = Endpoints([endpoint(server)], guard)
        assert await known.of("shop").prometheus(METRICS).query("1", 5.0)
        await known.close()
        # The same loopback address and port, asked by what an SOP itself may name.
        with pytest.raises(SourceError) as refused:
            await guard.address("127.0.0.1", server.port)
        assert refused.value.reason is UnknownReason.ADDRESS_REFUSED


async def test_only_the_endpoints_own_spelling_and_port_are_dialled() -> None:
    async with serving(answering(200, ONE)) as server:
        guard = DialGuard().admitting(frozenset({("127.0.0.1", server.port)}))
        assert await guard.address("127.0.0.1", server.port) == "127.0.0.1"
        for host, port in (("127.0.0.1", 1), ("localhost", server.port), ("127.0.0.2", 80)):
            with pytest.raises(SourceError):
                await guard.address(host, port)


# What is sent.


async def test_the_query_is_one_parameter_whatever_it_holds() -> None:
    hostile = 'up&namespace=other#x?y=z%26"\r\nX-Scope-OrgID: other'
    async with serving(answering(200, ONE)) as server:
        named = endpoint(server, "/prefix/", tenancy={"namespaceParam": "namespace"})
        async with asked(named) as api:
            await api.query(hostile, 2.0)
        (exchange,) = server.exchanges
    split = urlsplit(exchange.target)
    assert split.path == "/prefix/api/v1/query"
    assert parse_qsl(split.query, strict_parsing=True) == [
        ("query", hostile),
        ("timeout", "2000ms"),
        ("namespace", "shop"),
    ]
    assert exchange.request_line.startswith("GET ")
    assert "X-Scope-OrgID" not in exchange.headers


async def test_a_tenants_header_holds_the_namespace_of_the_sop() -> None:
    async with serving(answering(200, ONE)) as server:
        named = endpoint(server, namespaces=["*"], tenancy={"header": "THANOS-TENANT"})
        for namespace in ("shop", "other"):
            async with asked(named, namespace=namespace) as api:
                await api.query("up", 5.0)
        assert [one.headers["THANOS-TENANT"] for one in server.exchanges] == ["shop", "other"]


async def test_labels_of_alerts_are_quoted_for_alertmanager() -> None:
    alert = Alert.model_validate(
        {
            "name": "Down",
            "onEmpty": "Passed",
            "labels": [{"name": "job", "value": 'a"},b\\=\n"c'}],
        }
    )
    async with serving(answering(200, b"[]")) as server:
        named = endpoint(server, name="alerts", kind="Alertmanager")
        known = Endpoints([named], DialGuard())
        assert await known.of("shop").alertmanager(ALERTS).alerts(alert, 5.0) == ()
        await known.close()
        (exchange,) = server.exchanges
    assert parse_qsl(urlsplit(exchange.target).query) == [
        ("filter", 'alertname="Down"'),
        ("filter", 'job="a\\"},b\\\\=\\n\\"c"'),
    ]


async def test_a_token_is_sent_and_read_again_when_it_is_renewed(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text(f"{CANARY}-1\n")
    async with serving(answering(200, ONE)) as server:
        named = endpoint(server, bearerTokenFile=str(token))
        moment = 0.0
        files = CredentialFiles(named, lambda: moment)
        assert files.read().headers == {"Authorization": f"Bearer {CANARY}-1"}
        token.write_text(f"{CANARY}-2")
        moment = credentials.MAX_AGE
        assert files.read().headers == {"Authorization": f"Bearer {CANARY}-1"}
        moment = credentials.MAX_AGE + 0.1
        assert files.read().headers == {"Authorization": f"Bearer {CANARY}-2"}
        async with asked(named) as api:
            await api.query("up", 5.0)
        assert server.exchanges[0].headers["Authorization"] == f"Bearer {CANARY}-2"
        assert CANARY not in repr(files.read())


async def test_a_user_and_a_password_are_sent(tmp_path: Path) -> None:
    (tmp_path / "user").write_text("jörg")
    (tmp_path / "password").write_text(f"{CANARY}:ü \n")
    basic = {"usernameFile": f"{tmp_path}/user", "passwordFile": f"{tmp_path}/password"}
    async with serving(answering(200, ONE)) as server:
        async with asked(endpoint(server, basicAuth=basic)) as api:
            await api.query("up", 5.0)
        scheme, _, pair = server.exchanges[0].headers["Authorization"].partition(" ")
    assert (scheme, base64.b64decode(pair).decode()) == ("Basic", f"jörg:{CANARY}:ü ")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "cannot be read"),
        (b"", "one line"),
        (b"canary\ncanary", "one line"),
        (b"canary\x00", "one line"),
        (b"canary canary", "a token and nothing else"),
        ("canary-ü".encode(), "a token and nothing else"),
        (b"\xff\xfe", "UTF-8"),
        (b"canary" * 4000, "at most 16 KiB"),
    ],
)
async def test_a_token_that_cannot_be_used_is_an_error_before_anything_is_asked(
    tmp_path: Path, content: bytes | None, says: str
) -> None:
    token = tmp_path / "token"
    if content is not None:
        token.write_bytes(content)
    async with serving(answering(200, ONE)) as server:
        async with asked(endpoint(server, bearerTokenFile=str(token))) as api:
            failure = await why(api)
        assert server.connections == 0
    assert failure.reason is UnknownReason.INVALID_ENDPOINT
    assert says in failure.message
    assert "bearerTokenFile of the endpoint metrics" in failure.message
    assert str(tmp_path) not in failure.message


# TLS.


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def context(authority: trustme.CA, name: str) -> ssl.SSLContext:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(tls)
    return tls


@pytest.mark.parametrize(
    ("trusted", "certificate", "reason"),
    [
        (True, "127.0.0.1", None),
        (True, "other.example.com", UnknownReason.CERTIFICATE_NAME_MISMATCH),
        (False, "127.0.0.1", UnknownReason.CERTIFICATE_NOT_TRUSTED),
        (None, "127.0.0.1", UnknownReason.CERTIFICATE_NOT_TRUSTED),
    ],
)
async def test_a_server_that_cannot_be_trusted_gets_no_token(
    tmp_path: Path,
    authority: trustme.CA,
    trusted: bool | None,
    certificate: str,
    reason: UnknownReason | None,
) -> None:
    ca, token = tmp_path / "ca.crt", tmp_path / "token"
    token.write_text(CANARY)
    (authority if trusted else trustme.CA()).cert_pem.write_to_path(ca)
    async with serving(answering(200, ONE), context(authority, certificate)) as server:
        named = endpoint(
            server,
            url=server.url(scheme="https"),
            bearerTokenFile=str(token),
            caFile=None if trusted is None else str(ca),
        )
        async with asked(named) as api:
            if reason is None:
                assert await api.query("up", 5.0)
            else:
                assert (await why(api)).reason is reason
        assert len(server.exchanges) == (reason is None)


async def test_a_ca_file_without_certificates_is_an_error(tmp_path: Path) -> None:
    ca = tmp_path / "ca.crt"
    ca.write_text("canary")
    async with serving(answering(200, ONE)) as server:
        named = endpoint(server, url=server.url(scheme="https"), caFile=str(ca))
        async with asked(named) as api:
            failure = await why(api)
    assert failure.reason is UnknownReason.INVALID_ENDPOINT


# What comes back.


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (400, UnknownReason.QUERY_REFUSED),
        (401, UnknownReason.AUTHENTICATION_FAILED),
        (403, UnknownReason.AUTHENTICATION_FAILED),
        (404, UnknownReason.BAD_ANSWER),
        (422, UnknownReason.QUERY_REFUSED),
        (429, UnknownReason.SOURCE_BUSY),
        (500, UnknownReason.BAD_ANSWER),
        (502, UnknownReason.UNREACHABLE),
        (503, UnknownReason.SOURCE_BUSY),
        (504, UnknownReason.TIMED_OUT),
        (201, UnknownReason.BAD_ANSWER),
    ],
)
async def test_a_refusal_is_told_by_its_status_alone(status: int, reason: UnknownReason) -> None:
    async with (
        serving(answering(status, b'{"error":"canary"}')) as server,
        asked(endpoint(server)) as api,
    ):
        assert (await why(api)).reason is reason


async def test_a_redirect_takes_the_token_nowhere(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text(CANARY)
    async with serving(answering(200, ONE)) as other:
        redirect: Script = answering(307, b"", f"Location: {other.url()}")
        async with (
            serving(redirect) as server,
            asked(endpoint(server, bearerTokenFile=str(token))) as api,
        ):
            assert (await why(api)).reason is UnknownReason.BAD_ANSWER
        assert other.connections == 0
