"""Whom the policies admit beside those who are named, by the check `networkPolicy`."""

import pytest

from servicesop.judge.results import Verdict
from unit.checks.policies import (
    FLEET_MANAGER,
    HOME,
    LABELS_UNKNOWN,
    MANAGER,
    OBSERVER,
    OBSERVING,
    OWN,
    PASSED,
    PROMETHEUS,
    TOKEN_REFRESHER,
    Json,
    admitting,
    judge,
    policy,
    reach,
    said,
)

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


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ({"team": "red"}, PASSED),
        ({"team": "blue"}, (Verdict.FAILED, "TooWide")),
        (None, LABELS_UNKNOWN),
    ],
)
def test_a_namespace_that_a_policy_names_is_known_by_its_labels(
    labels: dict[str, str] | None, expected: tuple[object, ...]
) -> None:
    named = {"matchLabels": {"kubernetes.io/metadata.name": "web"}}
    of_team = {"namespaceSelector": {"matchLabels": {"team": "red"}}}
    known = {HOME: {"team": "none"}} | ({"web": labels} if labels is not None else {})
    sample = judge(
        admitting({"namespaceSelector": named}, of_team),
        reach(namespaceLabels={"team": "red"}),
        known=known,
        onlyThese=True,
    )

    assert said(sample) == expected
