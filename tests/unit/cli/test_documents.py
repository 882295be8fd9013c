"""SOPs are found in whatever YAML `kubectl apply -f` would take, or refused with their place."""

import json

import pytest
import yaml

from servicesop.cli.documents import (
    Document,
    DocumentError,
    Refused,
    place_of,
    read_documents,
    read_sops,
)
from sop_cases import COMPLETE, complete


def refused(text: str) -> str:
    with pytest.raises(DocumentError) as raised:
        read_documents(text)
    return str(raised.value)


def named(name: str, namespace: str | None = None) -> str:
    sop = complete()
    sop["metadata"] = {"name": name} | ({"namespace": namespace} if namespace else {})
    return yaml.safe_dump(sop)


def places(documents: tuple[Document, ...]) -> list[tuple[str | None, str]]:
    return [(document.namespace, document.name) for document in documents]


def test_all_sops_are_read_and_other_objects_are_left_out() -> None:
    other = "kind: Role\napiVersion: rbac.authorization.k8s.io/v1\nmetadata: {name: x}\n"
    text = "---\n".join([named("a"), other, "", named("a", "stage"), named("b")])

    assert places(read_documents(text)) == [(None, "a"), ("stage", "a"), (None, "b")]


def test_json_and_what_kubectl_get_prints_are_read() -> None:
    stored = complete() | {"status": {"observedGeneration": 3}}
    stored["metadata"] |= {"uid": "x", "resourceVersion": "1"}
    listed = {"apiVersion": "v1", "kind": "List", "items": [stored]}

    assert [one.name for one in read_documents(json.dumps(stored))] == ["fleet"]
    assert [one.name for one in read_documents(json.dumps(listed))] == ["fleet"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: b: c", "no valid YAML: line 1, column 5: mapping values are not allowed here"),
        ("a: 1\nb: {c: 2, c: 3}", 'no valid YAML: line 2, column 11: the key "c" is there twice'),
        ("a: \x00", "no valid YAML: it holds what YAML cannot hold"),
        (
            "a: &x [*x]\nb: !!python/object:os.system {}",
            "no valid YAML: line 2, column 4: could not",
        ),
        ("", "there is no ServiceSOP of servicesop.io/v1alpha1 in it"),
        ("- a", "each document must be a Kubernetes object, with apiVersion and kind"),
        (COMPLETE + "---\n" + COMPLETE, "there are two ServiceSOPs named fleet"),
        (
            COMPLETE.replace("v1alpha1", "v1"),
            "ServiceSOP fleet: apiVersion must be servicesop.io/v1alpha1",
        ),
        (COMPLETE + "extra: 1\n", "ServiceSOP fleet: unknown field extra"),
        (named("x").replace("name: x", "title: x", 1), "ServiceSOP: metadata.name: Required value"),
        ("kind: ServiceSOP\napiVersion: servicesop.io/v1alpha1\nmetadata: {name: x}", "spec: "),
    ],
)
def test_what_cannot_be_run_is_refused_with_its_place(text: str, says: str) -> None:
    assert says in refused(text)


def test_the_faults_of_all_sops_are_told_each_with_its_sop() -> None:
    sops = []
    for name in ("one", "two"):
        sop = yaml.safe_load(named(name))
        sop["spec"][name] = 1
        sops.append(yaml.safe_dump(sop))
    text = "---\n".join(sops)

    assert [line.partition("; there are ")[0] for line in refused(text).splitlines()] == [
        "ServiceSOP one: unknown field spec.one",
        "ServiceSOP two: unknown field spec.two",
    ]


def test_a_field_is_found_in_the_text() -> None:
    text = "kind: List\napiVersion: v1\nitems:\n- kind: Role\n-" + "".join(
        f"  {line}\n" for line in COMPLETE.strip().splitlines()
    ).removeprefix(" ")
    lines = text.splitlines()

    (sop,) = read_documents(text)

    places: list[tuple[list[str | int], str]] = [
        (["spec", "checks", 1, "leader", "lease"], "lease: {connection"),
        (["spec", "checks", 1, "leader", "forNone"], "leader: {workers"),
        (["spec", "checks", 3], "name: ocm-accepts"),
        (["status"], "apiVersion: servicesop.io"),
    ]
    for path, word in places:
        line, column = place_of(sop.node, path)
        assert lines[line - 1][column - 1 :].startswith(word), path


def test_the_faults_of_one_sop_do_not_hide_another() -> None:
    bad = yaml.safe_load(named("bad"))
    bad["spec"]["tittle"] = "x"

    first, second = read_sops("---\n".join([yaml.safe_dump(bad), named("good")]))

    assert isinstance(first, Refused)
    (fault,) = first.faults
    assert (first.name, fault.split(";")[0]) == ("bad", "unknown field spec.tittle")
    assert isinstance(second, Document)
    assert second.name == "good"
