"""Where objects of each kind stand in the API server of a test, and which kinds it serves."""

from typing import Any

from servicesop.api.sop import Spec
from servicesop.sources.kubernetes.transport import Json

_IRREGULAR = {"Endpoints": "endpoints"}
_CLUSTER = frozenset({"Namespace"})
_USUAL = (
    ("v1", "Pod"),
    ("v1", "ConfigMap"),
    ("v1", "Service"),
    ("apps/v1", "Deployment"),
    ("apps/v1", "StatefulSet"),
    ("networking.k8s.io/v1", "NetworkPolicy"),
    ("coordination.k8s.io/v1", "Lease"),
    ("policy/v1", "PodDisruptionBudget"),
)


def plural(kind: str) -> str:
    """Give the resource of a kind, as paths name it."""
    if kind in _IRREGULAR:
        return _IRREGULAR[kind]
    lower = kind.lower()
    if lower.endswith("y") and lower[-2:-1] not in "aeiou":
        return f"{lower[:-1]}ies"
    return f"{lower}es" if lower.endswith(("s", "x", "ch")) else f"{lower}s"


def path_of(api_version: str, kind: str, namespace: str, name: str) -> str:
    """Give the path of an object."""
    base = f"{'/apis' if '/' in api_version else '/api'}/{api_version}"
    if kind in _CLUSTER:
        return f"{base}/{plural(kind)}/{name}"
    return f"{base}/namespaces/{namespace}/{plural(kind)}/{name}"


def served(spec: Spec, objects: list[tuple[str, str]]) -> dict[str, Json]:
    """Give what discovery answers, by path: usual kinds, those of checks, and these."""
    asked = [
        (check.resource.api_version, check.resource.kind)
        for check in spec.checks
        if check.resource is not None
    ]
    found: dict[str, dict[str, Any]] = {}
    for api_version, kind in (*_USUAL, *asked, *objects):
        path = f"{'/apis' if '/' in api_version else '/api'}/{api_version}"
        entry = {
            "name": plural(kind),
            "kind": kind,
            "namespaced": kind not in _CLUSTER,
            "verbs": ["get", "list", "watch"],
        }
        found.setdefault(path, {})[kind] = entry
    return {path: {"resources": list(kinds.values())} for path, kinds in found.items()}
