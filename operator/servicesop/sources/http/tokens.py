"""Gets bearer tokens by OAuth 2.0 client credentials, and keeps them until shortly before they end.

What goes wrong here is the issuer's fault or that of the credentials, never the target's: every
failure is a SourceError that says which. Nothing that an issuer writes is repeated.
"""

import asyncio
import base64
import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote_plus, urlencode

from servicesop.api.reasons import UnknownReason
from servicesop.api.urls import url_parts
from servicesop.sources.errors import SourceError
from servicesop.sources.http.client import Answer, HttpClient, Request
from servicesop.sources.http.failures import HttpFailure
from servicesop.sources.http.trust import trust

MAX_KEPT: Final = 1024
"""Tokens that are kept; beyond them the one that ends first is forgotten."""
_MAX_TOKEN = 16 * 1024
_MAX_LIFETIME = 24 * 3600.0
_SPARE_SECONDS = 30.0
"""A token is not used for the last of its seconds: it has to hold until the request arrives."""

_TOKEN = re.compile(r"[-A-Za-z0-9._~+/]+=*")
# The errors of RFC 6749, section 5.2: which of them, and what to do.
_REFUSALS: Final = {
    "invalid_client": "does not know the client, or its secret is wrong; correct the Secret",
    "unauthorized_client": "does not allow this client to use client credentials",
    "invalid_grant": "does not accept the client's credentials",
    "unsupported_grant_type": "does not offer client credentials",
    "invalid_scope": "does not allow these scopes to the client; correct them",
    "invalid_request": "does not accept the request; see whether it needs an audience",
}


@dataclass(frozen=True, slots=True)
class Grant:
    """What is asked of which issuer, and as whom."""

    namespace: str
    """Whose it is: nobody else gets a token that was kept for it."""
    token_url: str
    client: str = field(repr=False)
    secret: str = field(repr=False)
    scopes: tuple[str, ...] = ()
    audience: str | None = None
    ca: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class _Token:
    text: str = field(repr=False)
    good_until: float


class Tokens:
    """The tokens of all checks."""

    def __init__(self, client: HttpClient, clock: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._clock = clock
        self._kept: dict[Grant, _Token] = {}
        self._fetching: dict[Grant, asyncio.Lock] = {}

    async def token(self, grant: Grant, *, within: float) -> str:
        """Give a token that is good for a while, after `within` seconds at most.

        Raise SourceError: IssuerUnavailable, CredentialsRefused, BadAnswer, those of a connection.
        """
        lock = self._fetching.setdefault(grant, asyncio.Lock())
        try:
            async with asyncio.timeout(within), lock:
                kept = self._kept.get(grant)
                if kept is not None and self._clock() < kept.good_until:
                    return kept.text
                token = await self._fetch(grant, within)
        except TimeoutError:
            raise _unavailable("does not answer in time") from None
        finally:
            if not lock.locked():
                self._fetching.pop(grant, None)
        self._keep(grant, token)
        return token.text

    def forget(self, grant: Grant) -> None:
        """Do not use this token again: the target refuses it, whatever it said about its end."""
        self._kept.pop(grant, None)

    def _keep(self, grant: Grant, token: _Token) -> None:
        now = self._clock()
        self._kept = {each: kept for each, kept in self._kept.items() if now < kept.good_until}
        if now < token.good_until:
            self._kept[grant] = token
        if len(self._kept) > MAX_KEPT:
            del self._kept[min(self._kept, key=lambda each: self._kept[each].good_until)]

    async def _fetch(self, grant: Grant, within: float) -> _Token:
        asked = self._clock()
        failure: SourceError
        try:
            answer = await self._client.ask(_request(grant), within=within)
        except HttpFailure as unable:
            failure = _unable(unable)
        except SourceError as refused:
            failure = SourceError(refused.reason, f"the token's issuer: {refused.message}")
        else:
            return _read(answer, asked)
        raise failure


def _request(grant: Grant) -> Request:
    # The form of RFC 6749, section 2.3.1, that every issuer has to support.
    login = f"{quote_plus(grant.client)}:{quote_plus(grant.secret)}"
    form = {"grant_type": "client_credentials"}
    if grant.scopes:
        form["scope"] = " ".join(grant.scopes)
    if grant.audience is not None:
        form["audience"] = grant.audience
    return Request(
        url_parts(grant.token_url),
        method="POST",
        headers={
            "Accept": "application/json",
            "Authorization": f"Basic {base64.b64encode(login.encode()).decode()}",
            "Content-Type": "application/x-www-form-urlencoded",
        },
        body=urlencode(form).encode(),
        tls=trust(grant.ca),
    )


def _unable(failure: HttpFailure) -> SourceError:
    reason = failure.kind.reason
    if reason in (UnknownReason.TIMED_OUT, UnknownReason.UNREACHABLE):
        return _unavailable(failure.kind.words)
    return SourceError(reason, f"the token's issuer {failure.kind.words}")


def _read(answer: Answer, asked: float) -> _Token:
    document = _document(answer)
    if answer.status == 200:
        return _granted(document, asked)
    if answer.status == 429 or answer.status >= 500:
        raise _unavailable(f"answers {answer.status}")
    error = document.get("error")
    refusal = _REFUSALS.get(error) if isinstance(error, str) else None
    if refusal is None and answer.status in (401, 403):
        refusal = _REFUSALS["invalid_client"]
    if refusal is not None:
        raise SourceError(UnknownReason.CREDENTIALS_REFUSED, f"the token's issuer {refusal}")
    raise _malformed(f"answers {answer.status}; see whether tokenUrl is its token endpoint")


def _document(answer: Answer) -> dict[str, Any]:
    try:
        document = json.loads(answer.body) if answer.complete else None
    except (ValueError, RecursionError):
        document = None
    return document if isinstance(document, dict) else {}


def _granted(document: dict[str, Any], asked: float) -> _Token:
    token, kind = document.get("access_token"), document.get("token_type")
    if not isinstance(token, str) or len(token) > _MAX_TOKEN or not _TOKEN.fullmatch(token):
        raise _malformed("answers without a token; see whether tokenUrl is its token endpoint")
    if not isinstance(kind, str) or kind.lower() != "bearer":
        raise _malformed("gives a token that is no bearer token")
    lifetime = _seconds(document.get("expires_in"))
    return _Token(token, asked + max(lifetime - _SPARE_SECONDS, lifetime / 2))


def _seconds(expires_in: object) -> float:
    """Read how long a token lives; one that does not say it is used once."""
    if isinstance(expires_in, str) and re.fullmatch("[0-9]{1,9}", expires_in):
        expires_in = int(expires_in)
    if isinstance(expires_in, bool) or not isinstance(expires_in, int | float):
        return 0.0
    # NaN is not more than 0.
    return float(min(expires_in, _MAX_LIFETIME)) if expires_in > 0 else 0.0


def _unavailable(what: str) -> SourceError:
    return SourceError(
        UnknownReason.ISSUER_UNAVAILABLE,
        f"there is no token: its issuer {what}; nothing is known of the target",
    )


def _malformed(what: str) -> SourceError:
    return SourceError(UnknownReason.BAD_ANSWER, f"the token's issuer {what}")
