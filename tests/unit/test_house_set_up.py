import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DEADLINE_SECONDS = 60.0


def programs(directory: Path, **scripts: str) -> Path:
    """Make a directory for PATH that holds what a shell script needs, and these scripts."""
    directory.mkdir()
    for name in ("sh", "dirname"):
        (directory / name).symlink_to(shutil.which(name) or name)
    for name, body in scripts.items():
        script = directory / name
        script.write_text(f"#!/bin/sh\n{body}\n")
        script.chmod(0o755)
    return directory


def set_up(path: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [ROOT / ".ci" / "set-up"],
        env={"PATH": str(path)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_without_python_it_names_the_packages(tmp_path: Path) -> None:
    result = set_up(programs(tmp_path / "bin"))

    assert result.returncode == 1
    assert result.stdout == ""
    assert "no Python 3.11 or newer on PATH" in result.stderr
    assert "python3.11-venv" in result.stderr


def test_a_python_that_is_too_old_is_no_python(tmp_path: Path) -> None:
    result = set_up(programs(tmp_path / "bin", python3="exit 1"))

    assert result.returncode == 1
    assert "no Python 3.11 or newer on PATH" in result.stderr


def test_without_venv_it_names_the_package_of_that_version(tmp_path: Path) -> None:
    # Debian's python3 without python3-venv: it runs, but has no ensurepip.
    python3 = f'case "$2" in *ensurepip*) exit 1;; esac\nexec "{sys.executable}" "$@"'

    result = set_up(programs(tmp_path / "bin", python3=python3))

    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    assert result.returncode == 1
    assert f"{tmp_path}/bin/python3 has no venv and ensurepip" in result.stderr
    assert f"the package python{version}-venv" in result.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_killed_set_up_leaves_the_working_environment_alone(
    tmp_path: Path, number: signal.Signals
) -> None:
    shutil.copytree(ROOT / ".ci", tmp_path / ".ci")
    shutil.copytree(ROOT / "requirements", tmp_path / "requirements")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / "working").touch()
    begun = tmp_path / ".venv.new" / "pyvenv.cfg"

    with subprocess.Popen(
        [sys.executable, tmp_path / ".ci" / "set_up.py"],
        env={**os.environ, "PIP_INDEX_URL": "http://127.0.0.1:9/", "PIP_NO_INDEX": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not begun.exists():
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.send_signal(number)
        process.wait(DEADLINE_SECONDS)

    assert [path.name for path in (tmp_path / ".venv").iterdir()] == ["working"]
    # Nobody can clean up after SIGKILL; the next set-up does.
    assert begun.exists() == (number == signal.SIGKILL)
