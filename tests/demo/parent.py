"""The demo ends when `make`, its parent, does."""

import ctypes
import os
import signal
import sys
import threading
import time
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_POLL_SECONDS = 0.3
_SIGINT_BIT = 1 << (signal.SIGINT - 1)


def end_with_parent() -> None:
    """Arrange that this process gets SIGTERM when its parent dies, SIGINT when it is interrupted.

    DEMO_PARENT may name the parent's process id: without it a parent that died before this call
    goes unnoticed.
    """
    parent = int(os.environ.get("DEMO_PARENT") or os.getppid())
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    # A parent that died before the call sends nothing any more.
    if os.getppid() != parent:
        sys.exit(128 + signal.SIGTERM)
    if not _blocks_sigint(parent):
        threading.Thread(target=_pass_on_sigint, args=(parent,), daemon=True).start()


def _pass_on_sigint(parent: int) -> None:
    """Interrupt this process when its parent has been interrupted alone.

    Ctrl-C reaches both. But a SIGINT for make itself stays with make: it expects that its recipe
    has got one too, and waits for the end of it, with the signal blocked.
    """
    while os.getppid() == parent:
        if _blocks_sigint(parent):
            os.kill(os.getpid(), signal.SIGINT)
            return
        time.sleep(_POLL_SECONDS)


def _blocks_sigint(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False
    fields = dict(line.split(":", 1) for line in status.splitlines())
    return bool(int(fields["SigBlk"], 16) & _SIGINT_BIT)
