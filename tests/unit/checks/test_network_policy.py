"""What the check `networkPolicy` says of policies: its findings, and whom they name."""

import time
from collections.abc import Sequence
from typing import Any

import pytest

from servicesop.api.checks.network_policy import NetworkPolicy as Spec
from servicesop.api.reasons import UnknownReason
from servicesop.checks.network_policy_judgement import Scene, judge_network_policy
from servicesop.judge.labels import Labels
from servicesop.judge.network_policy_objects import namespace_labels, network_policy, pod_of
from servicesop.judge.policy_peers import having
from servicesop.judge.results import MAX_EVIDENCE, MAX_EVIDENCE_LINE, MAX_MESSAGE, Sample, Verdict

Json = dict[str, Any]

HOME = "managed-services-stage"
OBSERVING = "managed-application-services-observability"
FLEET_MANAGER = {"app": "kas-fleet-manager"}
PROMETHEUS = {"prometheus": "kafka-prometheus"}
REFRESHER = {"app.kubernetes.io/name": "token-refresher"}

TOKEN_REFRESHER: Json = {
    "podSelector": {"matchLabels": REFRESHER},
    "ingress": [
        {
            "from": [
                {"podSelector": {"matchLabels": FLEET_MANAGER}},
                {
                    "namespaceSelector": {"matchLabels": {"name": OBSERVING}},
                    "podSelector": {"matchLabels": PROMETHEUS},
                },
            ]
        }
    ],
}
"""The policy of the real service."""


def policy(name: str = "token-refresher", **spec: Any) -> Json:
    return {"metadata": {"name": name}, "spec": {"podSelector": {}, **spec}}


def pod(name: str, labels: dict[str, str], **spec: Any) -> Json:
    container = {"name": "main", "ports": [{"name": "http", "containerPort": 8080}]}
    return {
        "metadata": {"name": name, "labels": labels},
        "spec": {"containers": [container], **spec},
        "status": {"podIPs": [{"ip": "10.1.0.1"}]},
    }


PODS = [pod("refresher-1", REFRESHER), pod("manager-1", FLEET_MANAGER)]


def judge(
    policies: Sequence[Json],
    *reaches: Json,
    pods: Sequence[Json] = PODS,
    known: dict[str, dict[str, str]] | None = None,
    **spec: Any,
) -> Sample:
    def labels_of(name: str) -> Labels:
        return namespace_labels(name, (known or {}).get(name))

    read = Spec.model_validate({"to": {"podLabels": REFRESHER}, "mustReach": list(reaches)} | spec)
    found = [pod_of(item, HOME, labels_of(HOME)) for item in pods]
    wanted = having(read.to.pod_labels or REFRESHER)
    scene = Scene(
        HOME,
        [network_policy(item) for item in policies],
        found,
        [one for one in found if wanted.matches(one.labels)],
        labels_of,
    )
    sample = judge_network_policy(read, scene)
    assert len(sample.message) <= MAX_MESSAGE
    assert len(sample.evidence) <= MAX_EVIDENCE
    assert all(len(line) <= MAX_EVIDENCE_LINE for line in sample.evidence)
    return sample


def reach(*ports: Json, **peer: Any) -> Json:
    return {"from": peer, "ports": list(ports)}


def said(sample: Sample) -> tuple[object, ...]:
    if sample.verdict is Verdict.FAILED:
        return (Verdict.FAILED, *sorted(sample.findings))
    return (sample.verdict,) if sample.reason is None else (sample.verdict, sample.reason)


PASSED = (Verdict.PASSED,)
LABELS_UNKNOWN = (Verdict.INCONCLUSIVE, UnknownReason.LABELS_UNKNOWN)
MANAGER = reach(podLabels=FLEET_MANAGER)
OBSERVER = reach(namespaceName=OBSERVING, podLabels=PROMETHEUS)


def test_the_policy_of_the_token_refresher_admits_both_of_its_peers() -> None:
    labels = {OBSERVING: {"name": OBSERVING}}
    sample = judge([policy(**TOKEN_REFRESHER)], MANAGER, OBSERVER, known=labels, onlyThese=False)

    assert said(sample) == PASSED


def test_the_label_of_a_namespace_that_may_not_be_read_is_not_guessed() -> None:
    sample = judge([policy(**TOKEN_REFRESHER)], MANAGER, OBSERVER)

    assert said(sample) == LABELS_UNKNOWN
    assert sample.message == (
        f"mustReach[1]: that depends on the labels of the namespace {OBSERVING}, which may not be"
        " read; grant get of that Namespace"
    )


def test_a_namespace_without_the_label_is_not_admitted() -> None:
    sample = judge([policy(**TOKEN_REFRESHER)], OBSERVER, known={OBSERVING: {"name": "other"}})

    assert said(sample) == (Verdict.FAILED, "Missing")
    assert sample.message == (
        "mustReach[0] is not admitted: no rule of NetworkPolicy token-refresher is for it"
    )


def test_a_namespace_is_known_by_its_name_without_any_right() -> None:
    by_name = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": OBSERVING}}}
    rules = [{"from": [by_name | {"podSelector": {"matchLabels": PROMETHEUS}}]}]

    assert said(judge([policy(ingress=rules)], OBSERVER)) == PASSED
    assert said(judge([policy(ingress=rules)], reach(namespaceName="other"))) == (
        Verdict.FAILED,
        "Missing",
    )


def admitting(*peers: Json, ports: Sequence[Json] = ()) -> list[Json]:
    return [policy(ingress=[{"from": list(peers), "ports": list(ports)}])]


OWN = {"podSelector": {"matchLabels": FLEET_MANAGER}}
CANARY = {"key": "role", "operator": "NotIn", "values": ["canary"]}
WITH_ROLE = {"key": "role", "operator": "Exists"}
WITHOUT_ROLE = {"key": "role", "operator": "DoesNotExist"}


def expression(*expressions: Json) -> Json:
    return {"podSelector": {"matchLabels": FLEET_MANAGER, "matchExpressions": list(expressions)}}


@pytest.mark.parametrize(
    ("policies", "asked", "expected"),
    [
        # No policy selects the pods: everybody is admitted.
        ([], MANAGER, PASSED),
        (admitting(OWN), MANAGER, PASSED),
        (admitting({"podSelector": {}}), MANAGER, PASSED),
        (admitting(), MANAGER, PASSED),
        ([policy()], MANAGER, (Verdict.FAILED, "Missing")),
        ([policy(policyTypes=["Egress"], egress=[{}])], MANAGER, PASSED),
        ([policy(podSelector={"matchLabels": {"app": "other"}})], MANAGER, PASSED),
        # Policies add up.
        ([policy("deny"), *admitting(OWN)], MANAGER, PASSED),
        # Ports.
        (admitting(OWN, ports=[{"port": 8080}]), MANAGER, (Verdict.FAILED, "TooNarrow")),
        (
            admitting(OWN, ports=[{"port": 8080}]),
            reach({"port": 8080}, podLabels=FLEET_MANAGER),
            PASSED,
        ),
        (
            admitting(OWN, ports=[{"port": "http"}]),
            reach({"port": 8080}, podLabels=FLEET_MANAGER),
            PASSED,
        ),
        (
            admitting(OWN, ports=[{"port": 8080}]),
            reach({"portName": "http"}, podLabels=FLEET_MANAGER),
            PASSED,
        ),
        (
            admitting(OWN, ports=[{"port": 8080}]),
            reach({"port": 8080, "protocol": "UDP"}, podLabels=FLEET_MANAGER),
            (Verdict.FAILED, "TooNarrow"),
        ),
        (
            admitting(OWN, ports=[{"port": 8000, "endPort": 8040}])
            + admitting(OWN, ports=[{"port": 8041, "endPort": 8080}]),
            reach({"port": 8010, "endPort": 8080}, podLabels=FLEET_MANAGER),
            PASSED,
        ),
        (
            admitting(OWN, ports=[{"port": 8000, "endPort": 8079}]),
            reach({"port": 8010, "endPort": 8080}, podLabels=FLEET_MANAGER),
            (Verdict.FAILED, "TooNarrow"),
        ),
        # All pods with the labels must be admitted, whatever else they carry.
        (
            admitting(expression(WITH_ROLE)),
            MANAGER,
            (Verdict.FAILED, "SelectsNoPod", "TooNarrow"),
        ),
        (admitting(expression(WITHOUT_ROLE)), MANAGER, (Verdict.FAILED, "TooNarrow")),
        (admitting(expression(CANARY)), MANAGER, (Verdict.FAILED, "TooNarrow")),
        (admitting(expression(WITH_ROLE), expression(WITHOUT_ROLE)), MANAGER, PASSED),
        (
            admitting(expression(CANARY)),
            reach(podLabels=FLEET_MANAGER | {"role": "main"}, namespaceName=HOME),
            (Verdict.FAILED, "SelectsNoPod"),
        ),
        (
            admitting({"namespaceSelector": {}} | expression(CANARY)),
            reach(podLabels=FLEET_MANAGER | {"role": "main"}, namespaceName="web"),
            PASSED,
        ),
        (admitting(OWN), reach(podLabels={}), (Verdict.FAILED, "TooNarrow")),
        # About others, though a pod might carry both labels.
        (
            admitting({"podSelector": {"matchLabels": PROMETHEUS}}),
            reach(podLabels=FLEET_MANAGER),
            (Verdict.FAILED, "Missing", "SelectsNoPod"),
        ),
        # Namespaces by their labels.
        (
            admitting({"namespaceSelector": {"matchLabels": {"team": "red"}}}),
            reach(namespaceLabels={"team": "red"}),
            PASSED,
        ),
        (
            admitting({"namespaceSelector": {"matchLabels": {"team": "red", "env": "test"}}}),
            reach(namespaceLabels={"team": "red"}),
            (Verdict.FAILED, "TooNarrow"),
        ),
        (
            admitting({"namespaceSelector": {"matchLabels": {"team": "blue"}}}),
            reach(namespaceLabels={"team": "red"}),
            (Verdict.FAILED, "Missing"),
        ),
        (admitting({"namespaceSelector": {}}), reach(namespaceLabels={}), PASSED),
        # Addresses.
        (admitting({"ipBlock": {"cidr": "10.0.0.0/8"}}), reach(cidr="10.1.0.0/16"), PASSED),
        (admitting(), reach(cidr="10.1.0.0/16"), PASSED),
        (
            admitting({"ipBlock": {"cidr": "10.0.0.0/9"}}, {"ipBlock": {"cidr": "10.128.0.0/9"}}),
            reach(cidr="10.0.0.0/8"),
            PASSED,
        ),
        (
            admitting({"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.2.0/24"]}}),
            reach(cidr="10.1.0.0/16"),
            (Verdict.FAILED, "TooNarrow"),
        ),
        (
            admitting({"ipBlock": {"cidr": "10.0.0.0/8"}}),
            reach(cidr="192.0.2.0/24"),
            (Verdict.FAILED, "Missing"),
        ),
        (
            admitting({"ipBlock": {"cidr": "10.0.0.0/8"}}),
            reach(cidr="2001:db8::/32"),
            (Verdict.FAILED, "Missing"),
        ),
        (
            admitting({"namespaceSelector": {}}),
            reach(cidr="10.0.0.0/8"),
            (Verdict.FAILED, "Missing"),
        ),
        # Whether a block of addresses is meant for pods differs between network plugins.
        (
            admitting({"ipBlock": {"cidr": "0.0.0.0/0"}}),
            MANAGER,
            (Verdict.INCONCLUSIVE, UnknownReason.PLUGIN_DECIDES),
        ),
        # The way out of the peers' own pods.
        (
            [policy("out", podSelector=OWN["podSelector"], policyTypes=["Egress"])],
            MANAGER,
            (Verdict.FAILED, "Missing"),
        ),
        (
            [policy("out", policyTypes=["Egress"], egress=[{"ports": [{"port": 53}]}])],
            reach({"port": 8080}, podLabels=FLEET_MANAGER),
            (Verdict.FAILED, "TooNarrow"),
        ),
        (
            [
                policy(
                    "out",
                    policyTypes=["Egress"],
                    egress=[{"to": [{"podSelector": {"matchLabels": REFRESHER}}]}],
                )
            ],
            MANAGER,
            PASSED,
        ),
        # Not the way out of another namespace: its policies are not seen.
        ([policy("out", policyTypes=["Egress"])], reach(namespaceName=OBSERVING), PASSED),
        # A port by a name that no container gives.
        (
            [],
            reach({"portName": "metrics"}, podLabels=FLEET_MANAGER),
            (Verdict.ERROR, UnknownReason.PORT_NOT_FOUND),
        ),
    ],
)
def test_must_reach(policies: list[Json], asked: Json, expected: tuple[object, ...]) -> None:
    assert said(judge(policies, asked)) == expected


ONLY_FIRST = reach({"port": 8080}, podLabels=FLEET_MANAGER)
BY_NAME = {"key": "kubernetes.io/metadata.name", "operator": "In", "values": ["web", OBSERVING]}


@pytest.mark.parametrize(
    ("policies", "asked", "expected"),
    [
        (admitting(OWN, ports=[{"port": 8080}]), [ONLY_FIRST], PASSED),
        (admitting(OWN, ports=[{"port": "http"}]), [ONLY_FIRST], PASSED),
        ([], [ONLY_FIRST], (Verdict.FAILED, "TooWide")),
        ([policy()], [], PASSED),
        ([policy("out", policyTypes=["Egress"])], [], (Verdict.FAILED, "TooWide")),
        (admitting(OWN), [ONLY_FIRST], (Verdict.FAILED, "TooWide")),
        (
            admitting(OWN, ports=[{"port": 8080}, {"port": 8081}]),
            [ONLY_FIRST],
            (Verdict.FAILED, "TooWide"),
        ),
        # Two of the listed together hold all that is admitted.
        (
            admitting(OWN, ports=[{"port": 8080, "endPort": 8081}]),
            [ONLY_FIRST, reach({"port": 8081}, podLabels=FLEET_MANAGER)],
            PASSED,
        ),
        # A port that no container has admits nobody.
        (admitting(OWN, ports=[{"port": 8080}, {"port": "metrics"}]), [ONLY_FIRST], PASSED),
        (admitting({"podSelector": {}}), [MANAGER], (Verdict.FAILED, "TooWide")),
        (admitting(OWN), [reach(podLabels={})], (Verdict.FAILED, "TooNarrow")),
        (admitting(OWN, {"podSelector": {}}), [reach(podLabels={})], PASSED),
        (admitting(), [MANAGER], (Verdict.FAILED, "TooWide")),
        (
            admitting({"namespaceSelector": {"matchExpressions": [BY_NAME]}}),
            [reach(namespaceName="web"), reach(namespaceName=OBSERVING)],
            PASSED,
        ),
        (
            admitting({"namespaceSelector": {"matchExpressions": [BY_NAME]}}),
            [reach(namespaceName="web")],
            (Verdict.FAILED, "TooWide"),
        ),
        (
            admitting({"namespaceSelector": {"matchLabels": {"team": "red", "env": "test"}}}),
            [],
            (Verdict.FAILED, "TooWide"),
        ),
        (
            admitting({"namespaceSelector": {"matchLabels": {"team": "red"}}}),
            [reach(namespaceLabels={"team": "red"})],
            PASSED,
        ),
        # A label is wider than the one namespace that may have it today.
        (
            [policy(**TOKEN_REFRESHER)],
            [MANAGER, OBSERVER],
            (Verdict.FAILED, "TooWide"),
        ),
        (
            [policy(**TOKEN_REFRESHER)],
            [MANAGER, reach(namespaceLabels={"name": OBSERVING}, podLabels=PROMETHEUS)],
            PASSED,
        ),
        # A selector that selects nobody admits nobody.
        (
            admitting(
                OWN,
                {
                    "podSelector": {
                        "matchLabels": {"app": "a"},
                        "matchExpressions": [{"key": "app", "operator": "DoesNotExist"}],
                    }
                },
            ),
            [reach(podLabels=FLEET_MANAGER)],
            PASSED,
        ),
        (
            admitting({"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.128.0.0/9"]}}),
            [reach(cidr="10.0.0.0/9")],
            PASSED,
        ),
        (
            admitting({"ipBlock": {"cidr": "10.0.0.0/8"}}),
            [reach(cidr="10.0.0.0/9"), reach(cidr="10.128.0.0/9")],
            PASSED,
        ),
        (
            admitting({"ipBlock": {"cidr": "10.0.0.0/8"}}),
            [reach(cidr="10.0.0.0/9")],
            (Verdict.FAILED, "TooWide"),
        ),
    ],
)
def test_only_these(policies: list[Json], asked: list[Json], expected: tuple[object, ...]) -> None:
    known = {HOME: {"team": "none"}, OBSERVING: {"name": OBSERVING}}
    assert said(judge(policies, *asked, known=known, onlyThese=True)) == expected


def test_pods_on_the_nodes_network_are_not_judged() -> None:
    pods = [*PODS, pod("refresher-2", REFRESHER, hostNetwork=True)]
    unknown = judge(admitting(OWN), MANAGER, pods=pods)
    failed = judge([policy()], MANAGER, pods=pods)

    assert said(unknown) == (Verdict.INCONCLUSIVE, UnknownReason.HOST_NETWORK)
    # What is wrong with the others is certain.
    assert said(failed) == (Verdict.FAILED, "Missing")


def test_each_pod_is_judged_that_a_policy_or_a_port_tells_from_the_others() -> None:
    def numbered(number: int) -> Json:
        return pod(f"refresher-{number}", REFRESHER | {"index": str(number)})

    pods = [numbered(1), numbered(2), *PODS]
    one = {"matchLabels": {"index": "2"}}
    on_one = judge([policy("one", podSelector=one)], MANAGER, pods=pods)
    of_another_port = numbered(3)
    of_another_port["spec"]["containers"][0]["ports"][0]["containerPort"] = 9090
    named = reach({"portName": "http"}, podLabels=FLEET_MANAGER)
    policies = admitting(OWN, ports=[{"port": 8080}])

    assert said(on_one) == (Verdict.FAILED, "Missing")
    assert said(judge(policies, named, pods=pods)) == PASSED
    assert said(judge(policies, named, pods=[*pods, of_another_port])) == (
        Verdict.FAILED,
        "TooNarrow",
    )


def test_what_is_wrong_is_told_in_few_lines_in_the_same_order() -> None:
    names = [f"policy-{'x' * 200}-{number}" for number in range(9)]
    policies = [policy(name) for name in names]
    reaches = [reach(namespaceName=f"namespace-{number}") for number in range(9)]
    sample = judge(policies, *reaches)

    assert said(sample) == (Verdict.FAILED, "Missing")
    assert sample == judge(policies[::-1], *reaches)
    told = f"mustReach[0] is not admitted: no rule of NetworkPolicies {', '.join(names)}"
    assert sample.message == told[:MAX_MESSAGE]
    assert [line[:12] for line in sample.evidence] == [f"mustReach[{n}]" for n in range(5)]


def test_the_labels_that_are_asked_for_beside_are_told() -> None:
    sample = judge(admitting(expression(WITH_ROLE)), MANAGER)

    assert sample.message == (
        "mustReach[0] is admitted only in part by NetworkPolicy token-refresher:"
        " that depends on the labels role"
    )


def test_a_rule_for_pods_of_which_there_are_none_is_told_beside() -> None:
    mistyped = {"podSelector": {"matchLabels": {"app": "kas-fleet-manger"}}}
    sample = judge(admitting(mistyped), MANAGER)

    assert said(sample) == (Verdict.FAILED, "Missing", "SelectsNoPod")
    assert sample.evidence[1] == (
        "NetworkPolicy token-refresher: ingress[0].from[0] selects no pod of this namespace"
    )


def test_policies_that_have_nothing_to_do_with_it_are_not_blamed() -> None:
    idle = policy(
        "idle",
        podSelector={"matchLabels": {"app": "nightly-job"}},
        ingress=[{"from": [{"podSelector": {"matchLabels": PROMETHEUS}}]}],
    )

    assert said(judge([*admitting(OWN), idle], MANAGER)) == PASSED
    assert said(judge([policy(), idle], MANAGER)) == (Verdict.FAILED, "Missing")


def test_more_than_can_be_compared_is_an_error_and_takes_a_moment() -> None:
    # Each key may be absent, the one value, or another; all of them together are too many.
    peers = [
        expression({"key": f"key-{number}", "operator": "In", "values": ["one"]})
        for number in range(40)
    ]
    began = time.process_time()
    sample = judge(admitting(expression(WITH_ROLE), expression(WITHOUT_ROLE), *peers), MANAGER)
    many = judge(
        [
            policy(f"policy-{number}", ingress=[{"ports": [{"port": port} for port in PORTS]}])
            for number in range(500)
        ],
        MANAGER,
    )
    spent = time.process_time() - began

    assert said(sample) == (Verdict.ERROR, UnknownReason.TOO_MANY_OBJECTS)
    assert said(many) == (Verdict.ERROR, UnknownReason.TOO_MANY_OBJECTS)
    assert spent < 10


PORTS = range(2, 1002, 2)
