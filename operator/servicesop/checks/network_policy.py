"""The check `networkPolicy`: the namespace's policies admit those who must reach certain pods."""

import asyncio
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Final, TypeVar

from servicesop.api.checks.check import Check
from servicesop.api.checks.network_policy import NetworkPolicy as Spec
from servicesop.api.reasons import UnknownReason
from servicesop.checks.network_policy_judgement import (
    Scene,
    judge_network_policy,
    namespaces_to_read,
)
from servicesop.checks.runner import CheckRunner, Surroundings
from servicesop.checks.targets import target_workload
from servicesop.judge.labels import Labels
from servicesop.judge.network_policies import Pod
from servicesop.judge.network_policy_objects import (
    MalformedObjectError,
    namespace_labels,
    network_policy,
    pod_of,
)
from servicesop.judge.policy_peers import having
from servicesop.judge.results import Sample
from servicesop.sources.errors import SourceError
from servicesop.sources.kubernetes.client import Json

_ENDED: Final = frozenset({"Succeeded", "Failed"})

Read = TypeVar("Read")


class NetworkPolicyCheck:
    """Reads policies and pods anew in each run. Keeps nothing in between."""

    reacts_to = None

    def __init__(self, spec: Spec, surroundings: Surroundings) -> None:
        self._spec = spec
        self._surroundings = surroundings
        self.turn = surroundings.objects.turns

    async def run(self, now: datetime) -> Sample:
        """Read and judge. Raise SourceError when the objects cannot be read."""
        spec, home = self._spec, self._surroundings.namespace
        is_reached = self._is_reached()
        objects = self._surroundings.objects
        # Large policies take a moment, in which others must not wait.
        found = await objects.find("networking.k8s.io/v1", "NetworkPolicy", {})
        policies = await asyncio.to_thread(_read, network_policy, found)
        items = [item for item in await objects.find("v1", "Pod", {}) if _lives(item)]
        known = {
            name: namespace_labels(name, await self._surroundings.namespace_labels(name))
            for name in namespaces_to_read(spec, policies, home)
        }

        def labels_of(name: str) -> Labels:
            return known.get(name) or namespace_labels(name)

        pods = _read(lambda item: pod_of(item, home, labels_of(home)), items)
        scene = Scene(home, policies, pods, [pod for pod in pods if is_reached(pod)], labels_of)
        return await asyncio.to_thread(judge_network_policy, spec, scene)

    def _is_reached(self) -> Callable[[Pod], bool]:
        if self._spec.to.pod_labels is not None:
            wanted = having(self._spec.to.pod_labels)
            return lambda pod: wanted.matches(pod.labels) is True
        workload = target_workload(self._surroundings, self._spec.to.target)
        names = {pod.name for pod in self._surroundings.workloads.pods(workload)}
        return lambda pod: pod.name in names


def network_policy_check(check: Check, surroundings: Surroundings) -> CheckRunner:
    """Build the runner of a `networkPolicy` check."""
    assert check.network_policy is not None
    return NetworkPolicyCheck(check.network_policy, surroundings)


def _lives(item: Json) -> bool:
    if "deletionTimestamp" in item["metadata"]:
        return False
    status = item.get("status")
    return not (isinstance(status, dict) and status.get("phase") in _ENDED)


def _read(reader: Callable[[Json], Read], items: Iterable[Json]) -> tuple[Read, ...]:
    try:
        return tuple(reader(item) for item in items)
    except MalformedObjectError:
        raise SourceError(
            UnknownReason.BAD_ANSWER,
            "a NetworkPolicy or Pod has a form that the operator does not know; a newer version of"
            " it may",
        ) from None
