"""The API server's audit log: what every user really asked for, and what was answered."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

_MUTATING_VERBS = frozenset({"create", "update", "patch", "delete", "deletecollection"})
# These are questions in the form of a create: the server answers and stores nothing.
_REVIEW_GROUPS = frozenset({"authorization.k8s.io", "authentication.k8s.io"})
_POLL_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """One line of the log. Names are empty where the request has none."""

    user: str
    impersonated_user: str
    verb: str
    group: str
    resource: str
    subresource: str
    namespace: str
    name: str
    code: int
    uri: str
    user_agent: str
    stage: str
    at: datetime
    audit_id: str
    request_object: dict[str, Any] | list[Any] | None
    """The body; a list for a JSON patch."""
    response_object: dict[str, Any] | None

    @property
    def dry_run(self) -> bool:
        """Whether the request asked to store nothing (in its query or in its delete options)."""
        body = self.request_object if isinstance(self.request_object, dict) else {}
        options = body.get("deleteOptions") or {}
        return "dryRun=" in self.uri or bool(body.get("dryRun") or options.get("dryRun"))

    @property
    def mutates(self) -> bool:
        """Whether it is the end of a request that changes something, or would have."""
        return (
            self.verb in _MUTATING_VERBS
            and self.stage != "ResponseStarted"
            and self.group not in _REVIEW_GROUPS
        )

    def by(self, user: str) -> bool:
        """Whether the user did this, directly or as the one impersonated."""
        return user in (self.user, self.impersonated_user)


class AuditLog:
    """Reader of the audit log.

    Each request has a record of stage ResponseComplete; watches and followed logs have one of
    stage ResponseStarted too, at their beginning. Mutating requests carry their bodies. The record
    of a request is written when the server has finished with it, which can be a moment after the
    client has its answer: `wait_for` is for reading right after a request.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def mark(self) -> int:
        """Return the position of the log's end, for `since`."""
        return self._path.stat().st_size if self._path.exists() else 0

    def since(self, mark: int = 0) -> list[AuditRecord]:
        """Return the records after a mark, in the order in which the requests were finished."""
        return self.read(mark)[0]

    def mutations(
        self, by: str | None = None, since: int = 0, *, dry_run: bool = False
    ) -> list[AuditRecord]:
        """Return the finished mutating requests, refused ones included (see `code`).

        `by`: of this user only, directly or impersonated. Dry runs are left out unless `dry_run`;
        access and token reviews always are, because they store nothing.
        """
        return [
            record
            for record in self.since(since)
            if record.mutates and (by is None or record.by(by)) and (dry_run or not record.dry_run)
        ]

    def wait_for(
        self, wanted: Callable[[AuditRecord], bool], since: int = 0, *, seconds: float = 5.0
    ) -> AuditRecord:
        """Return the first record that is wanted; raises TimeoutError after `seconds`."""
        deadline = time.monotonic() + seconds
        position = since
        while True:
            records, position = self.read(position)
            for record in records:
                if wanted(record):
                    return record
            if time.monotonic() > deadline:
                raise TimeoutError(f"no such record in the audit log within {seconds:g} s")
            time.sleep(_POLL_SECONDS)

    def read(self, position: int) -> tuple[list[AuditRecord], int]:
        """Return the records from a position on, and the position after the last of them."""
        if not self._path.exists():
            return [], position
        with self._path.open("rb") as file:
            file.seek(position)
            text = file.read()
        # What follows the last newline is still being written.
        complete = text[: text.rfind(b"\n") + 1]
        records = [_record(json.loads(line)) for line in complete.split(b"\n") if line]
        return records, position + len(complete)


def _record(event: dict[str, Any]) -> AuditRecord:
    reference = event.get("objectRef") or {}
    return AuditRecord(
        user=event["user"].get("username", ""),
        impersonated_user=(event.get("impersonatedUser") or {}).get("username", ""),
        verb=event["verb"],
        group=reference.get("apiGroup", ""),
        resource=reference.get("resource", ""),
        subresource=reference.get("subresource", ""),
        namespace=reference.get("namespace", ""),
        name=reference.get("name", ""),
        code=(event.get("responseStatus") or {}).get("code", 0),
        uri=event["requestURI"],
        user_agent=event.get("userAgent", ""),
        stage=event["stage"],
        at=datetime.fromisoformat(event["stageTimestamp"]),
        audit_id=event["auditID"],
        request_object=event.get("requestObject"),
        response_object=event.get("responseObject"),
    )
