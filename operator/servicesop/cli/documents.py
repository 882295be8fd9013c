"""Finds the SOPs in YAML or JSON as `kubectl apply -f` takes it: several documents, and Lists."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

from servicesop.api.base import API_VERSION, GROUP, KIND
from servicesop.api.sop import Spec
from servicesop.api.validation import InvalidSpecError, valid_spec


class DocumentError(Exception):
    """The text holds no SOPs that can be run; each of the `faults` is a line for the person."""

    def __init__(self, *faults: str) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


class NoObjectError(DocumentError):
    """The text is YAML, but not of Kubernetes objects."""


@dataclass(frozen=True, slots=True)
class Document:
    """One SOP of the text."""

    name: str
    namespace: str | None
    """None where it names none."""
    spec: Spec
    node: yaml.Node = field(repr=False, compare=False)
    """Where it stands in the text."""


@dataclass(frozen=True, slots=True)
class Refused:
    """An SOP of the text that the API server would not take."""

    name: str
    """Empty where it has none."""
    faults: tuple[str, ...]
    """Each begins with its field, or with `unknown field` and it."""
    node: yaml.Node = field(repr=False, compare=False)
    """Where it stands in the text."""


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
    return [value for value, _ in _documents(text)]


def read_documents(text: str) -> tuple[Document, ...]:
    """Give the SOPs; objects of other kinds are left out. Raise DocumentError."""
    sops = read_sops(text)
    faults = [
        f"{' '.join([KIND, *[one.name] * bool(one.name)])}: {fault}"
        for one in sops
        if isinstance(one, Refused)
        for fault in one.faults
    ]
    if faults:
        raise DocumentError(*faults)
    found = tuple(one for one in sops if isinstance(one, Document))
    if not found:
        raise DocumentError(f"there is no {KIND} of {API_VERSION} in it")
    places = [(document.namespace, document.name) for document in found]
    doubles = {name for namespace, name in places if places.count((namespace, name)) > 1}
    if doubles:
        raise DocumentError(f"there are two {KIND}s named {', '.join(sorted(doubles))}")
    return found


def read_sops(text: str) -> tuple[Document | Refused, ...]:
    """Give the SOPs, each as it is or with its faults. Raise DocumentError for what is no YAML."""
    return tuple(
        _sop(body, node)
        for value, document in _documents(text)
        for body, node in _flat(value, document)
        if body.get("kind") == KIND and _group(body) == GROUP
    )


def _documents(text: str) -> list[tuple[Any, yaml.Node]]:
    """Give the documents of the text, each with its node. Raise DocumentError."""
    try:
        return list(_load(text))
    except yaml.MarkedYAMLError as wrong:
        mark = wrong.problem_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise DocumentError(f"no valid YAML: {where}{wrong.problem}") from None
    except (yaml.YAMLError, ValueError, RecursionError):
        raise DocumentError("no valid YAML: it holds what YAML cannot hold") from None


def place_of(node: yaml.Node, path: Sequence[str | int]) -> tuple[int, int]:
    """Give line and column, from 1 on, of a field of an object, or of the nearest one around it."""
    mark = node.start_mark
    for part in path:
        pairs = _children(node)
        if part not in pairs:
            break
        key, node = pairs[part]
        mark = key.start_mark
    return mark.line + 1, mark.column + 1


def _children(node: yaml.Node) -> dict[str | int, tuple[yaml.Node, yaml.Node]]:
    """Give what a node holds, each with the node that is shown for it: of a field, its name."""
    if isinstance(node, yaml.MappingNode):
        return {key.value: (key, value) for key, value in node.value}
    if isinstance(node, yaml.SequenceNode):
        return {index: (item, item) for index, item in enumerate(node.value)}
    return {}


def _load(text: str) -> Iterator[tuple[object, yaml.Node]]:
    """Give the documents of a text, each with its node."""
    loader = _Loader(text)
    try:
        while loader.check_node():
            node = loader.get_node()
            assert node is not None, "there is one"
            yield loader.construct_document(node), node
    finally:
        loader.dispose()


def _flat(value: object, node: yaml.Node) -> Iterator[tuple[Mapping[str, Any], yaml.Node]]:
    """Give the object, or those of a List, such as `kubectl get -o yaml` prints."""
    if isinstance(value, dict) and value.get("kind") in ("List", f"{KIND}List"):
        items = _children(node).get("items")
        for index, item in enumerate(value.get("items") or ()):
            assert items is not None, "what has a value has a node"
            yield from _flat(item, _children(items[1])[index][1])
    elif isinstance(value, dict):
        yield value, node
    elif value is not None:
        raise NoObjectError("each document must be a Kubernetes object, with apiVersion and kind")


def _group(body: Mapping[str, Any]) -> str:
    return str(body.get("apiVersion")).partition("/")[0]


def _sop(body: Mapping[str, Any], node: yaml.Node) -> Document | Refused:
    metadata = body.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    if not isinstance(name, str) or not isinstance(metadata, dict):
        return Refused("", ("metadata.name: Required value",), node)
    if body["apiVersion"] != API_VERSION:
        return Refused(name, (f"apiVersion must be {API_VERSION}",), node)
    unknown = sorted(map(str, body.keys() - {"apiVersion", "kind", "metadata", "spec", "status"}))
    if unknown:
        return Refused(name, tuple(f"unknown field {field}" for field in unknown), node)
    namespace = metadata.get("namespace")
    try:
        spec = valid_spec(body.get("spec"))
    except InvalidSpecError as invalid:
        return Refused(name, invalid.faults, node)
    return Document(name, str(namespace) if namespace else None, spec, node)
