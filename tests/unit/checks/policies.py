"""Policies and pods of the token refresher, for the check `networkPolicy`."""

from collections.abc import Sequence
from typing import Any

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


def admitting(*peers: Json, ports: Sequence[Json] = ()) -> list[Json]:
    return [policy(ingress=[{"from": list(peers), "ports": list(ports)}])]


OWN = {"podSelector": {"matchLabels": FLEET_MANAGER}}
MAIN = {"key": "role", "operator": "In", "values": ["main"]}
CANARY = {"key": "role", "operator": "NotIn", "values": ["canary"]}
WITH_ROLE = {"key": "role", "operator": "Exists"}
WITHOUT_ROLE = {"key": "role", "operator": "DoesNotExist"}


def expression(*expressions: Json) -> Json:
    return {"podSelector": {"matchLabels": FLEET_MANAGER, "matchExpressions": list(expressions)}}
