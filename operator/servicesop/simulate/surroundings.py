"""What the judges of a test's checks may ask: the world that the test has made up."""

from collections.abc import Callable, Mapping
from datetime import datetime

from servicesop.api.checks.check import Check
from servicesop.api.sop import Spec
from servicesop.api.urls import UrlParts
from servicesop.checks.runner import Surroundings, Turn
from servicesop.judge.admission import OPEN, Admission
from servicesop.simulate.rows import Database
from servicesop.simulate.servers import GivenMonitoring, GivenServers
from servicesop.simulate.world import World
from servicesop.sources.errors import SourceError
from servicesop.sources.kubernetes.client import Json, KubeClient
from servicesop.sources.kubernetes.kinds import Kinds
from servicesop.sources.kubernetes.objects import NamespaceObjects, ObjectReader


def surroundings_of(
    spec: Spec, world: World, client: KubeClient, now: Callable[[], datetime]
) -> Callable[[Check], Surroundings]:
    """Give what each check may ask; a database answers the check that asks."""
    reader = ObjectReader(client, Kinds(client)).of(world.namespace)
    objects = _Objects(reader, lambda: world.refused("objects"))

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
            objects=objects,
            secrets=objects,
            events=world.events,
            http=GivenServers(world.servers, check),
            admission=_open,
            monitoring=GivenMonitoring(world.servers, check, world.refused),
            replica_sets=world.workloads.replica_sets,
            namespace_labels=reader.namespace_labels,
        )

    return of


class _Objects:
    """Objects of the namespace, unless the test says that they cannot be read."""

    def __init__(self, reader: NamespaceObjects, refused: Callable[[], SourceError | None]) -> None:
        self._reader = reader
        self._refused = refused

    @property
    def turns(self) -> Turn:
        """What a check enters before it reads."""
        return self._reader.turns

    async def get(self, api_version: str, kind: str, name: str) -> Json | None:
        """Give an object, or None where there is none of that name. Raise SourceError."""
        return await self._allowed().get(api_version, kind, name)

    async def find(
        self, api_version: str, kind: str, labels: Mapping[str, str]
    ) -> tuple[Json, ...]:
        """Give all objects that carry these labels. Raise SourceError."""
        return await self._allowed().find(api_version, kind, labels)

    async def get_secret(self, name: str) -> Json | None:
        """Give a Secret, or None where there is none of that name. Raise SourceError."""
        return await self._allowed().get_secret(name)

    def _allowed(self) -> NamespaceObjects:
        refused = self._refused()
        if refused is not None:
            raise refused
        return self._reader


async def _open(url: UrlParts) -> Admission:
    """Say that nothing keeps the operator from a server: the test says how it answers."""
    return OPEN
