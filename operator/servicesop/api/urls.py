"""The URLs that the operator opens: http and https, in one plain spelling.

There is no user, no fragment, no blank, no backslash and no escape in the host, so that no two
readers of such a URL can differ about where it leads. Which hosts are dialled is the dial guard's
matter.
"""

import re
from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator, Field

from servicesop.api.base import Rule, wire

MAX_URL = 2048
_MAX_PORT = 65535
_DEFAULT_PORTS = {"http": 80, "https": 443}
_HOST = r"([-A-Za-z0-9._]+|\[[0-9A-Fa-f:.]+\])"
_PORT = r"(:([1-9][0-9]{0,4}))?"
_REST = r"([/?]([-A-Za-z0-9._~!$&'()*+,;=:@/?]|%[0-9A-Fa-f]{2})*)?"
_URL = f"^(https?)://{_HOST}{_PORT}{_REST}$"
_MESSAGE = (
    "must be a URL such as https://service.example.com:8443/path?query: http or https, a host name"
    " or an IP address ([...] for IPv6), no user, no fragment, other characters as %XX"
)


@dataclass(frozen=True, slots=True)
class UrlParts:
    """A URL, taken apart."""

    scheme: str
    host: str
    """The host as it is written, without the brackets of IPv6."""
    port: int
    """The port; the scheme's own where none is written."""
    authority: str
    """Host and port as they are written: what the Host header says."""
    target: str
    """Path and query: what the request asks for."""


def url_parts(url: str) -> UrlParts:
    """Take a URL apart. Raise ValueError, which never repeats it, for all but plain ones."""
    found = re.fullmatch(_URL, url) if len(url) <= MAX_URL else None
    # `$` would let a line feed follow, fullmatch does not.
    if found is None:
        raise ValueError(_MESSAGE)
    scheme, host, written, port, rest = found.group(1, 2, 3, 4, 5)
    number = int(port) if port else _DEFAULT_PORTS[scheme]
    if number > _MAX_PORT:
        raise ValueError(_MESSAGE)
    target = rest or "/"
    return UrlParts(
        scheme=scheme,
        host=host.strip("[]"),
        port=number,
        authority=host + (written or ""),
        target=target if target.startswith("/") else f"/{target}",
    )


def _is_plain(url: str) -> str:
    url_parts(url)
    return url


OpenedUrl = Annotated[
    str,
    Field(max_length=MAX_URL),
    AfterValidator(_is_plain),
    wire("string", Rule(f'self.matches(r"{_URL}")', _MESSAGE), maxLength=MAX_URL),
]
"""A URL that the operator opens."""
