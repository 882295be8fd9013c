"""Somebody who asks the API server, and all that they may do there."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from testbed import ControlPlane

# What the API server lets everybody ask about themselves.
EVERYBODY = {
    ("authorization.k8s.io", "selfsubjectaccessreviews", ""),
    ("authorization.k8s.io", "selfsubjectrulesreviews", ""),
    ("authentication.k8s.io", "selfsubjectreviews", ""),
}


@dataclass(frozen=True)
class Account:
    """Somebody who asks the API server: the operator's account, or one that it impersonates."""

    control_plane: ControlPlane
    kubeconfig: Path
    impersonated: str = ""

    def kubectl(self, *arguments: str, document: object = None) -> str:
        options = [f"--kubeconfig={self.kubeconfig}"]
        if self.impersonated:
            options.append(f"--as={self.impersonated}")
        return self.control_plane.kubectl(
            *options, *arguments, input=None if document is None else json.dumps(document)
        )

    def ask(self, review: Mapping[str, object]) -> dict[str, Any]:
        # Validation on kubectl's side would need the right to list CRDs.
        answer = self.kubectl(
            "create", "--filename=-", "--validate=false", "--output=json", document=review
        )
        status: dict[str, Any] = json.loads(answer)["status"]
        return status

    def can(self, verb: str, group: str, resource: str, namespace: str, name: str) -> bool:
        resource, _, subresource = resource.partition("/")
        attributes = {
            "verb": verb,
            "group": group,
            "resource": resource,
            "subresource": subresource,
            "namespace": namespace,
            "name": name,
        }
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": attributes},
        }
        return bool(self.ask(review)["allowed"])

    def rights(self, namespace: str) -> dict[tuple[str, str, str], set[str]]:
        """Every right on resources: (group, resource, name) and the verbs."""
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectRulesReview",
            "spec": {"namespace": namespace},
        }
        answer = self.ask(review)
        assert not answer["incomplete"]
        rights: dict[tuple[str, str, str], set[str]] = {}
        for rule in answer["resourceRules"]:
            for group in rule["apiGroups"]:
                for resource in rule["resources"]:
                    for name in rule.get("resourceNames", [""]):
                        rights.setdefault((group, resource, name), set()).update(rule["verbs"])
        return {key: verbs for key, verbs in rights.items() if key not in EVERYBODY}
