"""The few requests that the testbed itself makes to the API server."""

import contextlib
import json
import ssl
from http.client import HTTPConnection, HTTPSConnection
from typing import Any
from urllib.parse import urlsplit

_TIMEOUT_SECONDS = 10.0


class ApiError(RuntimeError):
    """The API server refused a request; the message is its own."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


class ApiClient:
    """Talks JSON to one API server with a bearer token; to be closed at the end.

    Tests poll, and a TLS connection for each time would take both sides longer than the answer: so
    connections are kept, for reads. What changes something has a new one: it must not be sent again
    because a kept connection was dead.
    """

    def __init__(self, url: str, token: str, certificate_authority: str) -> None:
        address = urlsplit(url)
        assert address.hostname is not None
        self._host, self._port = address.hostname, address.port
        self._token = token
        # The context trusts this authority alone, and no proxy may stand in between.
        self._tls = (
            ssl.create_default_context(cadata=certificate_authority)
            if address.scheme == "https"
            else None
        )
        self._kept: list[HTTPConnection] = []

    def close(self) -> None:
        """Close what is kept; a later request would open a new connection."""
        while (kept := self._take()) is not None:
            kept.close()

    def request(
        self, method: str, path: str, body: object = None, content_type: str = "application/json"
    ) -> Any:
        """Return the decoded answer; raises ApiError, or OSError when there is no connection."""
        payload = None if body is None else json.dumps(body).encode()
        headers = {
            "Authorization": f"Bearer {self._token}",
            "Content-Type": content_type,
            "User-Agent": "testbed",
        }
        while method == "GET" and (kept := self._take()) is not None:
            # Its server may have ended since, or closed it.
            with contextlib.suppress(ConnectionError):
                return self._exchange(kept, method, path, payload, headers)
        return self._exchange(self._connect(), method, path, payload, headers)

    def answers(self, path: str) -> bool:
        """Whether a GET succeeds now."""
        try:
            self.request("GET", path)
        except (ApiError, OSError):
            return False
        return True

    def _take(self) -> HTTPConnection | None:
        # Others may take one at the same time.
        try:
            return self._kept.pop()
        except IndexError:
            return None

    def _connect(self) -> HTTPConnection:
        if self._tls is None:
            return HTTPConnection(self._host, self._port, timeout=_TIMEOUT_SECONDS)
        return HTTPSConnection(self._host, self._port, timeout=_TIMEOUT_SECONDS, context=self._tls)

    def _exchange(
        self,
        connection: HTTPConnection,
        method: str,
        path: str,
        payload: bytes | None,
        headers: dict[str, str],
    ) -> Any:
        try:
            connection.request(method, path, payload, headers)
            response = connection.getresponse()
            text = response.read().decode(errors="replace")
        except BaseException:
            connection.close()
            raise
        if method == "GET":
            self._kept.append(connection)
        else:
            connection.close()
        if response.status >= 300:
            raise ApiError(response.status, text)
        return json.loads(text) if text.startswith(("{", "[")) else text
