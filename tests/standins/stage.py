"""Lets a scenario happen: a shipped SOP and the operator, on real servers, with a stand-in.

What was done is read from the API server's audit log, never from the operator's own words.
"""

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Protocol, TypeVar

import yaml

from readme.markdown import ROOT
from standins.pace import translated
from standins.scenario import Scenario
from testbed import AuditRecord, ControlPlane, Run
from testbed.monitoring import Exporter, Prometheus
from testbed.operator import forget_actions, start_operator
from testbed.team import Json, Team, is_

# Kubernetes itself and the tests' own hands; what anybody else changes counts.
_KUBERNETES = ("system:serviceaccount:kube-system:", "system:kube-", "testbed-")
_WORKLOADS = frozenset({"deployments", "replicasets", "statefulsets", "pods"})
_POLL_SECONDS = 0.2
_HEALTHY_SECONDS = 60.0
_MORE_ROUNDS = 5


class StandIn(Protocol):
    """What the stage asks of a stand-in, which runs then."""

    @property
    def origins(self) -> Mapping[str, str]:
        """What takes the place of the origins that the SOP's checks open (see `pace`)."""

    @property
    def connections(self) -> tuple[str, ...]:
        """`127.0.0.1:port` of each that the operator may connect to."""

    @property
    def jobs(self) -> Mapping[str, Exporter | int]:
        """What Prometheus scrapes, by the name of the job; some are just a port."""


Of = TypeVar("Of", bound=StandIn)


class Stage:
    """The servers that a worker's scenarios share, one scenario after the other."""

    def __init__(self, run: Run, control_plane: ControlPlane, kubeconfig: Path) -> None:
        self._run = run
        self._control_plane = control_plane
        self._kubeconfig = kubeconfig

    def play(
        self, service: str, times: int, team: Team, stand_in: Of, scenario: Scenario[Of]
    ) -> None:
        """Apply the service's SOP for stage, `times` as fast, and let the scenario happen."""
        name, spec = self._built(service)
        fast = translated(spec, times, stand_in.origins)
        with self._operator(team.namespace, stand_in, fast):
            team.apply(fast, name)
            team.wait(lambda status: is_(status, "Healthy", "True"), _HEALTHY_SECONDS, name)
            _Watch(team, name, scenario).see(lambda: scenario.switch(stand_in))

    def _built(self, service: str) -> tuple[str, Json]:
        overlay = ROOT / "manifests/sops" / service / "overlays/stage"
        built = yaml.safe_load(self._control_plane.kubectl("kustomize", str(overlay)))
        return built["metadata"]["name"], built["spec"]

    @contextmanager
    def _operator(self, namespace: str, stand_in: StandIn, spec: Json) -> Iterator[None]:
        """Run an operator that remembers nothing and may ask the stand-in."""
        forget_actions(self._control_plane)
        options = [f"--allow-dial={each}" for each in stand_in.connections]
        with ExitStack() as started:
            if stand_in.jobs:
                prometheus = started.enter_context(Prometheus(self._run, stand_in.jobs))
                options.append(f"--endpoints={self._endpoints(namespace, spec, prometheus.url)}")
            operator = start_operator(self._run, self._kubeconfig, "--start-hold=1s", *options)
            started.callback(operator.stop)
            yield

    def _endpoints(self, namespace: str, spec: Json, url: str) -> Path:
        """Say that every endpoint of the SOP is this one."""
        asked = [one["prometheus"] for one in spec["connections"] if "prometheus" in one]
        path = self._run.subdirectory("endpoints") / "endpoints.yaml"
        common = {"kind": "Prometheus", "url": url, "namespaces": [namespace]}
        endpoints = [{"name": one["endpoint"], **common} for one in asked]
        path.write_text(json.dumps({"endpoints": endpoints}))
        return path


class _Watch:
    """Sees what an SOP says, and what is done to the workloads of its namespace."""

    def __init__(self, team: Team, sop: str, scenario: Scenario[Of]) -> None:
        self._team = team
        self._sop = sop
        self._scenario = scenario
        self._log = team.control_plane.audit()
        self._read_up_to = self._log.mark()
        self._rows: dict[str, str] = {}
        """The row that was last seen to win, by procedure that was ever seen to be True."""
        self._acts: tuple[str, ...] = ()
        self._status: Json = {}

    def see(self, switch: Callable[[], object]) -> None:
        """Switch the cause on, and see that it leads to all that it must, and to nothing else."""
        switch()
        deadline = time.monotonic() + self._scenario.seconds
        while not self._has_come():
            assert time.monotonic() < deadline, f"not in time: {self._seen()}"
            time.sleep(_POLL_SECONDS)
        calm = time.monotonic() + _MORE_ROUNDS
        while time.monotonic() < calm:
            assert self._has_come(), f"did not stay: {self._seen()}"
            time.sleep(_POLL_SECONDS)

    def _has_come(self) -> bool:
        """Look; AssertionError for what must not be."""
        scenario = self._scenario
        records, self._read_up_to = self._log.read(self._read_up_to)
        self._acts += acts(records, self._team.namespace)
        self._status = status = self._team.status(self._sop)
        true = [one for one in status["procedures"] if one["state"] == "True"]
        self._rows |= {one["name"]: one.get("episode", {}).get("row", "") for one in true}
        assert self._rows.keys() <= scenario.rows.keys(), f"unexpected: {self._seen()}"
        assert self._acts == scenario.acts[: len(self._acts)], f"unexpected: {self._seen()}"
        settled = (
            is_(status, "Healthy", "True")
            if scenario.acts
            else {one["name"] for one in true} == scenario.rows.keys()
        )
        return settled and (self._rows, self._acts) == (scenario.rows, scenario.acts)

    def _seen(self) -> str:
        seen = {"rows": self._rows, "acts": self._acts, "status": self._status}
        return json.dumps(seen, indent=1)


def acts(records: Iterable[AuditRecord], namespace: str) -> tuple[str, ...]:
    """Tell what somebody changed, or tried to change, about the workloads and pods of a namespace.

    Such as `patch deployments/api: 200` and `create pods/api-7d9f-x2x/eviction: 201`.
    """
    return tuple(
        f"{one.verb} {one.resource}/{one.name}{one.subresource and '/'}{one.subresource}:"
        f" {one.code}"
        for one in records
        if one.mutates
        and not one.dry_run
        and one.namespace == namespace
        and one.resource in _WORKLOADS
        and not (one.impersonated_user or one.user).startswith(_KUBERNETES)
    )
