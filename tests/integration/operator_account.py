"""An account for the operator in a namespace of a test, with no more rights than the test needs."""

OBJECTS = """
apiVersion: v1
kind: ServiceAccount
metadata: {{name: operator, namespace: "{name}"}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {{name: "{name}"}}
rules:
- apiGroups: [""]
  resources: [serviceaccounts]
  resourceNames: [servicesop-runner]
  verbs: [get, impersonate]
{rules}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {{name: "{name}"}}
roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: "{name}"}}
subjects: [{{kind: ServiceAccount, name: operator, namespace: "{name}"}}]
"""


def operator_account(namespace: str, rules: str = "") -> str:
    """The account `operator`: it may look for the namespace's runner and be it, and these rules."""
    return OBJECTS.format(name=namespace, rules=rules)
