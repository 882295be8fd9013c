"""Reads the administrator's file of endpoints, and says at the start what is wrong with it."""

from pathlib import Path

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from servicesop.api.faults import plainly
from servicesop.sources.prometheus.endpoints import Endpoint, EndpointsFile

_MAX_BYTES = 1024 * 1024


class EndpointsError(Exception):
    """The file cannot be used; its message names each field that is wrong."""


def read_endpoints(path: Path) -> tuple[Endpoint, ...]:
    """Read the file. Raise EndpointsError."""
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
    except OSError as unable:
        raise EndpointsError(f"{path} cannot be read: {unable.strerror}") from None
    if len(content) > _MAX_BYTES:
        raise EndpointsError(f"{path} is larger than {_MAX_BYTES // 1024 // 1024} MiB")
    try:
        read = EndpointsFile.model_validate(yaml.safe_load(content))
    except ValidationError as invalid:
        faults = "\n".join(f"{path}: {_fault(detail)}" for detail in invalid.errors())
        raise EndpointsError(faults) from None
    except yaml.MarkedYAMLError as wrong:
        mark = wrong.problem_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise EndpointsError(f"{path} is no valid YAML: {where}{wrong.problem}") from None
    except (yaml.YAMLError, ValueError, RecursionError):
        raise EndpointsError(f"{path} is no valid YAML") from None
    return read.endpoints


def _fault(detail: ErrorDetails) -> str:
    """Say what is wrong and where; never what is there: a URL may hold a password by mistake."""
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in detail["loc"])
    where = path.removeprefix(".") or "the file"
    match detail["type"]:
        case "extra_forbidden":
            return f"unknown field {where}"
        case "missing":
            return f"{where}: a value is required"
        case _:
            return f"{where}: {plainly(detail)}"
