"""Whether policies keep the operator from a server: kept out, not kept out, or not known."""

from typing import Any

import pytest

from servicesop.judge.admission import (
    MAX_STEPS,
    OPEN,
    Admission,
    Caller,
    judge_host,
    judge_service,
    receivers,
    selector_of,
    service_named,
)
from servicesop.judge.labels import Labels
from servicesop.judge.network_policies import Pod
from servicesop.judge.network_policy_objects import (
    MalformedObjectError,
    namespace_labels,
    network_policy,
)

Json = dict[str, Any]

HOME = "shop"
OWN = "servicesop-system"
OPERATOR = {"app.kubernetes.io/name": "servicesop"}
SERVICE: Json = {
    "metadata": {"name": "api"},
    "spec": {
        "clusterIP": "10.96.0.9",
        "selector": {"app": "api"},
        "ports": [{"port": 80, "targetPort": "http"}, {"port": 9000, "targetPort": 9001}],
    },
}
FROM_OPERATOR = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": OWN}}}
NOT_LET_OUT = (
    "NetworkPolicies of the operator's own namespace do not let it out to port 8080; its"
    " administrator can open it"
)


def pod(name: str = "api-1", ready: str = "True", app: str = "api", **spec: Any) -> Json:
    return {
        "metadata": {"name": name, "labels": {"app": app}},
        "spec": {"containers": [{"ports": [{"name": "http", "containerPort": 8080}]}], **spec},
        "status": {
            "podIPs": [{"ip": "10.1.0.1"}],
            "conditions": [{"type": "Ready", "status": ready}],
        },
    }


def policy(name: str, **spec: Any) -> Json:
    return {"metadata": {"name": name}, "spec": {"podSelector": {}, **spec}}


def caller(*own: Json, labels: Labels | None = None, on_node_network: bool = False) -> Caller:
    labels = namespace_labels(OWN, {"team": "platform"}) if labels is None else labels
    itself = Pod(OWN, Labels(OPERATOR), labels, "servicesop-1", on_node_network=on_node_network)
    return Caller(itself, [network_policy(each) for each in own])


def judged(
    *policies: Json,
    asks: Caller | None = None,
    pods: tuple[Json, ...] = (pod(),),
    service: Json = SERVICE,
    port: int = 80,
) -> Admission:
    behind = receivers(service, pods, port, HOME, namespace_labels(HOME, {}))
    return judge_service(asks or caller(), [network_policy(each) for each in policies], behind)


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("api.shop", "api"),
        ("api.shop.svc", "api"),
        ("API.Shop.svc.cluster.local.", "api"),
        ("api", None),
        ("api.other.svc", None),
        ("api.shop.svc.example.com", None),
        ("a.api.shop.svc", None),
        ("10.1.0.1", None),
    ],
)
def test_a_service_is_known_by_the_names_that_the_cluster_gives_it(
    host: str, name: str | None
) -> None:
    assert service_named(host, HOME) == name


def test_policies_that_do_not_mean_the_operator_keep_it_out_and_are_named() -> None:
    deny = policy("deny")
    frontend = policy("frontend", ingress=[{"from": [{"podSelector": {}}]}])
    unrelated = policy("unrelated", podSelector={"matchLabels": {"app": "db"}})

    assert judged() == judged(unrelated) == OPEN
    assert judged(unrelated, deny) == Admission(
        True,
        "the operator is kept from port 8080 of the server's pods: no rule of NetworkPolicy deny"
        " is for it; admit its namespace, servicesop-system",
    )
    assert "no rule of NetworkPolicies deny, frontend is for it" in judged(frontend, deny).words
    many = [policy(f"deny-{number}") for number in range(9)]
    assert "NetworkPolicies deny-0, deny-1, deny-2 and others" in judged(*reversed(many)).words


def test_one_policy_that_admits_the_operator_is_enough() -> None:
    admitting = policy("monitoring", ingress=[{"from": [FROM_OPERATOR], "ports": [{"port": 8080}]}])
    elsewhere = policy("monitoring", ingress=[{"from": [FROM_OPERATOR], "ports": [{"port": 80}]}])
    by_label = {"namespaceSelector": {"matchLabels": {"team": "platform"}}}

    assert judged(policy("deny"), admitting) == OPEN
    # The pod's port counts, not the Service's.
    assert judged(policy("deny"), elsewhere).kept_out is True
    assert judged(policy("by-label", ingress=[{"from": [by_label]}])) == OPEN
    unknown = judged(
        policy("by-label", ingress=[{"from": [by_label]}]),
        asks=caller(labels=namespace_labels(OWN)),
    )
    assert unknown.kept_out is None
    assert "labels of a namespace that may not be read" in unknown.words


def test_what_a_block_of_addresses_admits_is_not_known() -> None:
    block = policy("block", ingress=[{"from": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]}])

    assert judged(block).kept_out is None
    assert "ipBlock" in judged(block).words


def test_the_ports_of_a_service_are_translated_as_it_says() -> None:
    only = policy("only", ingress=[{"ports": [{"port": 9001}]}])
    headless = {"spec": SERVICE["spec"] | {"clusterIP": "None"}}

    assert judged(only, port=9000) == OPEN
    assert judged(only, port=80).kept_out is True
    assert judged(only, port=9001, service=headless) == OPEN
    assert judged(only, port=9000, service=headless).kept_out is True
    # It has no such port: nobody is behind it, whoever asks.
    assert judged(policy("deny"), port=81) == OPEN


def test_only_pods_that_are_ready_count() -> None:
    locked = policy("locked", podSelector={"matchLabels": {"app": "locked"}})
    shut, other = pod("api-2", app="locked"), pod("api-3")
    leaving = pod()
    leaving["metadata"]["deletionTimestamp"] = "2026-11-21T12:00:00Z"
    early = {"spec": SERVICE["spec"] | {"publishNotReadyAddresses": True}}

    assert judged(locked, pods=(shut,)).kept_out is True
    assert judged(locked, pods=(shut, pod(ready="False"), leaving)).kept_out is True
    mixed = judged(locked, pods=(shut, other))
    assert mixed == Admission(None, "some of its pods admit the operator, and others do not")
    assert judged(policy("deny"), pods=()) == OPEN
    assert judged(policy("deny"), pods=(pod(ready="False"),)) == OPEN
    assert judged(policy("deny"), pods=(pod(ready="False"),), service=early).kept_out is True


def test_on_a_nodes_network_nothing_is_known() -> None:
    on_node = pod(hostNetwork=True)

    assert judged(pods=(on_node,)) == OPEN
    assert judged(policy("deny"), pods=(on_node,)).kept_out is None
    assert judged(policy("deny"), asks=caller(on_node_network=True)).kept_out is None
    closed = caller(policy("own", policyTypes=["Egress"]), on_node_network=True)
    assert judge_host(closed, 8080) == OPEN


def test_the_operators_own_policies_may_not_let_it_out() -> None:
    def egress(**rule: Any) -> Caller:
        return caller(policy("own", policyTypes=["Egress"], egress=[rule]))

    nobody = caller(policy("own", policyTypes=["Egress"]))
    assert judged(asks=nobody) == Admission(True, NOT_LET_OUT)
    assert judged(policy("deny"), asks=nobody) == Admission(True, NOT_LET_OUT)
    assert judged(asks=egress(ports=[{"port": 80}])) == Admission(True, NOT_LET_OUT)
    assert judged(asks=egress(ports=[{"port": 8080}])) == OPEN
    assert judged(asks=egress(ports=[{"port": "http"}])) == OPEN
    # Without namespaceSelector pods of the operator's namespace are meant, not of the Service's.
    assert judged(asks=egress(to=[{"podSelector": {}}])).kept_out is True
    home = {"matchLabels": {"kubernetes.io/metadata.name": HOME}}
    assert judged(asks=egress(to=[{"namespaceSelector": home}])) == OPEN
    # A policy of theirs for the way out does not concern the operator.
    assert judged(policy("theirs", policyTypes=["Egress"])) == OPEN


def test_of_another_host_it_is_known_only_that_nobody_is_reached_on_its_port() -> None:
    def egress(*rules: Json) -> Caller:
        return caller(policy("own", policyTypes=["Egress"], egress=list(rules)))

    port, name = {"ports": [{"port": 443}]}, {"ports": [{"port": "https"}]}
    assert judge_host(caller(), 8080) == OPEN
    assert judge_host(egress(port), 443) == OPEN
    assert judge_host(egress(port), 8080) == Admission(True, NOT_LET_OUT)
    assert judge_host(egress(port, name), 8080) == OPEN
    assert judge_host(egress({"to": [{"podSelector": {}}]}), 8080) == OPEN


def test_who_is_behind_a_service_is_known_only_by_its_selector() -> None:
    assert selector_of(SERVICE) == {"app": "api"}
    assert selector_of({"spec": {"ports": []}}) == {}
    assert selector_of({"spec": SERVICE["spec"] | {"type": "ExternalName"}}) == {}
    objects: list[Json] = [{"spec": {"ports": [{}]}}, {"spec": {"ports": 5}}, {}]
    for malformed in objects:
        with pytest.raises(MalformedObjectError):
            receivers(malformed, (), 80, HOME, Labels())


def test_more_rules_than_are_compared_are_not_known() -> None:
    rules = [{"ports": [{"port": 1}]}] * (MAX_STEPS // 2)

    assert judged(policy("huge", ingress=rules)).kept_out is True
    assert judged(policy("huge", ingress=rules), pods=(pod(), pod("api-2"))) == Admission(
        None, "there are more rules than are compared"
    )
