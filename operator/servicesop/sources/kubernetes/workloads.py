"""Deployments, their ReplicaSets and pods, kept current by watches and joined by owner."""

import asyncio
import hashlib
import json
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from servicesop.api.reasons import UnknownReason
from servicesop.judge.rollout import ContainerView, DeploymentView, PodView
from servicesop.sources.errors import SourceError
from servicesop.sources.kubernetes.client import Json, KubeClient
from servicesop.sources.kubernetes.informer import Informer, Key

ACTION_ANNOTATION: Final = "servicesop.io/action"
MAX_NAMESPACES = 50
"""With more namespaces than this, three cluster-wide watches are cheaper than three for each."""

# The reason is NewReplicaSetAvailable once all pods of the template have been available, and stays
# so when one of them is lost later.
_PROGRESSING: Final = frozenset({"NewReplicaSetCreated", "FoundNewReplicaSet", "ReplicaSetUpdated"})

OnChange = Callable[[str, str], None]
"""Called with the namespace and the name of a Deployment."""


@dataclass(frozen=True, slots=True)
class _ReplicaSet:
    uid: str
    deployment: str
    """The uid of the Deployment that controls it; empty if none does."""
    deployment_name: str


@dataclass(frozen=True, slots=True)
class _Pod:
    view: PodView
    owner: str
    """The uid of the ReplicaSet that controls it; empty if none does."""


class _Scope:
    """The three watches of one namespace, or of all, and the way from a pod to its Deployment."""

    def __init__(self, client: KubeClient, namespace: str | None, on_change: OnChange) -> None:
        self._on_change = on_change
        self._replica_sets_of: dict[str, set[str]] = defaultdict(set)
        self._pods_of: dict[str, dict[str, PodView]] = defaultdict(dict)
        # Outlives the ReplicaSet until its last pod is gone: the garbage collector deletes the
        # owner first, and the pods' own ends must still find their Deployment.
        self._deployment_of: dict[str, tuple[str, str]] = {}
        self._live_replica_sets: set[str] = set()
        inside = f"/namespaces/{namespace}" if namespace else ""
        self.deployments = Informer(
            client,
            f"/apis/apps/v1{inside}/deployments",
            slim=deployment_view,
            on_change=self._deployment_changed,
        )
        self.replica_sets = Informer(
            client,
            f"/apis/apps/v1{inside}/replicasets",
            slim=_replica_set,
            on_change=self._replica_set_changed,
        )
        self.pods = Informer(
            client,
            f"/api/v1{inside}/pods",
            slim=_pod,
            on_change=self._pod_changed,
        )
        self._tasks = [
            asyncio.create_task(informer.run())
            for informer in (self.deployments, self.replica_sets, self.pods)
        ]

    @property
    def current(self) -> bool:
        return self.deployments.current and self.replica_sets.current and self.pods.current

    @property
    def refused(self) -> bool:
        return self.deployments.refused or self.replica_sets.refused or self.pods.refused

    @property
    def last_traffic(self) -> float:
        return min(
            informer.last_traffic for informer in (self.deployments, self.replica_sets, self.pods)
        )

    async def synced(self) -> None:
        await self.deployments.synced.wait()
        await self.replica_sets.synced.wait()
        await self.pods.synced.wait()

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def pods_of(self, deployment: str) -> tuple[PodView, ...]:
        return tuple(
            pod
            for replica_set in self._replica_sets_of.get(deployment, ())
            for pod in self._pods_of.get(replica_set, {}).values()
        )

    def _deployment_changed(
        self, key: Key, _old: DeploymentView | None, _new: DeploymentView | None
    ) -> None:
        self._on_change(*key)

    def _replica_set_changed(
        self, key: Key, old: _ReplicaSet | None, new: _ReplicaSet | None
    ) -> None:
        if old is not None and (
            new is None or (old.uid, old.deployment) != (new.uid, new.deployment)
        ):
            siblings = self._replica_sets_of[old.deployment]
            siblings.discard(old.uid)
            if not siblings:
                del self._replica_sets_of[old.deployment]
            self._live_replica_sets.discard(old.uid)
            self._forget_if_unused(old.uid)
            if old.deployment:
                self._on_change(key[0], old.deployment_name)
        if new is not None and new.deployment:
            self._replica_sets_of[new.deployment].add(new.uid)
            self._live_replica_sets.add(new.uid)
            self._deployment_of[new.uid] = (key[0], new.deployment_name)
            self._on_change(key[0], new.deployment_name)

    def _pod_changed(self, _key: Key, old: _Pod | None, new: _Pod | None) -> None:
        owners = {pod.owner for pod in (old, new) if pod is not None and pod.owner}
        if old is not None and old.owner:
            self._pods_of[old.owner].pop(old.view.uid, None)
        if new is not None and new.owner:
            self._pods_of[new.owner][new.view.uid] = new.view
        for owner in owners:
            deployment = self._deployment_of.get(owner)
            if not self._pods_of[owner]:
                del self._pods_of[owner]
                self._forget_if_unused(owner)
            if deployment is not None:
                self._on_change(*deployment)

    def _forget_if_unused(self, replica_set: str) -> None:
        if replica_set not in self._live_replica_sets and replica_set not in self._pods_of:
            self._deployment_of.pop(replica_set, None)


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

    def hold(self, namespace: str) -> None:
        """Ask for a namespace; its watches start with the first hold."""
        self._holds[namespace] = self._holds.get(namespace, 0) + 1
        if self._holds[namespace] > 1 or self._wide_ready:
            return
        if self._wide is None and len(self._holds) > self._max:
            self._wide = _Scope(self._client, None, self._changed)
            self._spawn(self._take_over(self._wide))
        if self._wide is None:
            self._scopes[namespace] = _Scope(self._client, namespace, self._tell)

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

    @property
    def last_traffic(self) -> float | None:
        """The oldest `last_traffic` over all watches (monotonic seconds); None without a watch."""
        scopes = [*self._scopes.values(), *([self._wide] if self._wide else [])]
        return min((scope.last_traffic for scope in scopes), default=None)

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

    def usable(self, namespace: str) -> _Scope:
        """Give the watches that see the namespace. Raise SourceError while they see not all."""
        scope = self._scope(namespace) if namespace in self._holds else None
        if scope is not None and scope.current:
            return scope
        if scope is not None and scope.refused:
            raise SourceError(
                UnknownReason.API_UNAVAILABLE,
                "the operator's own account may not list and watch Deployments, ReplicaSets and"
                " Pods here; apply the ClusterRole and binding that the installation ships",
            )
        raise SourceError(
            UnknownReason.API_UNAVAILABLE,
            "the API server gives no complete view of this namespace's workloads at the moment;"
            " it is asked again every few seconds",
        )

    def _scope(self, namespace: str) -> _Scope | None:
        return self._scopes.get(namespace) or self._wide

    def _changed(self, namespace: str, deployment: str) -> None:
        # Namespaces that still have watches of their own hear of it through those.
        if namespace in self._holds and namespace not in self._scopes:
            self._tell(namespace, deployment)

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

    def deployment(self, name: str) -> DeploymentView | None:
        """Give a Deployment, or None where none exists. Raise SourceError while not synced."""
        scope = self._cache.usable(self._namespace)
        return scope.deployments.objects.get((self._namespace, name))

    def pods(self, deployment: DeploymentView) -> tuple[PodView, ...]:
        """Give the pods of the Deployment's ReplicaSets. Raise SourceError while not synced."""
        return self._cache.usable(self._namespace).pods_of(deployment.uid)


def deployment_view(item: Json) -> DeploymentView:
    """Read a Deployment as the API server gives it."""
    metadata, spec = item["metadata"], item["spec"]
    status = item.get("status") or {}
    template = spec["template"]
    replicas = spec.get("replicas", 1)
    strategy = spec.get("strategy") or {}
    recreate = strategy.get("type") == "Recreate"
    progress = next(
        (
            (condition.get("status", ""), condition.get("reason", ""))
            for condition in status.get("conditions") or ()
            if condition.get("type") == "Progressing"
        ),
        ("", ""),
    )
    return DeploymentView(
        name=metadata["name"],
        uid=metadata["uid"],
        generation=metadata.get("generation", 0),
        observed_generation=status.get("observedGeneration", 0),
        replicas=replicas,
        current=status.get("replicas", 0),
        updated=status.get("updatedReplicas", 0),
        ready=status.get("readyReplicas", 0),
        available=status.get("availableReplicas", 0),
        paused=bool(spec.get("paused")),
        deadline_exceeded=progress == ("False", "ProgressDeadlineExceeded"),
        recreate=recreate,
        max_unavailable=replicas if recreate else _max_unavailable(strategy, replicas),
        action=((template.get("metadata") or {}).get("annotations") or {}).get(
            ACTION_ANNOTATION, ""
        ),
        template_hash=hashlib.sha256(
            json.dumps(template, sort_keys=True, separators=(",", ":")).encode()
        ).hexdigest(),
        progressing=progress[0] == "True" and progress[1] in _PROGRESSING,
    )


def _max_unavailable(strategy: Json, replicas: int) -> int:
    rolling = strategy.get("rollingUpdate") or {}
    unavailable = _share(rolling.get("maxUnavailable", "25%"), replicas, up=False)
    surge = _share(rolling.get("maxSurge", "25%"), replicas, up=True)
    # The Deployment controller does the same, or such a rollout could never move.
    return 1 if not unavailable and not surge else unavailable


def _share(value: int | str, replicas: int, *, up: bool) -> int:
    if isinstance(value, int):
        return value
    percent = int(value.removesuffix("%")) * replicas
    return -(-percent // 100) if up else percent // 100


def _controller(metadata: Json, kind: str) -> Json:
    for owner in metadata.get("ownerReferences") or ():
        if owner.get("controller") and owner.get("kind") == kind:
            found: Json = owner
            return found
    return {}


def _replica_set(item: Json) -> _ReplicaSet:
    owner = _controller(item["metadata"], "Deployment")
    return _ReplicaSet(item["metadata"]["uid"], owner.get("uid", ""), owner.get("name", ""))


def _pod(item: Json) -> _Pod:
    metadata = item["metadata"]
    status = item.get("status") or {}
    view = PodView(
        name=metadata["name"],
        uid=metadata["uid"],
        template=(metadata.get("labels") or {}).get("pod-template-hash", ""),
        ready=any(
            condition.get("type") == "Ready" and condition.get("status") == "True"
            for condition in status.get("conditions") or ()
        ),
        deleting="deletionTimestamp" in metadata,
        containers=tuple(
            _container(container)
            for field in ("initContainerStatuses", "containerStatuses")
            for container in status.get(field) or ()
        ),
    )
    return _Pod(view, _controller(metadata, "ReplicaSet").get("uid", ""))


def _container(status: dict[str, Any]) -> ContainerView:
    state = status.get("state") or {}
    last = status.get("lastState") or {}
    started = next(
        (
            moment
            for moment in (
                (state.get("running") or {}).get("startedAt"),
                (state.get("terminated") or {}).get("startedAt"),
                # Between two starts, what can be read is still the last one's log.
                (last.get("terminated") or {}).get("startedAt"),
            )
            if moment
        ),
        None,
    )
    return ContainerView(
        name=status["name"],
        id=status.get("containerID", ""),
        restarts=status.get("restartCount", 0),
        ready=bool(status.get("ready")),
        waiting=(state.get("waiting") or {}).get("reason", ""),
        started=datetime.fromisoformat(started) if started else None,
    )
