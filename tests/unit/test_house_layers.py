import os
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CONTRACTS = {
    contract["id"]: contract
    for contract in tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"][
        "contracts"
    ]
}
# From the top to the bottom; packages of one row may not import each other.
ROWS = [row.split(" | ") for row in CONTRACTS["layers"]["layers"]]
FORBIDDEN = [
    (package.removeprefix("servicesop."), module)
    for name in ("pure", "kopf")
    for package in CONTRACTS[name]["source_modules"]
    for module in CONTRACTS[name]["forbidden_modules"]
]


@dataclass(frozen=True)
class Lint:
    code: int
    output: str


def lint(directory: Path, plants: dict[str, list[str]]) -> Lint:
    """Run lint-imports on a copy of the package; `plants` maps a package to what it imports."""
    shutil.copytree(ROOT / "operator", directory / "operator")
    shutil.copy(ROOT / "pyproject.toml", directory)
    for package, imports in plants.items():
        folder = directory / "operator" / "servicesop" / package
        folder.mkdir(exist_ok=True)
        (folder / "__init__.py").touch()
        (folder / "planted.py").write_text("".join(f"import {module}\n" for module in imports))
    result = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache", "--no-logo"],
        cwd=directory,
        env={**os.environ, "PYTHONPATH": str(directory / "operator"), "COLUMNS": "300"},
        capture_output=True,
        text=True,
        check=False,
    )
    return Lint(result.returncode, result.stdout + result.stderr)


def test_the_package_keeps_its_layers(tmp_path: Path) -> None:
    result = lint(tmp_path, {})

    assert (result.code, "3 kept, 0 broken" in result.output) == (0, True), result.output


@pytest.fixture(scope="module")
def upward(tmp_path_factory: pytest.TempPathFactory) -> Lint:
    """Each package imports every package of the next row up."""
    plants = {
        below: [f"servicesop.{above}" for above in upper]
        for upper, lower in pairwise(ROWS)
        for below in lower
    }
    return lint(tmp_path_factory.mktemp("upward"), plants)


@pytest.mark.parametrize(
    ("below", "above"),
    [(below, above) for upper, lower in pairwise(ROWS) for below in lower for above in upper],
)
def test_an_import_of_a_higher_layer_is_refused(upward: Lint, below: str, above: str) -> None:
    assert upward.code == 1
    assert f"servicesop.{below}.planted -> servicesop.{above} " in upward.output


@pytest.fixture(scope="module")
def sideward(tmp_path_factory: pytest.TempPathFactory) -> Lint:
    """Each package of a shared row imports the others of it."""
    plants = {
        package: [f"servicesop.{other}" for other in row if other != package]
        for row in ROWS
        if len(row) > 1
        for package in row
    }
    return lint(tmp_path_factory.mktemp("sideward"), plants)


@pytest.mark.parametrize(
    ("package", "other"),
    [(package, other) for row in ROWS for package in row for other in row if other != package],
)
def test_an_import_inside_a_row_is_refused(sideward: Lint, package: str, other: str) -> None:
    assert sideward.code == 1
    assert f"servicesop.{package}.planted -> servicesop.{other} " in sideward.output


@pytest.fixture(scope="module")
def outward(tmp_path_factory: pytest.TempPathFactory) -> Lint:
    """Each package imports what is forbidden to it."""
    plants: dict[str, list[str]] = {}
    for package, module in FORBIDDEN:
        imports = plants.setdefault(package, [])
        if module not in imports:
            imports.append(module)
    return lint(tmp_path_factory.mktemp("outward"), plants)


@pytest.mark.parametrize(("package", "module"), sorted(set(FORBIDDEN)))
def test_a_forbidden_module_is_refused(outward: Lint, package: str, module: str) -> None:
    assert outward.code == 1
    assert f"servicesop.{package}.planted -> {module} " in outward.output


def test_both_contracts_on_forbidden_modules_break(outward: Lint) -> None:
    for name in ("pure", "kopf"):
        assert f"{CONTRACTS[name]['name']} BROKEN" in outward.output


def test_every_package_but_app_is_kept_from_kopf() -> None:
    packages = {f"servicesop.{package}" for row in ROWS for package in row}

    assert set(CONTRACTS["kopf"]["source_modules"]) == packages - {"servicesop.app"}


def test_a_package_outside_the_layers_is_refused(tmp_path: Path) -> None:
    result = lint(tmp_path, {"stray": []})

    assert result.code == 1
    assert "not listed as layers:\n\n- servicesop.stray\n" in result.output
