"""NetworkPolicies and pods as the API server gives them, read into what can be judged.

The API server has checked these objects. What is not as its API says, such as a kind of peer that
a later version may bring, is refused all the same: who passes over it judges another policy.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from ipaddress import ip_address, ip_network
from typing import Any, Final

from servicesop.api.checks.network_policy import Protocol
from servicesop.judge.labels import Labels, Operator, Requirement, Selector
from servicesop.judge.network_policies import (
    NAMESPACE_NAME,
    Address,
    Block,
    NetworkPolicy,
    Peer,
    Pod,
    PodsOf,
    Port,
    Rule,
    Rules,
)

_OF_PEER: Final = frozenset({"podSelector", "namespaceSelector", "ipBlock"})
_OF_PORT: Final = frozenset({"protocol", "port", "endPort"})
_OF_SELECTOR: Final = frozenset({"matchLabels", "matchExpressions"})


class MalformedObjectError(ValueError):
    """An object is not in the form that its API gives it."""


def network_policy(item: Mapping[str, Any]) -> NetworkPolicy:
    """Read a NetworkPolicy of networking.k8s.io/v1. Raise MalformedObjectError."""
    try:
        spec = item["spec"]
        types = spec.get("policyTypes") or (
            ["Ingress", "Egress"] if spec.get("egress") else ["Ingress"]
        )
        if not set(types) <= {"Ingress", "Egress"}:
            raise MalformedObjectError
        return NetworkPolicy(
            name=str(item["metadata"]["name"]),
            pods=label_selector(spec.get("podSelector") or {}),
            ingress=_rules(spec.get("ingress"), "from") if "Ingress" in types else None,
            egress=_rules(spec.get("egress"), "to") if "Egress" in types else None,
        )
    except (AttributeError, KeyError, TypeError, ValueError):
        raise MalformedObjectError("not a NetworkPolicy as its API defines it") from None


def pod_of(item: Mapping[str, Any], namespace: str, namespace_labels: Labels) -> Pod:
    """Read a Pod. Raise MalformedObjectError."""
    try:
        metadata, spec, status = item["metadata"], item["spec"], item.get("status") or {}
        return Pod(
            namespace=namespace,
            labels=Labels(_labels(metadata.get("labels"))),
            namespace_labels=namespace_labels,
            name=str(metadata["name"]),
            addresses=_addresses(status.get("podIPs") or ()),
            ports=_named_ports(spec),
            on_node_network=bool(spec.get("hostNetwork")),
        )
    except (AttributeError, KeyError, TypeError, ValueError):
        raise MalformedObjectError("not a Pod as its API defines it") from None


def namespace_labels(name: str, labels: Mapping[str, str] | None = None) -> Labels:
    """Give the labels of a namespace: those given are all; else only that of its name is known."""
    return Labels({**(labels or {}), NAMESPACE_NAME: name}, complete=labels is not None)


def _labels(labels: Mapping[str, str] | None) -> dict[str, str]:
    return {str(key): str(value) for key, value in (labels or {}).items()}


def label_selector(selector: Mapping[str, Any]) -> Selector:
    """Read a LabelSelector. Raise one of the errors of a mapping that is not as it should be."""
    _known(selector, _OF_SELECTOR)
    equal = _labels(selector.get("matchLabels"))
    return Selector(
        (
            *(
                Requirement(key, Operator.IN, frozenset({value}))
                for key, value in sorted(equal.items())
            ),
            *(
                Requirement(
                    str(one["key"]), Operator(one["operator"]), frozenset(one.get("values") or ())
                )
                for one in selector.get("matchExpressions") or ()
            ),
        )
    )


def _rules(rules: Sequence[Mapping[str, Any]] | None, peers: str) -> Rules:
    found = []
    for rule in rules or ():
        _known(rule, frozenset({peers, "ports"}))
        found.append(
            Rule(
                peers=tuple(_peer(peer) for peer in rule.get(peers) or ()),
                ports=tuple(_port(port) for port in rule.get("ports") or ()),
            )
        )
    return tuple(found)


def _peer(peer: Mapping[str, Any]) -> Peer:
    _known(peer, _OF_PEER)
    match peer:
        case {"ipBlock": dict(block)} if len(peer) == 1:
            _known(block, frozenset({"cidr", "except"}))
            return Block(
                ip_network(block["cidr"], strict=False),
                tuple(ip_network(hole, strict=False) for hole in block.get("except") or ()),
            )
        case {"ipBlock": _}:
            raise MalformedObjectError
        case {"namespaceSelector": dict(namespaces)}:
            return PodsOf(label_selector(namespaces), label_selector(peer.get("podSelector") or {}))
        case {"podSelector": dict(pods)}:
            return PodsOf(None, label_selector(pods))
    raise MalformedObjectError


def _port(port: Mapping[str, Any]) -> Port:
    _known(port, _OF_PORT)
    number = port.get("port")
    if not isinstance(number, int | str | None):
        raise MalformedObjectError
    last = port.get("endPort")
    if last is not None and not (isinstance(last, int) and isinstance(number, int)):
        raise MalformedObjectError
    return Port(Protocol(port.get("protocol") or Protocol.TCP), number, last)


def _named_ports(spec: Mapping[str, Any]) -> dict[tuple[Protocol, str], frozenset[int]]:
    # An init container that is restarted always is a sidecar: it runs beside the others.
    containers = [
        *(spec.get("containers") or ()),
        *(one for one in spec.get("initContainers") or () if one.get("restartPolicy") == "Always"),
    ]
    found: dict[tuple[Protocol, str], set[int]] = defaultdict(set)
    for container in containers:
        for port in container.get("ports") or ():
            if port.get("name"):
                protocol = Protocol(port.get("protocol") or Protocol.TCP)
                found[protocol, str(port["name"])].add(int(port["containerPort"]))
    return {name: frozenset(numbers) for name, numbers in found.items()}


def _addresses(addresses: Sequence[Mapping[str, Any]]) -> tuple[Address, ...]:
    return tuple(ip_address(one["ip"]) for one in addresses)


def _known(found: Mapping[str, Any], fields: frozenset[str]) -> None:
    if not set(found) <= fields:
        raise MalformedObjectError
