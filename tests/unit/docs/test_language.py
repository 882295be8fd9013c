"""docs/sop.md explains every field, and what it shows is an SOP."""

import re
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from readme.markdown import DOCS, ROOT, anchors
from servicesop.api.checks.check import CHECK_TYPES
from servicesop.api.crd import crd
from servicesop.api.sop import Spec
from servicesop.cli.generate_docs import main, reference_text

SPEC = crd()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]


def fields(schema: dict[str, Any]) -> Iterator[str]:
    for name, field in schema.get("properties", {}).items():
        yield name
        yield from fields(field.get("items", field))


@pytest.mark.parametrize("field", sorted(set(fields(SPEC))))
def test_a_field_is_explained(field: str) -> None:
    text = (DOCS / "sop.md").read_text()

    assert re.search(rf"`{field}`|\b{field}:|`ref\.{field}`|`[a-z]+\.{field}`", text)


@pytest.mark.parametrize("kind", CHECK_TYPES)
def test_a_check_type_is_explained_with_its_findings(kind: str) -> None:
    text = (DOCS / "sop.md").read_text()
    part = text.partition(f"### `{kind}`")[2].partition("\n#")[0]

    assert [name for name in CHECK_TYPES[kind].findings if f"`{name}`" not in part] == []


def test_the_pieces_of_the_guide_are_an_sop() -> None:
    pieces = re.findall(r"^```yaml\n(.*?)^```$", (DOCS / "sop.md").read_text(), re.M | re.S)

    spec = Spec.model_validate(yaml.safe_load("".join(pieces))["spec"])

    assert {check.type for check in spec.checks} == set(CHECK_TYPES)


def test_the_reference_is_up_to_date() -> None:
    assert (DOCS / "reference.md").read_text() == reference_text()


def test_links_inside_the_reference_lead_somewhere() -> None:
    text = reference_text()
    links = re.findall(r"\(#([\w-]+)\)", text)

    assert len(links) > 30
    assert set(links) <= anchors(text)


def test_a_stale_reference_is_refused_and_then_written(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(DOCS, tmp_path / "docs")
    reference = tmp_path / "docs" / "reference.md"
    reference.write_text("old")

    refused = CliRunner().invoke(main, ["--check"])
    assert (refused.exit_code, reference.read_text()) == (1, "old")
    assert "generate_docs" in refused.output

    assert CliRunner().invoke(main).exit_code == 0
    assert CliRunner().invoke(main, ["--check"]).exit_code == 0
    assert reference.read_text() == (ROOT / "docs" / "reference.md").read_text()
