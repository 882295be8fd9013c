"""Finds another version of servicesop: an installed one, or one that pip installs into a cache."""

import hashlib
import json
import os
import re
import shutil
import sys
import tempfile
import venv
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from servicesop.cli.programs import TooLongError, TooMuchError, run

_NUMBER = re.compile(r"\d+(?:\.\d+)*(?:(?:a|b|rc|\.post|\.dev)\d+)*(?:\+[a-z0-9.]+)?")
_WHEEL = re.compile(r"servicesop-([^-]+)-(?:[^-]+-)?[^-]+-[^-]+-[^-]+\.whl")
_FIRST_WITH_TESTS = (0, 4)
_PIP_SECONDS = 900.0
_PIP_LINES = 20

# No .pth file is read, which might lead to the version that is running now.
_FROM_DIRECTORY = (
    "-I",
    "-S",
    "-c",
    "import json, sys; sys.path[:] = json.loads(sys.argv.pop(1));"
    " from servicesop.cli.main import main; main(prog_name='servicesop')",
)


class VersionError(Exception):
    """There is no such version to be run; the message says why."""


@dataclass(frozen=True, slots=True)
class Installed:
    """A version that can be run."""

    number: str
    place: Path
    """Where it is."""
    command: tuple[str, ...]
    """What starts its `servicesop`; the arguments follow."""


def age(number: str) -> tuple[tuple[int, ...], bool, str]:
    """Give what sorts versions from old to new: a pre-release stands before its release."""
    release = re.match(r"[\d.]*", number)
    assert release is not None, "it may be empty"
    rest = number[release.end() :]
    parts = [int(part) for part in release[0].split(".") if part]
    while parts and parts[-1] == 0:
        parts.pop()
    return tuple(parts), not rest.startswith(("a", "b", "rc", "dev")), rest


def find_version(given: str, cache: Path, say: Callable[[str], None]) -> Installed:
    """Give the version that a person names: its number, a wheel, or where it is installed.

    What is not installed is, once: `say` is told then. Raise VersionError.
    """
    path = Path(given)
    if _NUMBER.fullmatch(given):
        _has_tests(given)
        return _with_pip(given, f"servicesop=={given}", cache / given, say)
    if (wheel := _WHEEL.fullmatch(path.name)) and path.is_file():
        _has_tests(wheel[1])
        content = path.read_bytes()
        place = cache / f"{path.stem}-{hashlib.sha256(content).hexdigest()[:16]}"
        return _with_pip(wheel[1], str(path.resolve()), place, say)
    if _python_of(path).exists():
        return _of_environment(given, path)
    if (path / "servicesop" / "__init__.py").is_file():
        number = _number_in(given, [path])
        paths = [str(path.resolve()), *filter(None, sys.path)]
        return Installed(number, path, (sys.executable, *_FROM_DIRECTORY, json.dumps(paths)))
    raise VersionError(
        f"{given}: must be a version such as 1.2.3, a wheel of servicesop, a virtual environment,"
        " or a directory that servicesop is installed in"
    )


def _python_of(environment: Path) -> Path:
    return environment / "bin" / "python"


def _of_environment(given: str, path: Path) -> Installed:
    number = _number_in(given, path.glob("lib/python3*/site-packages"))
    python = str(_python_of(path).absolute())
    return Installed(number, path, (python, "-I", "-m", "servicesop.cli.main"))


def _number_in(given: str, places: Iterable[Path]) -> str:
    """Give the version that is installed in one of these directories."""
    found = [one for place in places for one in place.glob("servicesop-*.dist-info")]
    if len(found) != 1:
        raise VersionError(
            f"{given}: servicesop is not installed there: it has {len(found)} directories"
            " servicesop-*.dist-info, and must have one"
        )
    number = found[0].name.removeprefix("servicesop-").removesuffix(".dist-info")
    _has_tests(number)
    return number


def _has_tests(number: str) -> None:
    if age(number)[0] < _FIRST_WITH_TESTS:
        raise VersionError(
            f"servicesop {number} has no `servicesop test`, which came with"
            f" {'.'.join(map(str, _FIRST_WITH_TESTS))}: there is nothing to compare with"
        )


def _with_pip(number: str, requirement: str, place: Path, say: Callable[[str], None]) -> Installed:
    """Give the virtual environment of a requirement, and make it where it is not there yet."""
    place = place.with_name(f"{place.name}-{sys.implementation.cache_tag}")
    if not _python_of(place).exists():
        say(f"installing {requirement} into {place}")
        try:
            _install(requirement, place)
        except OSError as unable:
            raise VersionError(f"{place} cannot be made: {unable.strerror}") from None
    return _of_environment(str(place), place)


def _install(requirement: str, place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    new = Path(tempfile.mkdtemp(prefix=".new-", dir=place.parent))
    try:
        # Without pip: ours is quicker than one of its own, and knows the person's index too.
        venv.create(new, symlinks=True)
        _pip("--python", str(_python_of(new)), "install", requirement)
        shutil.rmtree(place, ignore_errors=True)
        new.rename(place)
    finally:
        shutil.rmtree(new, ignore_errors=True)


def _pip(*arguments: str) -> None:
    quietly = ("--quiet", "--no-input", "--disable-pip-version-check")
    try:
        ended = run((sys.executable, "-m", "pip", *quietly, *arguments), _PIP_SECONDS)
    except TooLongError:
        raise VersionError(f"pip has not installed it within {_PIP_SECONDS:.0f} s") from None
    except TooMuchError:
        raise VersionError("pip writes without end") from None
    if ended.code:
        raise VersionError(
            f"pip cannot install it:\n{ended.last_words(_PIP_LINES)}\nIf there is no index with it,"
            " or no pip here, give the path of a wheel or of a virtual environment that has it."
        )


def cache_directory() -> Path:
    """Give where versions are installed."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "servicesop" / "versions"
