"""Reads the files that an endpoint names: certificates, a token, a password. Never on the loop."""

import base64
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from servicesop.api.reasons import UnknownReason
from servicesop.sources.errors import SourceError
from servicesop.sources.http.trust import trust
from servicesop.sources.prometheus.endpoints import Endpoint

MAX_AGE = 30.0
"""Seconds after which the files are read again: tokens are renewed, and passwords changed."""
_MAX_SECRET = 16 * 1024
_MAX_CA = 512 * 1024


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a request needs besides its address. Nothing of it may be shown."""

    headers: Mapping[str, str] = field(repr=False)
    tls: ssl.SSLContext | None = field(repr=False)


class CredentialFiles:
    """The files of one endpoint."""

    def __init__(self, endpoint: Endpoint, clock: Callable[[], float] = time.monotonic) -> None:
        self._endpoint = endpoint
        self._clock = clock
        self._read_at = 0.0
        self._kept: Credentials | None = None

    def read(self) -> Credentials:
        """Give what the files hold, at most 30 s old. Blocks. Raise SourceError."""
        if self._kept is None or self._clock() - self._read_at > MAX_AGE:
            self._kept = Credentials(self._headers(), self._tls())
            self._read_at = self._clock()
        return self._kept

    def _headers(self) -> dict[str, str]:
        token, basic = self._endpoint.bearer_token_file, self._endpoint.basic_auth
        if token is not None:
            secret = self._text(token, "bearerTokenFile")
            if not secret.isascii() or " " in secret:
                raise self._unusable("bearerTokenFile", "must hold a token and nothing else")
            return {"Authorization": f"Bearer {secret}"}
        if basic is None:
            return {}
        user = self._text(basic.username_file, "basicAuth.usernameFile")
        password = self._text(basic.password_file, "basicAuth.passwordFile")
        if ":" in user:
            raise self._unusable("basicAuth.usernameFile", "must hold no ':'")
        pair = base64.b64encode(f"{user}:{password}".encode()).decode()
        return {"Authorization": f"Basic {pair}"}

    def _tls(self) -> ssl.SSLContext | None:
        if self._endpoint.ca_file is None:
            return None
        try:
            return trust(self._content(self._endpoint.ca_file, "caFile", _MAX_CA).decode("ascii"))
        except (ValueError, ssl.SSLError):
            # UnicodeDecodeError is a ValueError.
            raise self._unusable("caFile", "must hold certificates in PEM form") from None

    def _text(self, path: str, name: str) -> str:
        try:
            text = self._content(path, name, _MAX_SECRET).decode().removesuffix("\n")
        except UnicodeDecodeError:
            raise self._unusable(name, "must hold UTF-8 text") from None
        if not text or not text.isprintable():
            raise self._unusable(name, "must hold one line, without control characters")
        return text

    def _content(self, path: str, name: str, limit: int) -> bytes:
        try:
            with Path(path).open("rb") as file:
                content = file.read(limit + 1)
        except OSError:
            raise self._unusable(name, "cannot be read by the operator") from None
        if len(content) > limit:
            raise self._unusable(name, f"must hold at most {limit // 1024} KiB")
        return content

    def _unusable(self, name: str, fault: str) -> SourceError:
        return SourceError(
            UnknownReason.INVALID_ENDPOINT,
            f"{name} of the endpoint {self._endpoint.name} {fault}; tell the operator's"
            " administrator",
        )
