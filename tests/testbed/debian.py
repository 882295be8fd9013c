"""Programs of Debian's packages, which are unpacked into the cache, not installed."""

import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from testbed.cache import cache, filling
from testbed.processes import Run, ServerError

_FETCH_SECONDS = 300.0


def unpacked(
    name: str,
    packages: Sequence[str],
    *,
    title: str,
    prepare: Callable[[Path], None] = lambda unpacked: None,
) -> Path:
    """Return the cache's directory `name`, which holds what is in `packages`.

    They are fetched when it is not there yet, and `prepare` gets what is unpacked before it is
    used. Raises ServerError, also where there is no apt.
    """
    target = cache() / name
    if target.is_dir():
        return target
    with filling():
        if not target.is_dir():
            with Run(parent=cache()) as run:
                fresh = _fetch(run, packages, title)
                prepare(fresh)
                fresh.rename(target)
    return target


def _fetch(run: Run, packages: Sequence[str], title: str) -> Path:
    missing = [tool for tool in ("apt-get", "dpkg") if shutil.which(tool) is None]
    if missing:
        raise ServerError(
            f"there is no {' and no '.join(missing)} on this machine: {title} comes from Debian's"
            " packages, and what needs a real one cannot run here"
        )
    names = ", ".join(packages)
    print(f"Fetching {title} once (Debian's {names})", flush=True)
    into, fresh = run.subdirectory("deb"), run.subdirectory("unpacked")
    try:
        run.output(["apt-get", "download", *packages], directory=into, seconds=_FETCH_SECONDS)
        for package in sorted(into.glob("*.deb")):
            run.output(["dpkg", "-x", package, fresh], directory=into, seconds=_FETCH_SECONDS)
    except subprocess.CalledProcessError as error:
        raise ServerError(
            f"apt-get could not fetch {names}; where its lists are empty, run `apt-get update`"
            f" once:\n{error.stderr}"
        ) from error
    return fresh
