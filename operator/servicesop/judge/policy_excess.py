"""Who is admitted beyond the peers that a check names.

What is compared are selectors with selectors, not pods with pods: a policy that admits every
namespace with a label is wider than the one namespace that has this label today.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_network
from itertools import product
from typing import Final

from servicesop.api.checks.network_policy import ReachingPeer
from servicesop.judge.budget import Budget
from servicesop.judge.labels import Labels, Operator, Selector, all_of
from servicesop.judge.network_policies import (
    NAMESPACE_NAME,
    Addresses,
    Block,
    NetworkPolicy,
    Peer,
    Pod,
    PodsOf,
    Rule,
)
from servicesop.judge.policy_peers import LabelsOf, cut, having
from servicesop.judge.port_sets import PortSet

EVERYBODY: Final[tuple[Peer, ...]] = (
    PodsOf(Selector(), Selector()),
    Block(ip_network("0.0.0.0/0")),
    Block(ip_network("::/0")),
)

Pinned = Mapping[str, str]
"""Labels that a selector fixes to one value."""


@dataclass(frozen=True, slots=True)
class Allowed:
    """A peer that a check names, and its ports on a pod."""

    peer: ReachingPeer
    ports: PortSet


@dataclass(frozen=True, slots=True, order=True)
class Excess:
    """A part of a policy that admits more than is named."""

    policy: str
    """Empty: no policy selects the pods, so that everybody is admitted."""
    where: str
    """The field in the policy's spec."""
    certain: bool
    """Whether it surely does; if not, that depends on labels of a namespace."""
    ports: PortSet


def excess(
    policies: Sequence[NetworkPolicy],
    allowed: Sequence[Allowed],
    pod: Pod,
    labels_of: LabelsOf,
    budget: Budget,
) -> Iterator[Excess]:
    """Give what policies of the pod's namespace admit to it beyond what is allowed."""
    comparison = _Comparison(allowed, pod, labels_of, budget)
    isolating = [
        policy
        for policy in policies
        if policy.ingress is not None and policy.pods.matches(pod.labels)
    ]
    if not isolating:
        yield from comparison.of(Rule(), "", "")
    for policy in isolating:
        for place, rule in enumerate(policy.ingress or ()):
            yield from comparison.of(rule, policy.name, f"ingress[{place}]")


class _Comparison:
    def __init__(
        self, allowed: Sequence[Allowed], pod: Pod, labels_of: LabelsOf, budget: Budget
    ) -> None:
        self._allowed = allowed
        self._pod = pod
        self._labels_of = labels_of
        self._budget = budget
        self._pod_keys = {key for one in allowed for key in one.peer.pod_labels or ()}
        self._namespace_keys = {key for one in allowed for key in one.peer.namespace_labels or ()}
        self._namespace_keys.add(NAMESPACE_NAME)

    def of(self, rule: Rule, policy: str, where: str) -> Iterator[Excess]:
        """Give what is too wide in one rule."""
        ports = rule.ports_on(self._pod)
        for place, peer in enumerate(rule.peers or EVERYBODY):
            here = f"{where}.from[{place}]" if rule.peers else where
            left = [self._left(ports, answers) for answers in self._answers(peer)]
            surely = PortSet.union(sure for sure, _ in left)
            if surely:
                yield Excess(policy, here, True, surely)
            elif possibly := PortSet.union(possible for _, possible in left):
                yield Excess(policy, here, False, possibly)

    def _left(self, ports: PortSet, answers: Sequence[bool | None]) -> tuple[PortSet, PortSet]:
        """Give the ports that surely nobody, and that perhaps nobody, is named for."""
        self._budget.spend(1 + len(answers))
        by = list(zip(self._allowed, answers, strict=True))
        surely = PortSet.union(one.ports for one, answer in by if answer)
        possibly = PortSet.union(one.ports for one, answer in by if answer is not False)
        return ports - possibly, ports - surely

    def _answers(self, peer: Peer) -> Iterator[list[bool | None]]:
        """Give, for each part of a peer, which of the allowed ones hold all of that part."""
        if isinstance(peer, Block):
            for part in self._parts(peer):
                yield [_holds(one.peer, part) for one in self._allowed]
            return
        namespaces: Iterable[Pinned | None] = (None,)
        if peer.namespaces is not None:
            found = _pinned(peer.namespaces, self._namespace_keys, always=NAMESPACE_NAME)
            namespaces = [
                pinned
                for pinned in found
                if peer.namespaces.matches(self._labels(pinned)) is not False
            ]
        for namespace, pods in product(namespaces, _pinned(peer.pods, self._pod_keys)):
            yield [self._is_among(one.peer, namespace, pods) for one in self._allowed]

    def _parts(self, block: Block) -> Iterator[Addresses]:
        cidrs = [one.peer.cidr for one in self._allowed if one.peer.cidr is not None]
        named = [ip_network(cidr, strict=False) for cidr in cidrs]
        whole = Addresses(block.network[0], block.network[-1])
        return (
            part
            for part in cut(whole, [*block.excluded, *named])
            if block.matches(part, self._pod.namespace)
        )

    def _is_among(self, peer: ReachingPeer, namespace: Pinned | None, pods: Pinned) -> bool | None:
        """Say whether all pods with these labels are of the peer; no namespace is our own."""
        if peer.cidr is not None:
            return False
        has_labels = all(pods.get(key) == value for key, value in (peer.pod_labels or {}).items())
        return all_of((has_labels, self._is_namespace_of(peer, namespace)))

    def _is_namespace_of(self, peer: ReachingPeer, namespace: Pinned | None) -> bool | None:
        home = self._pod.namespace
        name = home if namespace is None else namespace.get(NAMESPACE_NAME)
        if peer.namespace_labels is None:
            return name == (peer.namespace_name or home)
        if name is None:
            return having(peer.namespace_labels).matches(Labels(namespace or {}))
        return having(peer.namespace_labels).matches(self._labels({NAMESPACE_NAME: name}))

    def _labels(self, pinned: Pinned) -> Labels:
        """Give the labels of a namespace: the one that is named, or any that has those pinned."""
        name = pinned.get(NAMESPACE_NAME)
        if name is None:
            return Labels(pinned, complete=False)
        known = self._labels_of(name)
        return known if known.complete else Labels({**pinned, **known.known}, complete=False)


def _pinned(selector: Selector, keys: set[str], always: str = "") -> Iterator[Pinned]:
    """Divide what a selector selects by the values that it fixes for some keys; skip what is void.

    `always` is the key of a label that all have.
    """
    values: dict[str, frozenset[str]] = {}
    for requirement in selector.requirements:
        if requirement.operator is Operator.IN and requirement.key in keys:
            known = values.get(requirement.key, requirement.values)
            values[requirement.key] = known & requirement.values
    for combination in product(*(sorted(each) for each in values.values())):
        pinned = dict(zip(values, combination, strict=True))
        if selector.selects_any(pinned, always):
            yield pinned


def _holds(peer: ReachingPeer, part: Addresses) -> bool:
    if peer.cidr is None:
        return False
    return Block(ip_network(peer.cidr, strict=False)).matches(part, "") is True
