"""A thin client of the API server: raw paths, plain dicts, a limit on everything."""

import asyncio
import json
import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import aiohttp
from yarl import URL

from servicesop.api.reasons import UnknownReason
from servicesop.sources.errors import SourceError
from servicesop.sources.kubernetes.access import Access

Json = dict[str, Any]
Query = Mapping[str, str]

RUNNER: Final = "servicesop-runner"
"""The ServiceAccount, one per namespace, as which everything sensitive is done."""

WATCH_SILENCE_SECONDS = 70.0
"""A watch gets a bookmark about every minute; one that is silent for longer is dead."""
CONNECT_SECONDS = 5.0
MAX_BODY = 64 * 1024 * 1024
MAX_WATCH_LINE = 16 * 1024 * 1024
_MAX_STATUS_BODY = 256 * 1024

# What a path may be made of: no query, no escapes, no empty segments. Dot segments are refused
# apart, because they would be resolved after the check of the namespace.
_PATH = re.compile(r"(?:/[A-Za-z0-9._:-]+)+")
_REASON = re.compile(r"[A-Za-z]{1,64}")
_NAMESPACE = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?")
_SELF_REVIEWS: Final = frozenset(
    {
        "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
        "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews",
        "/apis/authentication.k8s.io/v1/selfsubjectreviews",
    }
)


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
class Page:
    """One page of a list."""

    items: list[Json]
    resource_version: str
    """The same on each page of one list: where a watch goes on."""


class _Transport:
    """Three connection pools to one API server, so that long streams cannot starve short calls."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._agent = f"servicesop/{version('servicesop')}"
        self.calls = self._session(limit=64)
        self.logs = self._session(limit=32)
        self.watches = self._session(limit=0)

    def _session(self, limit: int) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=limit, ssl=self._access.tls, keepalive_timeout=60, ttl_dns_cache=30
            ),
            headers={"User-Agent": self._agent, "Accept": "application/json"},
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            auto_decompress=True,
        )

    async def close(self) -> None:
        for session in (self.calls, self.logs, self.watches):
            await session.close()

    @asynccontextmanager
    async def open(
        self,
        session: aiohttp.ClientSession,
        method: str,
        path: str,
        *,
        query: Query | None,
        headers: Mapping[str, str],
        body: bytes | None = None,
        limits: aiohttp.ClientTimeout,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Send a request and give its answer, if that is a success."""
        url = URL(self._access.host + path, encoded=True)
        if query:
            url = url.with_query(query)
        authorization = await self._access.authorization()
        if authorization:
            headers = {**headers, "Authorization": authorization}
        try:
            async with session.request(
                method,
                url,
                data=body,
                headers=headers,
                timeout=limits,
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


class _Requests:
    """The verbs, as one identity. Every call raises ApiError or ApiUnreachable, nothing else.

    A `timeout` is in seconds and covers the whole call, waiting for a connection included.
    """

    def __init__(self, transport: _Transport, headers: Mapping[str, str]) -> None:
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
        async with self._transport.open(
            self._transport.watches,
            "GET",
            path,
            query=parameters,
            headers=self._headers,
            limits=limits,
        ) as response:
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
        async with self._transport.open(
            self._transport.logs,
            "GET",
            path,
            query=query,
            headers={**self._headers, "Accept": "*/*"},
            limits=aiohttp.ClientTimeout(
                total=timeout, sock_connect=CONNECT_SECONDS, sock_read=silence
            ),
        ) as response:
            async for chunk in response.content.iter_any():
                yield chunk

    async def create(
        self,
        path: str,
        body: Json,
        query: Query | None = None,
        *,
        timeout: float = 10.0,  # noqa: ASYNC109 - aiohttp enforces it
    ) -> Json:
        """POST an object to its list, or to a subresource."""
        return await self._call("POST", path, query, body=body, timeout=timeout)

    async def replace(
        self,
        path: str,
        body: Json,
        query: Query | None = None,
        *,
        timeout: float = 10.0,  # noqa: ASYNC109 - aiohttp enforces it
    ) -> Json:
        """PUT an object; with its resourceVersion it is a compare-and-swap (ApiError 409)."""
        return await self._call("PUT", path, query, body=body, timeout=timeout)

    async def json_patch(
        self,
        path: str,
        operations: list[Json],
        field_manager: str,
        *,
        timeout: float = 10.0,  # noqa: ASYNC109 - aiohttp enforces it
    ) -> Json:
        """Change what the operations say; a failed `test` is ApiError 422."""
        return await self._call(
            "PATCH",
            path,
            {"fieldManager": field_manager},
            body=operations,
            content_type="application/json-patch+json",
            timeout=timeout,
        )

    async def merge_patch(
        self,
        path: str,
        body: Json,
        field_manager: str,
        *,
        timeout: float = 10.0,  # noqa: ASYNC109 - aiohttp enforces it
    ) -> Json:
        """Merge the body into the object."""
        return await self._call(
            "PATCH",
            path,
            {"fieldManager": field_manager},
            body=body,
            content_type="application/merge-patch+json",
            timeout=timeout,
        )

    async def apply(
        self,
        path: str,
        body: Json,
        field_manager: str,
        *,
        force: bool = True,
        timeout: float = 10.0,  # noqa: ASYNC109 - aiohttp enforces it
    ) -> Json:
        """Server-side apply; `force` takes fields over from other managers."""
        return await self._call(
            "PATCH",
            path,
            {"fieldManager": field_manager, "force": "true" if force else "false"},
            body=body,
            content_type="application/apply-patch+yaml",
            timeout=timeout,
        )

    async def delete(
        self,
        path: str,
        body: Json | None = None,
        *,
        timeout: float = 10.0,  # noqa: ASYNC109 - aiohttp enforces it
    ) -> Json:
        """Delete one object; `body` is a DeleteOptions, for preconditions."""
        return await self._call("DELETE", path, None, body=body, timeout=timeout)

    async def _call(
        self,
        method: str,
        path: str,
        query: Query | None,
        *,
        body: Json | list[Json] | None = None,
        content_type: str = "application/json",
        timeout: float,  # noqa: ASYNC109 - aiohttp enforces it
        max_bytes: int = MAX_BODY,
    ) -> Json:
        self._check(path)
        headers = dict(self._headers)
        data = None
        if body is not None:
            headers["Content-Type"] = content_type
            data = json.dumps(body, separators=(",", ":")).encode()
        async with self._transport.open(
            self._transport.calls,
            method,
            path,
            query=query,
            headers=headers,
            body=data,
            limits=aiohttp.ClientTimeout(total=timeout, sock_connect=CONNECT_SECONDS),
        ) as response:
            return _parsed(await _bounded(response, max_bytes), response.status)


class RunnerClient(_Requests):
    """Whoever runs a namespace's checks, and nothing outside that namespace.

    That is the namespace's own runner, by impersonation; or, where a person runs them, that person.
    """

    def __init__(self, transport: _Transport, namespace: str, *, impersonate: bool = True) -> None:
        if not _NAMESPACE.fullmatch(namespace):
            raise ValueError("a runner needs the name of a namespace")
        # Only the user: the server adds the ServiceAccount's groups itself, and refuses them here.
        user = f"system:serviceaccount:{namespace}:{RUNNER}"
        super().__init__(transport, {"Impersonate-User": user} if impersonate else {})
        self.namespace = namespace
        self._inside = re.compile(
            rf"/(?:api/v1|apis/[^/]+/[^/]+)/namespaces/{re.escape(namespace)}/.+"
        )

    def _check(self, path: str) -> None:
        super()._check(path)
        if path not in _SELF_REVIEWS and not self._inside.fullmatch(path):
            raise ValueError(f"the runner of {self.namespace} asks only inside that namespace")


class KubeClient(_Requests):
    """The operator's own account. Close it, or use it as an asynchronous context manager."""

    def __init__(self, access: Access) -> None:
        super().__init__(_Transport(access), {})

    @classmethod
    async def connect(cls, kubeconfig: Path | None = None) -> Self:
        """Load a kubeconfig, or the mounted ServiceAccount if None. Raise AccessError."""
        return cls(await Access.load(kubeconfig))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Drop all connections."""
        await self._transport.close()

    def as_runner(self, namespace: str) -> RunnerClient:
        """Give the client of that namespace's runner. Raise ValueError without a namespace."""
        return RunnerClient(self._transport, namespace)

    async def runner_exists(self, namespace: str) -> bool:
        """Tell whether the namespace has its ServiceAccount `servicesop-runner`.

        Asked for itself, because access reviews say yes to accounts that do not exist.
        """
        try:
            await self.get(f"/api/v1/namespaces/{namespace}/serviceaccounts/{RUNNER}")
        except ApiError as error:
            if error.status == 404:
                return False
            raise
        return True

    async def runner_may(
        self,
        namespace: str,
        verb: str,
        group: str,
        resource: str,
        name: str = "",
        subresource: str = "",
    ) -> bool:
        """Ask whether the namespace's runner may do that to the object of that name."""
        review = await self.as_runner(namespace).create(
            "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
            {
                "apiVersion": "authorization.k8s.io/v1",
                "kind": "SelfSubjectAccessReview",
                "spec": {
                    "resourceAttributes": {
                        "namespace": namespace,
                        "verb": verb,
                        "group": group,
                        "resource": resource,
                        "name": name,
                        "subresource": subresource,
                    }
                },
            },
        )
        status = review.get("status")
        return isinstance(status, dict) and status.get("allowed") is True

    async def refusal(
        self, namespace: str, right: str, grant: str = "manifests/runner"
    ) -> SourceError:
        """Explain that the runner was refused a right, such as `get pods/log`.

        `grant` is what grants it. The API server refuses an account that does not exist in the same
        words as one without rights, and people need to know which.
        """
        try:
            exists = await self.runner_exists(namespace)
        except (ApiError, ApiUnreachable):
            exists = True  # not known; the refusal itself is what can be told
        if not exists:
            return SourceError(
                UnknownReason.NO_RUNNER,
                f"this namespace has no ServiceAccount {RUNNER}; apply manifests/runner",
            )
        return SourceError(
            UnknownReason.ACCESS_DENIED,
            f"{RUNNER} may not {right}; grant it in this namespace ({grant})",
        )

    def unwatchable(self, objects: str) -> SourceError:
        """Explain that this account may not list and watch something, such as `Pods`."""
        return SourceError(
            UnknownReason.API_UNAVAILABLE,
            f"the operator's own account may not list and watch {objects} here; apply the"
            " ClusterRole and binding that the installation ships",
        )


class UserClient(KubeClient):
    """A person's own account: what the operator asks as a namespace's runner, the person asks."""

    def as_runner(self, namespace: str) -> RunnerClient:
        """Give the client of whoever runs the checks there: the person."""
        return RunnerClient(self._transport, namespace, impersonate=False)

    async def refusal(
        self, namespace: str, right: str, grant: str = "manifests/runner"
    ) -> SourceError:
        """Explain that the person was refused a right."""
        return SourceError(
            UnknownReason.ACCESS_DENIED,
            f"you may not {right} in the namespace {namespace}; ask its team for a Role that allows"
            " it, or use another context",
        )

    def unwatchable(self, objects: str) -> SourceError:
        """Explain that the person may not list and watch something."""
        return SourceError(
            UnknownReason.ACCESS_DENIED,
            f"you may not list and watch {objects} here; ask for the ClusterRole view in this"
            " namespace, or use another context",
        )


def _cut(response: aiohttp.ClientResponse) -> None:
    # A stream that is left before its end: a closing handshake would wait for a server that is
    # still sending, and leave sockets behind when the loop ends first.
    connection = response.connection
    if connection is not None and connection.transport is not None:
        connection.transport.abort()


async def _bounded(response: aiohttp.ClientResponse, limit: int) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > limit:
            raise ApiError(response.status, "TooLarge")
    return bytes(body)


async def _reason(response: aiohttp.ClientResponse) -> str:
    try:
        answer = _parsed(await _bounded(response, _MAX_STATUS_BODY), response.status)
    except ApiError:
        return ""
    return _word(answer.get("reason"))


def _word(reason: object) -> str:
    # A webhook can answer with a reason of its own: only a plain word is let through.
    return reason if isinstance(reason, str) and _REASON.fullmatch(reason) else ""


def _parsed(body: bytes, status: int) -> Json:
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        raise ApiError(status, "BadAnswer") from None
    if not isinstance(answer, dict):
        raise ApiError(status, "BadAnswer")
    return answer


def _event(line: bytes) -> tuple[str, Json]:
    event = _parsed(line, 200)
    kind, subject = event.get("type"), event.get("object")
    if not isinstance(kind, str) or not isinstance(subject, dict):
        raise ApiError(200, "BadAnswer")
    if kind == "ERROR":
        code = subject.get("code")
        raise ApiError(code if isinstance(code, int) else 500, _word(subject.get("reason")))
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
