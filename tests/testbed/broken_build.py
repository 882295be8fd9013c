"""Copies of the product with one thing broken, to show that a test can fail."""

import shutil
from pathlib import Path

import servicesop

_PACKAGE = Path(servicesop.__file__).parent


def broken_build(directory: Path, file: str, old: str, new: str) -> Path:
    """Copy the package into `directory`, with `old` replaced by `new` in one file; give PYTHONPATH.

    `old` must stand there exactly once: a patch that no longer fits must not go unnoticed.
    """
    shutil.copytree(
        _PACKAGE, directory / "servicesop", ignore=shutil.ignore_patterns("__pycache__")
    )
    patched = directory / "servicesop" / file
    text = patched.read_text()
    if text.count(old) != 1:
        raise ValueError(f"{old!r} stands {text.count(old)} times in {file}, expected once")
    patched.write_text(text.replace(old, new))
    return directory
