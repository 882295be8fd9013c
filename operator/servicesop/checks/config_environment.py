"""The environment of a container, as the kubelet makes it."""

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator
from enum import Enum
from typing import Final

from servicesop.api.checks.config import DataKind
from servicesop.checks.config_objects import DataRef, Known
from servicesop.checks.config_text import Absent, Outcome, Text, Unseen, expand, references
from servicesop.sources.kubernetes.client import Json

_OF_SERVICE: Final = re.compile(
    r"[A-Z0-9_.]+_(SERVICE_(HOST|PORT(_[A-Z0-9_]+)?)|PORT(_[A-Z0-9_]+)?)"
)
"""Names of the variables that the kubelet makes from Services."""
MAX_TEXTS: Final = 4 * 1024 * 1024
"""All variables together; no process is given half of that."""
_KINDS: Final = {"configMap": DataKind.CONFIG_MAP, "secret": DataKind.SECRET}


class _Left(Enum):
    """An optional reference leads nowhere: the variable is left as it was."""

    OUT = "left out"


class Environment:
    """One container's variables.

    Only what is asked for is resolved, so that only objects are read that have a part in it. Raises
    Needed for the next one of these. While something is to be compared (`comparing`), variables
    that come from a Secret are not resolved at all: it would be for nothing.
    """

    def __init__(
        self, container: Json, known: Known, *, service_links: bool, comparing: bool
    ) -> None:
        self._env: list[Json] = container.get("env") or []
        self._sources: list[Json] = container.get("envFrom") or []
        self._known = known
        self._service_links = service_links
        self._comparing = comparing
        self._places: dict[str, list[int]] = defaultdict(list)
        for index, entry in enumerate(self._env):
            self._places[entry["name"]].append(index)
        self._resolved: dict[int, Outcome | _Left] = {}
        self._size = 0

    def look(self, name: str) -> Outcome | None:
        """Give what a variable is in the end; None where nothing sets it."""
        return self._at(name, len(self._env))

    def _at(self, name: str, before: int) -> Outcome | None:
        """Give what a variable is when the entry at a place is made."""
        for index in self._above(name, before):
            self._resolve(index)
            found = self._resolved[index]
            if not isinstance(found, _Left):
                return found
        return self._from_sources(name) or self._from_services(name)

    def _above(self, name: str, before: int) -> Iterator[int]:
        places = self._places.get(name, [])
        for place in reversed(range(bisect_left(places, before))):
            yield places[place]

    def _resolve(self, last: int) -> None:
        """Resolve an entry after all that it refers to, which stand above it."""
        if last in self._resolved:
            return
        needed, open_ = {last}, [last]
        while open_:
            place = open_.pop()
            for name in references(self._env[place].get("value") or ""):
                for index in self._above(name, place):
                    if index not in needed:
                        needed.add(index)
                        open_.append(index)
                    if not _optional(self._env[index]):
                        break
        for index in sorted(needed - self._resolved.keys()):
            self._resolved[index] = self._bounded(self._entry(index))

    def _bounded(self, found: Outcome | _Left) -> Outcome | _Left:
        """References to references grow fast."""
        if isinstance(found, Text):
            self._size += len(found.known)
            if self._size > MAX_TEXTS:
                return Text(unseen="more than a process can be given", secret=found.secret)
        return found

    def _entry(self, index: int) -> Outcome | _Left:
        entry = self._env[index]
        if entry.get("value"):
            return expand(entry["value"], lambda name: self._at(name, index))
        source = entry.get("valueFrom")
        if not source:
            return Text()
        for field, kind in _KINDS.items():
            if f"{field}KeyRef" in source:
                return self._of_key(kind, source[f"{field}KeyRef"])
        if "fileKeyRef" in source:
            return Unseen("it comes from a file")
        return Text(unseen="a field of the pod")

    def _of_key(self, kind: DataKind, wanted: Json) -> Text | Absent | _Left:
        ref = DataRef(kind, wanted.get("name", ""))
        if self._comparing and kind is DataKind.SECRET:
            return Text(unseen=str(ref), secret=True)
        data = self._known[ref]
        key = wanted["key"]
        if data is not None and key in data.texts:
            return data.texts[key]
        if wanted.get("optional"):
            return _Left.OUT
        if data is None:
            return Absent(f"{ref} does not exist")
        where = "only in its binaryData" if key in data.binary else "not in it"
        return Absent(f"{ref} is there, and the key {key} is {where}")

    def _from_sources(self, name: str) -> Outcome | None:
        for source in reversed(self._sources):
            prefix = source.get("prefix") or ""
            if not name.startswith(prefix) or name == prefix:
                continue
            for field, kind in _KINDS.items():
                if f"{field}Ref" not in source:
                    continue
                wanted = source[f"{field}Ref"]
                ref = DataRef(kind, wanted.get("name", ""))
                data = self._known[ref]
                if data is not None:
                    found = data.texts.get(name.removeprefix(prefix))
                    if found is not None:
                        return found
                elif not wanted.get("optional"):
                    return Absent(f"{ref} does not exist")
        return None

    def _from_services(self, name: str) -> Unseen | None:
        of_service = _OF_SERVICE.fullmatch(name) is not None
        if of_service and (self._service_links or name.startswith("KUBERNETES_")):
            return Unseen("a Service may set it")
        return None


def _optional(entry: Json) -> bool:
    source = entry.get("valueFrom") or {}
    return any((source.get(f"{field}KeyRef") or {}).get("optional") for field in _KINDS)
