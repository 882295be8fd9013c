"""What processes have used, from /proc."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_KIB = 1024


def cpu_seconds(pid: int) -> float:
    """CPU of a process and its descendants, ended ones that were waited for included."""
    ticks = 0
    for each in _family(pid):
        # After the name, which may hold anything: utime, stime, cutime, cstime are 14 to 17.
        fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
        ticks += sum(int(field) for field in fields[11:15])
    return ticks / _TICKS


def memory(pid: int) -> tuple[int, int]:
    """Resident memory of a process now, and the most that it has had; bytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    found = dict(re.findall(r"^(VmRSS|VmHWM):\s+(\d+) kB$", status, re.MULTILINE))
    return int(found["VmRSS"]) * _KIB, int(found["VmHWM"]) * _KIB


def _family(pid: int) -> Iterator[int]:
    yield pid
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            yield from _family(int(child))
