"""The endpoints that the administrator names: the content of the file of `--endpoints`.

An SOP gives the name of one. Its URL, its credentials and which namespaces may use it are said here
and nowhere else. PromQL is never rewritten: what keeps the metrics of tenants apart is the list of
namespaces, or a proxy before Prometheus that is told the namespace with each request (`tenancy`).
"""

from enum import StrEnum
from typing import Annotated, Final, Self

from pydantic import AfterValidator, Field, model_validator

from servicesop.api.base import ApiModel, Name, exactly_one
from servicesop.api.urls import OpenedUrl, UrlParts, url_parts

EVERY_NAMESPACE: Final = "*"

# What the operator sends itself, and what a proxy or server would read in another way.
_OWN_PARAMETERS = frozenset(
    ("query", "time", "timeout", "type", "filter", "active", "silenced", "inhibited", "unprocessed")
)
_OWN_HEADERS = frozenset(
    (
        *("accept", "accept-encoding", "authorization", "connection", "content-length"),
        *("content-type", "cookie", "expect", "host", "proxy-authorization", "te", "trailer"),
        *("transfer-encoding", "upgrade", "user-agent"),
    )
)


def _is_base(url: str) -> str:
    if "?" in url_parts(url).target:
        raise ValueError("must have no query (?...): the operator adds its own")
    return url


def _is_free_parameter(name: str) -> str:
    if name in _OWN_PARAMETERS:
        raise ValueError(f"must not be one that the operator sends itself: {name}")
    return name


def _is_free_header(name: str) -> str:
    if name.lower() in _OWN_HEADERS:
        raise ValueError(f"must not be a header of HTTP itself: {name}")
    return name


BaseUrl = Annotated[OpenedUrl, AfterValidator(_is_base)]
"""Where the API begins; `/api/v1/query` or `/api/v2/alerts` is added."""
FilePath = Annotated[str, Field(max_length=4096, pattern=r"^/[^\x00-\x1f]*$")]
"""An absolute path."""
NamespaceOrAll = Annotated[
    str, Field(max_length=63, pattern=r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?|\*)$")
]
"""A namespace, or `*`."""


class Kind(StrEnum):
    """What answers at an endpoint."""

    PROMETHEUS = "Prometheus"
    ALERTMANAGER = "Alertmanager"


class BasicAuth(ApiModel):
    """A user and a password."""

    username_file: FilePath
    """The file that holds the user's name."""
    password_file: FilePath
    """The file that holds the password."""


class Tenancy(ApiModel):
    """How the endpoint is told whose metrics may be read: it sees to it that no others are."""

    rules = (exactly_one("namespaceParam", "header"),)

    namespace_param: (
        Annotated[
            str,
            Field(max_length=63, pattern=r"^[a-zA-Z_][a-zA-Z0-9_]*$"),
            AfterValidator(_is_free_parameter),
        ]
        | None
    ) = None
    """The parameter of the URL that gets the SOP's namespace: `namespace` (prom-label-proxy)."""
    header: (
        Annotated[
            str, Field(max_length=63, pattern=r"^[A-Za-z0-9-]+$"), AfterValidator(_is_free_header)
        ]
        | None
    ) = None
    """The header that gets the SOP's namespace: `THANOS-TENANT`, `X-Scope-OrgID`."""


class Endpoint(ApiModel):
    """One Prometheus or Alertmanager."""

    name: Name
    """What SOPs call it."""
    kind: Kind
    """What answers there: Prometheus (or what has its API) or Alertmanager."""
    url: BaseUrl
    """Where it answers; exactly this host and port may be dialled, wherever they lead."""
    ca_file: FilePath | None = None
    """Certificates in PEM form that are trusted; without it those that the system trusts."""
    bearer_token_file: FilePath | None = None
    """The file that holds a token; it is read again every 30 s."""
    basic_auth: BasicAuth | None = None
    """A user and a password, from files that are read again every 30 s."""
    namespaces: Annotated[tuple[NamespaceOrAll, ...], Field(max_length=1000)] = ()
    """The namespaces whose SOPs may use it: none when not given; "*" is every one."""
    tenancy: Tenancy | None = None
    """How it keeps namespaces apart; without it whoever may use it can read all that it has."""

    @model_validator(mode="after")
    def _is_sound(self) -> Self:
        if self.bearer_token_file is not None and self.basic_auth is not None:
            raise ValueError("bearerTokenFile and basicAuth exclude each other")
        if self.ca_file is not None and self.url_parts.scheme != "https":
            raise ValueError("caFile must be set only with an https:// URL")
        if EVERY_NAMESPACE in self.namespaces and self.tenancy is None:
            raise ValueError(
                'namespaces may hold "*" only with tenancy: without it every namespace could read'
                " the metrics of all others"
            )
        return self

    @property
    def url_parts(self) -> UrlParts:
        """The URL, taken apart."""
        return url_parts(self.url)

    @property
    def address(self) -> tuple[str, int]:
        """The host, as it is written, and the port: what is dialled."""
        return self.url_parts.host, self.url_parts.port

    def may_use(self, namespace: str) -> bool:
        """Whether SOPs of a namespace may ask it."""
        return namespace in self.namespaces or EVERY_NAMESPACE in self.namespaces


class EndpointsFile(ApiModel):
    """The whole file."""

    endpoints: Annotated[tuple[Endpoint, ...], Field(max_length=64)] = ()
    """The endpoints."""

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        names = [endpoint.name for endpoint in self.endpoints]
        double = next((name for name in names if names.count(name) > 1), None)
        if double is not None:
            raise ValueError(f"the names in endpoints must be unique: there are two {double}")
        return self
