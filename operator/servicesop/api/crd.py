"""The CustomResourceDefinition, made from the typed models: nothing in `crds/` is hand-written."""

from collections.abc import Iterator, Mapping
from typing import Any

import yaml
from pydantic import BaseModel

from servicesop.api.base import GROUP, INSTEAD, KIND, PLURAL, REFERENCES, VERSION
from servicesop.api.checks.check import CHECK_TYPES, NAMED_FINDINGS
from servicesop.api.dependencies import CHAIN_RULE
from servicesop.api.references import reference_rules, unique_names
from servicesop.api.sop import Spec
from servicesop.api.status import Status

Schema = dict[str, Any]

CRD_NAME = f"{PLURAL}.{GROUP}"
DESCRIPTION = (
    "A service's standard operating procedures: what is checked, what may be done, who helps."
)

_RULES = "x-kubernetes-validations"
_LIST_TYPE = "x-kubernetes-list-type"
_VALUES = "additionalProperties"
"""What the values of a map are."""
_MERGED_BY_NAME = ("targets", "connections", "teams", "links", "texts", "checks", "procedures")
_METADATA = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"


class SchemaError(Exception):
    """The models cannot be expressed as a bounded structural schema; the message says where."""


def crd() -> Schema:
    """Give the CRD. Raise SchemaError when a model lacks a bound."""
    version = {
        "name": VERSION,
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "additionalPrinterColumns": list(_columns()),
        "schema": {"openAPIV3Schema": _root_schema()},
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": CRD_NAME},
        "spec": {
            "group": GROUP,
            "names": {
                "kind": KIND,
                "listKind": f"{KIND}List",
                "plural": PLURAL,
                "singular": KIND.lower(),
                "shortNames": ["sop"],
                "categories": ["sops"],
            },
            "scope": "Namespaced",
            "versions": [version],
        },
    }


def crd_text() -> str:
    """Give the CRD as YAML."""
    return "# Generated from the models by `python -m servicesop.cli.generate_crd`.\n" + yaml.dump(
        crd(), Dumper=_PlainDumper, sort_keys=False, width=100, allow_unicode=True
    )


def kustomize_schema() -> Schema:
    """Give the OpenAPI document that tells kustomize how overlays merge into an SOP.

    Lists of named items merge by name: otherwise an overlay's list replaces the base's and drops
    checks silently. `handle` and `steps` stay atomic: their order is their meaning. kustomize uses
    such a document instead of its own, not beside it: an overlay with `openapi` that also patches
    Deployments would replace their containers, so SOPs belong in a kustomization of their own.
    """
    spec = _without_rules(_structural_schema(Spec))
    for name in _MERGED_BY_NAME:
        spec["properties"][name] |= {
            "x-kubernetes-patch-merge-key": "name",
            "x-kubernetes-patch-strategy": "merge",
        }
    return {
        "definitions": {
            f"{'.'.join(reversed(GROUP.split('.')))}.{VERSION}.{KIND}": {
                "type": "object",
                "properties": {
                    "apiVersion": {"type": "string"},
                    "kind": {"type": "string"},
                    "metadata": {"$ref": f"#/definitions/{_METADATA}"},
                    "spec": spec,
                },
                "x-kubernetes-group-version-kind": [
                    {"group": GROUP, "kind": KIND, "version": VERSION}
                ],
            },
            _METADATA: {
                "type": "object",
                "properties": {
                    "annotations": _MAP_OF_TEXT,
                    "labels": _MAP_OF_TEXT,
                    "name": {"type": "string"},
                    "namespace": {"type": "string"},
                },
            },
        }
    }


_MAP_OF_TEXT = {"type": "object", "additionalProperties": {"type": "string"}}


class _PlainDumper(yaml.SafeDumper):
    """YAML without anchors, which reviewers and some tools stumble over."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _columns() -> Iterator[Schema]:
    healthy = '.status.conditions[?(@.type=="Healthy")].status'
    ready = '.status.conditions[?(@.type=="Ready")].status'
    yield _column("Healthy", healthy)
    yield _column("Failing", ".status.failing")
    yield _column("Since", ".status.since", kind="date")
    yield _column("Doing", ".status.doing")
    yield _column("Team", ".status.team")
    yield _column("Checked", ".status.lastCheckedTime", kind="date")
    yield _column("Age", ".metadata.creationTimestamp", kind="date")
    yield _column("Ready", ready, priority=1)
    yield _column("Mode", ".spec.mode", priority=1)
    yield _column("Notify", ".spec.notify", priority=1)
    yield _column("Checks", ".status.checksSummary", priority=1)
    yield _column("Last action", ".status.lastAction", priority=1)
    yield _column("Message", ".status.message", priority=1)


def _column(name: str, path: str, kind: str = "string", priority: int = 0) -> Schema:
    return {"name": name, "type": kind, "jsonPath": path, "priority": priority}


def _root_schema() -> Schema:
    return {
        "type": "object",
        "description": DESCRIPTION,
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
            "spec": _spec_schema(),
            "status": _status_schema(),
        },
    }


def marked_spec() -> Schema:
    """Give the schema of the spec with the marks of its references, and without their rules."""
    return _structural_schema(Spec)


def findings_by_type() -> dict[str, tuple[str, ...]]:
    """Give what a check can find, by its type."""
    return {name: model.findings for name, model in CHECK_TYPES.items()}


def _spec_schema() -> Schema:
    spec = marked_spec()
    check_bounds(spec, "spec")
    references = reference_rules(spec, findings_by_type(), NAMED_FINDINGS)
    rules = [rule.aswire() for rule in (*references, CHAIN_RULE)]
    spec[_RULES] = spec.get(_RULES, []) + rules
    _add_unique_names(spec)
    return _without(_without(spec, REFERENCES), INSTEAD)


def _status_schema() -> Schema:
    # The operator is the only writer and writes through the models: rules would only cost the API
    # server time on every write.
    status = _without_rules(_structural_schema(Status))
    _drop_defaults(status)
    check_bounds(status, "status")
    conditions = status["properties"]["conditions"]
    conditions |= {_LIST_TYPE: "map", "x-kubernetes-list-map-keys": ["type"]}
    # Tools that wait for a status to follow the spec must not take an absent one for current.
    status["default"] = {"observedGeneration": -1}
    return status


def _structural_schema(model: type[BaseModel]) -> Schema:
    # Serialization mode gives defaults as they look in the resource: durations as text.
    document = model.model_json_schema(mode="serialization")
    return _structural(document, document.get("$defs", {}))


def _structural(source: Mapping[str, Any], definitions: Mapping[str, Any]) -> Schema:
    """Bring a JSON schema of pydantic into the form that the API server accepts."""
    node = dict(source)
    if "$ref" in node:
        # What stands beside the reference (description, default) is about this use and wins.
        node = definitions[node.pop("$ref").removeprefix("#/$defs/")] | node
    if "anyOf" in node:
        # None: optional, which is simply not being required. A field that would otherwise get its
        # default must be nullable, or nobody could say None.
        (some,) = [option for option in node.pop("anyOf") if option != {"type": "null"}]
        node = _structural(some, definitions) | node
        if node["default"] is not None:
            node["nullable"] = True
    if "const" in node:
        node["enum"] = [node.pop("const")]
    if "properties" in node:
        fields = {
            name: _structural(field, definitions) for name, field in node["properties"].items()
        }
        node["properties"] = fields
    if "items" in node:
        node["items"] = _structural(node["items"], definitions)
        node[_LIST_TYPE] = "atomic"
    if node.get(_VALUES) is False:
        del node[_VALUES]  # no unknown fields: the API server drops or refuses them by itself
    if node.get("default", ...) in (None, []):
        del node["default"]
    elif node.get("default") is not None and "properties" in node:
        # The server fills in the defaults of the parts when the object is present.
        node["default"] = {}
    return {key: node[key] for key in _ORDER if key in node} | {
        key: value for key, value in node.items() if key not in (*_ORDER, *_DROPPED)
    }


_ORDER = ("description", "type", "nullable", "default", "enum", "required", "properties")
_DROPPED = ("title", "$defs")


def check_bounds(schema: Mapping[str, Any], path: str) -> None:
    """Raise SchemaError, with the path, for a text, list or number that has no bounds.

    The API server takes what is not bounded for as large as a request can be, and refuses rules
    over it; and what is not bounded fills etcd.
    """
    kind = schema.get("type")
    bounds: tuple[str, ...] = ()
    if kind == "string" and "enum" not in schema and schema.get("format") != "date-time":
        bounds = ("maxLength",)
    elif kind == "integer":
        bounds = ("minimum", "maximum")
    elif kind == "array":
        bounds = ("maxItems",)
        check_bounds(schema["items"], f"{path}[]")
    elif kind == "object" and _VALUES in schema:
        bounds = ("maxProperties",)
        check_bounds(schema[_VALUES], f"{path}{{}}")
    elif kind == "object":
        if "properties" not in schema:
            raise SchemaError(f"{path} must have declared fields")
        for name, field in schema["properties"].items():
            check_bounds(field, f"{path}.{name}")
    elif kind not in ("string", "boolean"):
        raise SchemaError(f"{path} must be a text, a whole number, a boolean, a list or an object")
    for bound in bounds:
        if bound not in schema:
            raise SchemaError(f"{path} must have {bound}")


def _add_unique_names(schema: Schema) -> None:
    for name, field in schema.get("properties", {}).items():
        items = field.get("items", {})
        if "name" in items.get("properties", {}):
            field[_RULES] = [unique_names(name).aswire()]
        _add_unique_names(items or field)


def _drop_defaults(schema: Schema) -> None:
    schema.pop("default", None)
    for field in schema.get("properties", {}).values():
        _drop_defaults(field)
    if "items" in schema:
        _drop_defaults(schema["items"])


def _without_rules(schema: Schema) -> Schema:
    for keyword in (_RULES, REFERENCES, INSTEAD):
        schema = _without(schema, keyword)
    return schema


def _without(schema: Schema, keyword: str) -> Schema:
    """Copy the schema without a keyword, wherever it stands."""
    copy = {key: value for key, value in schema.items() if key != keyword}
    if "properties" in copy:
        fields = copy["properties"]
        copy["properties"] = {name: _without(field, keyword) for name, field in fields.items()}
    if "items" in copy:
        copy["items"] = _without(copy["items"], keyword)
    return copy
