"""Lets a scenario happen: a shipped SOP and the operator, on real servers, with a stand-in.

What was done is read from the API server's audit log, never from the operator's own words.
"""

import json
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from readme.markdown import ROOT
from standins.pace import translated
from standins.scenario import Scenario
from testbed import AuditRecord, ControlPlane, Run
from testbed.monitoring import Exporter, Prometheus
from testbed.observer import SOPS, Observer
from testbed.operator import forget_actions, start_operator
from testbed.team import Json, Team, is_

# Kubernetes itself and the tests' own hands; what anybody else changes counts.
_KUBERNETES = ("system:serviceaccount:kube-system:", "system:kube-", "testbed-")
_WORKLOADS = frozenset({"deployments", "replicasets", "statefulsets", "pods"})
_POLL_SECONDS = 0.2
_HEALTHY_SECONDS = 60.0
_MORE_ROUNDS = 5
# Scrapes time out after that too: on a busy machine a shorter one fails now and then.
_SCRAPE_INTERVAL = "1s"


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

    @property
    def rules(self) -> str:
        """What Prometheus evaluates, as a rule file has it."""

    prometheus: Prometheus | None
    """The stage's, while there is one."""


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
        sops = f"{SOPS}/namespaces/{team.namespace}/servicesops"
        with (
            self._operator(team.namespace, stand_in, fast),
            Observer(self._control_plane, sops) as observer,
        ):
            team.apply(fast, name)
            _wait_healthy(team, name, observer)
            _Watch(team, name, observer, stand_in, scenario).see()

    def _built(self, service: str) -> tuple[str, Json]:
        overlay = ROOT / "manifests/sops" / service / "overlays/stage"
        [built] = self._control_plane.kustomize(overlay)
        return built["metadata"]["name"], built["spec"]

    @contextmanager
    def _operator(self, namespace: str, stand_in: StandIn, spec: Json) -> Iterator[None]:
        """Run an operator that remembers nothing and may ask the stand-in."""
        forget_actions(self._control_plane)
        options = [f"--allow-dial={each}" for each in stand_in.connections]
        with ExitStack() as started:
            if stand_in.jobs:
                stand_in.prometheus = prometheus = started.enter_context(
                    Prometheus(
                        self._run, stand_in.jobs, rules=stand_in.rules, interval=_SCRAPE_INTERVAL
                    )
                )
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


def _wait_healthy(team: Team, name: str, observer: Observer) -> None:
    try:
        observer.wait(
            lambda sop: is_(sop.get("status", {}), "Healthy", "True"), name, _HEALTHY_SECONDS
        )
    except TimeoutError as error:
        raise AssertionError(f"{error}: {json.dumps(team.status(name), indent=1)}") from None


class _Watch(Generic[Of]):
    """Sees all that an SOP says, and what is done to the workloads of its namespace."""

    def __init__(
        self, team: Team, sop: str, observer: Observer, stand_in: Of, scenario: Scenario[Of]
    ) -> None:
        self._team = team
        self._sop = sop
        self._observer = observer
        self._stand_in = stand_in
        self._scenario = scenario
        self._log = team.control_plane.audit()
        self._read_up_to = self._log.mark()
        self._rows: dict[str, tuple[str, ...]] = {}
        """The rows that were seen to win one after the other, by procedure that was ever True."""
        self._wanted: tuple[str, ...] = ()
        """What is to be done."""
        self._acts: tuple[str, ...] = ()
        """What was done."""
        self._seen_up_to = len(observer.seen(sop)) - 1
        self._status: Json = {}

    def see(self) -> None:
        """Switch the cause on, and see that it leads to all that it must, and to nothing else."""
        self._scenario.switch(self._stand_in)
        self._wanted = self._scenario.acts_on(self._stand_in)
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
        for _, sop in self._observer.seen(self._sop)[self._seen_up_to :]:
            self._status = status = sop["status"]
            self._seen_up_to += 1
            for one in status["procedures"]:
                if one["state"] == "True":
                    self._note(one["name"], one.get("episode", {}).get("row", ""))
        status = self._status
        states = {one["name"]: one["state"] for one in status["procedures"]}
        true = {name for name, state in states.items() if state == "True"}
        assert self._rows.keys() <= scenario.rows.keys(), f"unexpected: {self._seen()}"
        assert self._acts == self._wanted[: len(self._acts)], f"unexpected: {self._seen()}"
        settled = is_(status, "Healthy", "True") if self._wanted else true == scenario.rows.keys()
        unknown = all(states[name] == "Unknown" for name in scenario.unknown)
        return settled and unknown and self._rows_have_won() and self._acts == self._wanted

    def _note(self, procedure: str, row: str) -> None:
        seen = self._rows.setdefault(procedure, ())
        if row and row not in seen[-1:]:
            self._rows[procedure] = (*seen, row)

    def _rows_have_won(self) -> bool:
        """Tell whether each row was the last to win, but for one that may win afterwards."""
        wanted = {
            name: (row, self._scenario.afterwards[name])
            if name in self._scenario.afterwards
            else (row,)
            for name, row in self._scenario.rows.items()
        }
        return self._rows.keys() == wanted.keys() and all(
            self._rows[name][-len(rows) :] == rows for name, rows in wanted.items()
        )

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
