"""Finds the SOPs in YAML or JSON as `kubectl apply -f` takes it: several documents, and Lists."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from servicesop.api.base import API_VERSION, GROUP, KIND
from servicesop.api.sop import Spec
from servicesop.api.validation import InvalidSpecError, valid_spec

MAX_BYTES = 16 * 1024 * 1024


class DocumentError(Exception):
    """The text holds no SOPs that can be run; each of the `faults` is a line for the person."""

    def __init__(self, *faults: str) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


@dataclass(frozen=True, slots=True)
class Document:
    """One SOP of the text."""

    name: str
    namespace: str | None
    """None where it names none."""
    spec: Spec


class _Loader(yaml.SafeLoader):
    """Refuses a key that is there twice, as the API server does: one of the two would be lost."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            if key.value in seen and isinstance(key, yaml.ScalarNode):
                raise yaml.MarkedYAMLError(
                    problem=f'the key "{key.value}" is there twice', problem_mark=key.start_mark
                )
            if isinstance(key, yaml.ScalarNode):
                seen.add(key.value)
        return super().construct_mapping(node, deep)


def read_yaml(text: str) -> list[Any]:
    """Give the documents of the text. Raise DocumentError."""
    try:
        return list(yaml.load_all(text, _Loader))
    except yaml.MarkedYAMLError as wrong:
        mark = wrong.problem_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise DocumentError(f"no valid YAML: {where}{wrong.problem}") from None
    except (yaml.YAMLError, ValueError, RecursionError):
        raise DocumentError("no valid YAML: it holds what YAML cannot hold") from None


def read_documents(text: str) -> tuple[Document, ...]:
    """Give the SOPs; objects of other kinds are left out. Raise DocumentError."""
    objects = [one for each in read_yaml(text) for one in _flat(each)]
    found: list[Document] = []
    faults: list[str] = []
    for one in objects:
        if one.get("kind") != KIND or str(one.get("apiVersion")).partition("/")[0] != GROUP:
            continue
        try:
            found.append(_document(one))
        except DocumentError as wrong:
            faults += wrong.faults
    if faults:
        raise DocumentError(*faults)
    if not found:
        raise DocumentError(f"there is no {KIND} of {API_VERSION} in it")
    places = [(document.namespace, document.name) for document in found]
    doubles = {name for namespace, name in places if places.count((namespace, name)) > 1}
    if doubles:
        raise DocumentError(f"there are two {KIND}s named {', '.join(sorted(doubles))}")
    return tuple(found)


def _flat(value: object) -> Iterator[Mapping[str, Any]]:
    """Give the object, or those of a List, such as `kubectl get -o yaml` prints."""
    if isinstance(value, dict) and value.get("kind") in ("List", f"{KIND}List"):
        for item in value.get("items") or ():
            yield from _flat(item)
    elif isinstance(value, dict):
        yield value
    elif value is not None:
        raise DocumentError("each document must be a Kubernetes object, with apiVersion and kind")


def _document(body: Mapping[str, Any]) -> Document:
    metadata = body.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    if not isinstance(name, str) or not isinstance(metadata, dict):
        raise DocumentError(f"{KIND}: metadata.name: Required value")
    if body["apiVersion"] != API_VERSION:
        raise DocumentError(f"{KIND} {name}: apiVersion must be {API_VERSION}")
    unknown = sorted(map(str, body.keys() - {"apiVersion", "kind", "metadata", "spec", "status"}))
    if unknown:
        raise DocumentError(*(f"{KIND} {name}: unknown field {field}" for field in unknown))
    namespace = metadata.get("namespace")
    try:
        spec = valid_spec(body.get("spec"))
    except InvalidSpecError as invalid:
        raise DocumentError(*(f"{KIND} {name}: {fault}" for fault in invalid.faults)) from None
    return Document(name, str(namespace) if namespace else None, spec)
