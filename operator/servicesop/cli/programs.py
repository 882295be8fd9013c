"""Runs another program: bounded in time and output, and ended with all that it has started."""

import contextlib
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO

from servicesop.cli.junit import plain

MAX_OUTPUT = 64 * 1024 * 1024
_MAX_ERRORS = 16 * 1024
_LOOK_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Ended:
    """How a program ended."""

    code: int
    """Its exit code; negative where a signal ended it."""
    output: bytes
    errors: bytes
    """The end of what it wrote to standard error."""

    def last_words(self, lines: int) -> str:
        """Give the last lines that it wrote to standard error, or how it ended without a word."""
        said = self.errors.decode("utf-8", "replace").strip().splitlines()[-lines:]
        return "\n".join(map(plain, said)) or f"it ended with exit code {self.code}"


class TooLongError(Exception):
    """The program was ended, for it took too long."""


class TooMuchError(Exception):
    """The program was ended, for it wrote too much."""


def run(command: Sequence[str], seconds: float) -> Ended:
    """Run a program to its end. Raise OSError, TooLongError or TooMuchError."""
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        # It is the interpreter of a version that the person names, with arguments of ours.
        process = subprocess.Popen(  # noqa: S603
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
            start_new_session=True,
        )
        try:
            code = _end_of(process, seconds, (output, errors))
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        output.seek(0)
        errors.seek(max(0, os.fstat(errors.fileno()).st_size - _MAX_ERRORS))
        return Ended(code, output.read(), errors.read())


def _end_of(process: subprocess.Popen[bytes], seconds: float, written: Sequence[BinaryIO]) -> int:
    deadline = time.monotonic() + seconds
    while True:
        left = deadline - time.monotonic()
        with contextlib.suppress(subprocess.TimeoutExpired):
            return process.wait(max(0.0, min(left, _LOOK_SECONDS)))
        if left <= 0:
            raise TooLongError
        if any(os.fstat(one.fileno()).st_size > MAX_OUTPUT for one in written):
            raise TooMuchError
