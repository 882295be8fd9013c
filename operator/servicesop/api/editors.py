"""The JSON schema by which editors check and complete an SOP while it is written.

It is the schema of the CRD in the words of JSON Schema. What only CEL can say is left to the API
server and to `servicesop lint`, but for patterns of a single value: editors know those too.
"""

import re
from collections.abc import Mapping
from typing import Any

from servicesop.api.base import API_VERSION, KIND
from servicesop.api.crd import DESCRIPTION, marked_spec

_Schema = dict[str, Any]

_MATCHES = re.compile(r"self\.matches\(r?(['\"])(\^.*\$)\1\)")
_NAMES = {"type": "object", "additionalProperties": {"type": "string"}}


def editor_schema() -> _Schema:
    """Give the schema of a whole SOP; the status, which nobody writes, is left out."""
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": KIND,
        "description": DESCRIPTION,
        "type": "object",
        "required": ["apiVersion", "kind", "metadata", "spec"],
        "additionalProperties": False,
        "properties": {
            "apiVersion": {"const": API_VERSION},
            "kind": {"const": KIND},
            "metadata": {
                "type": "object",
                "required": ["name"],
                "properties": {
                    "name": {"type": "string"},
                    "namespace": {"type": "string"},
                    "labels": _NAMES,
                    "annotations": _NAMES,
                },
            },
            "spec": _plain(marked_spec()),
        },
    }


def _plain(node: Mapping[str, Any]) -> _Schema:
    """Say the same without what only Kubernetes knows."""
    plain = {key: value for key, value in node.items() if not key.startswith("x-")}
    if plain.pop("nullable", False):
        plain["type"] = [plain["type"], "null"]
    if "properties" in plain:
        plain["properties"] = {name: _plain(one) for name, one in plain["properties"].items()}
        plain["additionalProperties"] = False
    if "items" in plain:
        plain["items"] = _plain(plain["items"])
    for rule in node.get("x-kubernetes-validations", ()):
        if matches := _MATCHES.fullmatch(rule["rule"]):
            # The second is what the language server for YAML shows.
            plain |= {"pattern": matches[2], "patternErrorMessage": rule["message"]}
            break
    return plain
