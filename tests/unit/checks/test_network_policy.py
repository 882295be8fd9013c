"""Whom the policies must admit, by the check `networkPolicy`."""

import pytest

from servicesop.api.reasons import UnknownReason
from servicesop.judge.results import Verdict
from unit.checks.policies import (
    CANARY,
    FLEET_MANAGER,
    HOME,
    LABELS_UNKNOWN,
    MAIN,
    MANAGER,
    OBSERVER,
    OBSERVING,
    OWN,
    PASSED,
    PROMETHEUS,
    REFRESHER,
    TOKEN_REFRESHER,
    WITH_ROLE,
    WITHOUT_ROLE,
    Json,
    admitting,
    expression,
    judge,
    policy,
    reach,
    said,
)


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
        # Neither the one value, nor none: a third one is not admitted.
        (
            admitting(expression(MAIN), expression(WITHOUT_ROLE)),
            MANAGER,
            (Verdict.FAILED, "SelectsNoPod", "TooNarrow"),
        ),
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
