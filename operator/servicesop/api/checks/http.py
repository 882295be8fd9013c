"""The check type `http`.

It asserts that a server answers a GET: in time (Timeout), with one of the codes that are accepted
(Status), fast enough (Latency) and with the body that it should have (Body). No answer is told
apart: Refused, Reset, TLS, and Malformed for what is no HTTP.

What keeps the operator from asking says nothing about the server and is an Error: the name does not
resolve, the address is never connected to, there is no way out, there is no token.
"""

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field

from servicesop.api.base import (
    ApiModel,
    Name,
    Number,
    Pattern,
    Rule,
    at_least_one,
    exactly_one,
    wire,
)
from servicesop.api.keys import Authorities, DataKey, SecretKeyRef, SecretRef
from servicesop.api.urls import OpenedUrl, RequestTarget, UrlParts, url_parts

_HEADER = r"^[A-Za-z][-A-Za-z0-9]*$"
# What frames a message or says where it goes is not the SOP's.
_OWN_HEADERS = [
    *("host", "content-length", "transfer-encoding", "connection", "keep-alive", "te", "trailer"),
    *("upgrade", "expect", "accept-encoding", "user-agent"),
]
_OURS = Rule(
    f"!(self.lowerAscii() in {_OWN_HEADERS})",
    f"must not be a header that the operator sets itself [{' '.join(_OWN_HEADERS)}]",
)


def _not_ours(header: str) -> str:
    if header.lower() in _OWN_HEADERS:
        raise ValueError(_OURS.message)
    return header


HeaderName = Annotated[
    str,
    Field(max_length=64, pattern=_HEADER),
    AfterValidator(_not_ours),
    wire(
        "string",
        Rule(
            f"self.matches('{_HEADER}')",
            "must be the name of a header such as \"X-Api-Key\": letters, digits and '-'",
        ),
        _OURS,
        maxLength=64,
    ),
]
"""The name of a header of a request."""

_SCOPE = r"^[!#-\[\]-~]+$"

Scope = Annotated[
    str,
    Field(max_length=128, pattern=_SCOPE),
    wire(
        "string",
        Rule(f'self.matches(r"{_SCOPE}")', "must be one scope: no blanks, quotes or backslashes"),
        maxLength=128,
    ),
]
"""A scope of OAuth 2.0."""


class Scheme(StrEnum):
    """How a Service is spoken to."""

    HTTP = "http"
    HTTPS = "https"


class ServicePath(ApiModel):
    """A Service in the SOP's own namespace, asked by its DNS name `<name>.<namespace>.svc`."""

    name: Name
    """The Service."""
    port: Annotated[int, Field(ge=1, le=65535)]
    """The port, as the Service has it."""
    scheme: Scheme = Scheme.HTTP
    """With https the certificate has to be for that DNS name."""
    path: RequestTarget = "/"
    """Path and query."""


class Body(ApiModel):
    """What the body must look like, in its first 64 KiB."""

    rules = (at_least_one("matches", "lacks"),)

    matches: Pattern | None = None
    """RE2 pattern that must occur."""
    lacks: Pattern | None = None
    """RE2 pattern that must not occur."""


class Header(ApiModel):
    """A header of the request whose whole value is in a Secret."""

    header: HeaderName
    """Its name."""
    secret_key_ref: SecretKeyRef
    """Where its value is: for a token that is there `Bearer ` and the token."""


class ClientKeys(ApiModel):
    """Which key of the Secret holds what."""

    id: DataKey = "client-id"
    """The client's id."""
    secret: DataKey = "client-secret"  # noqa: S105 - the name of a key
    """Its secret."""


class OAuth2(ApiModel):
    """A bearer token by OAuth 2.0 client credentials (RFC 6749, section 4.4)."""

    token_url: OpenedUrl
    """The issuer's token endpoint."""
    secret_ref: SecretRef
    """Where the client's id and secret are."""
    keys: ClientKeys = ClientKeys()
    """The keys of that Secret."""
    scopes: Annotated[tuple[Scope, ...], Field(max_length=12)] = ()
    """The scopes to ask for; the issuer's default without any."""
    audience: Annotated[str, Field(min_length=1, max_length=256)] | None = None
    """Whom the token is for, where the issuer wants to be told."""
    ca: Authorities | None = None
    """Who may have signed the issuer's certificate; the system's authorities when not given."""


class Http(ApiModel):
    """A server answers a GET with an accepted code, fast enough, and with the right body."""

    findings: ClassVar[tuple[str, ...]] = (
        "Timeout",
        "Refused",
        "Reset",
        "TLS",
        "Malformed",
        "Status",
        "Latency",
        "Body",
    )
    rules = (
        exactly_one("url", "service"),
        Rule(
            "!has(self.ca) || (has(self.url) && self.url.startsWith('https:'))"
            " || (has(self.service) && self.service.scheme == 'https')",
            "ca must not be set without https",
            field=".ca",
            holds=lambda http: http.ca is None or http.scheme is Scheme.HTTPS,
        ),
        Rule(
            "!has(self.maxSeconds) || double(self.maxSeconds) > 0.0",
            "maxSeconds must be greater than 0",
            field=".maxSeconds",
            holds=lambda http: http.max_seconds is None or http.max_seconds > 0,
        ),
        Rule(
            "!has(self.oauth2) || !has(self.headers)"
            " || !self.headers.exists(each, each.header.lowerAscii() == 'authorization')",
            "headers must not hold Authorization when oauth2 is set",
            field=".headers",
            holds=lambda http: (
                http.oauth2 is None
                or all(each.header.lower() != "authorization" for each in http.headers)
            ),
        ),
    )

    url: OpenedUrl | None = None
    """What to GET; no redirect is followed."""
    service: ServicePath | None = None
    """The same by a Service of the SOP's own namespace, whichever that is."""
    codes: Annotated[
        tuple[Annotated[int, Field(ge=200, le=599)], ...], Field(min_length=1, max_length=24)
    ] = (200,)
    """The codes that are accepted (finding Status); a redirect has its own, such as 302."""
    max_seconds: Number | None = None
    """Longest that connecting and the whole answer may take, in seconds (finding Latency). No
    answer within four fifths of the check's `timeout` is the finding Timeout."""
    body: Body | None = None
    """What the body must look like (finding Body)."""
    headers: Annotated[tuple[Header, ...], Field(max_length=8)] = ()
    """Headers to send."""
    oauth2: OAuth2 | None = None
    """Get a token, and send it as `Authorization: Bearer`."""
    ca: Authorities | None = None
    """Who may have signed the server's certificate; the system's authorities when not given."""

    @property
    def scheme(self) -> Scheme:
        """How the server is spoken to."""
        if self.service is not None:
            return self.service.scheme
        assert self.url is not None, "url or service is there"
        return Scheme(url_parts(self.url).scheme)

    def parts(self, namespace: str) -> UrlParts:
        """Give the URL to open for an SOP in that namespace."""
        if self.service is None:
            assert self.url is not None, "url or service is there"
            return url_parts(self.url)
        host = f"{self.service.name}.{namespace}.svc"
        return url_parts(f"{self.service.scheme}://{host}:{self.service.port}{self.service.path}")

    @property
    def secrets(self) -> tuple[str, ...]:
        """The names of the Secrets that are read."""
        names = [each.secret_key_ref.name for each in self.headers]
        if self.oauth2 is not None:
            names.append(self.oauth2.secret_ref.name)
        names += [ca.secret_key_ref.name for ca in self._authorities if ca.secret_key_ref]
        return tuple(dict.fromkeys(names))

    @property
    def config_maps(self) -> tuple[str, ...]:
        """The names of the ConfigMaps that are read."""
        refs = [ca.config_map_key_ref for ca in self._authorities if ca.config_map_key_ref]
        return tuple(dict.fromkeys(ref.name for ref in refs))

    @property
    def _authorities(self) -> tuple[Authorities, ...]:
        found = (self.ca, self.oauth2.ca if self.oauth2 is not None else None)
        return tuple(ca for ca in found if ca is not None)
