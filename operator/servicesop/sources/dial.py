"""Decides which addresses the operator connects to, for every protocol.

Hosts come from Secrets and specs of people who may not reach what the operator's pod reaches: its
own loopback, the cloud's metadata service, the nodes, the API server. So a host is resolved here,
once, and the caller connects to the address that was checked: a second answer of the name server
(DNS rebinding) never gets a say.
"""

import asyncio
import re
import socket
from collections.abc import Awaitable, Callable, Collection, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from servicesop.api.reasons import UnknownReason
from servicesop.sources.errors import SourceError

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Resolve = Callable[..., Awaitable[Sequence[tuple[object, ...]]]]
"""The signature of `loop.getaddrinfo`."""

_RESOLVE_SECONDS = 5.0
_MAX_HOST = 253

# Every label is letters, digits, '-' or '_'; the last one starts with a letter, because resolvers
# read names that end in a number (127.1, 0x7f000001, 2130706433) as spellings of an IPv4 address.
_HOST_NAME = re.compile(
    r"(?:[A-Za-z0-9_](?:[-A-Za-z0-9_]{0,61}[A-Za-z0-9_])?\.)*"
    r"[A-Za-z](?:[-A-Za-z0-9]{0,61}[A-Za-z0-9])?"
)

_NEVER: tuple[Network, ...] = tuple(
    ip_network(network)
    for network in (
        "0.0.0.0/8",  # unspecified, this host
        "127.0.0.0/8",  # loopback
        "169.254.0.0/16",  # link-local, and the metadata service of most clouds
        "100.100.100.200/32",  # metadata, Alibaba Cloud
        "168.63.129.16/32",  # the virtual host of Azure
        "192.0.0.0/24",  # protocol assignments, and the metadata service of Oracle Cloud
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
        "::/96",  # unspecified, loopback, IPv4-compatible
        "::ffff:0:0/96",  # IPv4-mapped: an IPv4 address in disguise
        "fe80::/10",  # link-local
        "fec0::/10",  # site-local, deprecated
        "ff00::/8",  # multicast
        "fd00:ec2::/32",  # metadata, AWS
        "fd20:ce::254/128",  # metadata, Google Cloud
    )
)
_NAT64 = (IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"))


class DialGuard:
    """Resolves a host to the one address to connect to, or refuses it.

    `exceptions` are pairs of host and port that the administrator allows wherever they lead; they
    apply to exactly that spelling. `refused` are the networks of the API server and others that are
    known for ever; `nodes` gives the addresses of the nodes as they are known at that moment.
    """

    def __init__(
        self,
        exceptions: frozenset[tuple[str, int]] = frozenset(),
        refused: Collection[Network] = (),
        nodes: Callable[[], Collection[str]] = tuple,
        resolve: Resolve | None = None,
        *,
        advice: str = "ask the operator's administrator for an exception",
    ) -> None:
        """`advice` is what whoever is refused can do about it."""
        self._exceptions = exceptions
        self._refused = refused
        self._nodes = nodes
        self._resolve = resolve
        self._advice = advice

    def admitting(self, exceptions: frozenset[tuple[str, int]]) -> "DialGuard":
        """Give a guard with further exceptions; this one stays as strict as it is.

        What the administrator names for one purpose is open for that purpose, not to every SOP.
        """
        return DialGuard(
            self._exceptions | exceptions,
            self._refused,
            self._nodes,
            self._resolve,
            advice=self._advice,
        )

    async def address(self, host: str, port: int) -> str:
        """Give the address to connect to for `host`.

        Raise SourceError with AddressRefused or HostNotFound. Its message never repeats the host,
        which may be the content of a Secret.
        """
        literal = _literal(host)
        if literal is None and not _is_name(host):
            raise SourceError(
                UnknownReason.ADDRESS_REFUSED,
                "the host must be one host name or IP address in its usual spelling: no list, "
                "no socket path, no user, no zone",
            )
        addresses = [literal] if literal is not None else await self._lookup(host, port)
        # One refused address is enough: which of them is dialled would be the resolver's choice.
        if (host, port) not in self._exceptions and any(map(self._is_refused, addresses)):
            raise SourceError(
                UnknownReason.ADDRESS_REFUSED,
                "the host is an address that the operator never connects to (loopback, link-local, "
                "metadata, multicast, a node or the API server); name another host, or "
                + self._advice,
            )
        return str(addresses[0])

    async def _lookup(self, host: str, port: int) -> list[Address]:
        resolve = self._resolve or asyncio.get_running_loop().getaddrinfo
        try:
            async with asyncio.timeout(_RESOLVE_SECONDS):
                answers = await resolve(host, port, type=socket.SOCK_STREAM)
            addresses = [ip_address(str(answer[4][0])) for answer in answers]  # type: ignore[index]  # socket address
        except (OSError, UnicodeError, ValueError):
            # TimeoutError is an OSError. A scoped address (fe80::1%eth0) is read by ip_address.
            addresses = []
        if not addresses:
            raise SourceError(
                UnknownReason.HOST_NOT_FOUND,
                "the host name does not resolve; check its spelling and the cluster's DNS",
            )
        return addresses

    def _is_refused(self, address: Address) -> bool:
        nodes = self._nodes()
        return any(
            str(each) in nodes or any(each in network for network in (*_NEVER, *self._refused))
            for each in (address, *_embedded(address))
        )


def _literal(host: str) -> Address | None:
    """Read an IP address. Zones are no part of an address that anybody else could mean."""
    if "%" in host:
        return None
    try:
        return ip_address(host)
    except ValueError:
        return None


def _is_name(host: str) -> bool:
    return len(host) <= _MAX_HOST and _HOST_NAME.fullmatch(host) is not None


def _embedded(address: Address) -> tuple[IPv4Address, ...]:
    """Give the IPv4 addresses that a translator or tunnel on the way would really dial."""
    if isinstance(address, IPv4Address):
        return ()
    found: list[IPv4Address] = []
    if address.sixtofour is not None:
        found.append(address.sixtofour)
    if address.teredo is not None:
        found.extend(address.teredo)
    if any(address in network for network in _NAT64):
        found.append(IPv4Address(int(address) & 0xFFFFFFFF))
    return tuple(found)
