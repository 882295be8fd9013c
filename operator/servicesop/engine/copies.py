"""What a copy of an SOP tells, as the API server gives it."""

import logging

from pydantic import ValidationError

from servicesop.api.status import Status
from servicesop.engine.sop import Sop
from servicesop.sources.kubernetes.client import Json

_log = logging.getLogger(__name__)


def newer(candidate: str, known: str) -> bool:
    """Compare resourceVersions; since Kubernetes 1.35 they are comparable as numbers."""
    try:
        return int(candidate) > int(known or "0")
    except ValueError:
        return candidate != known


def remembered(body: Json, sop: Sop) -> Status:
    """Read the memory back from a status; another SOP's or an unreadable one does not count."""
    try:
        status = Status.model_validate(body.get("status") or {})
    except ValidationError:
        _log.error(
            "%s/%s: its status cannot be read; the memory starts afresh", sop.namespace, sop.name
        )
        return Status()
    return status if status.uid in (None, sop.uid) else Status()


def where(invalid: ValidationError) -> str:
    """Say which field is wrong and what is allowed, without repeating the value."""
    first = invalid.errors(include_input=False, include_url=False, include_context=False)[0]
    path = ".".join(str(part) for part in ("spec", *first["loc"]))
    return f"{path}: {first['msg'].removeprefix('Value error, ')}"
