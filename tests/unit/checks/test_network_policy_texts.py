"""What the check `networkPolicy` tells, of which pods, and how much of it."""

import time

from servicesop.api.reasons import UnknownReason
from servicesop.judge.results import MAX_MESSAGE, Verdict
from unit.checks.policies import (
    FLEET_MANAGER,
    MANAGER,
    OWN,
    PASSED,
    PODS,
    PROMETHEUS,
    REFRESHER,
    WITH_ROLE,
    WITHOUT_ROLE,
    Json,
    admitting,
    expression,
    judge,
    pod,
    policy,
    reach,
    said,
)


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
