"""The check type `networkPolicy`.

It asserts what the NetworkPolicies of the SOP's namespace mean, not how they are written: certain
pods are reached by certain peers, and with `onlyThese` by nobody else. It judges the policies, all
together, and sends no packet: whether the cluster's network enforces them is not seen.
"""

from enum import StrEnum
from ipaddress import ip_network
from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field

from servicesop.api.base import (
    ApiModel,
    Name,
    Rule,
    TargetOrLabels,
    at_least_one,
    exactly_one,
    is_set,
    wire,
)
from servicesop.api.checks.kinds import Labels


class Protocol(StrEnum):
    """What a port belongs to."""

    TCP = "TCP"
    UDP = "UDP"
    SCTP = "SCTP"


_PORT_NAME = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"

PortName = Annotated[
    str,
    Field(max_length=15, pattern=_PORT_NAME),
    wire(
        "string",
        Rule(
            f"self.matches('{_PORT_NAME}')",
            "must be the name of a container's port: lower case letters, digits and '-'",
        ),
        maxLength=15,
    ),
]
"""The name of a port."""

PortNumber = Annotated[int, Field(ge=1, le=65535)]

_CIDR = Rule(
    "isCIDR(self)",
    'must be a block of addresses such as "10.0.0.0/8" or "2001:db8::/32"',
)


def _is_cidr(text: str) -> str:
    address, _, length = text.partition("/")
    try:
        # A mask in the place of a length is no such block.
        ip_network((address, int(length)), strict=False)
    except ValueError:
        raise ValueError(_CIDR.message) from None
    return text


Cidr = Annotated[
    str, Field(max_length=43), AfterValidator(_is_cidr), wire("string", _CIDR, maxLength=43)
]
"""A block of addresses."""


class ReceivingPods(ApiModel):
    """Pods of the SOP's own namespace."""

    rules = (exactly_one("target", "podLabels"),)

    target: TargetOrLabels | None = None
    """The pods of this target."""
    pod_labels: Labels | None = None
    """All pods that carry these labels."""


class ReachedPort(ApiModel):
    """A port, or a range of ports."""

    rules = (
        exactly_one("port", "portName"),
        Rule(
            "!has(self.endPort) || (has(self.port) && self.port <= self.endPort)",
            "endPort is only allowed beside port, and must not be less than it",
            holds=lambda one: (
                one.end_port is None or (one.port is not None and one.port <= one.end_port)
            ),
        ),
    )

    port: PortNumber | None = None
    """Its number on the pods that receive."""
    end_port: PortNumber | None = None
    """The last one of a range."""
    port_name: PortName | None = None
    """Its name in the pods' containers."""
    protocol: Protocol = Protocol.TCP
    """Its protocol."""


_OF_PODS = ("namespaceName", "namespaceLabels", "podLabels")


class ReachingPeer(ApiModel):
    """Who must reach them: all pods that are described so, or all addresses of a block."""

    rules = (
        at_least_one(*_OF_PODS, "cidr"),
        Rule(
            "!has(self.namespaceName) || !has(self.namespaceLabels)",
            "at most one of the fields in [namespaceName namespaceLabels] may be set",
            holds=lambda peer: peer.namespace_name is None or peer.namespace_labels is None,
        ),
        Rule(
            "!has(self.cidr) || !(has(self.namespaceName) || has(self.namespaceLabels)"
            " || has(self.podLabels))",
            "cidr is only allowed alone: pods are told by labels, not by addresses",
            holds=lambda peer: (
                peer.cidr is None or not any(is_set(peer, field) for field in _OF_PODS)
            ),
        ),
    )

    namespace_name: Name | None = None
    """The pods' namespace; the SOP's own when neither it nor namespaceLabels is given."""
    namespace_labels: Labels | None = None
    """Instead: every namespace that carries these labels."""
    pod_labels: Labels | None = None
    """The labels that the pods carry, all of them together; every pod when not given."""
    cidr: Cidr | None = None
    """Instead of pods: addresses outside the cluster."""


class Reach(ApiModel):
    """One peer, and the ports that it must reach."""

    from_: Annotated[ReachingPeer, Field(alias="from")]
    """Who."""
    ports: Annotated[tuple[ReachedPort, ...], Field(max_length=8)] = ()
    """The ports, all of them; every port of every protocol when none are given."""


class NetworkPolicy(ApiModel):
    """The namespace's NetworkPolicies admit certain peers to certain pods, and nobody else."""

    findings: ClassVar[tuple[str, ...]] = ("Missing", "TooNarrow", "TooWide", "SelectsNoPod")
    rules = (
        Rule(
            "self.onlyThese || (has(self.mustReach) && self.mustReach.size() > 0)",
            "mustReach must name at least one peer, unless onlyThese is true",
            holds=lambda check: check.only_these or bool(check.must_reach),
        ),
    )

    to: ReceivingPods
    """The pods that are reached (finding SelectsNoPod when no pod has these labels)."""
    must_reach: Annotated[tuple[Reach, ...], Field(max_length=12)] = ()
    """Peers that the policies must admit (findings Missing and TooNarrow); an item is one peer."""
    only_these: bool = False
    """The policies admit nobody but these, and on no other ports (finding TooWide)."""
