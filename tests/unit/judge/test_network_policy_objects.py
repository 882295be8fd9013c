"""Objects that are not as their API says are refused: what is not understood is not judged."""

from typing import Any

import pytest

from servicesop.judge.labels import Labels
from servicesop.judge.network_policies import NetworkPolicy
from servicesop.judge.network_policy_objects import (
    MalformedObjectError,
    namespace_labels,
    network_policy,
    pod_of,
)

Json = dict[str, Any]
CANARY = "canary-in-an-object"


def policy(spec: Any) -> NetworkPolicy:
    return network_policy({"metadata": {"name": "policy"}, "spec": spec})


def peers(*found: Any) -> Json:
    return {"podSelector": {}, "ingress": [{"from": list(found)}]}


def ports(*found: Any) -> Json:
    return {"podSelector": {}, "ingress": [{"ports": list(found)}]}


@pytest.mark.parametrize(
    "spec",
    [
        None,
        [],
        CANARY,
        {"podSelector": CANARY},
        {"podSelector": {"matchLabels": [CANARY]}},
        {"podSelector": {"matchExpressions": [{"key": "a", "operator": CANARY}]}},
        {"podSelector": {"matchExpressions": [{"operator": "Exists"}]}},
        {"podSelector": {"matchFields": []}},
        {"podSelector": {}, "policyTypes": ["Ingress", CANARY]},
        {"podSelector": {}, "ingress": CANARY},
        {"podSelector": {}, "ingress": [{"from": [], "action": CANARY}]},
        # A kind of peer or port that a later version of the API may bring.
        peers({"serviceSelector": {}}),
        peers({"podSelector": {}, "serviceSelector": {}}),
        peers({}),
        peers({"ipBlock": {"cidr": "10.0.0.0/8"}, "podSelector": {}}),
        peers({"ipBlock": {"cidr": CANARY}}),
        peers({"ipBlock": {"cidr": "10.0.0.0/8", "except": [CANARY]}}),
        peers({"ipBlock": {}}),
        ports({"protocol": "QUIC"}),
        ports({"port": [80]}),
        ports({"port": "http", "endPort": 90}),
        ports({"endPort": 90}),
        ports({"port": 80, "name": CANARY}),
        ports(CANARY),
    ],
)
def test_a_policy_of_an_unknown_form_is_refused(spec: Any) -> None:
    with pytest.raises(MalformedObjectError) as refused:
        policy(spec)
    assert str(refused.value) == "not a NetworkPolicy as its API defines it"
    assert refused.value.__cause__ is None


@pytest.mark.parametrize(
    "rest",
    [
        {},
        {"spec": {"containers": CANARY}},
        {"spec": {"containers": [{"ports": [{"name": "http"}]}]}},
        {"spec": {"containers": []}, "status": {"podIPs": [{"ip": CANARY}]}},
        {"spec": {"containers": []}, "status": {"podIPs": [CANARY]}},
    ],
)
def test_a_pod_of_an_unknown_form_is_refused(rest: Json) -> None:
    with pytest.raises(MalformedObjectError, match=r"^not a Pod as its API defines it$"):
        pod_of({"metadata": {"name": "pod"}, **rest}, "shop", Labels())


@pytest.mark.parametrize("nothing", [{}, {"ingress": None, "egress": None}, {"ingress": []}])
def test_what_is_absent_null_or_empty_is_the_same(nothing: Json) -> None:
    assert policy({"podSelector": {}, **nothing}) == policy({"policyTypes": ["Ingress"]})


def test_the_ports_of_sidecars_are_those_of_the_pod_and_of_other_init_containers_not() -> None:
    def container(name: str, number: int, **rest: Any) -> Json:
        return {"name": name, "ports": [{"name": name, "containerPort": number}], **rest}

    spec = {
        "containers": [container("main", 80)],
        "initContainers": [
            container("sidecar", 81, restartPolicy="Always"),
            container("prepare", 82),
        ],
    }
    found = pod_of({"metadata": {"name": "pod"}, "spec": spec}, "shop", Labels())

    assert {name: set(numbers) for (_, name), numbers in found.ports.items()} == {
        "main": {80},
        "sidecar": {81},
    }


def test_the_name_of_a_namespace_is_known_even_if_its_labels_are_not() -> None:
    name = "kubernetes.io/metadata.name"

    assert namespace_labels("shop") == Labels({name: "shop"}, complete=False)
    assert namespace_labels("shop", {"team": "red"}) == Labels({name: "shop", "team": "red"})
    # A label cannot say otherwise: the API server sets it.
    assert namespace_labels("shop", {name: "other"}) == Labels({name: "shop"})
