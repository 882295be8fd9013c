"""`make demo` leaves nothing behind, whenever and however it is ended."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.signals

CHECKOUT = Path(__file__).parents[2]
START_SECONDS = 120.0
GONE_SECONDS = 5.0


class Demo:
    """A running `make demo`, and all that belongs to it: its temporary directory marks it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._output = directory / "output"
        with self._output.open("wb") as output:
            self.make = subprocess.Popen(
                ["make", "demo"],
                cwd=CHECKOUT,
                env={**os.environ, "TMPDIR": str(directory)},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._started = time.monotonic()

    def age(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._started

    def says(self, text: str) -> bool:
        return text in self._output.read_text()

    def processes(self) -> dict[int, str]:
        """Command lines, by pid, of the processes that have the directory in their environment,
        arguments or working directory."""
        mark = str(self.directory).encode()
        found = {}
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit() or int(entry.name) == os.getpid():
                continue
            # It may end while it is looked at.
            with contextlib.suppress(OSError):
                command = (entry / "cmdline").read_bytes()
                where = str((entry / "cwd").readlink()).encode()
                if mark in command + where + (entry / "environ").read_bytes():
                    found[int(entry.name)] = command.replace(b"\0", b" ").decode(errors="replace")
        return found

    def runs(self, program: str) -> bool:
        return any(Path(line.split(" ")[0]).name == program for line in self.processes().values())

    def ports(self) -> set[int]:
        """TCP ports on which its processes listen."""
        sockets = {}
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A":
                sockets[f"socket:[{fields[9]}]"] = int(fields[1].rsplit(":", 1)[1], 16)
        ports = set()
        for pid in self.processes():
            with contextlib.suppress(OSError):
                for descriptor in Path(f"/proc/{pid}/fd").iterdir():
                    with contextlib.suppress(OSError):
                        ports.add(sockets.get(str(descriptor.readlink()), 0))
        return ports - {0}

    def wait_for(self, moment: Callable[["Demo"], bool]) -> None:
        while not moment(self):
            assert self.make.poll() is None, self._output.read_text()
            assert self.age() < START_SECONDS, self._output.read_text()
            time.sleep(0.01)

    def leftovers(self, ports: set[int]) -> list[str]:
        left = [f"process {pid}: {command}" for pid, command in self.processes().items()]
        left += [f"directory {path}" for path in self.directory.glob("servicesop-*")]
        for port in ports:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                left.append(f"port {port}")
        return left

    def end(self) -> None:
        for pid in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.make.wait()


@pytest.fixture
def demo() -> Iterator[Demo]:
    # PostgreSQL may run as another user, who must be able to pass through.
    directory = Path(tempfile.mkdtemp(prefix="demo-test-"))
    directory.chmod(0o711)
    demo = Demo(directory)
    yield demo
    demo.end()
    shutil.rmtree(directory)


MOMENTS: dict[str, Callable[[Demo], bool]] = {
    "while its interpreter starts": lambda demo: demo.runs("python"),
    "while the control plane starts": lambda demo: demo.runs("etcd"),
    "when the servers are up": lambda demo: demo.says("   Servers "),
    "when the operator runs": lambda demo: demo.says("   Operator "),
    "in the leader step": lambda demo: demo.says("\n2  "),
}
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)
LAST = tuple(MOMENTS)[-1]
# Alone is the harder case: the demo has to notice by itself what happened to make.
CASES = [
    *((moment, number, "alone") for moment in MOMENTS for number in SIGNALS),
    *((moment, signal.SIGINT, "with its group") for moment in MOMENTS),
    *((LAST, number, "with its group") for number in SIGNALS[1:]),
]


@pytest.mark.parametrize(
    ("moment", "number", "whom"),
    [pytest.param(*case, id=f"{case[1].name} {case[2]} {case[0]}") for case in CASES],
)
def test_five_seconds_after_a_signal_to_make_demo_nothing_of_it_is_left(
    demo: Demo, moment: str, number: signal.Signals, whom: str
) -> None:
    checkout = git_status()
    demo.wait_for(MOMENTS[moment])
    ports = demo.ports()
    assert len(demo.processes()) >= 1
    if moment not in list(MOMENTS)[:2]:
        assert len(ports) >= 4, "etcd, API server, kwok and PostgreSQL listen"

    if whom == "alone":
        demo.make.send_signal(number)
    else:
        os.killpg(demo.make.pid, number)
    deadline = time.monotonic() + GONE_SECONDS
    while (left := demo.leftovers(ports)) and time.monotonic() < deadline:
        # make is a child of this test: gone only once it has been waited for.
        demo.make.poll()
        time.sleep(0.1)

    assert left == []
    assert demo.make.poll() is not None
    assert git_status() == checkout


def git_status() -> str:
    return subprocess.run(
        ["git", "status", "--porcelain"], cwd=CHECKOUT, capture_output=True, text=True, check=True
    ).stdout
