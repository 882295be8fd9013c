"""Follows a page in an empty directory: writes its files, runs its commands, compares output."""

import shutil
import subprocess
import sysconfig
from collections.abc import Collection, Iterator
from pathlib import Path

import servicesop
from readme.blocks import Block, Use
from readme.output import differing_line

PROMPT = "$ "
_SECONDS = 120.0


class NotAsShownError(Exception):
    """The page is not true; the message says where, and what was printed."""


class Session:
    """Somebody in a directory who has `servicesop`, and of this machine only what is in `path`."""

    def __init__(self, directory: Path, home: Path, path: str) -> None:
        self._directory = directory
        programs = home / "bin"
        programs.mkdir()
        installed = shutil.which("servicesop", path=sysconfig.get_path("scripts"))
        assert installed is not None, "the package is installed"
        (programs / "servicesop").symlink_to(installed)
        self._environment = {
            "PATH": f"{programs}:{path}",
            "HOME": str(home),
            # The package that the tests import, also where another one is installed.
            "PYTHONPATH": str(Path(servicesop.__file__).parents[1]),
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    def follow(self, block: Block, sessions: Collection[Use]) -> None:
        """Do what a block shows, commands only of these uses. Raise NotAsShownError."""
        if block.use is Use.FILE:
            (self._directory / block.detail).parent.mkdir(parents=True, exist_ok=True)
            (self._directory / block.detail).write_text(block.text)
        elif block.use is Use.DIFF:
            self._compare(block, "git apply", "", given=block.text)
        elif block.use in sessions:
            for command, shown in commands_of(block):
                self._compare(block, command, shown)

    def _compare(self, block: Block, command: str, shown: str, given: str = "") -> None:
        done = self._run(command, given)
        line = differing_line(shown, done.stdout)
        if done.returncode or line is not None:
            said = f"ended with code {done.returncode}" if line is None else f"differs in: {line}"
            raise NotAsShownError(f"line {block.line}: {command}: {said}; printed:\n{done.stdout}")

    def _run(self, command: str, given: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["sh", "-c", command],
            cwd=self._directory,
            env=self._environment,
            input=given,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_SECONDS,
            check=False,
        )


def commands_of(block: Block) -> Iterator[tuple[str, str]]:
    """Give each command of a block and what it prints. Raise ValueError."""
    first, *rest = f"\n{block.text}".split(f"\n{PROMPT}")
    if first or not rest:
        raise ValueError(f"line {block.line}: a session begins with a command after {PROMPT!r}")
    for one in rest:
        command, _, shown = one.partition("\n")
        yield command, shown
