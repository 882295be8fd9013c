"""What the API server calls a kind: its resource, whether it has a namespace, what may be asked."""

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from servicesop.api.reasons import UnknownReason
from servicesop.sources.errors import SourceError
from servicesop.sources.kubernetes.client import ApiError, ApiUnreachable, Json, KubeClient

KEEP_SECONDS: Final = 600.0
"""How long an answer is believed; a kind that it lacks is asked for again much sooner."""
KEEP_UNKNOWN_SECONDS: Final = 15.0
MAX_GROUP_VERSIONS: Final = 128
MAX_BYTES: Final = 2 * 1024 * 1024

_RESOURCE: Final = re.compile(r"[a-z0-9](?:[-a-z0-9.]{0,252}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind as the API server serves it."""

    api_version: str
    kind: str
    resource: str
    """The plural, as it stands in paths and roles."""
    namespaced: bool
    verbs: frozenset[str]

    @property
    def group(self) -> str:
        """The API group; empty for the core one."""
        return self.api_version.rpartition("/")[0]

    @property
    def qualified(self) -> str:
        """The resource as kubectl names it: `jobs.batch`, `persistentvolumeclaims`."""
        return f"{self.resource}.{self.group}" if self.group else self.resource

    def path(self, namespace: str, name: str | None = None) -> str:
        """Give the path of one object, or of the list."""
        base = "/apis" if self.group else "/api"
        path = f"{base}/{self.api_version}/namespaces/{namespace}/{self.resource}"
        return path if name is None else f"{path}/{name}"


@dataclass(frozen=True, slots=True)
class _Answer:
    asked: float
    kinds: Mapping[str, Kind]


class Kinds:
    """Discovery, by the operator's own account; answers are kept, and bounded in number."""

    def __init__(self, client: KubeClient, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._clock = clock
        self._known: dict[str, _Answer] = {}

    async def find(self, api_version: str, kind: str) -> Kind:
        """Give a kind. Raise SourceError where it is not served, or that cannot be asked."""
        known = self._known.get(api_version)
        if known is None or not self._usable(known, kind):
            known = _Answer(self._clock(), await self._ask(api_version))
            self._keep(api_version, known)
        found = known.kinds.get(kind)
        if found is None:
            raise unknown(api_version, kind)
        return found

    def known(self, api_version: str, kind: str) -> Kind | None:
        """Give a kind as it was last found, without asking; None where it has not been."""
        answer = self._known.get(api_version)
        return answer.kinds.get(kind) if answer else None

    def forget(self, kind: Kind) -> None:
        """Take note that the API server did not know the path of a kind: ask for it again."""
        self._known.pop(kind.api_version, None)

    def _usable(self, answer: _Answer, kind: str) -> bool:
        keep = KEEP_SECONDS if kind in answer.kinds else KEEP_UNKNOWN_SECONDS
        return self._clock() - answer.asked < keep

    def _keep(self, api_version: str, answer: _Answer) -> None:
        self._known.pop(api_version, None)
        while len(self._known) >= MAX_GROUP_VERSIONS:
            del self._known[next(iter(self._known))]
        self._known[api_version] = answer

    async def _ask(self, api_version: str) -> Mapping[str, Kind]:
        base = "/apis" if "/" in api_version else "/api"
        try:
            answer = await self._client.get(f"{base}/{api_version}", max_bytes=MAX_BYTES)
        except ApiUnreachable:
            raise SourceError(
                UnknownReason.API_UNAVAILABLE, "the API server does not answer; asked again"
            ) from None
        except ApiError as refused:
            if refused.status == 404:
                return {}
            raise SourceError(
                UnknownReason.API_UNAVAILABLE,
                f"the API server does not say now which kinds {api_version} has; if an API service"
                " stands behind it, see whether that is up",
            ) from None
        return _kinds(api_version, answer)


def unknown(api_version: str, kind: str) -> SourceError:
    """Say that a kind is not served."""
    return SourceError(
        UnknownReason.KIND_NOT_FOUND,
        f"the API server knows no kind {kind} in {api_version}; install what defines it, or correct"
        " the check's apiVersion and kind",
    )


def _kinds(api_version: str, answer: Json) -> Mapping[str, Kind]:
    found: dict[str, Kind] = {}
    resources = answer.get("resources")
    for entry in resources if isinstance(resources, list) else ():
        kind = _kind(api_version, entry)
        if kind is not None:
            found.setdefault(kind.kind, kind)
    return found


def _kind(api_version: str, entry: Any) -> Kind | None:
    match entry:
        case {"name": str(name), "kind": str(kind), "namespaced": bool(namespaced)}:
            verbs = entry.get("verbs")
        case _:
            return None
    # `jobs/status` has a kind too, and no object of its own.
    if not _RESOURCE.fullmatch(name):
        return None
    listed = verbs if isinstance(verbs, list) else []
    return Kind(
        api_version,
        kind,
        name,
        namespaced,
        frozenset(verb for verb in listed if isinstance(verb, str)),
    )
