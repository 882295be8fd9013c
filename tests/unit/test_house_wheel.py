import importlib.metadata
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]


def test_the_wheel_holds_the_package_and_nothing_else(tmp_path: Path) -> None:
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(ROOT / "operator", tmp_path / "operator")
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "stray.py").touch()

    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )

    (wheel,) = (tmp_path / "dist").iterdir()
    with zipfile.ZipFile(wheel) as archive:
        folders = {name.split("/")[0] for name in archive.namelist()}
        names = archive.namelist()
    assert folders == {"servicesop", f"servicesop-{VERSION}.dist-info"}
    assert "servicesop/cli/main.py" in names
    assert f"servicesop-{VERSION}.dist-info/licenses/LICENSE" in names


@pytest.mark.parametrize("directory", [ROOT, Path("/")], ids=["checkout", "elsewhere"])
def test_the_editable_install_leaves_the_standard_module_operator_alone(directory: Path) -> None:
    script = (
        "import sys; sys.modules.pop('operator', None)\n"
        "import operator, servicesop; print(operator.__file__); print(servicesop.__file__)"
    )
    lines = subprocess.run(
        [sys.executable, "-c", script],
        cwd=directory,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.splitlines()

    assert lines[0].endswith(f"python3.{sys.version_info.minor}/operator.py")
    assert lines[1] == str(ROOT / "operator" / "servicesop" / "__init__.py")


def test_the_installed_version_is_the_projects() -> None:
    assert importlib.metadata.version("servicesop") == VERSION


def test_the_version_is_written_in_the_project_file_alone() -> None:
    literal = re.compile(rf"(?<![\d.]){re.escape(VERSION)}(?![\d.])")
    places = [ROOT / name for name in ("operator", "manifests", ".ci")]
    files = [path for place in places for path in place.rglob("*") if path.is_file()]
    files += [ROOT / "Dockerfile", ROOT / "Makefile"]

    assert [
        str(path.relative_to(ROOT))
        for path in files
        if path.suffix != ".pyc" and literal.search(path.read_text())
    ] == []


def test_the_version_has_its_changes_and_its_frozen_crd() -> None:
    changes = (ROOT / "CHANGELOG.md").read_text()

    assert re.search(rf"(?m)^## .*{re.escape(VERSION)}", changes)
    assert (ROOT / "crds" / "released" / f"{VERSION}.yaml").is_file()
