"""Other versions of servicesop, in directories as pip installs into them."""

import shutil
import zipfile
from collections.abc import Mapping
from pathlib import Path

import servicesop

PACKAGE = Path(servicesop.__file__).parent


def stub(place: Path, number: str, does: str) -> Path:
    """A version that does nothing but what this code does, with `sys` at hand."""
    (place / "servicesop" / "cli").mkdir(parents=True)
    for package in ("servicesop", "servicesop/cli"):
        (place / package / "__init__.py").touch()
    source = f"import sys\n\n\ndef main(prog_name=None):\n    {does}\n\n\n"
    run = "if __name__ == '__main__':\n    main()\n"
    (place / "servicesop" / "cli" / "main.py").write_text(source + run)
    return _installed(place, number)


def changed(place: Path, number: str, edits: Mapping[str, tuple[str, str]]) -> Path:
    """This version, but for some words in some of its files; what is compiled already stays so."""
    shutil.copytree(PACKAGE, place / "servicesop")
    for name, (old, new) in edits.items():
        path = place / "servicesop" / name
        source = path.read_text()
        assert source.count(old) == 1, f"{old!r} in {name}"
        path.write_text(source.replace(old, new))
    return _installed(place, number)


def _installed(place: Path, number: str) -> Path:
    described = place / f"servicesop-{number}.dist-info"
    described.mkdir()
    metadata = f"Metadata-Version: 2.1\nName: servicesop\nVersion: {number}\n"
    (described / "METADATA").write_text(metadata)
    (described / "WHEEL").write_text(
        "Wheel-Version: 1.0\nGenerator: a test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    )
    (described / "RECORD").touch()
    return place


def wheel(place: Path, directory: Path) -> Path:
    """A wheel of what is installed in a directory."""
    (described,) = directory.glob("*.dist-info")
    path = place / f"{described.stem}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(directory.rglob("*")):
            archive.write(file, file.relative_to(directory))
    return path
