"""What the judges of a test's checks may ask: the world that the test has made up."""

from collections.abc import Callable
from datetime import datetime

from servicesop.api.checks.check import Check
from servicesop.api.sop import Spec
from servicesop.api.urls import UrlParts
from servicesop.checks.runner import Surroundings
from servicesop.judge.admission import OPEN, Admission
from servicesop.simulate.rows import Database
from servicesop.simulate.servers import GivenMonitoring, GivenServers
from servicesop.simulate.world import World
from servicesop.sources.kubernetes.client import KubeClient
from servicesop.sources.kubernetes.kinds import Kinds
from servicesop.sources.kubernetes.objects import ObjectReader


def surroundings_of(
    spec: Spec, world: World, client: KubeClient, now: Callable[[], datetime]
) -> Callable[[Check], Surroundings]:
    """Give what each check may ask; a database answers the check that asks."""
    reader = ObjectReader(client, Kinds(client)).of(world.namespace)

    def of(check: Check) -> Surroundings:
        return Surroundings(
            namespace=world.namespace,
            targets={target.name: target for target in spec.targets},
            default_target=spec.targets[0] if spec.targets else None,
            workloads=world.workloads,
            logs=world.logs,
            database=lambda connection: Database(
                world.databases, check, now, lambda: world.refused(connection.name)
            ),
            connections={connection.name: connection for connection in spec.connections},
            objects=reader,
            secrets=reader,
            events=world.events,
            http=GivenServers(world.servers, check),
            admission=_open,
            monitoring=GivenMonitoring(world.servers, check, world.refused),
            replica_sets=world.workloads.replica_sets,
            namespace_labels=reader.namespace_labels,
        )

    return of


async def _open(url: UrlParts) -> Admission:
    """Say that nothing keeps the operator from a server: the test says how it answers."""
    return OPEN
