"""The peers that a check `networkPolicy` names, as those who may connect."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from ipaddress import ip_network
from itertools import product
from typing import Final

from servicesop.api.checks.network_policy import ReachedPort, ReachingPeer
from servicesop.judge.labels import Labels, Operator, Requirement, Selector
from servicesop.judge.network_policies import (
    NAMESPACE_NAME,
    Addresses,
    Block,
    Network,
    NetworkPolicy,
    Pod,
    PodsOf,
    Port,
    Rule,
    Source,
)
from servicesop.judge.port_sets import EVERY_PORT, PortSet

LabelsOf = Callable[[str], Labels]
"""Gives the labels of a namespace, as far as they are known."""

Choices = dict[str, list[str | None]]
"""What labels may be, by key; None is absent."""

_ANOTHER: Final = "another"


def sources(peer: ReachingPeer, home: str, labels_of: LabelsOf) -> list[tuple[Source, bool]]:
    """Give who is meant, and whether surely: one not surely may be none that the check is about.

    Pods and namespaces that are told by labels stand for all that have these and others beside.
    """
    if peer.cidr is not None:
        block = ip_network(peer.cidr, strict=False)
        return [(Addresses(block[0], block[-1]), True)]
    pods = Labels(peer.pod_labels or {}, complete=False)
    wanted = peer.namespace_labels or {}

    def of(namespace: str) -> Pod:
        labels = labels_of(namespace)
        return Pod(namespace, pods, Labels({**labels.known, **wanted}, labels.complete))

    name = namespace_of(peer, home)
    if name is not None:
        return [(of(name), True)]
    found: list[tuple[Source, bool]] = [(Pod("", pods, Labels(wanted, complete=False)), True)]
    at_home = having(wanted).matches(labels_of(home))
    if at_home is not False:
        found.append((of(home), at_home is True))
    return found


def namespace_of(peer: ReachingPeer, home: str) -> str | None:
    """Give the one namespace that a peer is of; None where it may be of several, or of none."""
    if peer.cidr is not None:
        return None
    if peer.namespace_labels is not None:
        return peer.namespace_labels.get(NAMESPACE_NAME)
    return peer.namespace_name or home


def having(labels: Mapping[str, str]) -> Selector:
    """Give the selector of those who carry all these labels."""
    return Selector(
        tuple(
            Requirement(key, Operator.IN, frozenset({value}))
            for key, value in sorted(labels.items())
        )
    )


def wanted_ports(ports: Sequence[ReachedPort], pod: Pod) -> PortSet | str:
    """Give the numbers on a pod, or the name that none of its containers gives a port."""
    found = []
    for one in ports:
        numbers = Port(one.protocol, one.port_name or one.port, one.end_port).on(pod)
        if one.port_name and not numbers:
            return one.port_name
        found.append(numbers)
    return PortSet.union(found) if ports else EVERY_PORT


def completions(source: Source, policies: Sequence[NetworkPolicy], home: str) -> Iterator[Source]:
    """Give all who are meant, as far as the policies tell them apart; those simplest first.

    Each of a pod's labels that a policy asks for and that is not known may be absent, one of the
    values asked for, or another. Addresses are cut where blocks begin and end.
    """
    if isinstance(source, Addresses):
        yield from cut(source, _networks(policies))
        return
    of_namespace: Choices = {}
    if not source.namespace:
        asked = [peer.namespaces for peer in _pods_of(policies) if peer.namespaces is not None]
        of_namespace = _choices(source.namespace_labels, asked, not_named=home)
    asked = [peer.pods for peer in _pods_of(policies)]
    if source.namespace == home:
        asked += [policy.pods for policy in policies if policy.egress is not None]
    of_pod = _choices(source.labels, asked)
    for values in _combinations([*of_namespace.values(), *of_pod.values()]):
        namespace_labels = source.namespace_labels
        if not source.namespace:
            namespace_labels = _with(namespace_labels, of_namespace, values)
        labels = _with(source.labels, of_pod, values[len(of_namespace) :])
        yield replace(source, labels=labels, namespace_labels=namespace_labels)


def cut(whole: Addresses, networks: Iterable[Network]) -> Iterator[Addresses]:
    """Divide addresses so that each network holds a part wholly or not at all."""
    first, last, family = int(whole.first), int(whole.last), type(whole.first)
    begins = {first}
    for network in networks:
        if network.version == whole.first.version:
            begins |= {int(network.network_address), int(network.broadcast_address) + 1}
    starts = sorted(begin for begin in begins if first <= begin <= last)
    for start, end in zip(starts, [*starts[1:], last + 1], strict=True):
        yield Addresses(family(start), family(end - 1))


def _pods_of(policies: Iterable[NetworkPolicy]) -> Iterator[PodsOf]:
    for rule in _ingress(policies):
        yield from (peer for peer in rule.peers if isinstance(peer, PodsOf))


def _networks(policies: Iterable[NetworkPolicy]) -> Iterator[Network]:
    for rule in _ingress(policies):
        for peer in rule.peers:
            if isinstance(peer, Block):
                yield from (peer.network, *peer.excluded)


def _ingress(policies: Iterable[NetworkPolicy]) -> Iterator[Rule]:
    for policy in policies:
        yield from policy.ingress or ()


def _choices(labels: Labels, selectors: Iterable[Selector], not_named: str = "") -> Choices:
    """Give, for each label that is not known and would decide something, what it may be."""
    asked: dict[str, set[str]] = {}
    for selector in selectors:
        if selector.matches(labels) is None:
            for requirement in selector.requirements:
                if requirement.key not in labels.known:
                    asked.setdefault(requirement.key, set()).update(requirement.values)
    found: Choices = {}
    for key, values in sorted(asked.items()):
        fresh = _ANOTHER
        while fresh in values:
            fresh += "-one"
        found[key] = [None, *sorted(values), fresh]
        if key == NAMESPACE_NAME and not_named:
            # Every namespace carries its name, and this is not the one of the policies.
            found[key] = [fresh, *sorted(values - {not_named})]
    return found


def _combinations(choices: Sequence[Sequence[str | None]]) -> Iterator[tuple[str | None, ...]]:
    """Give every choice of one each: the first ones, then those that differ in one, then all."""
    simplest = tuple(choice[0] for choice in choices)
    yield simplest
    for place, choice in enumerate(choices):
        for value in choice[1:]:
            yield (*simplest[:place], value, *simplest[place + 1 :])
    if len(choices) > 1:
        yield from product(*choices)


def _with(labels: Labels, keys: Iterable[str], values: Iterable[str | None]) -> Labels:
    further = {key: value for key, value in zip(keys, values, strict=False) if value is not None}
    return Labels({**labels.known, **further})
