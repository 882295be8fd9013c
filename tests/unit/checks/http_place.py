"""An `http` check with the operator's own client, and servers on loopback around it."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from raw_http import RawServer, Script, serving
from servicesop.api.checks.check import Check
from servicesop.api.reasons import UnknownReason
from servicesop.api.urls import UrlParts
from servicesop.checks.ask import ask
from servicesop.checks.registry import build
from servicesop.checks.runner import Surroundings
from servicesop.judge.admission import OPEN, Admission
from servicesop.judge.results import Sample
from servicesop.sources.dial import DialGuard
from servicesop.sources.errors import SourceError
from servicesop.sources.http.targets import HttpTargets
from surroundings import NOBODY

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
CANARY = "canary-7f3a"
NAMES = ("127.0.0.1", "shop.test", "issuer.test", "refresher.shop.svc")

Data = dict[str, dict[str, bytes]]
Admit = Callable[[], Awaitable[Admission]]


async def loopback(host: str, port: int, **_: object) -> Sequence[tuple[object, ...]]:
    return [(2, 1, 6, "", ("127.0.0.1", port))]


@dataclass
class Place:
    """One namespace: its Secrets and ConfigMaps, and the servers that may be dialled."""

    ports: set[int] = field(default_factory=set)
    secrets: Data = field(default_factory=dict)
    config_maps: Data = field(default_factory=dict)
    reads: list[str] = field(default_factory=list)
    admits: Admit | None = None
    """Says whether policies keep the operator out, when that is asked."""
    admissions: list[UrlParts] = field(default_factory=list)
    """Where it was asked."""
    targets: HttpTargets = field(init=False)

    def __post_init__(self) -> None:
        self.targets = HttpTargets(DialGuard(resolve=loopback), self._secret, self._config_map)

    def allow(self, *ports: int) -> None:
        self.ports |= set(ports)
        pairs = frozenset((name, port) for port in self.ports for name in NAMES)
        self.targets._client._guard = DialGuard(pairs, resolve=loopback)

    async def sample(self, limit: str = "5s", **http: Any) -> Sample:
        """Run a new check once; its timeout and every failure are handled as everywhere."""
        check = Check.model_validate({"name": "answers", "timeout": limit, "http": http})
        runner = build(check, self.surroundings)
        defects: list[Exception] = []
        async with runner.turn:
            sample = await ask(runner, check, NOW, defects.append)
        assert not defects, defects
        assert CANARY not in repr(sample)
        return sample

    @property
    def surroundings(self) -> Surroundings:
        return replace(NOBODY, http=self.targets.of("shop"), admission=self._admission)

    async def _admission(self, url: UrlParts) -> Admission:
        self.admissions.append(url)
        return OPEN if self.admits is None else await self.admits()

    async def _secret(self, namespace: str, name: str) -> Mapping[str, bytes]:
        return self._read(self.secrets, namespace, name, UnknownReason.SECRET_NOT_FOUND)

    async def _config_map(self, namespace: str, name: str) -> Mapping[str, bytes]:
        return self._read(self.config_maps, namespace, name, UnknownReason.CONFIG_MAP_NOT_FOUND)

    def _read(
        self, data: Data, namespace: str, name: str, missing: UnknownReason
    ) -> Mapping[str, bytes]:
        assert namespace == "shop"
        self.reads.append(name)
        if name not in data:
            raise SourceError(missing, f"there is no {name}")
        return data[name]


@asynccontextmanager
async def place_with(*scripts: Script, **options: Any) -> AsyncIterator[tuple[Any, ...]]:
    """Give a place, and a server for each script."""
    place = Place()
    async with _servers(scripts, options) as servers:
        place.allow(*(server.port for server in servers))
        try:
            yield (place, *servers)
        finally:
            await place.targets.close()


@asynccontextmanager
async def _servers(
    scripts: Sequence[Script], options: Mapping[str, Any]
) -> AsyncIterator[list[RawServer]]:
    if not scripts:
        yield []
        return
    async with serving(scripts[0], **options) as first, _servers(scripts[1:], options) as rest:
        yield [first, *rest]
