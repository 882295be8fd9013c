"""The few requests that the testbed itself makes to the API server."""

import json
import ssl
import urllib.error
import urllib.request
from typing import Any

_TIMEOUT_SECONDS = 10.0


class ApiError(RuntimeError):
    """The API server refused a request; the message is its own."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


class ApiClient:
    """Talks JSON to one API server with a bearer token."""

    def __init__(self, url: str, token: str, certificate_authority: str) -> None:
        self._url = url
        self._token = token
        # The context trusts this authority alone, and no proxy may stand in between.
        context = ssl.create_default_context(cadata=certificate_authority)
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
        )

    def request(
        self, method: str, path: str, body: object = None, content_type: str = "application/json"
    ) -> Any:
        """Return the decoded answer; raises ApiError, or OSError when there is no connection."""
        request = urllib.request.Request(
            self._url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={
                "Authorization": f"Bearer {self._token}",
                "Content-Type": content_type,
                "User-Agent": "testbed",
            },
        )
        try:
            with self._opener.open(request, timeout=_TIMEOUT_SECONDS) as response:
                text = response.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                raise ApiError(error.code, error.read().decode(errors="replace")) from None
        return json.loads(text) if text.startswith(("{", "[")) else text

    def answers(self, path: str) -> bool:
        """Whether a GET succeeds now."""
        try:
            self.request("GET", path)
        except (ApiError, OSError):
            return False
        return True
