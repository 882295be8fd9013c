"""Which of the peers that a check names are not admitted, and by which policies."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from servicesop.judge.budget import Budget
from servicesop.judge.labels import Labels, Selector
from servicesop.judge.network_policies import (
    Block,
    NetworkPolicy,
    Pod,
    PodsOf,
    Rule,
    Rules,
    Source,
    admitted,
    comes_in,
    goes_out,
)
from servicesop.judge.policy_peers import completions
from servicesop.judge.port_sets import PortSet


class Doubt(StrEnum):
    """Why it cannot be told whether somebody is admitted."""

    LABELS = "Labels"
    """It depends on labels of a namespace, which are not known."""
    ADDRESSES = "Addresses"
    """It depends on whether a block of addresses admits pods."""


@dataclass(frozen=True, slots=True)
class Shortfall:
    """Some of those who must be admitted are not."""

    ports: PortSet
    """Where they are refused."""
    policies: tuple[str, ...]
    """Those that mean them, but not all of them or not there; if none do, those in the way."""
    meant: bool
    """Whether a policy means them at all."""
    labels: tuple[str, ...] = ()
    """What these policies ask for beside, by key."""
    going_out: bool = False
    """It is the way out of their own pods that is closed, not the way in."""


def shortfall(
    policies: Sequence[NetworkPolicy], source: Source, pod: Pod, ports: PortSet, budget: Budget
) -> Shortfall | Doubt | None:
    """Say who of a source is not admitted to all these ports; None: everybody is."""
    budget.spend(size(policies))
    if ports <= admitted(policies, source, pod).surely:
        return None
    in_the_way = [
        policy
        for policy in policies
        if policy.egress is not None or policy.pods.matches(pod.labels)
    ]
    doubt: Doubt | None = None
    for each in completions(source, in_the_way, pod.namespace):
        budget.spend(size(in_the_way))
        answer = admitted(in_the_way, each, pod)
        if not ports <= answer.possibly:
            return _explained(in_the_way, source, each, pod, ports)
        if doubt is None and not ports <= answer.surely:
            doubt = _doubt(in_the_way, each, pod, ports)
    return doubt


def size(policies: Sequence[NetworkPolicy]) -> int:
    """Say how much there is to compare in policies."""
    return sum(
        1
        + len(policy.pods.requirements)
        + sum(_size_of(rule) for rule in (*(policy.ingress or ()), *(policy.egress or ())))
        for policy in policies
    )


def _size_of(rule: Rule) -> int:
    return 1 + len(rule.ports) + sum(_parts(peer) for peer in rule.peers)


def _parts(peer: PodsOf | Block) -> int:
    if isinstance(peer, Block):
        return 1 + len(peer.excluded)
    of_namespaces = peer.namespaces.requirements if peer.namespaces else ()
    return 1 + len(peer.pods.requirements) + len(of_namespaces)


def _explained(
    policies: Sequence[NetworkPolicy], source: Source, refused: Source, pod: Pod, ports: PortSet
) -> Shortfall:
    """Say why those are refused who stand for a part of the source."""
    closed = ports - comes_in(policies, refused, pod).possibly
    if closed:
        isolating = _selecting(policies, pod)
        meaning = {
            policy.name: keys
            for policy in isolating
            if (keys := _asked_beside(policy.ingress or (), source, refused, pod.namespace))
            is not None
        }
        labels = sorted({key for keys in meaning.values() for key in keys})
        names = sorted(meaning or {policy.name for policy in isolating})
        return Shortfall(closed, tuple(names), bool(meaning), tuple(labels))
    assert isinstance(refused, Pod)
    closed = ports - goes_out(policies, refused, pod).possibly
    keeping = [
        policy
        for policy in policies
        if policy.egress is not None and policy.pods.matches(refused.labels)
    ]
    meaning_out = {
        policy.name
        for policy in keeping
        if any(rule.matches(pod, pod.namespace) is not False for rule in policy.egress or ())
    }
    names = sorted(meaning_out or {policy.name for policy in keeping})
    return Shortfall(closed, tuple(names), bool(meaning_out), going_out=True)


def _selecting(policies: Sequence[NetworkPolicy], pod: Pod) -> list[NetworkPolicy]:
    return [
        policy
        for policy in policies
        if policy.ingress is not None and policy.pods.matches(pod.labels)
    ]


def _asked_beside(
    rules: Rules, source: Source, refused: Source, namespace: str
) -> frozenset[str] | None:
    """Give the keys of labels without which rules refuse those they mean; None: none are meant."""
    found: set[str] = set()
    meant = False
    for rule in rules:
        if not rule.peers:
            meant = True
        for peer in rule.peers:
            if means(peer, source, namespace):
                meant = True
                if isinstance(peer, PodsOf) and isinstance(refused, Pod):
                    found |= _unmet(peer.pods, refused.labels)
                    if peer.namespaces is not None:
                        found |= _unmet(peer.namespaces, refused.namespace_labels)
    return frozenset(found) if meant else None


def means(peer: PodsOf | Block, source: Source, namespace: str) -> bool:
    """Say whether a peer of a rule means at least a part of a source, rather than somebody else.

    A selector that asks for other labels than the source is told by is about somebody else, though
    a pod may carry both.
    """
    answer = peer.matches(source, namespace)
    if answer is not None or not isinstance(peer, PodsOf) or not isinstance(source, Pod):
        # A block that holds some of the addresses means these; of a pod's, none are known.
        return answer is True or (answer is None and not isinstance(source, Pod))
    return _touches(peer.pods, source.labels) and (
        peer.namespaces is None or _touches(peer.namespaces, source.namespace_labels)
    )


def _touches(selector: Selector, labels: Labels) -> bool:
    return (
        not labels.known
        or selector.matches(labels) is True
        or any(requirement.key in labels.known for requirement in selector.requirements)
    )


def _unmet(selector: Selector, labels: Labels) -> set[str]:
    return {
        requirement.key
        for requirement in selector.requirements
        if requirement.matches(labels) is False
    }


def _doubt(policies: Sequence[NetworkPolicy], source: Source, pod: Pod, ports: PortSet) -> Doubt:
    """Say on what it depends: on labels, if something is in doubt without blocks of addresses."""
    answer = admitted([_without_blocks(policy) for policy in policies], source, pod)
    return Doubt.ADDRESSES if ports & answer.possibly <= answer.surely else Doubt.LABELS


def _without_blocks(policy: NetworkPolicy) -> NetworkPolicy:
    return replace(
        policy, ingress=_rules_of_pods(policy.ingress), egress=_rules_of_pods(policy.egress)
    )


def _rules_of_pods(rules: Rules | None) -> Rules | None:
    if rules is None:
        return None
    kept = (
        replace(rule, peers=tuple(peer for peer in rule.peers if isinstance(peer, PodsOf)))
        for rule in rules
        if not rule.peers or any(isinstance(peer, PodsOf) for peer in rule.peers)
    )
    return tuple(kept)
