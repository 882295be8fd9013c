"""`servicesop render`, `servicesop new` and the generator of runbooks, as commands."""

from pathlib import Path

import click
import pytest
import yaml
from click.testing import CliRunner

from readme.markdown import ROOT
from servicesop.cli import generate_runbooks
from servicesop.cli.documents import read_documents
from servicesop.cli.main import main
from sop_cases import COMPLETE


def run(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(main, arguments)
    return result.exit_code, result.stdout, result.stderr


def test_render_writes_each_sop_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "sop.yaml"
    second = COMPLETE.replace("name: fleet}", "name: other, namespace: stage}")
    file.write_text(f"{COMPLETE}---\n{second}")
    code, page, errors = run("render", str(file))

    assert (code, errors) == (0, "")
    assert page.count("\n# SOP: ") + page.startswith("# SOP: ") == 2
    assert "export NAMESPACE=stage\n" in page
    assert "export NAMESPACE=prod\n" in run("render", "-n", "prod", str(file))[1]


def test_render_says_what_is_wrong_with_a_file(tmp_path: Path) -> None:
    file = tmp_path / "sop.yaml"
    file.write_text(
        COMPLETE.replace("procedures:\n  - name", "procedures:\n  - severty: info\n    name")
    )
    code, page, errors = run("render", str(file))

    assert (code, page) == (2, "")
    assert "unknown field spec.procedures[0].severty" in errors
    assert run("render", str(tmp_path / "none.yaml"))[::2] == (
        2,
        f"Error: {tmp_path}/none.yaml cannot be read: No such file or directory\n",
    )


def test_new_writes_a_draft_and_says_what_it_has(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Orders\n## Orders are down\n### Steps\n1. Ask the Shop team.\n")
    code, text, said = run("new", "orders", "--from", str(page))
    (draft,) = read_documents(text)

    assert (code, draft.name) == (0, "orders")
    assert said == "the draft has 1 procedure, 1 manual step, 0 links, 1 team\n"
    assert run("render", "-")[0] == 2


def test_new_without_a_page_is_valid_too() -> None:
    code, text, said = run("new", "orders")

    assert (code, said) == (0, "")
    assert read_documents(text)[0].name == "orders"
    assert CliRunner().invoke(main, ["lint", "-"], input=text).exit_code == 0


@pytest.mark.parametrize(
    ("reader", "file"),
    [("editor", "servicesop.schema.json"), ("kustomize", "kustomize-schema.json")],
)
def test_schema_writes_what_crds_has(reader: str, file: str) -> None:
    assert run("schema", reader) == (0, (ROOT / "crds" / file).read_text("utf-8"), "")


def test_each_command_is_known_by_its_name_and_told_by_help() -> None:
    told = run("--help")[1]

    assert isinstance(main, click.Group)
    for name in main.list_commands(click.Context(main)):
        code, text, _ = run(name, "--help")
        assert (code, text.split()[:3]) == (0, ["Usage:", "main", name])
        assert f"\n  {name} " in told
    assert run("chekc")[0] == 2


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("Orders",), "'Orders' is no name for an SOP"),
        (("orders", "--from", "none.md"), "none.md cannot be read: No such file or directory"),
    ],
)
def test_new_says_what_is_wrong(arguments: tuple[str, ...], says: str) -> None:
    code, text, said = run("new", *arguments)

    assert (code, text) == (2, "")
    assert says in said


def generate(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(generate_runbooks.main, arguments)
    return result.exit_code, result.output


def test_runbooks_are_written_where_they_are_stale(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert generate("--check") == (0, "")
    for name in ("fleet", "other"):
        base = tmp_path / "manifests/sops" / name / "base"
        base.mkdir(parents=True)
        (base / "servicesop.yaml").write_text(COMPLETE)
    (tmp_path / "manifests/sops/notes").mkdir()
    code, said = generate("--check")

    assert code == 1
    assert said == (
        "not up to date: manifests/sops/fleet/RUNBOOK.md, manifests/sops/other/RUNBOOK.md."
        " Run `python -m servicesop.cli.generate_runbooks` and commit the result.\n"
    )
    assert generate()[0] == 0
    assert generate("--check") == (0, "")
    page = tmp_path / "manifests/sops/fleet/RUNBOOK.md"
    assert page.read_text().startswith("# SOP: ")
    assert "<!-- Generated from base/servicesop.yaml" in page.read_text()

    sop = yaml.safe_load(COMPLETE)
    sop["spec"]["title"] = "Another title"
    (page.parent / "base/servicesop.yaml").write_text(yaml.safe_dump(sop))
    assert generate("--check")[0] == 1


def test_a_shipped_sop_that_is_wrong_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    base = tmp_path / "manifests/sops/fleet/base"
    base.mkdir(parents=True)
    (base / "servicesop.yaml").write_text("kind: ConfigMap\napiVersion: v1\n")
    code, said = generate()

    assert code == 1
    assert "manifests/sops/fleet/base/servicesop.yaml: there is no ServiceSOP" in said
