"""Objects of a namespace, made by requests: a kubectl each would take a tenth of a CPU second."""

import time
from typing import Any

from testbed.api_client import ApiClient

Json = dict[str, Any]

_POLL_SECONDS = 0.05
_GONE_SECONDS = 60.0
_PLURALS = {"NetworkPolicy": "networkpolicies"}


def collection(namespace: str, api_version: str, resource: str) -> str:
    """Give the path of a namespace's objects of one kind, such as `apps/v1` `deployments`."""
    api = "apis" if "/" in api_version else "api"
    return f"/{api}/{api_version}/namespaces/{namespace}/{resource}"


def apply(api: ApiClient, namespace: str, *objects: Json) -> None:
    """Make or change objects as `kubectl apply --server-side` does."""
    for each in objects:
        api.request(
            "PATCH",
            f"{_path(namespace, each)}?fieldManager=testbed&force=true",
            each,
            content_type="application/apply-patch+yaml",
        )


def wait_rolled_out(api: ApiClient, namespace: str, workload: Json, seconds: float) -> None:
    """Wait until all pods of a Deployment or StatefulSet are of its template, and ready."""
    give_up = time.monotonic() + seconds
    while not _is_rolled_out(found := api.request("GET", _path(namespace, workload))):
        if time.monotonic() > give_up:
            raise TimeoutError(f"not rolled out within {seconds:g} s: {found['status']}")
        time.sleep(_POLL_SECONDS)


def delete_all(api: ApiClient, path: str, selector: str = "") -> None:
    """Delete what is in a collection, and wait until it is gone."""
    query = f"?labelSelector={selector}"
    api.request("DELETE", f"{path}{query}")
    give_up = time.monotonic() + _GONE_SECONDS
    while api.request("GET", f"{path}{query}")["items"]:
        if time.monotonic() > give_up:
            raise TimeoutError(f"{path} was not empty within {_GONE_SECONDS:g} s")
        time.sleep(_POLL_SECONDS)


def _path(namespace: str, item: Json) -> str:
    kind = item["kind"]
    resource = _PLURALS.get(kind, f"{kind.lower()}s")
    return f"{collection(namespace, item['apiVersion'], resource)}/{item['metadata']['name']}"


def _is_rolled_out(workload: Json) -> bool:
    status, replicas = workload["status"], workload["spec"]["replicas"]
    return status.get("observedGeneration") == workload["metadata"]["generation"] and all(
        status.get(count, 0) == replicas
        for count in ("replicas", "updatedReplicas", "availableReplicas")
    )
