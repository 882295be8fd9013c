"""The operator as a process of its own, under its own ServiceAccount and the shipped manifests."""

import json
import os
import signal
import sys
import time
import urllib.error
import urllib.request
from functools import partial
from pathlib import Path
from typing import Any

import yaml

import servicesop
from testbed import objects
from testbed.control_plane import ControlPlane
from testbed.processes import Process, Run, free_port, start_on_free_ports

NAMESPACE = "servicesop-system"
ACCOUNT = "servicesop"
RUNNER = "servicesop-runner"
_REVIEWS = "/apis/authorization.k8s.io/v1/subjectaccessreviews"

_ROOT = Path(__file__).parents[2]
_READY_SECONDS = 30.0
_GRANT_SECONDS = 20.0
_ESTABLISHED_SECONDS = 30.0


def install(control_plane: ControlPlane) -> None:
    """Apply the shipped manifests; the operator itself is a process of ours, not a pod."""
    shipped = control_plane.kustomize(_ROOT / "manifests/install")
    text = yaml.safe_dump_all(item for item in shipped if item["kind"] != "Deployment")
    control_plane.kubectl("apply", "-f", "-", input=text)
    wait_established(control_plane)


def wait_established(control_plane: ControlPlane) -> None:
    """Wait until the API server accepts our type.

    `kubectl wait` fails on a CRD that has no conditions yet, as it is right after it was applied.
    """
    give_up = time.monotonic() + _ESTABLISHED_SECONDS
    crd = ("get", "crd", "servicesops.servicesop.io", "-o", "json")
    while not _is_established(json.loads(control_plane.kubectl(*crd))):
        if time.monotonic() > give_up:
            raise TimeoutError(f"the CRD is not established within {_ESTABLISHED_SECONDS:g} s")
        time.sleep(0.05)


def _is_established(crd: dict[str, Any]) -> bool:
    # The conditions are null at first, which a filter of jsonpath takes for an error.
    conditions = crd.get("status", {}).get("conditions") or []
    return any((one["type"], one["status"]) == ("Established", "True") for one in conditions)


def grant(
    control_plane: ControlPlane,
    namespace: str,
    *,
    secrets: tuple[str, ...] = (),
    deployments: tuple[str, ...] = (),
    config_maps: tuple[str, ...] = (),
    evictions: bool = False,
) -> None:
    """Give a namespace its runner with the shipped Roles; what is not named is not granted.

    Return when the API server acts upon it: its authorizer learns of Roles by a watch.
    """
    base = _ROOT / "manifests/runner"
    granted = list(control_plane.kustomize(base))
    for names, component in (
        (secrets, "secrets"),
        (deployments, "remediator"),
        (config_maps, "config"),
    ):
        if not names:
            continue
        for item in yaml.safe_load_all((base / component / "role.yaml").read_text()):
            if item["kind"] == "Role":
                # That of `config` also has a rule for workloads, which comes first.
                item["rules"] = item["rules"][-1:]
                item["rules"][0]["resourceNames"] = list(names)
            granted.append(item)
    if evictions:
        granted += yaml.safe_load_all((base / "evictor" / "role.yaml").read_text())
    objects.apply(control_plane.api, namespace, *granted)
    rights: list[tuple[str, ...]] = [("get", "pods", "--subresource=log")]
    rights += [("get", f"secrets/{name}") for name in secrets[-1:]]
    rights += [("patch", f"deployments.apps/{name}") for name in deployments[-1:]]
    rights += [("get", f"configmaps/{name}") for name in config_maps[-1:]]
    rights += [("create", "pods", "--subresource=eviction")] * evictions
    for right in rights:
        wait_allowed(control_plane, namespace, *right)


def wait_allowed(control_plane: ControlPlane, namespace: str, *right: str) -> None:
    """Wait until the runner may do something, given as `kubectl auth can-i` takes it."""
    review = {
        "spec": {
            "user": f"system:serviceaccount:{namespace}:{RUNNER}",
            "resourceAttributes": {"namespace": namespace, **_attributes(*right)},
        },
    }
    give_up = time.monotonic() + _GRANT_SECONDS
    while not control_plane.api.request("POST", _REVIEWS, review)["status"]["allowed"]:
        if time.monotonic() > give_up:
            raise TimeoutError(f"not allowed within {_GRANT_SECONDS:g} s: {' '.join(right)}")
        time.sleep(0.05)


def _attributes(verb: str, what: str, subresource: str = "") -> dict[str, str]:
    """Give what a review calls `get configmaps/switch`, or `create pods --subresource=eviction`."""
    kind, _, name = what.partition("/")
    resource, _, group = kind.partition(".")
    return {
        "verb": verb,
        "group": group,
        "resource": resource,
        "subresource": subresource.removeprefix("--subresource="),
        "name": name,
    }


def forget_actions(control_plane: ControlPlane) -> None:
    """Delete the operator's records of what it did, as on a new cluster."""
    records = objects.collection(NAMESPACE, "v1", "configmaps")
    objects.delete_all(control_plane.api, records, "servicesop.io/record")


class Operator:
    """A running `servicesop run`."""

    def __init__(self, process: Process, port: int) -> None:
        self.process = process
        self.port = port

    def get(self, path: str) -> tuple[int, str]:
        """Ask its probes or metrics; code 0 means that it does not answer."""
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(f"http://127.0.0.1:{self.port}{path}", timeout=2) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, ""
        except (urllib.error.URLError, OSError):
            return 0, ""

    def kill(self) -> None:
        """End it as a crash does."""
        self.process.signal(signal.SIGKILL)
        self.process.wait(5)

    def stop(self) -> None:
        self.process.stop()


def start_operator(
    run: Run,
    kubeconfig: Path,
    *options: str,
    log_level: str = "info",
    wait: bool = True,
    source: Path | None = None,
    program: str = "servicesop.cli.main",
) -> Operator:
    """Start `servicesop run` and wait until it is ready.

    `source` holds another build of the package, such as one that was broken on purpose; without it
    the operator is the one that the tests import. `program` is a module of the tests that stands in
    for the command line.
    """
    directory = run.subdirectory("operator")

    def start() -> Operator:
        port = free_port()
        command = [
            sys.executable,
            "-m",
            program,
            "run",
            f"--kubeconfig={kubeconfig}",
            f"--namespace={NAMESPACE}",
            f"--listen=127.0.0.1:{port}",
            f"--log-level={log_level}",
            *options,
        ]
        environment = {
            "PATH": os.defpath,
            "HOME": str(directory),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONWARNINGS": "error",
            "PYTHONPATH": os.pathsep.join(
                (str(source or Path(servicesop.__file__).parents[1]), str(_ROOT / "tests"))
            ),
        }
        process = run.start("operator", command, directory=directory, environment=environment)
        operator = Operator(process, port)
        if wait:
            process.wait_ready(partial(_ready, operator), _READY_SECONDS)
        return operator

    return start_on_free_ports(start)


def _ready(operator: Operator) -> bool:
    return operator.get("/readyz")[0] == 200
