"""The slow tables find every test that is marked for them, and long files come first."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MARKERS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pytest"]["ini_options"][
    "markers"
]
LONG, *TABLES = [marker.partition(":")[0] for marker in MARKERS]


def places(table: str) -> list[Path]:
    """Give the directories in which the table's stage looks for tests."""
    recipe = subprocess.run(
        ["make", "--just-print", f"test-{table}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()[-1]
    assert re.search(rf' -m (?="?{table}\b)', recipe)
    return [ROOT / path for path in re.findall(r" (tests/\S+)", recipe)]


def marked(table: str) -> list[Path]:
    """Give the files in which a test, or a parameter of tests, is marked for the table."""
    mark = re.compile(rf"\bmark\.{table}\b")
    return [path for path in (ROOT / "tests").rglob("*.py") if mark.search(path.read_text())]


@pytest.mark.parametrize("table", TABLES)
def test_what_is_marked_for_a_table_is_where_its_stage_looks(table: str) -> None:
    directories = places(table)
    files = marked(table)

    assert files
    assert [
        str(file)
        for file in files
        if not any(file.is_relative_to(directory) for directory in directories)
    ] == []


def test_long_files_are_begun_first() -> None:
    short, long = "tests/unit/test_house_tables.py", "tests/integration/test_testbed.py"

    options = ("-p", "no:cacheprovider", "-p", "no:randomly", "--collect-only", "--quiet")
    collected = subprocess.run(
        [sys.executable, "-m", "pytest", *options, short, long],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()

    files = [line.partition("::")[0] for line in collected if "::" in line]
    assert list(dict.fromkeys(files)) == [long, short]
