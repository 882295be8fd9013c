"""Follows the pods: a replica for each one that runs, and an end with it."""

import asyncio
from pathlib import Path

import aiohttp

from standins.fleet_manager.faults import Faults
from standins.fleet_manager.front import Front
from standins.fleet_manager.kinds import KINDS
from standins.fleet_manager.pods import Pod, Pods
from standins.fleet_manager.replica import Replica, Timing, Trouble
from standins.fleet_manager.settings import Settings

_POLL_SECONDS = 0.2


class Follower:
    """Keeps one replica per running pod; without the API server the replicas go on as they are."""

    def __init__(self, pods: Pods, settings: Settings) -> None:
        self._pods = pods
        self._settings = settings
        self._timing = Timing(settings.lease, settings.election, settings.reconcile)
        self._faults = Path(settings.faults)
        self._kind = KINDS[settings.kind]
        self._present: frozenset[str] = frozenset()
        self._running: dict[str, tuple[Replica, asyncio.Task[None]]] = {}

    async def run(self) -> None:
        """Follow until cancelled; a defect in a replica ends everything, loudly."""
        front = Front(self._kind, self._settings, self._replicas, lambda: self._read().causes)
        async with front, asyncio.TaskGroup() as group:
            group.create_task(front.run())
            while True:
                try:
                    await self._follow(group)
                except (aiohttp.ClientError, TimeoutError) as error:
                    print(f"no answer about the pods: {error!r}", flush=True)
                await asyncio.sleep(_POLL_SECONDS)

    async def _follow(self, group: asyncio.TaskGroup) -> None:
        pods = await self._pods.list()
        self._present = frozenset(pod.uid for pod in pods)
        for uid in self._running.keys() - {pod.uid for pod in pods if pod.running}:
            replica, task = self._running.pop(uid)
            if uid in self._present:
                replica.terminate()
            task.cancel()
        for pod in pods:
            if pod.running and pod.uid not in self._running:
                await self._start(group, pod)

    async def _start(self, group: asyncio.TaskGroup, pod: Pod) -> None:
        log = await self._pods.open_log(pod)
        replica = Replica(
            self._kind,
            log,
            self._settings.database,
            self._timing,
            lambda: self._trouble(pod),
            self._settings.request_id,
        )
        self._running[pod.uid] = (replica, group.create_task(replica.run(), name=pod.name))

    def _replicas(self) -> list[Replica]:
        return [replica for replica, _ in self._running.values()]

    def _trouble(self, pod: Pod) -> Trouble:
        faults = self._read()
        return Trouble(faults.unled(self._present), faults.hanging(pod.uid), faults.causes)

    def _read(self) -> Faults:
        return Faults.read(self._faults)
