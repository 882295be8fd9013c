"""The world of one test: what its checks may ask, as it was given up to now."""

from collections.abc import Callable

from servicesop.api.sop import Spec
from servicesop.simulate.acts import Act, ActName
from servicesop.simulate.api_server import ApiServer
from servicesop.simulate.clock import SetClock
from servicesop.simulate.workloads import (
    AGE,
    Workloads,
    completed,
    pod,
    pod_path,
    replicas_of,
    rolled_out,
    workload,
    workload_path,
)
from servicesop.sources.kubernetes.client import RUNNER
from servicesop.sources.kubernetes.transport import Json
from servicesop.sources.kubernetes.workloads import Place


class World:
    """One namespace with the SOP's targets in it, and what became of them."""

    def __init__(
        self, spec: Spec, namespace: str, clock: SetClock, on_change: Callable[[Place], None]
    ) -> None:
        """`on_change` is told of workloads that change, or whose pods do."""
        self._on_change = on_change
        self._spec = spec
        self._clock = clock
        self.namespace = namespace
        self.server = ApiServer(self._patched, self._evicted)
        self.workloads = Workloads(self.server, namespace)
        self.acts: list[Act] = []
        account = f"/api/v1/namespaces/{namespace}/serviceaccounts/{RUNNER}"
        self.server.put(account, {"metadata": {"name": RUNNER, "namespace": namespace}})
        for target in spec.targets:
            self._make_up(target.name, target.ref.kind, target.ref.name)

    def _make_up(self, target: str, kind: str, name: str) -> None:
        start = self._clock.now()
        replicas = replicas_of(self._spec, target)
        made = workload(kind, name, self.namespace, replicas, start)
        self.server.put(workload_path(self.namespace, kind, name), completed(made, kind))
        containers = containers_of(self._spec, target)
        for number in range(replicas):
            one = pod(f"{name}-{number}", kind, name, self.namespace, containers, start - AGE)
            self.server.put(pod_path(self.namespace, one["metadata"]["name"]), one)

    def _patched(self, path: str, item: Json) -> None:
        """A workload was restarted: its rollout is over at once, all its pods are new ones."""
        target = next(
            one
            for one in self._spec.targets
            if workload_path(self.namespace, one.ref.kind, one.ref.name) == path
        )
        kind, name = target.ref.kind, target.ref.name
        self.acts.append(Act(self._clock.now(), ActName.RESTART, target.name))
        self.server.put(path, rolled_out(item, kind))
        for old in self.workloads.pods_of(kind, name):
            self._renew(old, kind, name)
        self._on_change((self.namespace, kind, name))

    def _evicted(self, path: str, item: Json) -> None:
        """A pod was evicted: a new one takes its place at once."""

    def _renew(self, old: Json, kind: str, workload: str) -> None:
        """Put a new pod of the same name in the place of an old one."""
        containers = tuple(one["name"] for one in old["spec"].get("containers") or ())
        name = old["metadata"]["name"]
        made = pod(name, kind, workload, self.namespace, containers, self._clock.now())
        made["metadata"]["labels"] = old["metadata"]["labels"]
        self.server.put(pod_path(self.namespace, name), made)


def containers_of(spec: Spec, target: str) -> tuple[str, ...]:
    """Give the containers of a target of which the test says nothing: those that checks name."""
    first = spec.targets[0].name
    named = [
        check.logs.container
        for check in spec.checks
        if check.logs is not None and (check.logs.target or first) == target
    ]
    return tuple(dict.fromkeys(one for one in named if one is not None)) or ("service",)
