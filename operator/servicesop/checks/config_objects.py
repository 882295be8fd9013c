"""What ConfigMaps and Secrets hold, and since when."""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from servicesop.api.checks.config import DataKind
from servicesop.api.reasons import UnknownReason
from servicesop.checks.config_text import Text, newest
from servicesop.sources.errors import SourceError
from servicesop.sources.kubernetes.client import Json


@dataclass(frozen=True, slots=True)
class DataRef:
    """A ConfigMap or Secret of the SOP's namespace."""

    kind: DataKind
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


@dataclass(frozen=True, slots=True)
class Data:
    """What an object holds, by key."""

    texts: Mapping[str, Text] = field(repr=False)
    """What a variable can take."""
    binary: Mapping[str, Text] = field(repr=False)
    """What none can: `binaryData` of a ConfigMap."""


class Needed(Exception):  # noqa: N818 - no error: somebody is asked to read it
    """An object that has not been read yet decides."""

    def __init__(self, ref: DataRef) -> None:
        super().__init__(str(ref))
        self.ref = ref


class Known:
    """The objects that have been read so far."""

    def __init__(self) -> None:
        self._read: dict[DataRef, Data | SourceError | None] = {}

    def __len__(self) -> int:
        return len(self._read)

    def __getitem__(self, ref: DataRef) -> Data | None:
        """Give an object; None where it does not exist.

        Raise Needed where it was not read yet, SourceError where it cannot be.
        """
        if ref not in self._read:
            raise Needed(ref)
        found = self._read[ref]
        if isinstance(found, SourceError):
            raise found
        return found

    def put(self, ref: DataRef, found: Json | None) -> None:
        """Take what the API server gave; None where there is no such object."""
        try:
            self._read[ref] = None if found is None else data_of(ref, found)
        except SourceError as unusable:
            self._read[ref] = unusable

    def refuse(self, ref: DataRef, unable: SourceError) -> None:
        """Take note that an object cannot be read."""
        self._read[ref] = unable


def data_of(ref: DataRef, found: Json) -> Data:
    """Read an object as the API server gives it. Raise SourceError for one in another form."""
    secret = ref.kind is DataKind.SECRET
    changes = _changes(found["metadata"])
    created = _time(found["metadata"].get("creationTimestamp"))

    def texts(values: Mapping[str, bytes]) -> dict[str, Text]:
        return {
            key: Text(
                value,
                secret=secret,
                head=b"" if secret else value,
                origins=(f"{ref}, key {key}",),
                changed=newest((created, changes.get(key))),
            )
            for key, value in values.items()
        }

    try:
        data = {str(key): value for key, value in (found.get("data") or {}).items()}
        binary = _decoded(found.get("binaryData") or {})
        values = _decoded(data) if secret else {key: text.encode() for key, text in data.items()}
    except (AttributeError, TypeError, ValueError):
        raise SourceError(UnknownReason.BAD_ANSWER, f"{ref} is not in the expected form") from None
    return Data(texts(values), texts(binary))


def _decoded(values: Mapping[str, Any]) -> dict[str, bytes]:
    try:
        return {str(key): base64.b64decode(text, validate=True) for key, text in values.items()}
    except binascii.Error:
        raise ValueError from None


def _changes(metadata: Json) -> dict[str, datetime]:
    """Give when each key was set last, at the latest: by whom it was set is noted with the time.

    That somebody changed only labels or annotations does not count, unless he also set the key.
    """
    found: dict[str, datetime] = {}
    for entry in metadata.get("managedFields") or ():
        moment, fields = _time(entry.get("time")), entry.get("fieldsV1") or {}
        for part in ("f:data", "f:binaryData"):
            for name in fields.get(part) or ():
                key = name.removeprefix("f:")
                if moment is not None:
                    found[key] = max(moment, found.get(key, moment))
    return found


def _time(text: Any) -> datetime | None:
    return datetime.fromisoformat(text) if isinstance(text, str) else None
