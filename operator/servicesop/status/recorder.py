"""Writes Events: one per transition, repeats counted in the same Event, never in anybody's way."""

import asyncio
import hashlib
import logging
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from servicesop.api.base import API_VERSION, KIND
from servicesop.sources.kubernetes.client import ApiError, ApiUnreachable, Json, KubeClient
from servicesop.status.events import Note

QUEUE = 1000
REMEMBERED = 4096
MAX_NOTE = 1024
_CONTROLLER = "servicesop.io/operator"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Regarding:
    """The SOP that an Event is about."""

    namespace: str
    name: str
    uid: str
    resource_version: str


class EventRecorder:
    """Queues Events and writes them one after the other. A full queue drops the new one."""

    def __init__(self, client: KubeClient, instance: str, now: Callable[[], datetime]) -> None:
        """`instance` names this process, as Events want it."""
        self._client = client
        self._instance = instance
        self._now = now
        self._queue: asyncio.Queue[tuple[Regarding, Note]] = asyncio.Queue(QUEUE)
        self._counts: OrderedDict[str, int] = OrderedDict()

    def record(self, about: Regarding, note: Note) -> None:
        """Queue an Event; never waits."""
        try:
            self._queue.put_nowait((about, note))
        except asyncio.QueueFull:
            _log.warning("too many Events at once; %s is not recorded", note.reason)

    async def run(self) -> None:
        """Write Events until cancelled."""
        while True:
            about, note = await self._queue.get()
            try:
                await self._write(about, note)
            except (ApiError, ApiUnreachable) as error:
                # Events are best effort by definition; the status holds the truth.
                _log.warning("Event %s was not written (%s)", note.reason, type(error).__name__)
            finally:
                self._queue.task_done()

    async def flush(self) -> None:
        """Wait until everything queued is written."""
        await self._queue.join()

    async def _write(self, about: Regarding, note: Note) -> None:
        key = "\n".join((about.uid, note.type, note.reason, note.action, note.text))
        name = f"{about.name}.{hashlib.sha256(key.encode()).hexdigest()[:16]}"
        path = f"/apis/events.k8s.io/v1/namespaces/{about.namespace}/events"
        count = self._counts.pop(name, 0) + 1
        self._counts[name] = count
        if len(self._counts) > REMEMBERED:
            self._counts.popitem(last=False)
        time = self._now().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        if count == 1:
            try:
                await self._client.create(path, self._event(about, note, name, time))
            except ApiError as error:
                if error.status != 409:
                    raise
                # Written by an earlier process: count on from there.
                count = 2
        if count > 1:
            await self._repeat(path, about, note, name, time, count)

    async def _repeat(
        self, path: str, about: Regarding, note: Note, name: str, time: str, count: int
    ) -> None:
        series = {"series": {"count": count, "lastObservedTime": time}}
        try:
            await self._client.merge_patch(f"{path}/{name}", series, "servicesop")
        except ApiError as error:
            if error.status != 404:
                raise
            await self._client.create(path, self._event(about, note, name, time))
            self._counts[name] = 1

    def _event(self, about: Regarding, note: Note, name: str, time: str) -> Json:
        return {
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": {"name": name, "namespace": about.namespace},
            "eventTime": time,
            "reportingController": _CONTROLLER,
            "reportingInstance": self._instance[:128],
            "type": note.type,
            "reason": note.reason[:128],
            "action": note.action[:128],
            "note": note.text[:MAX_NOTE],
            "regarding": {
                "apiVersion": API_VERSION,
                "kind": KIND,
                "namespace": about.namespace,
                "name": about.name,
                "uid": about.uid,
                "resourceVersion": about.resource_version,
            },
        }
