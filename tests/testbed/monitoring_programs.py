"""Prometheus, built from its Go module, and Alertmanager, whose module cannot be built: its web
pages are not in it. Debian has it as a package."""

from pathlib import Path

from testbed.debian import unpacked
from testbed.go_tools import SERVERS, GoTools
from testbed.processes import ServerError

_PACKAGE = "prometheus-alertmanager"
_PROGRAM = Path("usr") / "bin" / "prometheus-alertmanager"
# Debian's program opens its templates by this path. Not installed, it finds them relative to the
# directory that it runs in; both have the same length, as a program's texts must.
_ABSOLUTE, _RELATIVE = b"/usr/share/prometheus/", b".////share/prometheus/"


def prometheus_program() -> Path:
    """Return Prometheus, building it when it is not there yet. Raises ServerError."""
    tools = GoTools(
        name="prometheus",
        title="Prometheus once, about 2 min on 2 cores",
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
    return unpacked("alertmanager", [_PACKAGE], title="Alertmanager", prepare=_relocate) / _PROGRAM


def _relocate(unpacked: Path) -> None:
    program = (unpacked / _PROGRAM).read_bytes()
    if _ABSOLUTE not in program:
        raise ServerError(f"the program of {_PACKAGE} is not the one that is known")
    (unpacked / _PROGRAM).write_bytes(program.replace(_ABSOLUTE, _RELATIVE))
