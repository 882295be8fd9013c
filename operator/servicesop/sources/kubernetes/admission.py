"""Reads what says whether NetworkPolicies keep the operator from a server.

It asks as the operator's own account: the policies of the operator's namespace are no runner's to
read, and what belongs to those of an SOP's namespace is not secret. No third namespace is asked.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final, TypeVar

from servicesop.api.reasons import UnknownReason
from servicesop.api.urls import UrlParts
from servicesop.judge.admission import (
    OPEN,
    Admission,
    Caller,
    judge_host,
    judge_service,
    receivers,
    selector_of,
    service_named,
)
from servicesop.judge.labels import Labels
from servicesop.judge.network_policy_objects import (
    MalformedObjectError,
    namespace_labels,
    network_policy,
    pod_of,
)
from servicesop.sources.errors import SourceError
from servicesop.sources.kubernetes.client import ApiError, ApiUnreachable, Json, KubeClient, Query

MAX_OBJECTS: Final = 500
MAX_BYTES: Final = 4 * 1024 * 1024
"""Size of one answer; a larger one is not looked at."""
_KEPT_SECONDS: Final = 30.0

Read = TypeVar("Read")


class Admissions:
    """Knows the operator's own pod and the policies of its namespace for a while."""

    def __init__(
        self, client: KubeClient, namespace: str, pod: str, clock: Callable[[], float]
    ) -> None:
        """`pod` is the operator's own, in `namespace`; `clock` gives seconds, monotonic."""
        self._client = client
        self._namespace = namespace
        self._pod = pod
        self._clock = clock
        self._lock = asyncio.Lock()
        self._caller: tuple[float, Caller] | None = None

    async def of(self, namespace: str, url: UrlParts) -> Admission:
        """Say whether policies keep the operator from what an SOP of that namespace asks.

        Raise SourceError when that cannot be read.
        """
        caller = await self._own()
        name = service_named(url.host, namespace)
        service = None if name is None else await self._service(namespace, name)
        if service is None or not (selector := selector_of(service)):
            return judge_host(caller, url.port)
        query = {"labelSelector": ",".join(f"{key}={value}" for key, value in selector.items())}
        pods, policies, labels = await asyncio.gather(
            self._list(f"/api/v1/namespaces/{namespace}/pods", "Pods", query),
            self._list(_policies(namespace), "NetworkPolicies"),
            self._labels(namespace),
        )

        def judged() -> Admission:
            return judge_service(
                caller,
                [network_policy(item) for item in policies],
                receivers(service, pods, url.port, namespace, labels),
            )

        # Large policies take a moment, in which others must not wait.
        return await asyncio.to_thread(_read, judged)

    async def _own(self) -> Caller:
        async with self._lock:
            if self._caller is None or self._clock() >= self._caller[0]:
                self._caller = (self._clock() + _KEPT_SECONDS, await self._read_own())
            return self._caller[1]

    async def _read_own(self) -> Caller:
        path = f"/api/v1/namespaces/{self._namespace}/pods/{self._pod}"
        item, policies, labels = await asyncio.gather(
            self._get(path, "Pods"),
            self._list(_policies(self._namespace), "NetworkPolicies"),
            self._labels(self._namespace),
        )
        if item is None:
            raise SourceError(
                UnknownReason.ADMISSION_UNKNOWN,
                "the operator does not find its own pod; its administrator has to correct --pod",
            )

        def read() -> Caller:
            own = pod_of(item, self._namespace, labels)
            # What blocks of addresses mean for pods is up to the network plugin.
            return Caller(replace(own, addresses=()), [network_policy(one) for one in policies])

        return await asyncio.to_thread(_read, read)

    async def _service(self, namespace: str, name: str) -> Json | None:
        return await self._get(f"/api/v1/namespaces/{namespace}/services/{name}", "Services")

    async def _labels(self, namespace: str) -> Labels:
        item = await self._get(f"/api/v1/namespaces/{namespace}", "Namespaces")
        return namespace_labels(namespace, _labels_of(item) if item is not None else None)

    async def _list(self, path: str, kind: str, query: Query | None = None) -> list[Any]:
        answer = await self._get(path, kind, {**(query or {}), "limit": str(MAX_OBJECTS)})
        match answer:
            case {"metadata": {"continue": str(more)}} if more:
                raise _unread(f"there are more than {MAX_OBJECTS} {kind}")
            case {"items": list(items)}:
                return items
            case {"items": None}:
                return []
        raise _bad_answer()

    async def _get(self, path: str, kind: str, query: Query | None = None) -> Json | None:
        try:
            return await self._client.get(path, query, max_bytes=MAX_BYTES)
        except ApiUnreachable:
            raise _unread("the API server does not answer") from None
        except ApiError as refused:
            if refused.status == 404:
                return None
            if refused.status in (401, 403):
                raise _unread(
                    f"the operator may not read {kind}; apply the ClusterRole of the installation"
                ) from None
            raise _unread("the API server refuses to answer now") from None


def _policies(namespace: str) -> str:
    return f"/apis/networking.k8s.io/v1/namespaces/{namespace}/networkpolicies"


def _labels_of(item: Mapping[str, Any]) -> Mapping[str, str]:
    match item:
        case {"metadata": {"labels": dict(labels)}}:
            return labels
    return {}


def _read(reader: Callable[[], Read]) -> Read:
    try:
        return reader()
    except MalformedObjectError:
        raise _bad_answer() from None


def _unread(words: str) -> SourceError:
    return SourceError(UnknownReason.ADMISSION_UNKNOWN, words)


def _bad_answer() -> SourceError:
    return _unread("the API server answers in a form that is not known")


async def open_everywhere(namespace: str, url: UrlParts) -> Admission:
    """Say what is known of a process that is no pod: policies do not name it."""
    del namespace, url
    return OPEN
