"""Make .venv from requirements/dev.txt, with the project itself in editable form.

It is immediate when .venv is up to date. Otherwise the new environment is built beside it and
renamed when it is finished, so that a set-up that is killed leaves a working .venv or none.
"""

import ctypes
import fcntl
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import tomllib
import venv
from pathlib import Path
from types import FrameType

_ROOT = Path(__file__).resolve().parent.parent
_VENV = _ROOT / ".venv"
_NEW = _ROOT / ".venv.new"
_OLD = _ROOT / ".venv.old"
_LOCK_FILE = _ROOT / "requirements" / "dev.txt"
_PROJECT_FILE = _ROOT / "pyproject.toml"
_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Bring .venv up to date; exits with a message when that fails."""
    _die_with_parent(signal.SIGTERM)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)
    if _is_current():
        return
    with _LOCK_FILE.open() as lock:
        # The lock is on a file that is there anyway, so that nothing has to be cleaned up.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _is_current():
            try:
                _build()
            finally:
                _remove(_NEW)


def _key() -> str:
    """Name what the environment is made of; its scripts hold its path, so that belongs to it."""
    project = tomllib.loads(_PROJECT_FILE.read_text())
    # How tests and linters are set up changes nothing in the environment.
    project["tool"] = project["tool"]["hatch"]
    parts = [str(_ROOT), json.dumps(project), _LOCK_FILE.read_text(), Path(__file__).read_text()]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _is_current() -> bool:
    stamp = _VENV / "stamp"
    # The interpreter is a link to the system's own, which an upgrade may have removed.
    usable = os.access(_VENV / "bin" / "python", os.X_OK)
    return usable and stamp.is_file() and stamp.read_text() == _key()


def _build() -> None:
    print(f"Setting up {_VENV} once, about a minute", flush=True)
    start = time.monotonic()
    _remove(_NEW)
    venv.create(_NEW, with_pip=True)
    _pip("--require-hashes", "-r", str(_LOCK_FILE))
    _pip("--no-deps", "--no-build-isolation", "--editable", str(_ROOT))
    _rename_in_scripts()
    (_NEW / "stamp").write_text(_key())
    _remove(_OLD)
    if _VENV.exists():
        _VENV.rename(_OLD)
    _NEW.rename(_VENV)
    _remove(_OLD)
    print(f"Set up in {time.monotonic() - start:.0f} s", flush=True)


def _pip(*arguments: str) -> None:
    command = [str(_NEW / "bin" / "python"), "-m", "pip", "install", "--quiet", "--no-input"]
    command += ["--disable-pip-version-check", *arguments]
    code = subprocess.run(
        command, preexec_fn=lambda: _die_with_parent(signal.SIGKILL), check=False
    ).returncode
    if code:
        sys.exit(f"set-up: pip ended with code {code}; what it wrote stands above")


def _rename_in_scripts() -> None:
    """Let the scripts in bin/ name the environment by its final path."""
    for script in (_NEW / "bin").iterdir():
        if script.is_symlink() or not script.is_file():
            continue
        content = script.read_bytes()
        renamed = content.replace(bytes(_NEW), bytes(_VENV))
        # Programs are left alone: a path of another length inside them would break them.
        if renamed != content and b"\0" not in content:
            script.write_bytes(renamed)


def _remove(directory: Path) -> None:
    if directory.exists():
        shutil.rmtree(directory)


def _stop(number: int, _frame: FrameType | None) -> None:
    """End with the exit code that shells give for a signal, after all clean-up."""
    sys.exit(128 + number)


def _die_with_parent(number: signal.Signals) -> None:
    """Have the kernel send this process a signal when its parent dies, even of SIGKILL."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, number)


if __name__ == "__main__":
    main()
