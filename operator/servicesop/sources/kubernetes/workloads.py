"""Workloads and their pods, kept current by watches and joined by owner."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import Any, Final, TypeVar

from servicesop.api.kinds import WorkloadKind
from servicesop.api.reasons import UnknownReason
from servicesop.judge.rollout import PodView, WorkloadView
from servicesop.sources.errors import SourceError
from servicesop.sources.kubernetes.client import KubeClient
from servicesop.sources.kubernetes.informer import Informer, Key
from servicesop.sources.kubernetes.views import (
    OwnedPod,
    ReplicaSet,
    read_pod,
    read_replica_set,
    workload_view,
)

MAX_NAMESPACES = 50
"""With more namespaces than this, cluster-wide watches are cheaper than some for each."""

_SETTLING_SECONDS = 0.02

Slim = TypeVar("Slim")
Place = tuple[str, WorkloadKind, str]
"""Namespace, kind and name of a workload."""
OnChange = Callable[[Place], None]
"""Called with each workload that changed, or of which a pod changed."""
_DEPLOYMENTS: Final = frozenset({WorkloadKind.DEPLOYMENT})


class _Scope:
    """The watches of one namespace, or of all, and the way from a pod to its workload.

    Pods are always watched, the kinds above them from when they are first asked for.
    """

    def __init__(self, client: KubeClient, namespace: str | None, on_change: OnChange) -> None:
        self._client = client
        self._on_change = on_change
        self._replica_sets_of: dict[str, dict[str, str]] = defaultdict(dict)
        """Names by uid."""
        self._pods_of: dict[str, dict[str, PodView]] = defaultdict(dict)
        # Outlives the ReplicaSet until its last pod is gone: the garbage collector deletes the
        # owner first, and the pods' own ends must still find their Deployment.
        self._deployment_of: dict[str, Place] = {}
        self._live_replica_sets: set[str] = set()
        self.nodes: Counter[str] = Counter()
        """The addresses of the pods' nodes, each with its number of pods."""
        self._inside = f"/namespaces/{namespace}" if namespace else ""
        self._tasks: list[asyncio.Task[None]] = []
        self._kinds: dict[WorkloadKind, Informer[WorkloadView]] = {}
        self._replica_sets: Informer[ReplicaSet] | None = None
        self._pods = self._started(
            Informer(
                client,
                f"/api/v1{self._inside}/pods",
                slim=read_pod,
                on_change=self._pod_changed,
            )
        )

    @property
    def kinds(self) -> frozenset[WorkloadKind]:
        """The kinds that are seen."""
        return frozenset(self._kinds)

    def need(self, kinds: Iterable[WorkloadKind]) -> None:
        """See workloads of these kinds, from now on until the end."""
        for kind in kinds:
            if kind not in self._kinds:
                self._see(kind)

    def _see(self, kind: WorkloadKind) -> None:
        self._kinds[kind] = self._started(
            Informer(
                self._client,
                f"/apis/apps/v1{self._inside}/{kind.lower()}s",
                slim=partial(workload_view, kind),
                on_change=lambda key, _old, _new: self._on_change((key[0], kind, key[1])),
            )
        )
        if kind is WorkloadKind.DEPLOYMENT:
            self._replica_sets = self._started(
                Informer(
                    self._client,
                    f"/apis/apps/v1{self._inside}/replicasets",
                    slim=read_replica_set,
                    on_change=self._replica_set_changed,
                )
            )

    def _started(self, informer: Informer[Slim]) -> Informer[Slim]:
        self._tasks.append(asyncio.create_task(informer.run()))
        return informer

    def current(self, kind: WorkloadKind) -> bool:
        """Say whether all workloads of this kind, and their pods, are known as they are now."""
        return kind in self._kinds and all(informer.current for informer in self._behind(kind))

    def refused(self, kind: WorkloadKind) -> bool:
        """Say whether the API server does not let the operator see what this kind needs."""
        return any(informer.refused for informer in self._behind(kind))

    @property
    def settled(self) -> bool:
        """Whether each kind is either known or refused."""
        return all(self.current(kind) or self.refused(kind) for kind in self._kinds)

    def _behind(self, kind: WorkloadKind) -> tuple[Informer[Any], ...]:
        between = self._replica_sets if kind is WorkloadKind.DEPLOYMENT else None
        return _there(self._kinds.get(kind), between, self._pods)

    @property
    def last_traffic(self) -> float:
        return min(informer.last_traffic for informer in self._all())

    async def synced(self) -> None:
        for informer in self._all():
            await informer.synced.wait()

    def _all(self) -> tuple[Informer[Any], ...]:
        return _there(*self._kinds.values(), self._replica_sets, self._pods)

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def get(self, place: Place) -> WorkloadView | None:
        namespace, kind, name = place
        return self._kinds[kind].objects.get((namespace, name))

    def pods_of(self, workload: WorkloadView) -> tuple[PodView, ...]:
        owners: Iterable[str] = (workload.uid,)
        if workload.kind is WorkloadKind.DEPLOYMENT:
            owners = self._replica_sets_of.get(workload.uid, ())
        return tuple(pod for owner in owners for pod in self._pods_of.get(owner, {}).values())

    def replica_sets_of(self, workload: WorkloadView) -> frozenset[str]:
        return frozenset(self._replica_sets_of.get(workload.uid, {}).values())

    def _replica_set_changed(
        self, key: Key, old: ReplicaSet | None, new: ReplicaSet | None
    ) -> None:
        if old is not None and (
            new is None or (old.uid, old.deployment) != (new.uid, new.deployment)
        ):
            siblings = self._replica_sets_of[old.deployment]
            siblings.pop(old.uid, None)
            if not siblings:
                del self._replica_sets_of[old.deployment]
            self._live_replica_sets.discard(old.uid)
            self._forget_if_unused(old.uid)
            if old.deployment:
                self._on_change((key[0], WorkloadKind.DEPLOYMENT, old.deployment_name))
        if new is not None and new.deployment:
            place = (key[0], WorkloadKind.DEPLOYMENT, new.deployment_name)
            self._replica_sets_of[new.deployment][new.uid] = key[1]
            self._live_replica_sets.add(new.uid)
            self._deployment_of[new.uid] = place
            self._on_change(place)

    def _pod_changed(self, key: Key, old: OwnedPod | None, new: OwnedPod | None) -> None:
        self._node_changed(() if old is None else old.nodes, () if new is None else new.nodes)
        owners = {
            pod.owner: pod.stateful_set for pod in (old, new) if pod is not None and pod.owner
        }
        if old is not None and old.owner:
            self._pods_of[old.owner].pop(old.view.uid, None)
        if new is not None and new.owner:
            self._pods_of[new.owner][new.view.uid] = new.view
        for owner, stateful_set in owners.items():
            place = self._deployment_of.get(owner)
            if stateful_set:
                place = (key[0], WorkloadKind.STATEFUL_SET, stateful_set)
            if not self._pods_of[owner]:
                del self._pods_of[owner]
                self._forget_if_unused(owner)
            if place is not None:
                self._on_change(place)

    def _node_changed(self, old: tuple[str, ...], new: tuple[str, ...]) -> None:
        self.nodes.update(new)
        self.nodes.subtract(old)
        for address in old:
            if not self.nodes[address]:
                del self.nodes[address]

    def _forget_if_unused(self, replica_set: str) -> None:
        if replica_set not in self._live_replica_sets and replica_set not in self._pods_of:
            self._deployment_of.pop(replica_set, None)


def _there(*informers: Informer[Any] | None) -> tuple[Informer[Any], ...]:
    return tuple(informer for informer in informers if informer is not None)


class WorkloadCache:
    """Workloads of the namespaces that somebody holds. Must be made and used on a running loop.

    Once more than `max_namespaces` were held at the same time, one cluster-wide set of watches
    takes over for the rest of the process's life.
    """

    def __init__(
        self, client: KubeClient, on_change: OnChange, *, max_namespaces: int = MAX_NAMESPACES
    ) -> None:
        self._client = client
        self._tell = on_change
        self._max = max_namespaces
        self._holds: dict[str, int] = {}
        self._scopes: dict[str, _Scope] = {}
        self._wide: _Scope | None = None
        self._wide_ready = False
        self._background: set[asyncio.Task[None]] = set()

    def hold(self, namespace: str, kinds: frozenset[WorkloadKind] = _DEPLOYMENTS) -> None:
        """Ask for some kinds of workloads of a namespace; watches start with the first hold.

        The watch of a kind stays until the namespace's last hold is given back.
        """
        self._holds[namespace] = self._holds.get(namespace, 0) + 1
        if self._wide is None and len(self._holds) > self._max:
            self._wide = _Scope(self._client, None, self._changed)
            for narrow in self._scopes.values():
                self._wide.need(narrow.kinds)
            self._spawn(self._take_over(self._wide))
        if self._wide is None and namespace not in self._scopes:
            self._scopes[namespace] = _Scope(self._client, namespace, self._tell)
        for scope in (self._scopes.get(namespace), self._wide):
            if scope is not None:
                scope.need(kinds)

    def release(self, namespace: str) -> None:
        """Give one hold back; the watches end with the last one."""
        left = self._holds[namespace] - 1
        if left:
            self._holds[namespace] = left
            return
        del self._holds[namespace]
        scope = self._scopes.pop(namespace, None)
        if scope is not None:
            self._spawn(scope.stop())

    def view(self, namespace: str) -> "NamespaceView":
        """Give what one namespace's checks may see; usable before it is synced, and after."""
        return NamespaceView(self, namespace)

    async def synced(self, namespace: str) -> None:
        """Wait until a held namespace is known completely. Raise LookupError if nobody holds it."""
        scope = self._scope(namespace)
        if scope is None:
            raise LookupError("nobody holds this namespace")
        await scope.synced()

    async def settled(self, namespace: str) -> None:
        """Wait until each kind held in the namespace is known completely, or is refused."""
        scope = self._scope(namespace)
        while scope is not None and not scope.settled:  # noqa: ASYNC110 - several informers, each with two ways to end
            await asyncio.sleep(_SETTLING_SECONDS)

    @property
    def last_traffic(self) -> float | None:
        """The oldest `last_traffic` over all watches (monotonic seconds); None without a watch."""
        scopes = [*self._scopes.values(), *([self._wide] if self._wide else [])]
        return min((scope.last_traffic for scope in scopes), default=None)

    def nodes(self) -> frozenset[str]:
        """Give the addresses of all nodes that a pod is known to be on."""
        scopes = [*self._scopes.values(), *([self._wide] if self._wide else [])]
        return frozenset(address for scope in scopes for address in scope.nodes)

    async def close(self) -> None:
        """End all watches."""
        for task in list(self._background):
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
        scopes = [*self._scopes.values(), *([self._wide] if self._wide else [])]
        self._scopes.clear()
        self._wide = None
        self._wide_ready = False
        self._holds.clear()
        await asyncio.gather(*(scope.stop() for scope in scopes))

    def usable(self, namespace: str, kind: WorkloadKind) -> _Scope:
        """Give the watches that see such workloads. Raise SourceError while they see not all."""
        scope = self._scope(namespace) if namespace in self._holds else None
        if scope is not None and scope.current(kind):
            return scope
        if scope is not None and scope.refused(kind):
            stateful = kind is WorkloadKind.STATEFUL_SET
            needed = "StatefulSets" if stateful else "Deployments, ReplicaSets"
            raise self._client.unwatchable(f"{needed} and Pods")
        raise SourceError(
            UnknownReason.API_UNAVAILABLE,
            "the API server gives no complete view of this namespace's workloads at the moment;"
            " it is asked again every few seconds",
        )

    def _scope(self, namespace: str) -> _Scope | None:
        return self._scopes.get(namespace) or self._wide

    def _changed(self, place: Place) -> None:
        # Namespaces that still have watches of their own hear of it through those.
        if place[0] in self._holds and place[0] not in self._scopes:
            self._tell(place)

    async def _take_over(self, wide: _Scope) -> None:
        await wide.synced()
        narrow = list(self._scopes.values())
        self._scopes.clear()
        self._wide_ready = True
        await asyncio.gather(*(scope.stop() for scope in narrow))

    def _spawn(self, work: "Awaitable[None]") -> None:
        task = asyncio.ensure_future(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)


class NamespaceView:
    """One namespace of the cache: what its checks see, and nothing else."""

    def __init__(self, cache: WorkloadCache, namespace: str) -> None:
        self._cache = cache
        self._namespace = namespace

    def get(self, kind: WorkloadKind, name: str) -> WorkloadView | None:
        """Give a workload, or None where none exists. Raise SourceError while not synced."""
        scope = self._cache.usable(self._namespace, kind)
        return scope.get((self._namespace, kind, name))

    def pods(self, workload: WorkloadView) -> tuple[PodView, ...]:
        """Give the pods of a workload. Raise SourceError while not synced."""
        return self._cache.usable(self._namespace, workload.kind).pods_of(workload)

    def replica_sets(self, workload: WorkloadView) -> frozenset[str]:
        """Give the names of a Deployment's ReplicaSets. Raise SourceError while not synced."""
        return self._cache.usable(self._namespace, workload.kind).replica_sets_of(workload)
