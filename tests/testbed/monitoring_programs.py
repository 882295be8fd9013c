"""Prometheus, built from its Go module, and Alertmanager, whose module cannot be built: its web
pages are not in it. Debian has it as a package, which is unpacked into the cache, not installed."""

import os
import shutil
import subprocess
from pathlib import Path

from testbed.cache import cache, filling
from testbed.go_tools import SERVERS, GoTools
from testbed.processes import Run, ServerError

_FETCH_SECONDS = 300.0
_PACKAGE = "prometheus-alertmanager"
_PROGRAM = Path("usr") / "bin" / "prometheus-alertmanager"
# Debian's program opens its templates by this path. Not installed, it finds them relative to the
# directory that it runs in; both have the same length, as a program's texts must.
_ABSOLUTE, _RELATIVE = b"/usr/share/prometheus/", b".////share/prometheus/"


def prometheus_program() -> Path:
    """Return Prometheus, building it when it is not there yet. Raises ServerError."""
    tools = GoTools(
        name="prometheus",
        title="Prometheus once, about 3 min on 2 cores",
        module=SERVERS / "prometheus",
        programs=("prometheus",),
        ldflags="-s -w",
        # Discovering targets in clouds takes most of the build, and nobody here does.
        tags="remove_all_sd",
    )
    return tools.ensure() / "prometheus"


def alertmanager_program() -> Path:
    """Return Alertmanager, fetching Debian's package when it is not there yet.

    It runs in a directory that holds `share`, which is beside the program's own: `../share`.
    Raises ServerError, also where there is no apt.
    """
    target = cache() / "alertmanager"
    program = target / _PROGRAM
    if os.access(program, os.X_OK):
        return program
    with filling():
        if not os.access(program, os.X_OK):
            with Run(parent=cache()) as run:
                _fetch(run).rename(target)
    return program


def _fetch(run: Run) -> Path:
    missing = [tool for tool in ("apt-get", "dpkg") if shutil.which(tool) is None]
    if missing:
        raise ServerError(
            f"there is no {' and no '.join(missing)} on this machine: Alertmanager comes from"
            " Debian's package, and what needs a real one cannot run here"
        )
    print(f"Fetching Alertmanager once (Debian's {_PACKAGE}, 11 MB)", flush=True)
    into, unpacked = run.subdirectory("deb"), run.subdirectory("alertmanager")
    try:
        run.output(["apt-get", "download", _PACKAGE], directory=into, seconds=_FETCH_SECONDS)
        (package,) = into.glob("*.deb")
        run.output(["dpkg", "-x", package, unpacked], directory=into, seconds=_FETCH_SECONDS)
    except subprocess.CalledProcessError as error:
        raise ServerError(
            f"apt-get could not fetch {_PACKAGE}; where its lists are empty, run `apt-get update`"
            f" once:\n{error.stderr}"
        ) from error
    program = (unpacked / _PROGRAM).read_bytes()
    if _ABSOLUTE not in program:
        raise ServerError(f"the program of {_PACKAGE} is not the one that is known")
    (unpacked / _PROGRAM).write_bytes(program.replace(_ABSOLUTE, _RELATIVE))
    return unpacked
