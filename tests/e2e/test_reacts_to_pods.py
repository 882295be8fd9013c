"""A pod that goes away is seen at once, however rarely the check runs by the clock."""

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from e2e.sops import check, ready, sop, target
from testbed import Run
from testbed.broken_build import broken_build
from testbed.observer import Observer
from testbed.operator import Operator, start_operator
from testbed.team import Json, Team

WORKLOADS = 10
"""Half of them StatefulSets."""
ROUNDS = 2
SECONDS = 1.0
READY_AFTER = "5s"


def test_a_deleted_pod_is_seen_within_a_second(team: Team, start: Callable[..., Operator]) -> None:
    deploy(team, WORKLOADS)
    start()
    took = reactions(team, WORKLOADS, ROUNDS)
    print(f"{len(took)} deleted pods: the slowest was seen after {max(took):.3f} s")
    assert len(took) == WORKLOADS * ROUNDS
    assert max(took) < SECONDS


def test_without_the_watch_it_is_not_seen_in_time(
    team: Team, run: Run, operator_kubeconfig: Path, tmp_path: Path
) -> None:
    deploy(team, 1)
    deaf = broken_build(
        tmp_path,
        "engine/engine.py",
        "for key in self._sops.reacting(place):",
        "for key in ():",
    )
    operator = start_operator(run, operator_kubeconfig, source=deaf)
    try:
        with pytest.raises(TimeoutError):
            reactions(team, 1, 1)
    finally:
        operator.stop()


def deploy(team: Team, count: int) -> None:
    """Make workloads of one pod, ready after 5 s, and wait for all of them together."""
    items = [_workload(number) for number in range(count)]
    team.kubectl("apply", "-f", "-", input=json.dumps(_list(items)))
    for item in items:
        name = f"{item['kind'].lower()}/{item['metadata']['name']}"
        ready = "--for=jsonpath={.status.availableReplicas}=1"
        team.kubectl("wait", ready, name, "--timeout=60s")


def reactions(team: Team, count: int, rounds: int) -> list[float]:
    """Delete pods; give the seconds from each answer to the change that everybody sees."""
    for number in range(count):
        name = f"api-{number}"
        check = ready(replicas=1, minReady=1)
        team.apply(
            sop(every="10m", targets=[target(name, kind=_kind(number))], checks=[check]), name
        )
    path = f"/apis/servicesop.io/v1alpha1/namespaces/{team.namespace}/servicesops"
    took = []
    with Observer(team.control_plane, path) as observer:
        for _ in range(rounds):
            for number in range(count):
                name = f"api-{number}"
                team.wait(_is_passed, 30, name)
                observer.forget()
                answered = _delete_pod(team, name)
                took.append(observer.wait(_is_not_passed, name, 5) - answered)
    return took


def _delete_pod(team: Team, app: str) -> float:
    admin = team.control_plane.api
    pods = f"/api/v1/namespaces/{team.namespace}/pods"
    [pod] = [
        item["metadata"]["name"]
        for item in admin.request("GET", f"{pods}?labelSelector=app%3D{app}")["items"]
        if "deletionTimestamp" not in item["metadata"]
    ]
    admin.request("DELETE", f"{pods}/{pod}")
    return time.monotonic()


def _is_passed(status: Json) -> bool:
    return check(status, "ready").get("state") == "Passed"


def _is_not_passed(item: Json) -> bool:
    state = check(item.get("status", {}), "ready").get("state")
    return state in ("Pending", "Failed")


def _kind(number: int) -> str:
    return "StatefulSet" if number % 2 else "Deployment"


def _workload(number: int) -> Json:
    name = f"api-{number}"
    return {
        "apiVersion": "apps/v1",
        "kind": _kind(number),
        "metadata": {"name": name},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {
                    "labels": {"app": name},
                    "annotations": {"testbed/ready-after": READY_AFTER},
                },
                "spec": {"containers": [{"name": "service", "image": "none"}]},
            },
        },
    }


def _list(items: list[Json]) -> Json:
    return {"apiVersion": "v1", "kind": "List", "items": items}
