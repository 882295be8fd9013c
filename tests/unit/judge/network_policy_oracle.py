"""Who may connect to whom, by the words of the NetworkPolicy API's documentation and nothing else.

It imports nothing of the product, and asks each single port of each single pod, in the order in
which the documentation tells it. All objects are those of the API, as plain dictionaries; `World`
holds the cluster. Only the policies of one namespace exist.
"""

from dataclasses import dataclass
from functools import cache
from ipaddress import ip_address, ip_network
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True)
class World:
    namespaces: dict[str, dict[str, str]]
    """Labels by name."""
    pods: list[Json]
    policies: list[Json]

    def is_allowed(self, source: Json | str, target: Json, protocol: str, port: int) -> bool:
        """Say whether a pod, or an address outside, may connect to a port of a pod."""
        if source is target:
            return True  # "a Pod cannot block access to itself"
        # "both the egress policy on the source pod and the ingress policy on the destination pod
        # need to allow the connection"
        return self._egress(source, target, protocol, port) and self._ingress(
            source, target, protocol, port
        )

    def _ingress(self, source: Json | str, target: Json, protocol: str, port: int) -> bool:
        isolating = [
            policy
            for policy in self.policies
            if self._is_selected(policy, target) and "Ingress" in policy_types(policy)
        ]
        if not isolating:
            return True  # "By default, a pod is non-isolated for ingress"
        # "The effects of those ingress lists combine additively."
        for policy in isolating:
            for rule in policy["spec"].get("ingress", []):
                if self._rule_allows(
                    rule, rule.get("from"), policy, source, target, protocol, port
                ):
                    return True
        return False

    def _egress(self, source: Json | str, target: Json, protocol: str, port: int) -> bool:
        if isinstance(source, str):
            return True
        isolating = [
            policy
            for policy in self.policies
            if self._is_selected(policy, source) and "Egress" in policy_types(policy)
        ]
        if not isolating:
            return True
        for policy in isolating:
            for rule in policy["spec"].get("egress", []):
                if self._rule_allows(rule, rule.get("to"), policy, target, target, protocol, port):
                    return True
        return False

    def _is_selected(self, policy: Json, pod: Json) -> bool:
        if policy["metadata"]["namespace"] != pod["metadata"]["namespace"]:
            return False
        return selects(policy["spec"]["podSelector"], pod["metadata"].get("labels", {}))

    def _rule_allows(
        self,
        rule: Json,
        peers: list[Json] | None,
        policy: Json,
        other: Json | str,
        target: Json,
        protocol: str,
        port: int,
    ) -> bool:
        # "If this field is empty or missing, this rule matches all sources"
        if peers and not any(self._is_peer(peer, policy, other) for peer in peers):
            return False
        # "If this field is empty or missing, this rule matches all ports"
        ports = rule.get("ports")
        return not ports or any(is_port(one, target, protocol, port) for one in ports)

    def _is_peer(self, peer: Json, policy: Json, other: Json | str) -> bool:
        if "ipBlock" in peer:
            address = other if isinstance(other, str) else other["status"]["podIPs"][0]["ip"]
            return is_in_block(peer["ipBlock"], address)
        if isinstance(other, str):
            return False
        namespace = other["metadata"]["namespace"]
        if "namespaceSelector" in peer:
            if not selects(peer["namespaceSelector"], self.namespaces[namespace]):
                return False
        elif namespace != policy["metadata"]["namespace"]:
            return False  # "selects the pods matching podSelector in the policy's own namespace"
        if "podSelector" in peer:
            return selects(peer["podSelector"], other["metadata"].get("labels", {}))
        return True  # "selects all pods in the namespaces selected by namespaceSelector"


def policy_types(policy: Json) -> list[str]:
    """The directions that a policy is about.

    "policies that contain an egress section are assumed to affect egress, and all policies (whether
    or not they contain an ingress section) are assumed to affect ingress"
    """
    spec = policy["spec"]
    if "policyTypes" in spec:
        found: list[str] = spec["policyTypes"]
        return found
    return ["Ingress", "Egress"] if "egress" in spec else ["Ingress"]


def selects(selector: Json, labels: dict[str, str]) -> bool:
    """Whether "the result of matchLabels and matchExpressions are ANDed"; empty selects all."""
    for key, value in selector.get("matchLabels", {}).items():
        if key not in labels or labels[key] != value:
            return False
    for expression in selector.get("matchExpressions", []):
        key, operator = expression["key"], expression["operator"]
        if operator == "In" and (key not in labels or labels[key] not in expression["values"]):
            return False
        # "and all resources with no labels with the key"
        if operator == "NotIn" and key in labels and labels[key] in expression["values"]:
            return False
        if operator == "Exists" and key not in labels:
            return False
        if operator == "DoesNotExist" and key in labels:
            return False
    return True


def is_in_block(block: Json, address: str) -> bool:
    """ "except is a slice of CIDRs that should not be included within an IPBlock"."""
    if not is_within(address, block["cidr"]):
        return False
    return not any(is_within(address, hole) for hole in block.get("except", []))


@cache
def is_within(address: str, cidr: str) -> bool:
    return ip_address(address) in ip_network(cidr)


def is_port(rule: Json, target: Json, protocol: str, port: int) -> bool:
    """Whether a port is the one of the rule: "numerical or named", a range, or not given (all)."""
    if rule.get("protocol", "TCP") != protocol:
        return False
    if "port" not in rule:
        return True
    wanted = rule["port"]
    if "endPort" in rule:
        return bool(wanted <= port <= rule["endPort"])
    if isinstance(wanted, int):
        return wanted == port
    return any(
        named.get("name") == wanted
        and named.get("protocol", "TCP") == protocol
        and named["containerPort"] == port
        for container in target["spec"]["containers"]
        for named in container.get("ports", [])
    )
