"""All that an operator says, and all that is said about it: where a canary would be found."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from e2e.canaries import Canaries
from e2e.sops import Json
from testbed import AuditLog, ControlPlane, Run
from testbed.operator import ACCOUNT, NAMESPACE, RUNNER, Operator, forget_actions, start_operator
from testbed.team import Team

OPERATOR = f"system:serviceaccount:{NAMESPACE}:{ACCOUNT}"
SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Said:
    """All that was said, by where."""

    objects: str
    requests: str
    metrics: str
    output: str


class Watched(Protocol):
    """A service of a team, and since when one looks at what is asked of the API server."""

    team: Team
    audit: AuditLog
    mark: int


class Scene(Watched, Protocol):
    """A service with one SOP."""

    def apply(self) -> None:
        """Apply the SOP."""

    def wait(self) -> Json:
        """Give its status once every check has said what it should."""


def watch(
    run: Run,
    installed: ControlPlane,
    kubeconfig: Path,
    scene: Scene,
    *options: str,
    source: Path | None = None,
) -> tuple[Json, Said]:
    """Run an operator that says all that it ever says, until the SOP's checks have run."""
    forget_actions(installed)
    operator = start_operator(
        run, kubeconfig, "--start-hold=1s", *options, log_level="debug", source=source
    )
    try:
        scene.apply()
        status = scene.wait()
        return status, everything_said(scene, operator)
    finally:
        operator.stop()


def wait_for_states(team: Team, name: str, wanted: Mapping[str, str]) -> Json:
    """Give an SOP's status once its checks are in these states."""

    def states(status: Json) -> dict[str, str]:
        return {one["name"]: one["state"] for one in status.get("checks", [])}

    return team.wait(lambda status: states(status) == wanted, SECONDS, name)


def everything_said(service: Watched, operator: Operator) -> Said:
    """End the operator, and read everything that it has said and that is said about it."""
    code, metrics = operator.get("/metrics")
    assert code == 200
    # Its last words count too, so it gets the time to say them.
    operator.process.ask_to_stop()
    assert operator.process.wait(SECONDS) == 0
    return Said(
        objects=_objects(service.team.control_plane),
        requests="\n".join(
            json.dumps([record.uri, record.request_object], ensure_ascii=False)
            for record in service.audit.since(service.mark)
            if record.by(OPERATOR)
        ),
        metrics=metrics,
        output=operator.process.log_text(),
    )


def _objects(control_plane: ControlPlane) -> str:
    kinds = control_plane.kubectl("api-resources", "--verbs=list", "--output=name").split()
    assert {"events", "events.events.k8s.io", "servicesops.servicesop.io"} < set(kinds)
    kinds.remove("secrets")
    return control_plane.kubectl(
        "get", ",".join(kinds), "--all-namespaces", "--show-managed-fields", "--output=json"
    )


def found(canaries: Canaries, said: Said) -> dict[str, list[str]]:
    """Give the canaries by where they were found."""
    hits = {
        "objects": canaries.found_in(said.objects),
        "requests": canaries.found_in(said.requests),
        "metrics": canaries.found_in(said.metrics),
        "output": canaries.found_in(said.output),
    }
    return {where: places for where, places in hits.items() if places}


def read_as_runner(service: Watched) -> set[tuple[str, str, str]]:
    """Give the Secrets and ConfigMaps that were read: resource, verb and name."""
    runner = f"system:serviceaccount:{service.team.namespace}:{RUNNER}"
    return {
        (record.resource, record.verb, record.name)
        for record in service.audit.since(service.mark)
        if record.resource in ("secrets", "configmaps")
        and record.user == OPERATOR
        and record.impersonated_user == runner
        and record.code == 200
    }
