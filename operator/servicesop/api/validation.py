"""What is wrong with an SOP that has not met an API server yet, in the words that it would use."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from servicesop.api.checks.check import NAMED_FINDINGS
from servicesop.api.crd import findings_by_type, marked_spec
from servicesop.api.dependencies import CHAIN_RULE
from servicesop.api.durations import format_duration
from servicesop.api.faults import faults_of, plainly
from servicesop.api.references import broken_references, double_names
from servicesop.api.sop import Spec

_RULES = "x-kubernetes-validations"
_Rules = Sequence[Mapping[str, str]]
_MAX_SHOWN = 64


class InvalidSpecError(Exception):
    """The spec is not one that the API server would take.

    Each of the `faults` says where, and what is allowed:
    `spec.checks[2].logs: Invalid value: min must not be greater than max`.
    """

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = tuple(faults)


def valid_spec(spec: object) -> Spec:
    """Read a spec. Raise InvalidSpecError with all that is wrong."""
    try:
        read = Spec.model_validate(spec)
    except ValidationError as invalid:
        schema = marked_spec()
        raise InvalidSpecError([_fault(detail, schema) for detail in faults_of(invalid)]) from None
    faults = list(_broken_names(read))
    if faults:
        raise InvalidSpecError(faults)
    return read


def _broken_names(spec: Spec) -> Iterator[str]:
    """Look at what only the whole spec can tell: names that are there twice, or lead nowhere."""
    schema = marked_spec()
    values = spec.model_dump(mode="json", by_alias=True, exclude_none=True)
    for field, message in double_names(schema, values):
        yield f"spec{field}: Invalid value: {message}"
    findings = {check.name: check.findings for check in spec.checks}
    broken = broken_references(schema, findings_by_type(), NAMED_FINDINGS, values, findings)
    for field, name, message in broken:
        yield f"spec{field}: Invalid value: {_shown(name)}{message}"


def _fault(detail: ErrorDetails, schema: Mapping[str, Any]) -> str:
    loc, given = detail["loc"], detail["input"]
    depth, rules = _known(loc, schema)
    if depth < len(loc) and detail["type"] not in ("extra_forbidden", "missing"):
        loc, given = loc[:depth], None
    path = "spec" + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc)
    match detail["type"]:
        case "extra_forbidden":
            return f"unknown field {path}; there are {', '.join(_fields(loc[:-1], schema))}"
        case "missing":
            return f"{path}: Required value"
        case "enum" | "literal_error":
            return f"{path}: Unsupported value: {_shown(given)}must be {detail['ctx']['expected']}"
        case "string_pattern_mismatch" if rules:
            message = rules[0]["message"]
        case "greater_than_equal" if rules:
            message = rules[-1]["message"]
        case "value_error":
            message = str(detail["ctx"]["error"])
            path += next(
                (
                    rule.get("fieldPath", "")
                    for rule in rules
                    if message.startswith(rule["message"])
                ),
                "",
            )
        case _:
            message = plainly(detail)
    return f"{path}: Invalid value: {_shown(given)}{message}"


def _known(path: Sequence[int | str], schema: Mapping[str, Any]) -> tuple[int, _Rules]:
    """Give how far the schema knows a path, which ends at a map, and the rules there."""
    if not path:
        return 0, (CHAIN_RULE.aswire(),)
    node = schema
    for depth, part in enumerate(path):
        inner = node.get("items") if isinstance(part, int) else node.get("properties", {}).get(part)
        if inner is None:
            return depth, node.get(_RULES, ())
        node = inner
    return len(path), node.get(_RULES, ())


def _fields(path: Sequence[int | str], schema: Mapping[str, Any]) -> list[str]:
    """Give the fields of the object at the path."""
    node = schema
    for part in path:
        node = node["items"] if isinstance(part, int) else node["properties"][part]
    return list(node.get("properties", ()))


def _shown(given: object) -> str:
    """Repeat a plain value, as the API server does."""
    if isinstance(given, timedelta):
        given = format_duration(given)
    if isinstance(given, (str, int, float)) and len(str(given)) <= _MAX_SHOWN:
        return f"{json.dumps(given, ensure_ascii=False)}: "
    return ""
