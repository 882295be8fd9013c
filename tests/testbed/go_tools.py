"""Programs that a Go module names by `tool` directives: built once, then cached."""

import hashlib
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from testbed.build_progress import BuildProgress
from testbed.cache import cache, filling, from_pypi
from testbed.processes import Run, ServerError

SERVERS = Path(__file__).parent / "servers"
_TOOLCHAIN = SERVERS / "go-toolchain.txt"
# Nobody debugs them: an eighth less to compile, and a quarter less to write, hash and link.
_GCFLAGS = "all=-dwarf=false"
# The compiler may keep more garbage: a fifth less to compute for a few hundred MB.
_GOGC = "400"
_BUILD_SECONDS = 3600.0
_GO_VERSION_SECONDS = 30.0
_POLL_SECONDS = 0.2
_TAIL_LINES = 20


@dataclass(frozen=True)
class GoTools:
    """The programs of one module."""

    name: str
    """What their directory in the cache begins with."""
    title: str
    """What is built, and about how long that takes."""
    module: Path
    """The directory of go.mod and go.sum."""
    programs: tuple[str, ...]
    """How the programs are called in the cache."""
    ldflags: str
    tags: str = ""
    aliases: tuple[tuple[str, str], ...] = ()
    """Programs that the build calls otherwise, with its own name for them. Several may be one: it
    sees by which name it is run."""

    def ensure(self) -> Path:
        """Return the directory of the programs, building them when they are not there yet.

        A second call is immediate, and concurrent ones wait for the first. Raises ServerError, with
        the end of the compiler's output.
        """
        target = cache() / f"{self.name}-{self._key()}"
        if len(self.found(target)) == len(self.programs):
            return target
        with filling():
            if len(self.found(target)) == len(self.programs):
                return target
            # The run's directory is beside the target, so that the finished build is renamed, never
            # copied; its guardian removes it, and the compiler's processes, if this process is
            # killed.
            with Run(parent=cache()) as run:
                self._build(run, target)
        return target

    def found(self, directory: Path) -> dict[str, Path]:
        """Give those of the programs that are in a directory."""
        paths = {name: directory / name for name in self.programs}
        return {name: path for name, path in paths.items() if os.access(path, os.X_OK)}

    def _build(self, run: Run, target: Path) -> None:
        print(f"Building {self.title}, into {target}", flush=True)
        go, environment = _go(run, self.module)
        progress = BuildProgress(time.monotonic())
        listed = self._go_run(
            run,
            "list",
            [go, "list", "-deps", *self._flags(), "tool"],
            environment,
            progress.downloading,
        )
        output = run.subdirectory("bin")
        self._go_run(
            run,
            "install",
            [go, "install", "-v", "-buildvcs=false", *self._flags(), "tool"],
            {**environment, "GOBIN": str(output)},
            lambda lines: progress.compiling(len(_packages(lines)), len(_packages(listed))),
        )
        for name, built in self.aliases:
            (output / name).symlink_to(built)
        missing = set(self.programs) - set(self.found(output))
        if missing:
            raise ServerError(f"the build did not make {', '.join(sorted(missing))}")
        output.chmod(0o755)
        output.rename(target)
        progress.done()

    def _go_run(
        self,
        run: Run,
        name: str,
        command: list[str | Path],
        environment: Mapping[str, str],
        report: Callable[[list[str]], None],
    ) -> list[str]:
        """Run `go` in the module, report its output so far now and then, and return it."""
        process = run.start(
            f"go-{name}",
            [command[0], "-C", self.module, *command[1:]],
            directory=run.directory,
            environment=environment,
        )
        deadline = time.monotonic() + _BUILD_SECONDS
        while (code := process.poll()) is None and time.monotonic() < deadline:
            report(process.log_text().splitlines())
            time.sleep(_POLL_SECONDS)
        lines = process.log_text().splitlines()
        if code != 0:
            tail = "\n".join(lines[-_TAIL_LINES:])
            raise ServerError(f"`go {name}` in {self.module} failed (code {code}):\n{tail}")
        report(lines)
        return lines

    def _flags(self) -> list[str]:
        return [f"-tags={self.tags}", f"-gcflags={_GCFLAGS}", f"-ldflags={self.ldflags}"]

    def _key(self) -> str:
        """Hash of everything that decides what the build makes."""
        on_path = _go_on_path(self.module)
        version = on_path[1].encode() if on_path else _TOOLCHAIN.read_bytes()
        sources = sorted(self.module.glob("*/*.go"))
        files = [self.module / "go.mod", self.module / "go.sum", *sources]
        parts = [version, *(flag.encode() for flag in self._flags())]
        parts += [path.read_bytes() for path in files]
        return hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]


def _packages(lines: list[str]) -> list[str]:
    """Both `go list` and `go install -v` name one package a line, among other messages."""
    return [line for line in lines if line and not line.startswith(("go: ", "#"))]


def _go(run: Run, module: Path) -> tuple[Path, dict[str, str]]:
    """Return a Go that is new enough, the one on PATH or the pinned one from PyPI, with its
    environment: the caller's without what would change the result."""
    environment = {
        **os.environ,
        "CGO_ENABLED": "0",
        "GOARCH": "",
        "GOEXPERIMENT": "",
        "GOFLAGS": "-mod=readonly",
        "GOGC": _GOGC,
        "GOOS": "",
        "GOROOT": "",
        "GOTMPDIR": str(run.directory),
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
    }
    on_path = _go_on_path(module)
    if on_path is not None:
        return on_path[0], environment
    # Somebody without Go has no caches of it either: they go beside the servers, deletable.
    environment |= {
        "GOCACHE": str(cache() / "go-build"),
        "GOFLAGS": "-mod=readonly -modcacherw",
        "GOMODCACHE": str(cache() / "go-mod"),
    }
    return from_pypi(run, _TOOLCHAIN, "go") / "go" / "bin" / "go", environment


def _go_on_path(module: Path) -> tuple[Path, str] | None:
    """Return the Go on PATH and its version; None when there is none that is new enough."""
    path = shutil.which("go")
    if path is None:
        return None
    version = subprocess.run(
        [path, "env", "GOVERSION"],
        env={**os.environ, "GOTOOLCHAIN": "local"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_GO_VERSION_SECONDS,
        check=False,
    ).stdout.strip()
    wanted = _wanted_version(module / "go.mod")
    return (Path(path), version) if _version_tuple(version) >= _version_tuple(wanted) else None


def _wanted_version(go_mod: Path) -> str:
    found = re.search(r"^go (\S+)$", go_mod.read_text(), re.MULTILINE)
    if found is None:
        raise ServerError(f"{go_mod} does not say which Go it needs")
    return found[1]


def _version_tuple(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", text)[:3])
