"""The guardian of a run: kills its processes and removes its directory once the owner is gone.

Started as a program, it makes the run's directory, prints its path and then reads process ids, one
a line, from its standard input. The owner holds the only writing end, so the end of the input
means that the owner has ended, however it died. Only the standard library is used, and the file
runs by its path alone, so that it starts in a few milliseconds.
"""

import contextlib
import ctypes
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

_WAIT_SECONDS = 2.0
_POLL_SECONDS = 0.01
_IPC_RMID = 0
_STOPPED = (b"T", b"t")
_ENDED = (b"Z", b"X")


class ProcessId(NamedTuple):
    """A process that a later one with the same number cannot be mistaken for."""

    pid: int
    start_ticks: int


class _Entry(NamedTuple):
    id: ProcessId
    state: bytes
    parent: int
    session: int


def identify(pid: int) -> ProcessId | None:
    """Return the identity of a living process; None when it has ended (also as a zombie)."""
    entry = _entry(pid)
    return None if entry is None else entry.id


def send(process: ProcessId, signal_number: int) -> None:
    """Send a signal to exactly this process, if it still lives."""
    if identify(process.pid) == process:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal_number)


def freeze_trees(roots: Iterable[ProcessId]) -> list[ProcessId]:
    """SIGSTOP the trees of the roots and return their members, parents before their children.

    Returns when every member has really stopped, so that none can fork unseen (2 s at most: a
    process in the midst of a long system call stops only after it).
    """
    roots = list(roots)
    deadline = time.monotonic() + _WAIT_SECONDS
    while True:
        members = _tree(roots)
        running = [member.id for member in members if member.state not in _STOPPED]
        if not running or time.monotonic() > deadline:
            return [member.id for member in members]
        for process in running:
            send(process, signal.SIGSTOP)
        time.sleep(_POLL_SECONDS)


def thaw_trees(roots: Iterable[ProcessId]) -> None:
    """Let frozen trees go on."""
    for member in _tree(roots):
        send(member.id, signal.SIGCONT)


def kill_trees(roots: Iterable[ProcessId]) -> None:
    """SIGKILL the trees of the roots, wait until they are gone (2 s at most), free their memory.

    They are frozen before the first one is killed: a running member could still fork, and a
    killed parent would leave children that can no longer be found.
    """
    roots = list(roots)
    members = freeze_trees(roots)
    # Children first: if this process is killed half-way, the roots still lead to the rest.
    for member in reversed(members):
        send(member, signal.SIGKILL)
    deadline = time.monotonic() + _WAIT_SECONDS
    while any(identify(member.pid) == member for member in members):
        if time.monotonic() > deadline:
            break
        time.sleep(_POLL_SECONDS)
    _remove_shared_memory({process.pid for process in (*roots, *members)})


def _tree(roots: Iterable[ProcessId]) -> list[_Entry]:
    """Find the living roots, their descendants and the members of their sessions.

    Sessions count because a process whose parent has died can no longer be found by descent.
    """
    table = list(_entries())
    by_pid = {entry.id.pid: entry for entry in table}
    members: dict[ProcessId, _Entry] = {}
    sessions: set[int] = set()
    for root in roots:
        found = by_pid.get(root.pid)
        if found is not None and found.id != root:
            continue  # the number belongs to somebody else by now
        sessions.add(root.pid)
        if found is not None:
            members[root] = found
    pids = {member.pid for member in members}
    grown = True
    while grown:
        grown = False
        for entry in table:
            if entry.id not in members and (entry.parent in pids or entry.session in sessions):
                members[entry.id] = entry
                pids.add(entry.id.pid)
                grown = True
    return list(members.values())


def _remove_shared_memory(creators: set[int]) -> None:
    """Remove the System V segments that killed processes made; the kernel keeps them otherwise.

    PostgreSQL always has one, as the interlock of its data directory.
    """
    try:
        lines = Path("/proc/sysvipc/shm").read_text().splitlines()
    except OSError:
        return
    column = {name: index for index, name in enumerate(lines[0].split())}
    libc = ctypes.CDLL(None)
    for line in lines[1:]:
        fields = line.split()
        unused = fields[column["nattch"]] == "0"
        if unused and int(fields[column["cpid"]]) in creators:
            libc.shmctl(int(fields[column["shmid"]]), _IPC_RMID, None)


def _entries() -> Iterator[_Entry]:
    for path in Path("/proc").iterdir():
        if path.name.isdigit():
            entry = _entry(int(path.name))
            if entry is not None:
                yield entry


def _entry(pid: int) -> _Entry | None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return None
    # The command name, in parentheses, may hold spaces and parentheses itself.
    fields = stat[stat.rindex(b")") + 2 :].split()
    if fields[0] in _ENDED:
        return None
    return _Entry(ProcessId(pid, int(fields[19])), fields[0], int(fields[1]), int(fields[3]))


def _main(parent: str) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    os.chdir("/")
    directory = Path(tempfile.mkdtemp(prefix="servicesop-", dir=parent))
    # The owner may have died since it started us: then the end of the input follows at once.
    with contextlib.suppress(BrokenPipeError):
        os.write(1, f"{directory}\n".encode())
    roots: list[ProcessId] = []
    for line in sys.stdin:
        # A child that is gone already never ran its program: it waits for the owner's go.
        process = identify(int(line))
        if process is not None:
            roots.append(process)
    kill_trees(roots)
    deadline = time.monotonic() + _WAIT_SECONDS
    while directory.exists() and time.monotonic() < deadline:
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    _main(sys.argv[1])
