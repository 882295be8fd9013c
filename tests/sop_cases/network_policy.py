"""The broken cases of checks networkPolicy."""

from typing import Any

from sop_cases.broken import ABSENT, Broken, changed


def _policies(**fields: Any) -> dict[str, Any]:
    spec = {"to": {"podLabels": {"app": "api"}}, "mustReach": [{"from": {"namespaceName": "web"}}]}
    return {"name": "admitted", "networkPolicy": changed(spec, fields)}


def _reach(*ports: dict[str, Any], **peer: Any) -> dict[str, Any]:
    """A check of one peer and its ports."""
    return _policies(mustReach=[{"from": peer, "ports": list(ports)}])


CASES = {
    "a networkPolicy check that asks nothing": Broken(
        {"checks.4": _policies(mustReach=ABSENT)},
        (
            "spec.checks[4].networkPolicy: Invalid value: mustReach must name at least one peer, "
            "unless onlyThese is true"
        ),
    ),
    "a networkPolicy check of no pods": Broken(
        {"checks.4": _policies(to={})},
        (
            "spec.checks[4].networkPolicy.to: Invalid value: exactly one of the fields in "
            "[target podLabels] must be set"
        ),
    ),
    "a networkPolicy check of an unknown target": Broken(
        {"checks.4": _policies(to={"target": "refesher"})},
        (
            "spec.checks: Invalid value: checks[].networkPolicy.to.target must be the name of one "
            "of spec.targets; wrong in admitted"
        ),
        by_models=False,
    ),
    "a peer that is nobody": Broken(
        {"checks.4": _reach()},
        (
            "spec.checks[4].networkPolicy.mustReach[0].from: Invalid value: at least one of the "
            "fields in [namespaceName namespaceLabels podLabels cidr] must be set"
        ),
    ),
    "a peer of one namespace and of several": Broken(
        {"checks.4": _reach(namespaceName="web", namespaceLabels={"team": "web"})},
        (
            "spec.checks[4].networkPolicy.mustReach[0].from: Invalid value: at most one of the "
            "fields in [namespaceName namespaceLabels] may be set"
        ),
    ),
    "a peer told by labels and addresses": Broken(
        {"checks.4": _reach(podLabels={"app": "web"}, cidr="10.0.0.0/8")},
        (
            "spec.checks[4].networkPolicy.mustReach[0].from: Invalid value: cidr is only allowed "
            "alone: pods are told by labels, not by addresses"
        ),
    ),
    "a peer with labels that are none": Broken(
        {"checks.4": _reach(podLabels={"app": "not a label!"})},
        (
            "spec.checks[4].networkPolicy.mustReach[0].from.podLabels: Invalid value: must be "
            "labels: names and values of letters, digits, '-', '_' and '.', starting and ending "
            "with a letter or digit"
        ),
    ),
    "a peer of addresses that are no block": Broken(
        {"checks.4": _reach(cidr="10.0.0.0")},
        (
            'spec.checks[4].networkPolicy.mustReach[0].from.cidr: Invalid value: "10.0.0.0": must '
            'be a block of addresses such as "10.0.0.0/8" or "2001:db8::/32"'
        ),
    ),
    "a port without number and name": Broken(
        {"checks.4": _reach({"protocol": "UDP"}, podLabels={})},
        (
            "spec.checks[4].networkPolicy.mustReach[0].ports[0]: Invalid value: exactly one of the "
            "fields in [port portName] must be set"
        ),
    ),
    "a port's name that is none": Broken(
        {"checks.4": _reach({"portName": "Web"}, podLabels={})},
        (
            'spec.checks[4].networkPolicy.mustReach[0].ports[0].portName: Invalid value: "Web": '
            "must be the name of a container's port: lower case letters, digits and '-'"
        ),
    ),
    "a range of ports that ends before it begins": Broken(
        {"checks.4": _reach({"port": 90, "endPort": 80}, podLabels={})},
        (
            "spec.checks[4].networkPolicy.mustReach[0].ports[0]: Invalid value: endPort is only "
            "allowed beside port, and must not be less than it"
        ),
    ),
    "a range of ports from a name": Broken(
        {"checks.4": _reach({"portName": "web", "endPort": 80}, podLabels={})},
        (
            "spec.checks[4].networkPolicy.mustReach[0].ports[0]: Invalid value: endPort is only "
            "allowed beside port, and must not be less than it"
        ),
    ),
}
