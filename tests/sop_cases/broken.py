"""A change to the complete SOP that must be refused, and the words of the refusal."""

import copy
from dataclasses import dataclass
from typing import Any

from sop_cases.complete import complete

ABSENT = object()
"""As a new value: the field is taken away."""


@dataclass(frozen=True)
class Broken:
    """One change to the complete SOP that must be refused."""

    changes: dict[str, Any]
    """New values by path in the spec, `checks.0.name`."""
    says: str
    """What kubectl prints after `is invalid: `."""
    by_models: bool = True
    """Whether the models refuse it in the same words; they do not look at what names refer to."""

    def sop(self) -> dict[str, Any]:
        sop = complete()
        for path, value in self.changes.items():
            _put(sop["spec"], path.split("."), value)
        return sop


def changed(spec: dict[str, Any], fields: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in (spec | fields).items() if value is not ABSENT}


def _put(node: Any, path: list[str], value: Any) -> None:
    key: Any = int(path[0]) if isinstance(node, list) else path[0]
    if path[1:]:
        _put(node[key], path[1:], value)
    elif value is ABSENT:
        del node[key]
    elif isinstance(node, list) and key == len(node):
        node.append(copy.deepcopy(value))
    else:
        node[key] = copy.deepcopy(value)
