"""What the check says of a peer holds for each pod that it may mean, asked one by one.

The oracle is that of the evaluator: it knows single pods and ports. Here it is asked for every pod
that `mustReach` describes, with every other label it may carry, and for everybody else.
"""

import json
from collections import Counter
from collections.abc import Iterator
from itertools import product
from random import Random
from typing import Any

from servicesop.api.checks.network_policy import NetworkPolicy as Spec
from servicesop.api.reasons import UnknownReason
from servicesop.checks.network_policy_judgement import Scene, judge_network_policy
from servicesop.judge.network_policy_objects import namespace_labels, network_policy, pod_of
from servicesop.judge.results import Sample, Verdict
from unit.judge.network_policy_cases import HOME, NAME, case
from unit.judge.network_policy_oracle import Json, World, is_in_block, selects

CASES = 200
ELSEWHERE = "elsewhere"
PODS = [
    {key: value for key, value in (("app", app), ("tier", tier)) if value is not None}
    for app, tier in product([None, "api", "web", "db", "none"], [None, "front", "back", "none"])
]
NAMESPACES = [
    {NAME: ELSEWHERE}
    | {key: value for key, value in (("team", team), ("env", env)) if value is not None}
    for team, env in product([None, "red", "blue", "none"], [None, "test"])
]
ADDRESSES = [
    *("10.1.1.9", "10.1.7.7", "10.9.9.9", "192.0.2.100", "203.0.113.9", "2001:db8:9::1"),
    "2001:db9::1",
]
"""In each block of the cases but in none of its holes; the last one in no block."""
PARTS = [*ADDRESSES, "10.1.1.1", "10.1.1.2", "10.1.2.1", "10.1.9.9", "192.0.2.1", "192.0.2.200"]
PARTS += ["2001:db8::1", "2001:db8:1::1"]
"""In each hole, too."""


class Question:
    """A cluster of a seed, and what a check asks of it."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)  # noqa: S311 - a seed says which case it was
        self.world = case(seed)
        self.spec: Json = {
            "to": {"podLabels": self.random.choice([{}, {"app": "api"}, {"tier": "back"}])},
            "mustReach": [self._reach() for _ in range(self.random.choice([0, 1, 1, 2]))],
        }
        self.spec["onlyThese"] = not self.spec["mustReach"] or self.random.choice([True, False])
        if self.spec["onlyThese"]:
            self._ask_for_what_is_admitted()
        home = [pod for pod in self.world.pods if pod["metadata"]["namespace"] == HOME]
        wanted = {"matchLabels": self.spec["to"]["podLabels"]}
        self.targets = [pod for pod in home if selects(wanted, pod["metadata"]["labels"])]

    def _ask_for_what_is_admitted(self) -> None:
        """Keep one rule with one peer, and name that too: else others are nearly always admitted.

        Of its selectors only the plain labels can be named; so it may be narrower than the item.
        """
        rules = [rule for one in self.world.policies for rule in one["spec"].get("ingress", [])]
        admitted = [(peer, rule) for rule in rules for peer in rule.get("from", [])]
        if not admitted:
            return
        peer, rule = self.random.choice(admitted)
        ingress = [{**rule, "from": [peer]}]
        spec = {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": ingress}
        policy = {"metadata": {"name": "only", "namespace": HOME}, "spec": spec}
        self.world = World(self.world.namespaces, self.world.pods, [policy])
        self.spec["mustReach"].append({"from": self._named(peer), "ports": []})

    def _named(self, peer: Json) -> Json:
        if "ipBlock" in peer:
            return {"cidr": peer["ipBlock"]["cidr"]}
        named: Json = {"podLabels": peer.get("podSelector", {}).get("matchLabels", {})}
        if "namespaceSelector" in peer:
            labels = peer["namespaceSelector"].get("matchLabels", {})
            named["namespaceLabels"] = labels
            if NAME in labels:
                del named["namespaceLabels"]
                named["namespaceName"] = labels[NAME]
        return named

    def _reach(self) -> Json:
        pods = self.random.choice([{}, {"app": "api"}, {"tier": "front"}, {"app": "web"}])
        peer: Json = self.random.choice(
            [
                {"podLabels": pods},
                {"namespaceName": HOME, "podLabels": pods},
                {"namespaceName": "metrics", "podLabels": pods},
                {"namespaceLabels": self.random.choice([{}, {"team": "red"}]), "podLabels": pods},
                {"cidr": self.random.choice(["10.1.0.0/16", "192.0.2.0/24", "10.1.1.0/24"])},
            ]
        )
        ports: list[Json] = [{"port": 80}, {"port": 8080, "endPort": 8081}]
        ports.append({"port": 53, "protocol": "UDP"})
        return {"from": peer, "ports": self.random.sample(ports, self.random.choice([0, 1, 1, 2]))}

    def answer(self) -> Sample:
        def labels_of(name: str) -> Any:
            return namespace_labels(name, self.world.namespaces.get(name))

        home = [pod for pod in self.world.pods if pod["metadata"]["namespace"] == HOME]
        pods = [pod_of(pod, HOME, labels_of(HOME)) for pod in home]
        names = {pod["metadata"]["name"] for pod in self.targets}
        scene = Scene(
            HOME,
            [network_policy(policy) for policy in self.world.policies],
            pods,
            [pod for pod in pods if pod.name in names],
            labels_of,
        )
        return judge_network_policy(Spec.model_validate(self.spec), scene)

    def ports(self) -> list[tuple[str, int]]:
        """One of each row of ports that a rule, the check or nobody tells from others."""
        edges = {1, 53, 80, 81, 8080, 8082}
        for policy in self.world.policies:
            for rule in policy["spec"].get("ingress", []) + policy["spec"].get("egress", []):
                for port in rule.get("ports", []):
                    if isinstance(port.get("port"), int):
                        edges |= {port["port"], port["port"] + 1, port.get("endPort", 0) + 1}
        return [(protocol, port) for protocol in ("TCP", "UDP", "SCTP") for port in edges]

    def is_meant(self, peer: Json, source: Json | str) -> bool:
        if isinstance(source, str):
            return "cidr" in peer and is_in_block({"cidr": peer["cidr"]}, source)
        if "cidr" in peer or not selects(
            {"matchLabels": peer.get("podLabels", {})}, source["metadata"]["labels"]
        ):
            return False
        namespace = source["metadata"]["namespace"]
        if "namespaceLabels" in peer:
            return selects({"matchLabels": peer["namespaceLabels"]}, source["of"])
        return bool(namespace == peer.get("namespaceName", HOME))

    def everybody(self) -> Iterator[tuple[World, Json | str]]:
        """Every pod that there may be, in each namespace that there may be, and all addresses."""
        yield from ((self.world, address) for address in PARTS)
        for name, labels in self.world.namespaces.items():
            yield from ((self.world, self._pod(name, labels, of_pod)) for of_pod in PODS)
        for labels in NAMESPACES:
            world = World({**self.world.namespaces, ELSEWHERE: labels}, [], self.world.policies)
            yield from ((world, self._pod(ELSEWHERE, labels, of_pod)) for of_pod in PODS)

    def _pod(self, namespace: str, labels: Json, of_pod: Json) -> Json:
        metadata = {"name": "any", "namespace": namespace, "labels": of_pod}
        return {"metadata": metadata, "of": labels, "spec": {"containers": []}}


def is_wanted(ports: list[dict[str, Any]], protocol: str, number: int) -> bool:
    return not ports or any(
        port.get("protocol", "TCP") == protocol
        and port["port"] <= number <= port.get("endPort", port["port"])
        for port in ports
    )


def at(pod: Json, address: str) -> Json:
    return {**pod, "status": {"podIPs": [{"ip": address}]}}


def let_in(
    world: World, source: Json | str, target: Json, port: tuple[str, int], addresses: list[str]
) -> tuple[bool, bool]:
    """Whether a source is admitted whatever the addresses of the pods are, and whether for some."""
    if isinstance(source, str):
        answer = world.is_allowed(source, target, *port)
        return answer, answer
    comes_in = [world._ingress(at(source, address), target, *port) for address in addresses]
    goes_out = [world._egress(source, at(target, address), *port) for address in addresses]
    return all(comes_in) and all(goes_out), any(comes_in) and any(goes_out)


def expected(question: Question) -> tuple[bool, bool, bool]:
    """Whether somebody is kept out, whether that is in doubt, and whether others are admitted."""
    kept_out, in_doubt, too_wide = False, False, False
    reaches, ports = question.spec["mustReach"], question.ports()
    addresses = ADDRESSES if "ipBlock" in json.dumps(question.world.policies) else ADDRESSES[:1]
    for world, source in question.everybody():
        means = [reach for reach in reaches if question.is_meant(reach["from"], source)]
        if not means and (too_wide or not question.spec["onlyThese"]):
            continue
        for target, port in product(question.targets, ports):
            if any(is_wanted(reach["ports"], *port) for reach in means):
                surely, possibly = let_in(world, source, target, port, addresses)
                kept_out = kept_out or not possibly
                in_doubt = in_doubt or not surely
            elif question.spec["onlyThese"] and not too_wide:
                outside = source if isinstance(source, str) else at(source, ADDRESSES[-1])
                too_wide = world._ingress(outside, target, *port)
    return kept_out, in_doubt, too_wide


def test_what_is_said_of_a_peer_holds_for_everybody_whom_it_means() -> None:
    seen: Counter[object] = Counter()
    for seed in range(CASES):
        question = Question(seed)
        if not question.targets:
            continue
        kept_out, in_doubt, too_wide = expected(question)
        sample = question.answer()
        told = f"seed {seed}: {sample} for {question.spec} in {json.dumps(vars(question.world))}"
        findings = sample.findings - {"SelectsNoPod"}

        assert bool(findings & {"Missing", "TooNarrow"}) is kept_out, told
        assert ("TooWide" in findings) is too_wide, told
        if not sample.findings:
            doubted = sample.reason is UnknownReason.PLUGIN_DECIDES
            assert (sample.verdict is Verdict.PASSED) is not doubted, told
            assert doubted is in_doubt, told
        seen.update(findings or {sample.reason or sample.verdict})

    answers = ("Missing", "TooNarrow", "TooWide", Verdict.PASSED)
    assert all(seen[answer] >= 15 for answer in answers), seen
    assert seen[UnknownReason.PLUGIN_DECIDES] >= 2, seen
