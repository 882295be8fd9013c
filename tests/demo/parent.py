"""The demo ends when `make`, its parent, does."""

import ctypes
import os
import signal
import sys
import threading
import time
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_POLL_SECONDS = 0.2
_INTERRUPTED_AFTER = 2
_SIGINT_BIT = 1 << (signal.SIGINT - 1)


def end_with_parent() -> None:
    """Arrange that this process gets SIGTERM when its parent dies, SIGINT when it is interrupted.

    DEMO_PARENT names the process id of a parent that is make. Without it a parent that died before
    this call goes unnoticed, and none is watched for an interrupt: only make keeps it to itself.
    """
    make = os.environ.get("DEMO_PARENT")
    parent = int(make or os.getppid())
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    # A parent that died before the call sends nothing any more.
    if os.getppid() != parent:
        sys.exit(128 + signal.SIGTERM)
    if make:
        threading.Thread(target=_pass_on_sigint, args=(parent,), daemon=True).start()


def _pass_on_sigint(parent: int) -> None:
    """Interrupt this process when its parent has been interrupted alone.

    Ctrl-C reaches both. But a SIGINT for make itself stays with make: it expects that its recipe
    has got one too, and waits for the end of it, with the signal blocked. That may have happened
    before this process could look. make blocks it for an instant around each start of a command,
    too, so that once is not enough.
    """
    blocked = 0
    while os.getppid() == parent and blocked < _INTERRUPTED_AFTER:
        blocked = blocked + 1 if _blocks_sigint(parent) else 0
        time.sleep(_POLL_SECONDS)
    if blocked:
        os.kill(os.getpid(), signal.SIGINT)


def _blocks_sigint(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False
    fields = dict(line.split(":", 1) for line in status.splitlines())
    return bool(int(fields["SigBlk"], 16) & _SIGINT_BIT)
