import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / ".ci", tmp_path / ".ci")
    shutil.copytree(ROOT / "requirements", tmp_path / "requirements")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def faults(checkout: Path) -> list[str]:
    check = subprocess.run(
        [sys.executable, checkout / ".ci" / "check_lock.py"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert check.returncode == bool(check.stderr), check.stderr
    return check.stderr.splitlines()


def edit(path: Path, pattern: str, replacement: str) -> None:
    text, count = re.subn(pattern, replacement, path.read_text(), count=1)
    assert count == 1
    path.write_text(text)


def test_the_lock_files_fit_the_project(checkout: Path) -> None:
    assert faults(checkout) == []


def test_a_url_in_a_lock_file_is_found(checkout: Path) -> None:
    path = checkout / "requirements" / "test.txt"
    path.write_text("--index-url https://index.example.com/simple\n" + path.read_text())

    assert faults(checkout) == [
        "requirements/test.txt: a lock file must hold no URL; run make lock"
    ]


def test_a_requirement_that_nobody_locked_is_found_in_each_set(checkout: Path) -> None:
    edit(checkout / "pyproject.toml", r'"kopf>', '"left-pad>=1",\n    "kopf>')

    assert faults(checkout) == [
        f"requirements/{name}.txt: left-pad>=1 is not locked; run make lock"
        for name in ("run", "test", "dev")
    ]


def test_a_locked_version_that_the_project_no_longer_accepts_is_found(checkout: Path) -> None:
    edit(checkout / "pyproject.toml", r'"uv>=[0-9.]+"', '"uv>=999"')

    (fault,) = faults(checkout)
    assert re.fullmatch(
        r"requirements/dev.txt: uv>=999 is asked for, [0-9.]+ is locked; run make lock", fault
    )


def test_a_package_without_hashes_is_found(checkout: Path) -> None:
    edit(checkout / "requirements" / "dev.txt", r"(uv==\S+) \\\n(    --hash\S+( \\)?\n)+", r"\1\n")

    assert faults(checkout) == ["requirements/dev.txt: uv has no hash; run make lock"]


def test_sets_that_disagree_on_a_version_are_found(checkout: Path) -> None:
    edit(checkout / "requirements" / "dev.txt", r"\nattrs==\S+", "\nattrs==1.0")

    (fault,) = faults(checkout)
    assert re.fullmatch(
        r"requirements/dev.txt: attrs must be [0-9.]+ as in test.txt; run make lock", fault
    )
