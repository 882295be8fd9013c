"""Processes that never outlive their owner, and the directory they work in.

Two things end them: the exit of the `Run` context (SIGTERM, then SIGKILL after 3 s, all in
parallel), and the run's guardian (see `testbed.guardian`), which SIGKILLs them within 2 s when the
owner has died of anything.

Ports: `free_port` chooses one below the range from which the kernel takes the ports of outgoing
connections. Were it inside, a client that retries while its server is stopped could be given that
very port and keep the server from coming back. Between the choice and the server's own bind
another process may take the port: then the server fails, `Process.wait_ready` raises
`PortTakenError`, and `start_on_free_ports` starts it anew on another one. A server counts as ready
only when the listening socket is its own: a stranger that answers there is never mistaken for it.
"""

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import TypeVar

from testbed import guardian
from testbed.lifetime import Lifetime

_POLL_SECONDS = 0.02
_STOP_SECONDS = 3.0
_LOG_TAIL_LINES = 15
_PORT_TRIES = 100
_START_TRIES = 5

Started = TypeVar("Started")

# The child waits for a line before it becomes the program, so that it cannot run unregistered: if
# the owner dies in between, `read` meets the end of the pipe and the child ends by itself.
_WAIT_FOR_GO = ("/bin/sh", "-c", 'IFS= read -r go && exec "$@"', "sh")


class ServerError(RuntimeError):
    """A server did not start or ended early; the message holds the end of its log."""


class PortTakenError(ServerError):
    """A server could not bind its port; starting it anew with another one may work."""


class Process:
    """One running child. It leads its own session, its output goes to `log`."""

    def __init__(
        self, name: str, popen: subprocess.Popen[bytes], log: Path, stop_signal: signal.Signals
    ) -> None:
        identity = guardian.identify(popen.pid)
        self.name = name
        self.log = log
        self.pid = popen.pid
        self._popen = popen
        self._identity = identity or guardian.ProcessId(popen.pid, -1)
        self._stop_signal = stop_signal
        self._log_start = log.stat().st_size

    @property
    def identity(self) -> guardian.ProcessId:
        return self._identity

    def poll(self) -> int | None:
        """Return the exit code (negative: the signal that ended it), None while it runs."""
        return self._popen.poll()

    def wait(self, timeout: float) -> int:
        """Wait for the end, `timeout` seconds at most; raises subprocess.TimeoutExpired."""
        return self._popen.wait(timeout)

    def signal(self, number: int) -> None:
        """Send a signal to the process itself, not to its children."""
        if self._popen.poll() is None:
            self._popen.send_signal(number)

    def freeze(self) -> None:
        """Stop the process and its descendants without ending them."""
        guardian.freeze_trees([self._identity])

    def thaw(self) -> None:
        """Let a frozen process and its descendants go on."""
        guardian.thaw_trees([self._identity])

    def stop(self, seconds: float = _STOP_SECONDS) -> None:
        """Ask it to end, SIGKILL what is left of it and its descendants after `seconds`."""
        stop_all([self], seconds)

    def ask_to_stop(self) -> None:
        """Send the stop signal; a frozen process is continued so that it can obey."""
        self.signal(self._stop_signal)
        self.signal(signal.SIGCONT)

    def log_text(self) -> str:
        """Return what this process has written so far."""
        with self.log.open("rb") as file:
            file.seek(self._log_start)
            return file.read().decode(errors="replace")

    def listens_on(self, port: int) -> bool:
        """Tell whether this very process holds the listening TCP socket of the port."""
        inodes = set(_listening_inodes(port))
        try:
            descriptors = list(Path(f"/proc/{self.pid}/fd").iterdir())
        except OSError:
            return False
        for descriptor in descriptors:
            with contextlib.suppress(OSError):
                if str(descriptor.readlink()) in inodes:
                    return True
        return False

    def wait_ready(self, probe: Callable[[], bool], seconds: float) -> None:
        """Poll until `probe` is true.

        Raises ServerError (PortTakenError for a port in use) when the process ends before, or after
        `seconds`.
        """
        deadline = time.monotonic() + seconds
        while True:
            code = self.poll()
            if code is not None:
                self._fail(f"ended with code {code} before it was ready")
            if probe():
                return
            if time.monotonic() > deadline:
                self._fail(f"was not ready within {seconds:g} s")
            time.sleep(_POLL_SECONDS)

    def _fail(self, what: str) -> None:
        text = self.log_text()
        tail = "\n".join(text.splitlines()[-_LOG_TAIL_LINES:])
        kind = PortTakenError if "address already in use" in text.lower() else ServerError
        raise kind(f"{self.name} {what}; the end of its log:\n{tail}")


def stop_all(processes: Iterable[Process], seconds: float = _STOP_SECONDS) -> None:
    """Stop processes in parallel: the stop signal first, SIGKILL for all that is left."""
    processes = list(processes)
    for process in processes:
        process.ask_to_stop()
    deadline = time.monotonic() + seconds
    while any(process.poll() is None for process in processes) and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
    guardian.kill_trees(process.identity for process in processes)
    for process in processes:
        process.wait(_STOP_SECONDS)


class Run(Lifetime):
    """A directory and the processes started in it; both are gone after the context's exit.

    The directory is `servicesop-*` in `parent` (the system's temporary directory by default), with
    mode 0700. While the context is open, in the main thread, SIGTERM raises SystemExit unless the
    program has a handler of its own: so SIGTERM unwinds as Ctrl-C does.

    The guardian acts when every copy of the owner's end of its pipe is closed: a process that the
    owner forks without exec (multiprocessing's `fork`) counts as the owner.
    """

    def __init__(self, parent: Path | None = None) -> None:
        self._parent = parent or Path(tempfile.gettempdir())
        self._processes: list[Process] = []
        self._lock = threading.Lock()
        self._handles_sigterm = False

    def _live(self, life: contextlib.ExitStack) -> None:
        self._guardian = subprocess.Popen(
            [sys.executable, "-I", "-S", guardian.__file__, str(self._parent)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        assert self._guardian.stdin is not None
        assert self._guardian.stdout is not None
        assert self._guardian.stderr is not None
        self._guardian_fd = self._guardian.stdin.fileno()
        path = self._guardian.stdout.readline().decode().rstrip("\n")
        if not path:
            error = self._guardian.stderr.read().decode(errors="replace")
            raise ServerError(f"the guardian of the run did not start:\n{error}")
        self._guardian.stdout.close()
        self._guardian.stderr.close()
        self.directory = Path(path)
        life.callback(self._end)
        self._handles_sigterm = (
            threading.current_thread() is threading.main_thread()
            and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
        )
        if self._handles_sigterm:
            signal.signal(signal.SIGTERM, _exit_on_sigterm)

    def _end(self) -> None:
        try:
            stop_all(self._processes)
        finally:
            assert self._guardian.stdin is not None
            self._guardian.stdin.close()
            self._guardian.wait()
            # Nothing is left of it here, unless somebody killed the guardian.
            shutil.rmtree(self.directory, ignore_errors=True)
            if self._handles_sigterm and signal.getsignal(signal.SIGTERM) is _exit_on_sigterm:
                signal.signal(signal.SIGTERM, signal.SIG_DFL)

    def subdirectory(self, name: str) -> Path:
        """Make a directory in the run's one, named after `name` and new each time."""
        return Path(tempfile.mkdtemp(prefix=f"{name}-", dir=self.directory))

    def start(
        self,
        name: str,
        command: Sequence[str | Path],
        *,
        directory: Path,
        environment: Mapping[str, str] | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
        uid: int | None = None,
        gid: int | None = None,
    ) -> Process:
        """Start a long-running child; its output is appended to `directory`/`name`.log.

        `environment` replaces the caller's; `uid` and `gid` make it run as another user.
        """
        log = directory / f"{name}.log"
        with log.open("ab") as output:
            popen = self._spawn(
                command, directory, environment, output.fileno(), output.fileno(), uid, gid
            )
        process = Process(name, popen, log, stop_signal)
        self._processes.append(process)
        assert popen.stdin is not None
        with popen.stdin as go, contextlib.suppress(BrokenPipeError):
            go.write(b"\n")
        return process

    def output(
        self,
        command: Sequence[str | Path],
        *,
        directory: Path,
        environment: Mapping[str, str] | None = None,
        input_text: str | None = None,
        seconds: float = 60.0,
        uid: int | None = None,
        gid: int | None = None,
    ) -> str:
        """Run a program to its end and return its standard output.

        Raises subprocess.CalledProcessError, with `stderr`, for an exit code other than 0, and
        subprocess.TimeoutExpired after `seconds`; then the program is killed.
        """
        popen = self._spawn(
            command, directory, environment, subprocess.PIPE, subprocess.PIPE, uid, gid
        )
        identity = guardian.identify(popen.pid)
        try:
            stdout, stderr = popen.communicate(b"\n" + (input_text or "").encode(), seconds)
        except BaseException:
            if identity is not None:
                guardian.kill_trees([identity])
            popen.communicate()
            raise
        if popen.returncode != 0:
            raise subprocess.CalledProcessError(
                popen.returncode, [str(part) for part in command], stdout.decode(), stderr.decode()
            )
        return stdout.decode()

    def _spawn(
        self,
        command: Sequence[str | Path],
        directory: Path,
        environment: Mapping[str, str] | None,
        stdout: int,
        stderr: int,
        uid: int | None,
        gid: int | None,
    ) -> subprocess.Popen[bytes]:
        popen = subprocess.Popen(
            [*_WAIT_FOR_GO, *(str(part) for part in command)],
            stdin=subprocess.PIPE,
            stdout=stdout,
            stderr=stderr,
            cwd=directory,
            env=environment,
            start_new_session=True,
            user=uid,
            group=gid,
            extra_groups=None if uid is None else [],
        )
        try:
            os.write(self._guardian_fd, b"%d\n" % popen.pid)
        except OSError as error:
            popen.kill()
            popen.communicate()
            raise ServerError("the guardian of the run is gone; nothing can be started") from error
        return popen


def free_port() -> int:
    """Choose a TCP port of 127.0.0.1 that nobody uses now (see the module on the race)."""
    lowest_outgoing = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    for _ in range(_PORT_TRIES):
        port = lowest_outgoing - 1 - secrets.randbelow(min(20_000, lowest_outgoing - 1024))
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise PortTakenError(f"no free port among {_PORT_TRIES} tried below {lowest_outgoing}")


def start_on_free_ports(start: Callable[[], Started]) -> Started:
    """Call `start`, which chooses ports each time, until nobody else has taken one meanwhile."""
    for _ in range(_START_TRIES - 1):
        with contextlib.suppress(PortTakenError):
            return start()
    return start()


def _listening_inodes(port: int) -> Iterator[str]:
    listen_state = "0A"
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with contextlib.suppress(OSError):
            for line in Path(table).read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == listen_state and int(fields[1].rsplit(":", 1)[1], 16) == port:
                    yield f"socket:[{fields[9]}]"


def _exit_on_sigterm(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)
