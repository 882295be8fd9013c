"""docs/checks/ has a page for each check type, and each page says all that there is to say."""

import re
import shutil
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from readme.markdown import DOCS, ROOT, table
from servicesop.api.checks.check import CHECK_TYPES
from servicesop.api.reasons import UnknownReason
from servicesop.api.sop import Spec
from servicesop.cli.generate_docs import fields_of_check_types, main

SECTIONS = ["What it asserts", "Example", "Fields", "Findings", "Results", "What it cannot see"]
RESULTS = ["Passed", "Failed", "Inconclusive", "Error"]
COMMON = [
    "Checks that are not run",
    "Errors of every check",
    "Errors of objects",
    "Errors of an endpoint",
    "Errors of a database",
]


def page(kind: str) -> str:
    return (DOCS / "checks" / f"{kind}.md").read_text()


def listed(document: str, heading: str) -> list[str]:
    """The first words in code style of the rows that begin with one: others are prose."""
    rows = table(document, heading)
    return [row[0].split("`")[1] for row in rows if row[0].startswith("`")]


def reasons(kind: str) -> dict[str, list[str]]:
    """The reasons on a page, by the result under which they stand."""
    text = page(kind).partition("\n## Results\n")[2].partition("\n## ")[0]
    parts = re.split(r"^\*\*(\w+)\*\*", text, flags=re.M)
    return {
        result: re.findall(r"^\| `(\w+)` \|", part, re.M)
        for result, part in zip(parts[1::2], parts[2::2], strict=True)
    }


def test_there_is_a_page_for_each_type_and_no_other() -> None:
    pages = {path.stem for path in (DOCS / "checks").glob("*.md")}

    assert pages == {*CHECK_TYPES, "README"}


@pytest.mark.parametrize("kind", CHECK_TYPES)
def test_a_page_has_all_sections_and_none_is_empty(kind: str) -> None:
    headings = re.findall(r"^## (.+)$", page(kind), re.M)
    parts = re.split(r"^## .+$", page(kind), flags=re.M)[1:]

    assert [heading for heading in headings if heading in SECTIONS] == SECTIONS
    assert [
        heading for heading, part in zip(headings, parts, strict=True) if not part.strip()
    ] == []
    assert page(kind).startswith(f"# The check `{kind}`\n")


@pytest.mark.parametrize("kind", CHECK_TYPES)
def test_the_findings_of_a_type_are_explained_in_their_order(kind: str) -> None:
    assert listed(f"checks/{kind}.md", "Findings") == list(CHECK_TYPES[kind].findings)


@pytest.mark.parametrize("kind", CHECK_TYPES)
def test_each_result_is_explained_with_reasons_of_its_own(kind: str) -> None:
    inconclusive = listed("status.md", "Reasons of checks that are Inconclusive")
    error = listed("status.md", "Reasons of checks in Error")
    found = reasons(kind)

    assert list(found) == RESULTS
    assert set(found["Inconclusive"]) <= set(inconclusive)
    assert set(found["Error"]) <= set(error)


def test_every_reason_stands_on_a_page() -> None:
    explained = {name for heading in COMMON for name in listed("checks/README.md", heading)}
    for kind in CHECK_TYPES:
        explained |= {name for names in reasons(kind).values() for name in names}

    assert explained == {reason.value for reason in UnknownReason}


@pytest.mark.parametrize("kind", CHECK_TYPES)
def test_the_example_of_a_type_is_an_sop_that_uses_it(kind: str) -> None:
    (shown,) = re.findall(r"^```yaml\n(.*?)^```$", page(kind), re.M | re.S)

    spec = Spec.model_validate(yaml.safe_load(shown)["spec"])

    assert kind in {check.type for check in spec.checks}


def test_the_fields_are_those_of_the_models() -> None:
    fields = fields_of_check_types()
    stale = [path for path, text in fields.items() if text not in (ROOT / path).read_text()]

    assert stale == []


@pytest.mark.parametrize("broken", ["no file", "no marker"])
def test_a_page_that_nobody_wrote_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(DOCS, tmp_path / "docs")
    page = tmp_path / "docs" / "checks" / "logs.md"
    if broken == "no file":
        page.unlink()
    else:
        page.write_text("# The check `logs`\n")

    result = CliRunner().invoke(main, ["--check"])

    assert result.exit_code == 1
    assert "docs/checks/logs.md is missing, or has not both of the lines" in result.output


def test_what_people_wrote_around_the_fields_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(DOCS, tmp_path / "docs")
    page = tmp_path / "docs" / "checks" / "logs.md"
    whole = page.read_text()
    page.write_text(whole.replace("| `pattern` |", "| `patern` |"))

    refused = CliRunner().invoke(main, ["--check"])
    written = CliRunner().invoke(main)

    assert (refused.exit_code, written.exit_code) == (1, 0)
    assert "docs/checks/logs.md" in refused.output
    assert page.read_text() == whole
