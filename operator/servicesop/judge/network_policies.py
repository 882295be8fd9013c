"""What NetworkPolicies admit, as their API defines it.

All policies of one namespace are looked at together, because they add up. The pods, labels and
addresses that are asked about may be known in part; then the answer is what is admitted surely, and
what possibly. Policies of other namespaces (the egress of a peer there) are not seen.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Final

from servicesop.api.checks.network_policy import Protocol
from servicesop.judge.labels import Labels, Selector, all_of, any_of, opposite
from servicesop.judge.port_sets import EVERY_PORT, PortSet

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

NAMESPACE_NAME: Final = "kubernetes.io/metadata.name"
"""The label by which every namespace carries its own name."""


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod, or all pods that are described so, where their labels are not complete."""

    namespace: str
    """Empty: one other than that of the policies."""
    labels: Labels
    namespace_labels: Labels
    name: str = ""
    """Empty where no certain pod is meant."""
    addresses: tuple[Address, ...] = ()
    """Empty where they are not known."""
    ports: Mapping[tuple[Protocol, str], frozenset[int]] = field(default_factory=dict)
    """The numbers of the ports that its containers name."""
    on_node_network: bool = False
    """It shares the node's network: what a policy means for it is not defined."""


@dataclass(frozen=True, slots=True)
class Addresses:
    """Addresses outside the cluster, from the first to the last."""

    first: Address
    last: Address


Source = Pod | Addresses


@dataclass(frozen=True, slots=True)
class PodsOf:
    """Peers: pods of namespaces."""

    namespaces: Selector | None
    """None: the policy's own namespace."""
    pods: Selector

    def matches(self, other: Source, namespace: str) -> bool | None:
        """Say whether a policy of that namespace means the other side with this."""
        if isinstance(other, Addresses):
            return False
        inside = (
            other.namespace == namespace
            if self.namespaces is None
            else self.namespaces.matches(other.namespace_labels)
        )
        return all_of((inside, self.pods.matches(other.labels)))


@dataclass(frozen=True, slots=True)
class Block:
    """Peers: addresses, but for some of them."""

    network: Network
    excluded: tuple[Network, ...] = ()

    def matches(self, other: Source, namespace: str) -> bool | None:
        """Say whether the other side's addresses are meant, all of them or none."""
        del namespace
        if isinstance(other, Addresses):
            return self._holds(other)
        answers = {self._holds(Addresses(one, one)) for one in other.addresses}
        # The two sides of a connection have addresses of one family, and which is not known.
        return answers.pop() if len(answers) == 1 else None

    def _holds(self, addresses: Addresses) -> bool | None:
        holes = (opposite(_within(hole, addresses)) for hole in self.excluded)
        return all_of((_within(self.network, addresses), *holes))


Peer = PodsOf | Block


@dataclass(frozen=True, slots=True)
class Port:
    """Ports of a rule."""

    protocol: Protocol
    port: int | str | None
    """A number, the name that a container gives it, or None: every one."""
    last: int | None = None
    """The end of a range that begins with the number."""

    def on(self, pod: Pod) -> PortSet:
        """Give the numbers on the pod that receives; none where no container has the name."""
        if self.port is None:
            return EVERY_PORT & PortSet.of([(self.protocol, 1, 65535)])
        if isinstance(self.port, int):
            return PortSet.of([(self.protocol, self.port, self.last or self.port)])
        named = pod.ports.get((self.protocol, self.port), frozenset())
        return PortSet.of((self.protocol, number, number) for number in named)


@dataclass(frozen=True, slots=True)
class Rule:
    """Who is admitted, and on which ports; no peers are all peers, no ports are all ports."""

    peers: tuple[Peer, ...] = ()
    ports: tuple[Port, ...] = ()

    def matches(self, other: Source, namespace: str) -> bool | None:
        """Say whether the other side is one of the peers."""
        if not self.peers:
            return True
        return any_of(peer.matches(other, namespace) for peer in self.peers)

    def ports_on(self, pod: Pod) -> PortSet:
        """Give the ports of the pod that receives."""
        return PortSet.union(port.on(pod) for port in self.ports) if self.ports else EVERY_PORT


Rules = tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class NetworkPolicy:
    """One policy."""

    name: str
    pods: Selector
    """Those of its namespace that it isolates."""
    ingress: Rules | None = None
    """What may come in; None where it says nothing of that."""
    egress: Rules | None = None
    """What may go out; None where it says nothing of that."""


@dataclass(frozen=True, slots=True)
class Admitted:
    """On which ports a connection is admitted: the first are among the second."""

    surely: PortSet
    possibly: PortSet

    def __and__(self, other: "Admitted") -> "Admitted":
        return Admitted(self.surely & other.surely, self.possibly & other.possibly)


def admitted(policies: Sequence[NetworkPolicy], source: Source, pod: Pod) -> Admitted:
    """Say on which ports of a pod the policies of its namespace admit a source.

    A source in the same namespace must be let out too. Nothing keeps a pod from itself.
    """
    if isinstance(source, Pod):
        if source.name and (source.namespace, source.name) == (pod.namespace, pod.name):
            return Admitted(EVERY_PORT, EVERY_PORT)
        if source.namespace == pod.namespace:
            return comes_in(policies, source, pod) & goes_out(policies, source, pod)
    return comes_in(policies, source, pod)


def comes_in(policies: Sequence[NetworkPolicy], source: Source, pod: Pod) -> Admitted:
    """Say on which ports the policies of a pod's namespace let a source in to it."""
    ingress = [(policy.pods, policy.ingress) for policy in policies if policy.ingress is not None]
    return _through(pod.namespace, ingress, pod, source, pod)


def goes_out(policies: Sequence[NetworkPolicy], source: Pod, pod: Pod) -> Admitted:
    """Say on which ports of a pod, of whatever namespace, the policies of a source's let it out."""
    egress = [(policy.pods, policy.egress) for policy in policies if policy.egress is not None]
    return _through(source.namespace, egress, source, pod, pod)


def keeps_out(
    policies: Sequence[NetworkPolicy],
    source: Pod,
    pod: Pod,
    port: int,
    protocol: Protocol = Protocol.TCP,
) -> bool | None:
    """Say whether the policies of the pod's namespace keep a source from a port of the pod.

    Pure: read the namespace's NetworkPolicies and the pod, turn them with `network_policy` and
    `pod_of` (`servicesop.judge.network_policy_objects`) into these types, and describe the source:

        Pod(
            "monitoring",                                   # its namespace
            labels=Labels({"app": "prometheus"}),           # all of them; else complete=False
            namespace_labels=namespace_labels("monitoring"),  # or with all its labels, if known
        )

    True is certain: no such source is admitted. False is certain too. None: that depends on
    something that is not known, such as a further label of the source's namespace, or on whether a
    block of addresses holds the source's, of which none is given here.
    """
    return _closed(admitted(policies, source, pod), port, protocol)


def keeps_in(
    policies: Sequence[NetworkPolicy],
    source: Pod,
    pod: Pod,
    port: int,
    protocol: Protocol = Protocol.TCP,
) -> bool | None:
    """Say whether the policies of a source's namespace keep it from a port of a pod anywhere.

    As `keeps_out`, for the other end of the connection.
    """
    return _closed(goes_out(policies, source, pod), port, protocol)


def closes(
    policies: Iterable[NetworkPolicy], source: Pod, port: int, protocol: Protocol = Protocol.TCP
) -> bool:
    """Say whether the policies of a source's namespace surely keep it from that port of everybody.

    What a port is called depends on the pod that receives: one that is named is open here.
    """
    widest = [
        replace(policy, egress=tuple(Rule(ports=_numbered(rule)) for rule in policy.egress))
        for policy in policies
        if policy.egress is not None
    ]
    anybody = Pod("", Labels(complete=False), Labels(complete=False))
    return _closed(goes_out(widest, source, anybody), port, protocol) is True


def _numbered(rule: Rule) -> tuple[Port, ...]:
    return tuple(
        Port(port.protocol, None) if isinstance(port.port, str) else port for port in rule.ports
    )


def _closed(answer: Admitted, port: int, protocol: Protocol) -> bool | None:
    if (protocol, port) in answer.surely:
        return False
    return None if (protocol, port) in answer.possibly else True


def _through(
    namespace: str,
    policies: Iterable[tuple[Selector, Rules]],
    isolated: Pod,
    other: Source,
    receiver: Pod,
) -> Admitted:
    """Say what gets past a namespace's rules of one direction, each for the pods it selects."""
    certain: list[PortSet] = []
    uncertain: list[PortSet] = []
    possible: list[PortSet] = []
    for pods, rules in policies:
        selected = pods.matches(isolated.labels)
        if selected is False:
            continue
        answers = [(rule.matches(other, namespace), rule) for rule in rules]
        sure = PortSet.union(rule.ports_on(receiver) for answer, rule in answers if answer)
        (certain if selected else uncertain).append(sure)
        possible.extend(rule.ports_on(receiver) for answer, rule in answers if answer is not False)
    if certain:
        return Admitted(PortSet.union(certain), PortSet.union(possible))
    # Perhaps no policy selects the pod, and all is admitted; perhaps only the strictest one does.
    surely = EVERY_PORT
    for each in uncertain:
        surely &= each
    return Admitted(surely, EVERY_PORT)


def _within(network: Network, addresses: Addresses) -> bool | None:
    """Say whether a network holds all of the addresses, or none; None where it holds some."""
    if network.version != addresses.first.version:
        return False
    first, last = int(network.network_address), int(network.broadcast_address)
    if last < int(addresses.first) or int(addresses.last) < first:
        return False
    return True if first <= int(addresses.first) and int(addresses.last) <= last else None
