"""How a check `networkPolicy` judges what the policies admit."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from servicesop.api.checks.network_policy import NetworkPolicy as Spec
from servicesop.api.checks.network_policy import ReachingPeer
from servicesop.api.reasons import UnknownReason
from servicesop.judge.budget import Budget, BudgetSpentError
from servicesop.judge.labels import Selector
from servicesop.judge.network_policies import (
    NAMESPACE_NAME,
    NetworkPolicy,
    Pod,
    PodsOf,
    Rules,
)
from servicesop.judge.policy_excess import Allowed, excess
from servicesop.judge.policy_peers import (
    LabelsOf,
    having,
    namespace_of,
    sources,
    wanted_ports,
)
from servicesop.judge.policy_shortfall import Doubt, Shortfall, means, shortfall
from servicesop.judge.port_sets import EVERY_PORT, PortSet
from servicesop.judge.results import Sample, error, failed, inconclusive, passed

MAX_STEPS: Final = 200_000
"""Parts of policies that are compared in one run, each time they are: less than a second."""
_NAMES: Final = 3
_SPANS: Final = 3


@dataclass(frozen=True, slots=True)
class Scene:
    """What there is to judge."""

    namespace: str
    policies: Sequence[NetworkPolicy]
    """All of the namespace."""
    pods: Sequence[Pod]
    """All of the namespace that live."""
    to: Sequence[Pod]
    """Those of them that are reached."""
    labels_of: LabelsOf


def namespaces_to_read(spec: Spec, policies: Iterable[NetworkPolicy], home: str) -> list[str]:
    """Give the namespaces of which more labels than their name can matter."""
    policies = list(policies)
    peers = [reach.from_ for reach in spec.must_reach]
    names: set[str | None] = set()
    if any(_asks_for_labels(policy.egress) for policy in policies) or any(
        peer.namespace_labels is not None for peer in peers
    ):
        names.add(home)
    if any(_asks_for_labels(policy.ingress) for policy in policies):
        names |= {namespace_of(peer, home) for peer in peers}
    return sorted(name for name in names if name is not None)


def judge_network_policy(spec: Spec, scene: Scene) -> Sample:
    """Judge: one peer that is surely kept out, or surely admitted beyond, is enough."""
    if not scene.to:
        if spec.to.target is not None:
            return inconclusive(
                UnknownReason.NO_PODS, "the target has no pods that policies could select"
            )
        return failed({"SelectsNoPod"}, "to.podLabels: no pod of this namespace has these labels")
    judgement = _Judgement(spec, scene)
    try:
        judgement.judge()
    except BudgetSpentError:
        return error(
            UnknownReason.TOO_MANY_OBJECTS,
            "the NetworkPolicies of this namespace have more rules than are compared for one check;"
            " name fewer peers in it",
        )
    return judgement.sample()


@dataclass
class _Judgement:
    spec: Spec
    scene: Scene
    budget: Budget = field(default_factory=lambda: Budget(MAX_STEPS))
    found: dict[str, list[str]] = field(default_factory=dict)
    """What to say, by finding."""
    doubts: dict[UnknownReason, str] = field(default_factory=dict)
    not_meant: list[ReachingPeer] = field(default_factory=list)
    """Peers that the policies which select the pods do not admit, or only in part."""
    unprotected: bool = False
    """No policy selects one of the pods, and one should."""

    def judge(self) -> None:
        for pod in _distinct(self.scene.to, self.scene.policies):
            if pod.on_node_network:
                self._doubt(
                    UnknownReason.HOST_NETWORK,
                    "one of the pods shares the node's network, where what a NetworkPolicy does is"
                    " not defined",
                )
                continue
            self._judge(pod)
        self._look_for_typing_errors()

    def sample(self) -> Sample:
        findings = [name for name in self.spec.findings if name in self.found]
        if findings:
            lines = [line for name in findings for line in self.found[name]]
            return failed(set(findings), lines[0], tuple(lines))
        for reason in (UnknownReason.PORT_NOT_FOUND, *_DOUBTS):
            if reason in self.doubts:
                unknown = error if reason is UnknownReason.PORT_NOT_FOUND else inconclusive
                return unknown(reason, self.doubts[reason])
        return passed()

    def _judge(self, pod: Pod) -> None:
        allowed: list[Allowed] = []
        for place, reach in enumerate(self.spec.must_reach):
            ports = wanted_ports(reach.ports, pod)
            if isinstance(ports, str):
                self._doubt(
                    UnknownReason.PORT_NOT_FOUND,
                    f"mustReach[{place}].ports: the pods have no port with the name {ports};"
                    " correct it, or give its number",
                )
                continue
            allowed.append(Allowed(reach.from_, ports))
            self._judge_reach(f"mustReach[{place}]", reach.from_, pod, ports)
        if self.spec.only_these and len(allowed) == len(self.spec.must_reach):
            self._judge_excess(allowed, pod)

    def _judge_reach(self, who: str, peer: ReachingPeer, pod: Pod, ports: PortSet) -> None:
        scene = self.scene
        for source, certain in sources(peer, scene.namespace, scene.labels_of):
            answer = shortfall(scene.policies, source, pod, ports, self.budget)
            if isinstance(answer, Shortfall) and certain:
                self._say("TooNarrow" if answer.meant else "Missing", _of(answer, who))
                if not answer.going_out:
                    self.not_meant.append(peer)
            elif answer is Doubt.ADDRESSES and certain:
                self._doubt(
                    UnknownReason.PLUGIN_DECIDES,
                    f"{who}: only an ipBlock may admit these pods, and whether it is also meant for"
                    " pods is up to the network plugin; select them by labels",
                )
            elif answer is not None:
                name = namespace_of(peer, scene.namespace) or scene.namespace
                self._doubt(
                    UnknownReason.LABELS_UNKNOWN,
                    f"{who}: that depends on the labels of the namespace {name}, which may not be"
                    " read; grant get of that Namespace",
                )

    def _judge_excess(self, allowed: Sequence[Allowed], pod: Pod) -> None:
        scene = self.scene
        for found in excess(scene.policies, allowed, pod, scene.labels_of, self.budget):
            if not found.certain:
                self._doubt(
                    UnknownReason.LABELS_UNKNOWN,
                    f"NetworkPolicy {found.policy}: whether {found.where} is wider than mustReach"
                    " depends on labels of a namespace, which are not known",
                )
            elif found.policy:
                self._say(
                    "TooWide",
                    f"NetworkPolicy {found.policy} admits others than mustReach names:"
                    f" {found.where} on {_ports(found.ports)}",
                )
            else:
                self.unprotected = True
                self._say("TooWide", "no NetworkPolicy selects the pods, so everybody is admitted")

    def _look_for_typing_errors(self) -> None:
        """Find selectors that select nobody, where that may be why something else is wrong."""
        home, pods = self.scene.namespace, self.scene.pods
        for place, reach in enumerate(self.spec.must_reach):
            peer = reach.from_
            if peer.pod_labels and namespace_of(peer, home) == home:
                wanted = having(peer.pod_labels)
                if not any(wanted.matches(pod.labels) for pod in pods):
                    self._say(
                        "SelectsNoPod",
                        f"mustReach[{place}].from.podLabels: no pod of this namespace has these"
                        " labels",
                    )
        for policy in self.scene.policies:
            selected = any(policy.pods.matches(pod.labels) for pod in pods)
            if policy.ingress is None or not (self.unprotected or self.not_meant):
                continue
            if not selected and (self.unprotected or self._would_admit(policy)):
                self._say(
                    "SelectsNoPod", f"NetworkPolicy {policy.name}: its podSelector selects no pod"
                )
            elif self.not_meant and any(policy.pods.matches(pod.labels) for pod in self.scene.to):
                for where in _selecting_nobody(policy.ingress, pods):
                    self._say(
                        "SelectsNoPod",
                        f"NetworkPolicy {policy.name}: {where} selects no pod of this namespace",
                    )

    def _would_admit(self, policy: NetworkPolicy) -> bool:
        home = self.scene.namespace
        return any(
            means(one, source, home)
            for rule in policy.ingress or ()
            for one in rule.peers
            for peer in self.not_meant
            for source, _ in sources(peer, home, self.scene.labels_of)
        )

    def _say(self, finding: str, line: str) -> None:
        said = self.found.setdefault(finding, [])
        if line not in said:
            said.append(line)

    def _doubt(self, reason: UnknownReason, message: str) -> None:
        self.doubts.setdefault(reason, message)


_DOUBTS: Final = (
    UnknownReason.HOST_NETWORK,
    UnknownReason.LABELS_UNKNOWN,
    UnknownReason.PLUGIN_DECIDES,
)
"""In the order in which they are told."""


def _of(answer: Shortfall, who: str) -> str:
    policies = _policies(answer.policies)
    if answer.going_out:
        if not answer.meant:
            return f"{who} is not let out of its pods: no egress rule of {policies} is for it"
        return f"{who} is let out of its pods only in part by {policies}: not on" + (
            f" {_ports(answer.ports)}"
        )
    if not answer.meant:
        return f"{who} is not admitted: no rule of {policies} is for it"
    if answer.labels:
        keys = ", ".join(answer.labels[:_NAMES])
        return f"{who} is admitted only in part by {policies}: that depends on the labels {keys}"
    return f"{who} is admitted only in part by {policies}: not on {_ports(answer.ports)}"


def _policies(names: Sequence[str]) -> str:
    kind = "NetworkPolicy" if len(names) == 1 else "NetworkPolicies"
    others = " and others" if len(names) > _NAMES else ""
    return f"{kind} {', '.join(names[:_NAMES])}{others}"


def _ports(ports: PortSet) -> str:
    if ports == EVERY_PORT:
        return "every port"
    spans = [
        f"{protocol} {first}" if first == last else f"{protocol} {first}-{last}"
        for protocol, first, last in ports.spans
    ]
    return ", ".join(spans[:_SPANS]) + (" and others" if len(spans) > _SPANS else "")


def _distinct(pods: Sequence[Pod], policies: Collection[NetworkPolicy]) -> Iterator[Pod]:
    """Give one pod of those that no policy tells apart, as one of all that are made like it.

    Its addresses are left out: no policy can know which ones the next pod gets.
    """
    keys = {requirement.key for each in _selectors(policies) for requirement in each.requirements}
    seen = set()
    for pod in sorted(pods, key=lambda each: each.name):
        told_by = (
            frozenset((key, value) for key, value in pod.labels.known.items() if key in keys),
            frozenset(pod.ports.items()),
            pod.on_node_network,
        )
        if told_by not in seen:
            seen.add(told_by)
            yield replace(pod, name="", addresses=())


def _selectors(policies: Iterable[NetworkPolicy]) -> Iterator[Selector]:
    for policy in policies:
        yield policy.pods
        for rule in (*(policy.ingress or ()), *(policy.egress or ())):
            yield from (peer.pods for peer in rule.peers if isinstance(peer, PodsOf))


def _selecting_nobody(rules: Rules, pods: Sequence[Pod]) -> Iterator[str]:
    """Give where rules select pods of their own namespace, and there are none such."""
    for place, rule in enumerate(rules):
        for number, peer in enumerate(rule.peers):
            match peer:
                case PodsOf(None, selector) if not any(selector.matches(p.labels) for p in pods):
                    yield f"ingress[{place}].from[{number}]"


def _asks_for_labels(rules: Rules | None) -> bool:
    """Say whether rules select namespaces by other labels than their name."""
    return any(
        requirement.key != NAMESPACE_NAME
        for rule in rules or ()
        for peer in rule.peers
        if isinstance(peer, PodsOf) and peer.namespaces is not None
        for requirement in peer.namespaces.requirements
    )
