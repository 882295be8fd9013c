"""docs/testing.md: its example passes, and its options, codes and fields are those there are."""

import json
import re
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from readme.markdown import DOCS, table, words
from servicesop.cli.generate_docs import TESTING, files
from servicesop.cli.main import main
from servicesop.cli.record import read_record
from servicesop.cli.test import BAD_INPUT
from servicesop.cli.test import test as command

TEXT = (DOCS / "testing.md").read_text()
(JSON,) = re.findall(r"^```json\n(.*?)^```$", TEXT, re.M | re.S)
SOP, TESTS, LATER = re.findall(r"^```yaml\n(.*?)^```$", TEXT, re.M | re.S)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "tests").mkdir()
    (tmp_path / "servicesop.yaml").write_text(SOP)
    # What is shown later is one more test of the same SOP.
    (tmp_path / "tests" / "leader.yaml").write_text(f"{TESTS}\n{LATER}")
    return tmp_path


def test_the_example_passes_and_reaches_its_rows_by_observations(place: Path) -> None:
    result = CliRunner().invoke(main, ["test", str(place), "--observed", "--fail-under", "66"])

    assert result.exit_code == 0, result.output
    assert "4 passed, 0 failed" in result.output


@pytest.mark.parametrize(
    "change",
    [
        ("anyFailed: [led/None]", "anyFailed: [led/Many]"),
        ("anyFailed: [ocm-accepts]", "allPassed: [ocm-accepts]"),
        ("max: 0", "max: 100"),
        ("olderThan: 3m", "olderThan: 30m"),
        ("mode: Enforce", "mode: DryRun"),
        ("to: [ops]", "to: [ocm-support]"),
    ],
)
def test_the_example_fails_for_an_sop_that_is_broken(place: Path, change: tuple[str, str]) -> None:
    assert change[0] in SOP
    (place / "servicesop.yaml").write_text(SOP.replace(*change))
    result = CliRunner().invoke(main, ["test", str(place)])

    assert result.exit_code == 1, result.output


def test_the_options_are_documented() -> None:
    options = [one for one in command.params if isinstance(one, click.Option)]

    assert words("testing.md", "Options") == [
        next(name for name in option.opts if name.startswith("--")) for option in options
    ]


def test_the_exit_codes_are_documented() -> None:
    documented = [int(row[0]) for row in table("testing.md", "Exit code")]

    assert documented == [0, 1, BAD_INPUT]
    for code in documented:
        assert f"{code} " in (command.epilog or "")


def test_the_exit_codes_of_a_comparison_are_documented() -> None:
    documented = [
        int(row[0]) for row in table("testing.md", "Before an upgrade") if row[0].isdigit()
    ]
    (_, epilog) = (command.epilog or "").split("With --against: ")

    assert documented == [0, 1, BAD_INPUT]
    for code in documented:
        assert f"{code} " in epilog


def test_the_json_of_the_document_has_the_fields_that_there_are(place: Path) -> None:
    output = CliRunner().invoke(main, ["test", str(place), "-o", "json"]).output
    (file,) = read_record(output.encode()).files

    assert fields(json.loads(JSON)) == fields(json.loads(output))
    assert "a lost leader is restarted once" in [one.name for one in file.tests]


def fields(value: object) -> object:
    """The names in a document, of a list those of all its items."""
    match value:
        case dict():
            return {key: fields(each) for key, each in value.items()}
        case list() if value and isinstance(value[0], dict):
            return fields(value[0])
    return None


def test_the_fields_are_up_to_date(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(DOCS.parent)

    assert files()[TESTING] == TEXT


def test_a_default_that_is_made_anew_each_time_is_shown_as_what_it_is() -> None:
    assert "| `labels` | `{}` | Its labels. |" in files()[TESTING].splitlines()
