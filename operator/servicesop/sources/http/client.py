"""The one HTTP client for what SOPs and administrators name: guarded, bounded, and silent.

The dial guard resolves the host and judges its addresses, and the socket connects to the address
that it gave: neither a second answer of the name server nor a redirect has a say. Proxies, cookies
and passwords of the environment are not used.
"""

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from ipaddress import IPv6Address, ip_address
from types import SimpleNamespace

import aiohttp
from yarl import URL

from servicesop.api.reasons import UnknownReason
from servicesop.api.urls import UrlParts
from servicesop.sources.connector import Connector
from servicesop.sources.dial import DialGuard
from servicesop.sources.errors import SourceError
from servicesop.sources.http.failures import HttpFailure, Kind, kind_of
from servicesop.sources.http.trust import trust

MAX_BODY = 64 * 1024
"""Bytes that are read of an answer unless the request says otherwise."""
_IDLE_SECONDS = 60.0
_NO_TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=None)


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked, and what of the answer is kept. Headers and body may be secrets."""

    url: UrlParts
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """In addition to Host, User-Agent, Accept and Accept-Encoding."""
    body: bytes | None = field(default=None, repr=False)
    tls: ssl.SSLContext | None = None
    """Whose certificates are trusted (see `trust`); the system's authorities when None."""
    max_body: int = MAX_BODY
    """Bytes of the answer's body that are read; then the connection is closed."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came, at most `max_body` bytes of it. A redirect is an answer like any other."""

    status: int
    body: bytes = field(repr=False)
    complete: bool
    """Whether the body is all there was."""
    encoded: bool
    """Whether the body is compressed, which was not asked for."""
    seconds: float
    """From the first attempt to connect to the end of the body; resolving is not in it."""


class HttpClient:
    """Sends requests. Close it at the end."""

    def __init__(self, guard: DialGuard, *, keep_connections: bool = False) -> None:
        """`keep_connections`: reuse them, where the server is asked and not judged.

        A check of the server itself has to see whether new connections are still accepted.
        """
        self._guard = guard
        self._keep = keep_connections
        self._agent = f"servicesop/{version('servicesop')}"
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Drop all connections."""
        if self._session is not None:
            await self._session.close()

    async def ask(self, request: Request, *, within: float) -> Answer:
        """Send a request and give its answer, after `within` seconds at most.

        Raise HttpFailure when there is no answer, and SourceError when the server was not asked:
        AddressRefused or HostNotFound.
        """
        now = asyncio.get_running_loop().time
        asked = now()
        address = await self._address(request.url, within)
        progress = _Progress(started=now())
        try:
            async with asyncio.timeout_at(asked + within):
                return await self._exchange(request, address, progress)
        except TimeoutError:
            if progress.started - asked > within / 2:
                raise _slow_name_server() from None
            failure = HttpFailure(Kind.TIMEOUT if progress.connected else Kind.NO_CONNECTION)
        except (aiohttp.ClientError, OSError) as error:
            failure = HttpFailure(kind_of(error))
        # Outside of the handler, so that a text that repeats the request is not even the context.
        raise failure

    async def _address(self, url: UrlParts, within: float) -> str:
        try:
            async with asyncio.timeout(within):
                return await self._guard.address(url.host, url.port)
        except TimeoutError:
            raise _slow_name_server() from None

    async def _exchange(self, request: Request, address: str, progress: "_Progress") -> Answer:
        url = request.url
        host = f"[{address}]" if isinstance(ip_address(address), IPv6Address) else address
        async with self._opened().request(
            request.method,
            # The address, so that nothing is resolved again.
            URL(f"{url.scheme}://{host}:{url.port}{url.target}", encoded=True),
            headers={"Accept": "*/*", **request.headers, "Host": url.authority},
            data=request.body,
            ssl=request.tls or trust(),
            server_hostname=url.host,
            allow_redirects=False,
            trace_request_ctx=progress,
        ) as response:
            body = await _bounded(response.content, request.max_body)
            complete = len(body) <= request.max_body
            if not complete:
                response.close()
            return Answer(
                status=response.status,
                body=body[: request.max_body],
                complete=complete,
                encoded=response.headers.get("Content-Encoding", "identity") != "identity",
                seconds=asyncio.get_running_loop().time() - progress.started,
            )

    def _opened(self) -> aiohttp.ClientSession:
        # A session belongs to a loop, which runs only now.
        if self._session is None:
            connector = (
                Connector(limit=0, keepalive_timeout=_IDLE_SECONDS)
                if self._keep
                else Connector(limit=0, force_close=True)
            )
            self._session = aiohttp.ClientSession(
                connector=connector,
                # Nothing is unpacked: a small answer might become a huge one.
                headers={"User-Agent": self._agent, "Accept-Encoding": "identity"},
                auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
                timeout=_NO_TIMEOUT,
                trace_configs=[_tracing()],
            )
        return self._session


@dataclass(slots=True)
class _Progress:
    """How far an exchange has come."""

    started: float
    connected: bool = False


def _tracing() -> aiohttp.TraceConfig:
    """Let aiohttp tell when there is a connection, encrypted where it should be."""

    async def connected(
        session: aiohttp.ClientSession, context: SimpleNamespace, parameters: object
    ) -> None:
        context.trace_request_ctx.connected = True

    tracing = aiohttp.TraceConfig()
    tracing.on_connection_create_end.append(connected)
    tracing.on_connection_reuseconn.append(connected)
    return tracing


async def _bounded(content: aiohttp.StreamReader, limit: int) -> bytes:
    """Read a body up to its end, or one byte past the limit, which tells that there is more."""
    body = bytearray()
    while len(body) <= limit and (chunk := await content.read(limit + 1 - len(body))):
        body += chunk
    return bytes(body)


def _slow_name_server() -> SourceError:
    return SourceError(
        UnknownReason.HOST_NOT_FOUND,
        "the host name does not resolve in time; check the cluster's DNS",
    )
