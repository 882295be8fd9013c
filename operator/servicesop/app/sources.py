"""What checks ask: made once per process, and shared by the checks of all SOPs."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime
from functools import partial
from ipaddress import ip_address, ip_network

from servicesop.api.sop import Spec
from servicesop.api.urls import UrlParts
from servicesop.checks.runner import Surroundings
from servicesop.judge.admission import Admission
from servicesop.sources.dial import DialGuard, Network
from servicesop.sources.http.targets import HttpTargets
from servicesop.sources.kubernetes.access import Access
from servicesop.sources.kubernetes.client import KubeClient
from servicesop.sources.kubernetes.events import EventCache
from servicesop.sources.kubernetes.kinds import Kinds
from servicesop.sources.kubernetes.logs import LogReader
from servicesop.sources.kubernetes.objects import ObjectReader
from servicesop.sources.kubernetes.secrets import ConfigMaps, Secrets
from servicesop.sources.kubernetes.workloads import WorkloadCache
from servicesop.sources.postgres.pool import Databases
from servicesop.sources.prometheus.client import Endpoints
from servicesop.sources.prometheus.endpoints import Endpoint

GOODBYE_SECONDS = 0.1
"""How long the last connections may take for their end."""


class Sources:
    """The sources behind one client: as whom they ask is the client's matter."""

    def __init__(
        self,
        client: KubeClient,
        cache: WorkloadCache,
        kinds: Kinds,
        guard: DialGuard,
        now: Callable[[], datetime],
        endpoints: Iterable[Endpoint],
        admission: Callable[[str, UrlParts], Awaitable[Admission]],
    ) -> None:
        """`admission` says whether policies keep this process from what a namespace's SOPs ask."""
        self._cache = cache
        self._logs = LogReader(client)
        self._objects = ObjectReader(client, kinds)
        self._events = EventCache(client, now)
        secrets = Secrets(client)
        self._databases = Databases(guard, secrets.read)
        self._http = HttpTargets(guard, secrets.read, ConfigMaps(client).read)
        self._endpoints = Endpoints(endpoints, guard)
        self._admission = admission

    def surroundings(self, namespace: str, spec: Spec) -> Surroundings:
        """Give what the checks of an SOP may ask."""
        objects = self._objects.of(namespace)
        return Surroundings(
            namespace=namespace,
            targets={target.name: target for target in spec.targets},
            default_target=spec.targets[0] if spec.targets else None,
            workloads=self._cache.view(namespace),
            logs=self._logs.of(namespace),
            database=self._databases.for_sop(namespace),
            connections={connection.name: connection for connection in spec.connections},
            objects=objects,
            secrets=objects,
            events=self._events.of(namespace),
            http=self._http.of(namespace),
            admission=partial(self._admission, namespace),
            monitoring=self._endpoints.of(namespace),
            replica_sets=self._cache.view(namespace).replica_sets,
            namespace_labels=objects.namespace_labels,
        )

    async def close(self) -> None:
        """End watches and idle connections; those in use close when their query ends."""
        await self._events.close()
        await self._endpoints.close()
        self._databases.close()
        await self._http.close()


async def api_networks(access: Access) -> list[Network]:
    """Give the addresses of the API server: no check may connect to them."""
    host = access.host.partition("://")[2].partition("/")[0]
    name = host.rpartition(":")[0].strip("[]") if ":" in host else host
    try:
        return [ip_network(ip_address(name))]
    except ValueError:
        pass
    try:
        found = await asyncio.get_running_loop().getaddrinfo(name, None)
    except OSError:
        return []
    return [ip_network(ip_address(entry[4][0])) for entry in found]


async def goodbye() -> None:
    """Let the last connections end, after their client was closed and before the loop is.

    TLS connections that were cut off in the middle say goodbye on their own, and nobody can wait
    for them; a loop that ends before is not clean.
    """
    await asyncio.sleep(GOODBYE_SECONDS)
