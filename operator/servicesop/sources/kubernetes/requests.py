"""What can be asked of the API server: raw paths, plain dicts, a limit on everything."""

import asyncio
import json
import re
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass

import aiohttp

from servicesop.sources.kubernetes.transport import (
    ApiError,
    Json,
    Query,
    Request,
    Transport,
    bounded,
    parsed,
    word,
)

WATCH_SILENCE_SECONDS = 70.0
"""A watch gets a bookmark about every minute; one that is silent for longer is dead."""
CONNECT_SECONDS = 5.0
MAX_BODY = 64 * 1024 * 1024
MAX_WATCH_LINE = 16 * 1024 * 1024

# What a path may be made of: no query, no escapes, no empty segments. Dot segments are refused
# apart, because they would be resolved after the check of the namespace.
_PATH = re.compile(r"(?:/[A-Za-z0-9._:-]+)+")


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list."""

    items: list[Json]
    resource_version: str
    """The same on each page of one list: where a watch goes on."""


class Requests:
    """The verbs, as one identity. Every call raises ApiError or ApiUnreachable, nothing else.

    A `timeout` is in seconds and covers the whole call, waiting for a connection included.
    """

    def __init__(self, transport: Transport, headers: Mapping[str, str]) -> None:
        self._transport = transport
        self._headers = headers

    def _check(self, path: str) -> None:
        """Raise ValueError for a path that this client must not ask."""
        if not _PATH.fullmatch(path) or any(part in (".", "..") for part in path.split("/")):
            raise ValueError("not a plain path of the API server")

    async def get(
        self,
        path: str,
        query: Query | None = None,
        *,
        timeout: float = 10.0,  # noqa: ASYNC109 - aiohttp enforces it
        max_bytes: int = MAX_BODY,
    ) -> Json:
        """Read one object, or the first page of a list."""
        return await self._call("GET", path, query, timeout=timeout, max_bytes=max_bytes)

    async def list_pages(
        self,
        path: str,
        query: Query | None = None,
        *,
        limit: int = 500,
        timeout: float = 30.0,  # noqa: ASYNC109 - aiohttp enforces it, per page
    ) -> AsyncGenerator[Page, None]:
        """Read a list page by page. ApiError 410 in between: start again from the beginning."""
        parameters = {**(query or {}), "limit": str(limit)}
        while True:
            answer = await self._call("GET", path, parameters, timeout=timeout)
            metadata = answer.get("metadata")
            items = answer.get("items")
            if not isinstance(metadata, dict) or not isinstance(items, list | None):
                raise ApiError(200, "BadAnswer")
            yield Page(items or [], str(metadata.get("resourceVersion", "")))
            if not metadata.get("continue"):
                return
            parameters["continue"] = str(metadata["continue"])

    async def watch(
        self,
        path: str,
        query: Query | None = None,
        *,
        on_open: Callable[[], None] = lambda: None,
        silence: float = WATCH_SILENCE_SECONDS,
    ) -> AsyncGenerator[tuple[str, Json], None]:
        """Give (type, object) as they come: ADDED, MODIFIED, DELETED or BOOKMARK.

        Ends when the server closes the watch or is silent for `silence` seconds. `on_open` is
        called when the server has accepted it. Raise ApiError for an ERROR event (410: list again).
        """
        self._check(path)
        parameters = {**(query or {}), "watch": "true", "allowWatchBookmarks": "true"}
        limits = aiohttp.ClientTimeout(
            total=None, connect=CONNECT_SECONDS, sock_connect=CONNECT_SECONDS, sock_read=silence
        )
        request = Request("GET", path, parameters, self._headers, limits)
        async with self._transport.open(self._transport.watches, request) as response:
            on_open()
            try:
                async for line in _lines(response.content, MAX_WATCH_LINE):
                    yield _event(line)
            except TimeoutError:
                return

    async def stream(
        self,
        path: str,
        query: Query | None = None,
        *,
        timeout: float = 60.0,  # noqa: ASYNC109 - aiohttp enforces it
        silence: float = 10.0,
    ) -> AsyncGenerator[bytes, None]:
        """Give a body in chunks as they come, on the pool of log streams.

        `silence`: seconds without a byte after which it counts as broken.
        """
        self._check(path)
        headers = {**self._headers, "Accept": "*/*"}
        limits = aiohttp.ClientTimeout(
            total=timeout, sock_connect=CONNECT_SECONDS, sock_read=silence
        )
        request = Request("GET", path, query, headers, limits)
        async with self._transport.open(self._transport.logs, request) as response:
            async for chunk in response.content.iter_any():
                yield chunk

    async def create(self, path: str, body: Json) -> Json:
        """POST an object to its list, or to a subresource."""
        return await self._call("POST", path, None, body=body)

    async def replace(self, path: str, body: Json) -> Json:
        """PUT an object; with its resourceVersion it is a compare-and-swap (ApiError 409)."""
        return await self._call("PUT", path, None, body=body)

    async def json_patch(self, path: str, operations: list[Json], field_manager: str) -> Json:
        """Change what the operations say; a failed `test` is ApiError 422."""
        return await self._patch(path, operations, "json-patch+json", field_manager)

    async def merge_patch(self, path: str, body: Json, field_manager: str) -> Json:
        """Merge the body into the object."""
        return await self._patch(path, body, "merge-patch+json", field_manager)

    async def apply(self, path: str, body: Json, field_manager: str, *, force: bool = True) -> Json:
        """Server-side apply; `force` takes fields over from other managers."""
        return await self._patch(
            path, body, "apply-patch+yaml", field_manager, force="true" if force else "false"
        )

    async def delete(self, path: str, body: Json | None = None) -> Json:
        """Delete one object; `body` is a DeleteOptions, for preconditions."""
        return await self._call("DELETE", path, None, body=body)

    async def _patch(
        self,
        path: str,
        body: Json | list[Json],
        form: str,
        field_manager: str,
        **options: str,
    ) -> Json:
        query = {"fieldManager": field_manager, **options}
        return await self._call("PATCH", path, query, body=body, form=form)

    async def _call(
        self,
        method: str,
        path: str,
        query: Query | None,
        *,
        body: Json | list[Json] | None = None,
        form: str = "json",
        timeout: float = 10.0,  # noqa: ASYNC109 - aiohttp enforces it
        max_bytes: int = MAX_BODY,
    ) -> Json:
        self._check(path)
        headers = dict(self._headers)
        data = None
        if body is not None:
            headers["Content-Type"] = f"application/{form}"
            data = json.dumps(body, separators=(",", ":")).encode()
        limits = aiohttp.ClientTimeout(total=timeout, sock_connect=CONNECT_SECONDS)
        request = Request(method, path, query, headers, limits, data)
        async with self._transport.open(self._transport.calls, request) as response:
            return parsed(await bounded(response, max_bytes), response.status)


def _event(line: bytes) -> tuple[str, Json]:
    event = parsed(line, 200)
    kind, subject = event.get("type"), event.get("object")
    if not isinstance(kind, str) or not isinstance(subject, dict):
        raise ApiError(200, "BadAnswer")
    if kind == "ERROR":
        code = subject.get("code")
        raise ApiError(code if isinstance(code, int) else 500, word(subject.get("reason")))
    return kind, subject


async def _lines(content: aiohttp.StreamReader, limit: int) -> AsyncGenerator[bytes, None]:
    """Split a stream into lines. A line longer than `limit` bytes is a BadAnswer."""
    rest = bytearray()
    async for chunk in content.iter_any():
        start = 0
        while (end := chunk.find(b"\n", start)) >= 0:
            rest += chunk[start:end]
            start = end + 1
            if rest.strip():
                yield bytes(rest)
            rest.clear()
        rest += chunk[start:]
        if len(rest) > limit:
            raise ApiError(200, "BadAnswer")
        # Thousands of events in one go must not keep everybody else from the loop.
        await asyncio.sleep(0)
