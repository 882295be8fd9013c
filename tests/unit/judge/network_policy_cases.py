"""Small clusters with NetworkPolicies, made up from a seed; no two of a run are alike."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

from unit.judge.network_policy_oracle import Json, World

HOME = "shop"
NAME = "kubernetes.io/metadata.name"
PROTOCOLS = ["TCP", "UDP", "SCTP"]
PORTS = [("TCP", 80), ("TCP", 8080), ("TCP", 8081), ("UDP", 53), ("SCTP", 80)]
OUTSIDE = ["192.0.2.7", "10.1.9.9", "2001:db8::7"]
"""Addresses outside the cluster; the second would fit a block for pods."""
LABELS = {"app": ["api", "web", "db"], "tier": ["front", "back"]}
BLOCKS = ["0.0.0.0/0", "10.0.0.0/8", "10.1.0.0/16", "10.1.1.0/24", "192.0.2.0/24", "2001:db8::/32"]
HOLES = {
    "0.0.0.0/0": ["10.0.0.0/8", "10.1.1.0/24", "192.0.2.0/28"],
    "10.0.0.0/8": ["10.1.0.0/16", "10.1.9.0/24", "10.1.1.2/32"],
    "10.1.0.0/16": ["10.1.1.0/24", "10.1.2.0/24", "10.1.9.9/32"],
    "10.1.1.0/24": ["10.1.1.2/32", "10.1.1.0/30"],
    "192.0.2.0/24": ["192.0.2.0/28", "192.0.2.128/25"],
    "2001:db8::/32": ["2001:db8::/64", "2001:db8:1::/48"],
}


def case(seed: int) -> World:
    """Give the cluster of a seed."""
    return _Maker(Random(seed)).world()  # noqa: S311 - a seed says which case it was


class _Maker:
    def __init__(self, random: Random) -> None:
        self._random = random

    def world(self) -> World:
        namespaces = {
            HOME: {NAME: HOME, "team": "red"},
            "metrics": {NAME: "metrics", **self._some({"team": ["red", "blue"]})},
            "other": {NAME: "other", **self._some({"team": ["blue"], "env": ["test"]})},
        }
        homes = [HOME, HOME, HOME, "metrics", "other"]
        pods = [self._pod(number, home) for number, home in enumerate(homes)]
        count = self._random.choices([0, 1, 2, 3], [1, 5, 5, 3])[0]
        return World(namespaces, pods, [self._policy(number) for number in range(count)])

    def _maybe(self, share: float) -> bool:
        return self._random.random() < share

    def _some(self, labels: dict[str, list[str]]) -> dict[str, str]:
        return {
            key: self._random.choice(values) for key, values in labels.items() if self._maybe(0.7)
        }

    def _pod(self, number: int, namespace: str) -> Json:
        web = {"name": "web", "containerPort": self._random.choice([80, 8080, 8081])}
        dns = {"name": "dns", "containerPort": 53, "protocol": "UDP"}
        # The same name, of another protocol: not the port that a rule for TCP means.
        also_web = {"name": "web", "containerPort": 80, "protocol": "SCTP"}
        ports = [port for port in (web, dns, also_web) if self._maybe(0.7)]
        return {
            "metadata": {
                "name": f"pod-{number}",
                "namespace": namespace,
                "labels": self._some(LABELS),
            },
            "spec": {
                "containers": [{"name": "main", "ports": ports[:1]}, {"name": "b"}]
                if self._maybe(0.3)
                else [{"name": "main", "ports": ports[:1]}, {"name": "b", "ports": ports[1:]}]
            },
            "status": {"podIPs": [{"ip": f"10.1.{number}.{self._random.randint(1, 3)}"}]},
        }

    def _policy(self, number: int) -> Json:
        spec: Json = {"podSelector": self._selector(LABELS, empty=0.5)}
        if self._maybe(0.9):
            spec["ingress"] = self._rules("from")
        if self._maybe(0.4):
            spec["egress"] = self._rules("to")
        types = self._random.choice([["Ingress"], ["Egress"], ["Ingress", "Egress"], None, None])
        if types is not None:
            spec["policyTypes"] = types
        elif not spec.get("egress"):
            spec.pop("egress", None)  # the API server takes an empty section for an absent one
        return {"metadata": {"name": f"policy-{number}", "namespace": HOME}, "spec": spec}

    def _rules(self, peers: str) -> list[Json]:
        return [self._rule(peers) for _ in range(self._random.choice([0, 1, 1, 1, 2]))]

    def _rule(self, peers: str) -> Json:
        rule: Json = {}
        if self._maybe(0.8):
            rule[peers] = [self._peer() for _ in range(self._random.choice([0, 1, 1, 2, 2]))]
        if self._maybe(0.7):
            rule["ports"] = [self._port() for _ in range(self._random.choice([0, 1, 2, 2]))]
        return rule

    def _peer(self) -> Json:
        of_namespaces = {"team": ["red", "blue"], "env": ["test"], NAME: [HOME, "metrics", "other"]}
        kind = self._random.choice(["pods", "namespaces", "both", "both", "block"])
        if kind == "block":
            cidr = self._random.choice(BLOCKS)
            block: Json = {"cidr": cidr}
            if self._maybe(0.6):
                block["except"] = self._random.sample(HOLES[cidr], self._random.choice([1, 2]))
            return {"ipBlock": block}
        peer: Json = {}
        if kind != "pods":
            peer["namespaceSelector"] = self._selector(of_namespaces, empty=0.3)
        if kind != "namespaces":
            peer["podSelector"] = self._selector(LABELS, empty=0.2)
        return peer

    def _selector(self, labels: dict[str, list[str]], *, empty: float) -> Json:
        if self._maybe(empty):
            return {}
        selector: Json = {}
        key = self._random.choice(list(labels))
        if self._maybe(0.5):
            selector["matchLabels"] = {key: self._random.choice(labels[key])}
        if not selector or self._maybe(0.4):
            selector["matchExpressions"] = [
                self._expression(labels) for _ in range(self._random.choice([1, 1, 2]))
            ]
        return selector

    def _expression(self, labels: dict[str, list[str]]) -> Json:
        key = self._random.choice(list(labels))
        operator = self._random.choice(["In", "NotIn", "Exists", "DoesNotExist"])
        if operator in ("Exists", "DoesNotExist"):
            return {"key": key, "operator": operator}
        count = self._random.randint(1, len(labels[key]))
        return {"key": key, "operator": operator, "values": self._random.sample(labels[key], count)}

    def _port(self) -> Json:
        kind = self._random.choice(["number", "range", "name", "all"])
        port: Json = {"protocol": self._random.choice(["TCP", *PROTOCOLS])}
        if self._maybe(0.5):
            del port["protocol"]
        if kind == "number":
            port["port"] = self._random.choice([53, 80, 8080, 8081])
        elif kind == "range":
            first = self._random.choice([50, 79, 80, 8080])
            port |= {"port": first, "endPort": first + self._random.choice([0, 1, 20])}
        elif kind == "name":
            port["port"] = self._random.choice(["web", "dns"])
        return port


@dataclass(frozen=True)
class _Seen:
    """The parts of the policies of one case that select a pod."""

    specs: list[Json]

    @property
    def rules(self) -> Iterator[Json]:
        for spec in self.specs:
            for section in ("ingress", "egress"):
                yield from spec.get(section, [])

    @property
    def peers(self) -> Iterator[Json]:
        for rule in self.rules:
            yield from rule.get("from") or rule.get("to") or []

    @property
    def ports(self) -> Iterator[Json]:
        for rule in self.rules:
            yield from rule.get("ports", [])

    @property
    def expressions(self) -> Iterator[Any]:
        selectors = [spec["podSelector"] for spec in self.specs]
        for peer in self.peers:
            selectors += [peer.get("podSelector", {}), peer.get("namespaceSelector", {})]
        for selector in selectors:
            yield from selector.get("matchExpressions", [])

    def has_operator(self, operator: str) -> bool:
        return any(one["operator"] == operator for one in self.expressions)


FEATURES: dict[str, Callable[[_Seen], bool]] = {
    "podSelector with matchLabels": lambda seen: any(
        "matchLabels" in spec["podSelector"] for spec in seen.specs
    ),
    "podSelector with matchExpressions": lambda seen: any(
        "matchExpressions" in spec["podSelector"] for spec in seen.specs
    ),
    "podSelector that is empty": lambda seen: any(not spec["podSelector"] for spec in seen.specs),
    "In": lambda seen: seen.has_operator("In"),
    "NotIn": lambda seen: seen.has_operator("NotIn"),
    "Exists": lambda seen: seen.has_operator("Exists"),
    "DoesNotExist": lambda seen: seen.has_operator("DoesNotExist"),
    "peer: podSelector alone": lambda seen: any({"podSelector"} == set(p) for p in seen.peers),
    "peer: namespaceSelector alone": lambda seen: any(
        {"namespaceSelector"} == set(peer) for peer in seen.peers
    ),
    "peer: both selectors": lambda seen: any(
        {"namespaceSelector", "podSelector"} == set(peer) for peer in seen.peers
    ),
    "ipBlock": lambda seen: any("ipBlock" in peer for peer in seen.peers),
    "ipBlock with except": lambda seen: any("except" in p.get("ipBlock", {}) for p in seen.peers),
    "named port": lambda seen: any(isinstance(port.get("port"), str) for port in seen.ports),
    "endPort": lambda seen: any("endPort" in port for port in seen.ports),
    "port not given": lambda seen: any("port" not in port for port in seen.ports),
    "protocol UDP": lambda seen: any(port.get("protocol") == "UDP" for port in seen.ports),
    "protocol SCTP": lambda seen: any(port.get("protocol") == "SCTP" for port in seen.ports),
    "protocol not given": lambda seen: any("protocol" not in port for port in seen.ports),
    "policyTypes Ingress": lambda seen: any(
        spec.get("policyTypes") == ["Ingress"] for spec in seen.specs
    ),
    "policyTypes Egress": lambda seen: any(
        spec.get("policyTypes") == ["Egress"] for spec in seen.specs
    ),
    "policyTypes of both": lambda seen: any(
        spec.get("policyTypes") == ["Ingress", "Egress"] for spec in seen.specs
    ),
    "policyTypes not given": lambda seen: any("policyTypes" not in spec for spec in seen.specs),
    "policyTypes not given, with egress": lambda seen: any(
        "policyTypes" not in spec and "egress" in spec for spec in seen.specs
    ),
    "default deny of ingress": lambda seen: any(
        not spec.get("ingress") and "Ingress" in spec.get("policyTypes", ["Ingress"])
        for spec in seen.specs
    ),
    "default deny of egress": lambda seen: any(
        not spec.get("egress") and "Egress" in spec.get("policyTypes", []) for spec in seen.specs
    ),
    "peers: empty or missing": lambda seen: any(
        not rule.get("from", rule.get("to")) for rule in seen.rules
    ),
    "ports: empty or missing": lambda seen: any(not rule.get("ports") for rule in seen.rules),
    "policies that add up": lambda seen: len(seen.specs) > 1,
}
"""What the documentation tells of, and how to see that a policy uses it."""


def features(world: World, is_selected: Callable[[Json, Json], bool]) -> set[str]:
    """Say what the policies use that select one and the same pod."""
    found: set[str] = set()
    for pod in world.pods:
        labels = pod["metadata"]["labels"]
        if pod["metadata"]["namespace"] != HOME:
            continue
        seen = _Seen(
            [
                policy["spec"]
                for policy in world.policies
                if is_selected(policy["spec"]["podSelector"], labels)
            ]
        )
        found |= {name for name, has in FEATURES.items() if has(seen)}
    return found
