"""An API server in memory: as much of one as the engine and the sources ask for.

Objects stand under their paths. There is one namespace, everything is allowed in it, and nothing
happens by itself: what controllers would do is told to `on_patch` and `on_evict`.
"""

import copy
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, cast

import aiohttp

from servicesop.simulate.times import moves, written
from servicesop.sources.kubernetes.client import KubeClient
from servicesop.sources.kubernetes.requests import Requests
from servicesop.sources.kubernetes.transport import ApiError, Json, Query, Request, Transport

OnChange = Callable[[str, Json], None]
"""Called with the path of an object and what it is now."""


class ApiServer:
    """Keeps objects, and answers requests."""

    def __init__(self, now: Callable[[], datetime], on_patch: OnChange, on_evict: OnChange) -> None:
        """`on_patch` is told of each JSON patch, `on_evict` of each eviction before it is done."""
        self._now = now
        self.objects: dict[str, Json] = {}
        """By path; times in them may still be such as move on with the clock. None is changed in
        place: another state of it is another object."""
        self._below: defaultdict[str, dict[str, Json]] = defaultdict(dict)
        """The same by what they stand below, for lists."""
        self._fixed: dict[str, tuple[Json, Json]] = {}
        """Objects without such times, by path, each with how it is served."""
        self.discovery: dict[str, Json] = {}
        """Which kinds there are, by path."""
        self._on_patch = on_patch
        self._on_evict = on_evict
        self._version = 0
        self.changes = 0
        """How often an object was kept or forgotten."""

    def put(self, path: str, body: Json) -> Json:
        """Keep an object under a path, with a new resourceVersion."""
        self._version += 1
        self.changes += 1
        metadata = {**body.get("metadata", {}), "resourceVersion": str(self._version)}
        item = {**body, "metadata": metadata}
        self.objects[path] = self._below[_parent(path)][path] = item
        return item

    def remove(self, path: str) -> None:
        """Forget an object, if there is one."""
        self.changes += 1
        self.objects.pop(path, None)
        self._below[_parent(path)].pop(path, None)

    def listed(self, path: str, labels: str = "") -> list[Json]:
        """Give the objects right below a path that carry these labels (`a=b,c=d`)."""
        wanted = [one.split("=", 1) for one in labels.split(",") if one]
        return [
            item
            for item in self._below[path].values()
            if all(
                (item["metadata"].get("labels") or {}).get(key) == value for key, value in wanted
            )
        ]

    def answer(self, method: str, path: str, query: Query, body: Any, form: str) -> Json:
        """Answer a request. Raise ApiError."""
        match method:
            case "GET":
                return self._get(path, query)
            case "POST":
                return self._post(path, body)
            case "PUT":
                return self._put(path, body)
            case "DELETE":
                self._existing(path)
                self.remove(path)
                return {}
        return self._patch(path, body, form)

    def _existing(self, path: str) -> Json:
        if path not in self.objects:
            raise ApiError(404, "NotFound")
        return self.objects[path]

    def _get(self, path: str, query: Query) -> Json:
        if path in self.objects:
            return self._served(path, self.objects[path])
        if path in self.discovery:
            return self.discovery[path]
        # A list's path ends with a resource, an object's with its name behind that.
        parts = path.split("/namespaces/")[-1].split("/")
        if "/namespaces/" in path and len(parts) == 2:
            items = self.listed(path, query.get("labelSelector", ""))
            metadata = {"resourceVersion": str(self._version)}
            return {"metadata": metadata, "items": written(items, self._now())}
        raise ApiError(404, "NotFound")

    def _served(self, path: str, item: Json) -> Json:
        known, served = self._fixed.get(path, (None, {}))
        if known is item:
            return served
        served = dict(written(item, self._now()))
        if not moves(item):
            self._fixed[path] = item, served
        return served

    def _post(self, path: str, body: Json) -> Json:
        if path.endswith("/selfsubjectaccessreviews"):
            return {"status": {"allowed": True}}
        if path.endswith("/eviction"):
            pod = path.removesuffix("/eviction")
            self._on_evict(pod, self._existing(pod))
            return {}
        at = f"{path}/{body['metadata']['name']}"
        if at in self.objects:
            raise ApiError(409, "AlreadyExists")
        return self.put(at, body)

    def _put(self, path: str, body: Json) -> Json:
        known = self._existing(path)["metadata"]["resourceVersion"]
        if body["metadata"].get("resourceVersion", known) != known:
            raise ApiError(409, "Conflict")
        return self.put(path, body)

    def _patch(self, path: str, body: Any, form: str) -> Json:
        if path.endswith("/status"):
            path = path.removesuffix("/status")
            known = self._existing(path)
            if body["metadata"]["resourceVersion"] != known["metadata"]["resourceVersion"]:
                raise ApiError(409, "Conflict")
            return self.put(path, {**known, "status": body["status"]})
        if form != "application/json-patch+json":
            raise ApiError(415, "UnsupportedMediaType")
        known = self._existing(path)
        patched = copy.deepcopy(known)
        for operation in body:
            _operate(patched, operation)
        if patched.get("spec") != known.get("spec"):
            metadata = patched["metadata"]
            metadata["generation"] = metadata.get("generation", 0) + 1
        patched = self.put(path, patched)
        self._on_patch(path, patched)
        return self.objects[path]


def _parent(path: str) -> str:
    return path.rpartition("/")[0]


def _operate(item: Json, operation: Json) -> None:
    """Do one operation of a JSON patch: `test`, `add` or `replace` of a key of a map."""
    *way, last = (
        part.replace("~1", "/").replace("~0", "~") for part in operation["path"].split("/")[1:]
    )
    place: Any = item
    for part in way:
        place = place.get(part) if isinstance(place, dict) else None
    if not isinstance(place, dict):
        raise ApiError(422, "Invalid")
    if operation["op"] == "test":
        if place.get(last) != operation["value"]:
            raise ApiError(422, "Invalid")
    else:
        place[last] = operation["value"]


class _Content:
    def __init__(self, body: bytes) -> None:
        self._body = body

    async def iter_any(self) -> AsyncIterator[bytes]:
        yield self._body


class _Response:
    """What the client reads of an answer."""

    status = 200

    def __init__(self, answer: Json) -> None:
        self.content = _Content(json.dumps(answer).encode())


class MemoryTransport(Transport):
    """Carries requests to an API server in memory."""

    def __init__(self, server: ApiServer) -> None:
        # Without the pools of the real one: nothing is connected.
        self._server = server
        self.calls = self.logs = self.watches = cast("aiohttp.ClientSession", None)

    async def close(self) -> None:
        """There is nothing to close."""

    @asynccontextmanager
    async def open(
        self, session: aiohttp.ClientSession, request: Request
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Answer the request."""
        sent = None if request.body is None else json.loads(request.body)
        form = request.headers.get("Content-Type", "")
        answer = self._server.answer(request.method, request.path, request.query or {}, sent, form)
        yield cast("aiohttp.ClientResponse", _Response(answer))


class MemoryClient(KubeClient):
    """The operator's account at an API server in memory."""

    def __init__(self, server: ApiServer) -> None:
        Requests.__init__(self, MemoryTransport(server), {})
