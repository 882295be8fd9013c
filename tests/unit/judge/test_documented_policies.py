"""The examples of the Kubernetes documentation's page on network policies, and what they mean.

Those for the way out are asked of a pod in the same namespace, with an address in the block or not.
"""

from ipaddress import ip_address
from typing import Any

import pytest
import yaml

from servicesop.api.checks.network_policy import Protocol
from servicesop.judge.labels import Labels
from servicesop.judge.network_policies import Addresses, Pod, Source, admitted, keeps_out
from servicesop.judge.network_policy_objects import namespace_labels, network_policy

EXAMPLE = """
podSelector: {matchLabels: {role: db}}
policyTypes: [Ingress, Egress]
ingress:
- from:
  - ipBlock: {cidr: 172.17.0.0/16, except: [172.17.1.0/24]}
  - namespaceSelector: {matchLabels: {project: myproject}}
  - podSelector: {matchLabels: {role: frontend}}
  ports: [{protocol: TCP, port: 6379}]
egress:
- to:
  - ipBlock: {cidr: 10.0.0.0/24}
  ports: [{protocol: TCP, port: 5978}]
"""
ALICE_AND_CLIENT = """
podSelector: {}
ingress:
- from:
  - namespaceSelector: {matchLabels: {user: alice}}
    podSelector: {matchLabels: {role: client}}
"""
ALICE_OR_CLIENT = """
podSelector: {}
ingress:
- from:
  - namespaceSelector: {matchLabels: {user: alice}}
  - podSelector: {matchLabels: {role: client}}
"""
DENY_INGRESS = "{podSelector: {}, policyTypes: [Ingress]}"
ALLOW_INGRESS = "{podSelector: {}, ingress: [{}], policyTypes: [Ingress]}"
DENY_EGRESS = "{podSelector: {}, policyTypes: [Egress]}"
ALLOW_EGRESS = "{podSelector: {}, egress: [{}], policyTypes: [Egress]}"
DENY_ALL = "{podSelector: {}, policyTypes: [Ingress, Egress]}"
MULTI_PORT_EGRESS = """
podSelector: {matchLabels: {role: db}}
policyTypes: [Egress]
egress:
- to:
  - ipBlock: {cidr: 10.0.0.0/24}
  ports: [{protocol: TCP, port: 32000, endPort: 32768}]
"""
EGRESS_TO_NAMESPACES = """
podSelector: {matchLabels: {app: myapp}}
policyTypes: [Egress]
egress:
- to:
  - namespaceSelector:
      matchExpressions: [{key: namespace, operator: In, values: [frontend, backend]}]
"""
BY_NAME = """
podSelector: {}
ingress:
- from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: elsewhere}}}]
"""
FROM_ITS_OWN = "{podSelector: {}, ingress: [{from: [{podSelector: {}}]}]}"
WITHOUT_TIER = """
podSelector: {}
ingress:
- from: [{podSelector: {matchExpressions: [{key: tier, operator: DoesNotExist}]}}]
"""


def policies(*specs: str) -> list[Any]:
    return [
        network_policy({"metadata": {"name": f"policy-{number}"}, "spec": yaml.safe_load(spec)})
        for number, spec in enumerate(specs)
    ]


def pod(
    labels: dict[str, str], namespace: str = "default", address: str = "10.9.0.1", **known: str
) -> Pod:
    of_namespace = namespace_labels(namespace, known)
    name = f"{labels} at {address}"
    return Pod(namespace, Labels(labels), of_namespace, name, (ip_address(address),))


def outside(address: str) -> Addresses:
    return Addresses(ip_address(address), ip_address(address))


DB, FRONTEND, OTHER = pod({"role": "db"}), pod({"role": "frontend"}), pod({"role": "other"})
ELSEWHERE = pod({"role": "frontend"}, "elsewhere")
MY_PROJECT = pod({"role": "other"}, "elsewhere", project="myproject")
ALICES_CLIENT = pod({"role": "client"}, "elsewhere", user="alice")
ALICES_OTHER = pod({"role": "other"}, "elsewhere", user="alice")
CLIENT = pod({"role": "client"})
BOBS_CLIENT = pod({"role": "client"}, "elsewhere", user="bob")
INSIDE = pod({"role": "other"}, address="10.0.0.7")
BESIDE = pod({"role": "other"}, address="10.0.1.7")
MY_APP = pod({"app": "myapp"})
BACKEND = Pod("default", Labels({}), namespace_labels("default", {"namespace": "backend"}), "b")


@pytest.mark.parametrize(
    ("specs", "source", "target", "port", "allowed"),
    [
        ([EXAMPLE], FRONTEND, DB, 6379, True),
        ([EXAMPLE], MY_PROJECT, DB, 6379, True),
        ([EXAMPLE], outside("172.17.0.0"), DB, 6379, True),
        ([EXAMPLE], outside("172.17.0.255"), DB, 6379, True),
        ([EXAMPLE], outside("172.17.2.0"), DB, 6379, True),
        ([EXAMPLE], outside("172.17.255.255"), DB, 6379, True),
        ([EXAMPLE], outside("172.17.1.0"), DB, 6379, False),
        ([EXAMPLE], outside("172.17.1.255"), DB, 6379, False),
        ([EXAMPLE], outside("172.18.0.1"), DB, 6379, False),
        ([EXAMPLE], FRONTEND, DB, 6380, False),
        ([EXAMPLE], ELSEWHERE, DB, 6379, False),
        ([EXAMPLE], OTHER, DB, 6379, False),
        ([EXAMPLE], OTHER, FRONTEND, 80, True),
        ([EXAMPLE], DB, INSIDE, 5978, True),
        ([EXAMPLE], DB, INSIDE, 5979, False),
        ([EXAMPLE], DB, BESIDE, 5978, False),
        ([EXAMPLE], DB, FRONTEND, 5978, False),
        ([ALICE_AND_CLIENT], ALICES_CLIENT, DB, 80, True),
        ([ALICE_AND_CLIENT], ALICES_OTHER, DB, 80, False),
        ([ALICE_AND_CLIENT], CLIENT, DB, 80, False),
        ([ALICE_AND_CLIENT], BOBS_CLIENT, DB, 80, False),
        ([ALICE_OR_CLIENT], ALICES_CLIENT, DB, 80, True),
        ([ALICE_OR_CLIENT], ALICES_OTHER, DB, 80, True),
        ([ALICE_OR_CLIENT], CLIENT, DB, 80, True),
        ([ALICE_OR_CLIENT], BOBS_CLIENT, DB, 80, False),
        ([], ELSEWHERE, DB, 80, True),
        ([DENY_INGRESS], FRONTEND, DB, 80, False),
        ([DENY_INGRESS], ELSEWHERE, DB, 80, False),
        ([DENY_INGRESS], outside("192.0.2.1"), DB, 80, False),
        ([DENY_INGRESS], DB, DB, 80, True),
        ([DENY_INGRESS, ALLOW_INGRESS], ELSEWHERE, DB, 80, True),
        ([ALLOW_INGRESS], outside("192.0.2.1"), DB, 80, True),
        ([DENY_EGRESS], FRONTEND, DB, 80, False),
        ([DENY_EGRESS], ELSEWHERE, DB, 80, True),
        ([DENY_EGRESS, ALLOW_EGRESS], FRONTEND, DB, 80, True),
        ([ALLOW_EGRESS], FRONTEND, DB, 80, True),
        ([DENY_ALL], FRONTEND, DB, 80, False),
        ([DENY_ALL], ELSEWHERE, DB, 80, False),
        ([DENY_ALL, ALLOW_INGRESS], FRONTEND, DB, 80, False),
        ([DENY_ALL, ALLOW_INGRESS], ELSEWHERE, DB, 80, True),
        ([DENY_ALL, ALLOW_INGRESS, ALLOW_EGRESS], FRONTEND, DB, 80, True),
        ([MULTI_PORT_EGRESS], DB, INSIDE, 31999, False),
        ([MULTI_PORT_EGRESS], DB, INSIDE, 32000, True),
        ([MULTI_PORT_EGRESS], DB, INSIDE, 32500, True),
        ([MULTI_PORT_EGRESS], DB, INSIDE, 32768, True),
        ([MULTI_PORT_EGRESS], DB, INSIDE, 32769, False),
        ([MULTI_PORT_EGRESS], DB, BESIDE, 32500, False),
        ([EGRESS_TO_NAMESPACES], MY_APP, BACKEND, 80, True),
        ([EGRESS_TO_NAMESPACES], MY_APP, DB, 80, False),
        ([BY_NAME], ELSEWHERE, DB, 80, True),
        ([BY_NAME], FRONTEND, DB, 80, False),
    ],
)
def test_an_example_means_what_the_documentation_says(
    specs: list[str], source: Source, target: Pod, port: int, allowed: bool | None
) -> None:
    answer = admitted(policies(*specs), source, target)
    surely = (Protocol.TCP, port) in answer.surely
    possibly = (Protocol.TCP, port) in answer.possibly

    assert (surely if surely is possibly else None) is allowed


def described(
    namespace: str = "elsewhere", complete: bool = True, known: dict[str, str] | None = None
) -> Pod:
    """A source of which no certain pod is meant."""
    return Pod(namespace, Labels({"role": "client"}, complete), namespace_labels(namespace, known))


@pytest.mark.parametrize(
    ("specs", "source", "kept_out"),
    [
        ([], described(), False),
        ([DENY_INGRESS], described(), True),
        ([DENY_INGRESS, ALLOW_INGRESS], described(), False),
        # Its namespace may have the label, or not.
        ([ALICE_AND_CLIENT], described(), None),
        ([ALICE_AND_CLIENT], described(known={"user": "alice"}), False),
        ([ALICE_AND_CLIENT], described(known={"user": "bob"}), True),
        # Its own namespace has the name that everybody knows.
        ([BY_NAME], described(), False),
        ([BY_NAME], described("other"), True),
        # Its address may be in the block.
        ([EXAMPLE], described(known={}), None),
        # It may have a label beside, which a policy refuses.
        ([FROM_ITS_OWN], described("default"), False),
        ([FROM_ITS_OWN], described("default", complete=False), False),
        ([WITHOUT_TIER], described("default"), False),
        ([WITHOUT_TIER], described("default", complete=False), None),
        # A policy for the way out of pods of which not all labels are known.
        ([EGRESS_TO_NAMESPACES], described("default", complete=False), None),
        ([EGRESS_TO_NAMESPACES], described("default"), False),
    ],
)
def test_who_is_kept_from_a_pod_and_of_whom_that_is_not_known(
    specs: list[str], source: Pod, kept_out: bool | None
) -> None:
    assert keeps_out(policies(*specs), source, DB, 6379) is kept_out
