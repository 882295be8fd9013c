"""The whole product on real servers: its own process, under its own account."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from standins.fleet_manager import FleetManager, Kind
from standins.fleet_manager.causes import TIMES, open_nodes
from standins.fleet_manager.kinds import RECONCILE
from standins.stage import Stage
from testbed import ControlPlane, Postgres, Run, Version
from testbed.operator import ACCOUNT, NAMESPACE, Operator, forget_actions, install, start_operator
from testbed.team import Team


@pytest.fixture(scope="session")
def installed(control_plane: ControlPlane) -> ControlPlane:
    """The shared control plane with the shipped manifests."""
    install(control_plane)
    return control_plane


@pytest.fixture(scope="session")
def operator_kubeconfig(installed: ControlPlane) -> Path:
    """The operator's own account, as `servicesop run --kubeconfig` wants it."""
    return installed.service_account_kubeconfig(NAMESPACE, ACCOUNT)


@pytest.fixture
def start(
    installed: ControlPlane, run: Run, operator_kubeconfig: Path
) -> Iterator[Callable[..., Operator]]:
    """Start operators with options; they end with the test.

    Their ledger is empty at first: what other tests did counts against the cluster's limits too.
    """
    forget_actions(installed)
    started: list[Operator] = []

    def start(*options: str, log_level: str = "info") -> Operator:
        operator = start_operator(run, operator_kubeconfig, *options, log_level=log_level)
        started.append(operator)
        return operator

    yield start
    for operator in started:
        operator.stop()


@pytest.fixture
def team(installed: ControlPlane) -> Iterator[Team]:
    """A namespace of one's own; its SOPs are deleted at the end, so that no operator runs them."""
    made = Team(installed)
    yield made
    made.end()


@pytest.fixture(scope="session")
def stage(run: Run, installed: ControlPlane, operator_kubeconfig: Path) -> Stage:
    return Stage(run, installed, operator_kubeconfig)


@pytest.fixture
def manager_of(
    run: Run, installed: ControlPlane, postgres_of: Callable[[Version], Postgres], team: Team
) -> Iterator[Callable[[Kind], FleetManager]]:
    """Give the team's namespace a fleet manager, with the rights that its SOP asks for.

    What a test breaks of the servers is mended at its end.
    """
    # Its SOPs ask for TLS, which this version alone has.
    postgres = postgres_of(Version.V13)
    with ExitStack() as started:

        def manager_of(kind: Kind) -> FleetManager:
            manager = FleetManager(
                run,
                installed,
                postgres,
                kind=kind,
                namespace=team.namespace,
                lease=kind.lease / TIMES,
                election=kind.election / TIMES,
                reconcile=RECONCILE / TIMES,
            )
            started.enter_context(manager)
            started.callback(open_nodes, manager)
            team.grant(
                secrets=(manager.reader_secret,),
                deployments=(manager.deployment,),
                config_maps=("openshift-service-ca.crt",),
            )
            return manager

        yield manager_of
    if not postgres.is_running:
        postgres.start()
