"""Sending one request to the API server and reading its answer: pools, credentials, failures."""

import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import aiohttp
from yarl import URL

from servicesop.sources.connector import Connector
from servicesop.sources.kubernetes.access import Access

Json = dict[str, Any]
Query = Mapping[str, str]

_MAX_STATUS_BODY = 256 * 1024
_REASON = re.compile(r"[A-Za-z]{1,64}")


class ApiError(Exception):
    """The API server answered, and the answer is no.

    `status` is the HTTP status; `reason` is the one word of the Kubernetes Status (`NotFound`),
    `BadAnswer` for an answer that cannot be read, `TooLarge` for one beyond the limit, or empty.
    The message is left out on purpose: it may hold anything that somebody wrote into an object.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"{status} {reason}".rstrip())
        self.status = status
        self.reason = reason


class ApiUnreachable(Exception):  # noqa: N818 - a state of the server, named as in our reasons
    """The API server did not answer: no connection, a broken one, or no answer in time."""

    def __init__(self) -> None:
        super().__init__("the API server does not answer")


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent to the API server, without the credentials."""

    method: str
    path: str
    query: Query | None
    headers: Mapping[str, str]
    limits: aiohttp.ClientTimeout
    body: bytes | None = None


class Transport:
    """Three connection pools to one API server, so that long streams cannot starve short calls."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._agent = f"servicesop/{version('servicesop')}"
        self.calls = self._session(limit=64)
        self.logs = self._session(limit=32)
        self.watches = self._session(limit=0)

    def _session(self, limit: int) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=Connector(
                limit=limit, ssl=self._access.tls, keepalive_timeout=60, ttl_dns_cache=30
            ),
            headers={"User-Agent": self._agent, "Accept": "application/json"},
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            auto_decompress=True,
        )

    async def close(self) -> None:
        """Drop all connections."""
        for session in (self.calls, self.logs, self.watches):
            await session.close()

    @asynccontextmanager
    async def open(
        self, session: aiohttp.ClientSession, request: Request
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Send a request and give its answer, if that is a success."""
        url = URL(self._access.host + request.path, encoded=True)
        if request.query:
            url = url.with_query(request.query)
        headers = request.headers
        authorization = await self._access.authorization()
        if authorization:
            headers = {**headers, "Authorization": authorization}
        try:
            async with session.request(
                request.method,
                url,
                data=request.body,
                headers=headers,
                timeout=request.limits,
                proxy=self._access.proxy,
                server_hostname=self._access.server_name,
                # A redirect would carry the credentials to wherever it points.
                allow_redirects=False,
            ) as response:
                if response.status >= 300:
                    raise ApiError(response.status, await _reason(response))
                try:
                    yield response
                finally:
                    _cut(response)
        except (aiohttp.ClientError, TimeoutError, OSError):
            # Without the cause: its text names hosts, and URLs with what they carry.
            raise ApiUnreachable from None


def _cut(response: aiohttp.ClientResponse) -> None:
    # A stream that is left before its end: a closing handshake would wait for a server that is
    # still sending, and leave sockets behind when the loop ends first.
    connection = response.connection
    if connection is not None and connection.transport is not None:
        connection.transport.abort()


async def bounded(response: aiohttp.ClientResponse, limit: int) -> bytes:
    """Read a body. Raise ApiError for one beyond the limit."""
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > limit:
            raise ApiError(response.status, "TooLarge")
    return bytes(body)


async def _reason(response: aiohttp.ClientResponse) -> str:
    try:
        answer = parsed(await bounded(response, _MAX_STATUS_BODY), response.status)
    except ApiError:
        return ""
    return word(answer.get("reason"))


def word(reason: object) -> str:
    """Give a reason of the server: only a plain word, for a webhook can answer anything."""
    return reason if isinstance(reason, str) and _REASON.fullmatch(reason) else ""


def parsed(body: bytes, status: int) -> Json:
    """Read a body as an object of JSON. Raise ApiError for anything else."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        raise ApiError(status, "BadAnswer") from None
    if not isinstance(answer, dict):
        raise ApiError(status, "BadAnswer")
    return answer
