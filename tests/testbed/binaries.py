"""The programs of the control plane, built once from `servers/go.mod` and then cached."""

import hashlib
import os
import re
from collections.abc import Mapping
from pathlib import Path

from testbed.cache import cache, filling
from testbed.go_tools import SERVERS, GoTools
from testbed.processes import ServerError

_KUBERNETES = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
NAMES = ("etcd", *_KUBERNETES, "kubectl", "kwok")


def ensure() -> Path:
    """Return a directory that holds every program of `NAMES`, building what is missing.

    Programs in the directory that KUBEBUILDER_ASSETS names are taken from there. The rest is built
    once and kept in `${XDG_CACHE_HOME:-~/.cache}/servicesop`; a second call is immediate, and
    concurrent ones wait for the first. Raises ServerError, with the end of the compiler's output.
    """
    tools = _tools()
    assets = os.environ.get("KUBEBUILDER_ASSETS")
    given = tools.found(Path(assets)) if assets else {}
    if assets and len(given) == len(NAMES):
        return Path(assets).resolve()
    built = tools.ensure()
    return _combine(given, tools.found(built)) if given else built


def _tools() -> GoTools:
    return GoTools(
        name="servers",
        title="the Kubernetes servers once, about 5 min on 2 cores",
        module=SERVERS,
        programs=NAMES,
        ldflags=_ldflags(),
        aliases=(("etcd", "server"), *((name, "kubernetes") for name in _KUBERNETES)),
    )


def _ldflags() -> str:
    go_mod = SERVERS / "go.mod"
    found = re.search(r"^\s*k8s\.io/kubernetes v(\S+)", go_mod.read_text(), re.MULTILINE)
    if found is None:
        raise ServerError(f"{go_mod} does not name the version of k8s.io/kubernetes")
    major, minor = found[1].split(".")[:2]
    # Without these the servers report v0.0.0.
    values = {"gitVersion": f"v{found[1]}", "gitMajor": major, "gitMinor": minor}
    package = "k8s.io/component-base/version"
    return " ".join(["-s -w", *(f"-X {package}.{name}={value}" for name, value in values.items())])


def _combine(given: Mapping[str, Path], built: Mapping[str, Path]) -> Path:
    """Return a directory of links to the given programs and, for the rest, to the built ones."""
    chosen = {**built} | {name: path.resolve() for name, path in given.items()}
    key = hashlib.sha256("\n".join(map(str, chosen.values())).encode()).hexdigest()[:16]
    target = cache() / f"assets-{key}"
    with filling():
        target.mkdir(exist_ok=True)
        for name, path in chosen.items():
            if not (target / name).exists():
                (target / name).unlink(missing_ok=True)
                (target / name).symlink_to(path)
    return target
