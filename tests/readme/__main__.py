"""`python -m readme`: see --help."""

import argparse
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from readme.blocks import Block, Use, blocks_of
from readme.output import missing_line
from testbed import ControlPlane, Process, Run, ServerError, binaries

_DESCRIPTION = """\
Runs the shell blocks of the README, in order and as they stand, in a fresh clone of the last commit
with an empty home and an empty cache, so that nothing of this machine's set-up can help. Blocks for
a cluster run against a control plane of their own. At the end the demo's output in the README is
compared with what was printed.
"""
_ROOT = Path(__file__).parents[2]
_READY_SECONDS = 60.0
_END_SECONDS = 10.0
_POLL_SECONDS = 0.2
# What would bring this user's set-up into the clone. How package registries are reached stays.
_PERSONAL = re.compile(
    r"HOME|XDG_.*|KUBE.*|VIRTUAL_ENV|PYTHON.*|PYTEST_.*|PIP_CACHE_DIR|MAKE.*|MFLAGS|DEMO_.*"
    r"|GOPATH|GOCACHE|GOMODCACHE|GOBIN|GOENV|GOROOT|GIT_DIR|GIT_WORK_TREE|GIT_INDEX_FILE"
)


class FailedError(Exception):
    """The README is not true; the message says where and why."""


class Reader:
    """Does what the README says, block after block."""

    def __init__(self, run: Run, source: Path, *, only_collect: bool = False) -> None:
        self._run = run
        self._source = source
        self._only_collect = only_collect
        self._clone = run.directory / "clone"
        home = run.subdirectory("home")
        kept = {k: v for k, v in os.environ.items() if not _PERSONAL.fullmatch(k)}
        self._environment = {
            **kept,
            "HOME": str(home),
            "XDG_CACHE_HOME": str(home / ".cache"),
        }
        self._control_plane: ControlPlane | None = None
        self._background: list[tuple[Block, Process]] = []
        self._printed = ""

    def clone(self) -> str:
        """Clone the last commit and give its README."""
        command = ["git", "clone", "--quiet", "--no-hardlinks", str(self._source), str(self._clone)]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
        describe = ["git", "-C", str(self._clone), "log", "-1", "--format=%h (%s)"]
        commit = subprocess.run(describe, check=True, capture_output=True, text=True).stdout.strip()
        _say(f"of commit {commit}; what is not committed is not seen")
        return (self._clone / "README.md").read_text()

    def follow(self, block: Block) -> None:
        """Run a block, or compare it. Raise FailedError."""
        match block.use:
            case Use.RUN:
                extra = {"PYTEST_ADDOPTS": "--collect-only -q"} if self._only_collect else {}
                self._shell(block, self._environment | extra)
            case Use.CLUSTER:
                self._shell(block, self._with_cluster())
            case Use.BACKGROUND:
                self._start(block)
            case Use.NOT_RUN:
                _say(f"line {block.line}: not run: {block.detail}: {block.text.strip()}")
            case Use.OUTPUT:
                line = missing_line(block.text, self._printed)
                if line is not None:
                    raise FailedError(f"line {block.line}: the demo did not print there: {line}")
                _say(f"line {block.line}: the output shown is what was printed")
            case _:
                raise FailedError(f"line {block.line}: {block.use} is not for the README")

    def end(self) -> None:
        """End what goes on until the end; it must end well when asked. Raise FailedError."""
        for block, process in self._background:
            process.ask_to_stop()
            try:
                code = process.wait(_END_SECONDS)
            except subprocess.TimeoutExpired:
                raise FailedError(
                    f"line {block.line}: still running {_END_SECONDS:g} s after SIGTERM"
                ) from None
            if code:
                raise FailedError(
                    f"line {block.line}: ended with code {code}:\n{process.log_text()[-2000:]}"
                )

    def _shell(self, block: Block, environment: dict[str, str]) -> None:
        _say(f"line {block.line}: {block.text.strip()}")
        start = time.monotonic()
        process = self._in_clone(block, block.text, environment)
        with process.log.open(errors="replace") as log:
            while True:
                code = process.poll()
                text = log.read()
                print(text, end="", flush=True)
                self._printed += text
                if not text:
                    if code is not None:
                        break
                    time.sleep(_POLL_SECONDS)
        if code:
            raise FailedError(f"line {block.line}: ended with code {code}")
        _say(f"line {block.line}: {time.monotonic() - start:.0f} s")

    def _start(self, block: Block) -> None:
        found = re.search(r"--listen (127\.0\.0\.1:\d+)", block.text)
        if found is None or "\n" in block.text.strip():
            raise FailedError(
                f"line {block.line}: what goes on until the end is one command with"
                " --listen 127.0.0.1:PORT, where it says when it is ready"
            )
        _say(f"line {block.line}: {block.text.strip()}")
        if _answers(found[1]):
            raise FailedError(f"line {block.line}: something else listens on {found[1]} already")
        # exec: the signal that ends it must reach the command, not a shell around it.
        process = self._in_clone(block, f"exec {block.text}", self._with_cluster())
        process.wait_ready(lambda: _answers(found[1]), _READY_SECONDS)
        self._background.append((block, process))

    def _in_clone(self, block: Block, text: str, environment: dict[str, str]) -> Process:
        """Start a shell whose working directory is the clone, and whose log is not in it."""
        return self._run.start(
            f"line-{block.line}",
            ["sh", "-eu", "-c", f"cd {shlex.quote(str(self._clone))}\n{text}"],
            directory=self._clone.parent,
            environment=environment,
        )

    def _with_cluster(self) -> dict[str, str]:
        """Give the environment of somebody who has a cluster and kubectl."""
        if self._control_plane is None:
            # The servers that the README's own commands have built, not this user's.
            os.environ["XDG_CACHE_HOME"] = self._environment["XDG_CACHE_HOME"]
            os.environ.pop("KUBEBUILDER_ASSETS", None)
            self._control_plane = ControlPlane(self._run).__enter__()
            usual = Path(self._environment["HOME"]) / ".kube" / "config"
            usual.parent.mkdir(mode=0o700)
            shutil.copy(self._control_plane.kubeconfig, usual)
            usual.chmod(0o600)
        path = f"{binaries.ensure()}{os.pathsep}{self._environment.get('PATH', os.defpath)}"
        return self._environment | {"PATH": path}


def _answers(address: str) -> bool:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"http://{address}/readyz", timeout=2):
            return True
    except (urllib.error.URLError, OSError):
        return False


def _say(text: str) -> None:
    print(f"-- README {text}", flush=True)


@contextmanager
def _deletable(directory: Path) -> Iterator[None]:
    """Let everything below be deleted at the end: Go's module cache is read-only."""
    try:
        yield
    finally:
        for parent, _, _ in os.walk(directory):
            Path(parent).chmod(0o700)


def main() -> int:
    """Follow the README and return the exit code."""
    parser = argparse.ArgumentParser("python -m readme", description=_DESCRIPTION)
    parser.add_argument(
        "--only-collect",
        action="store_true",
        help="let `make test` do all the set-up and collect the tests, but not run them: for a run"
        " that has passed all tests of the same commit already",
    )
    arguments = parser.parse_args()
    try:
        with Run() as run, _deletable(run.directory):
            reader = Reader(run, _ROOT, only_collect=arguments.only_collect)
            for block in blocks_of(reader.clone()):
                reader.follow(block)
            reader.end()
    except (FailedError, ServerError, ValueError, subprocess.CalledProcessError) as error:
        print(f"README: FAILED: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    _say("passed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
