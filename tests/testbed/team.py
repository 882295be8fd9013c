"""A namespace as a service's team has it: workloads, the operator's runner, SOPs."""

import json
import secrets
import time
from collections.abc import Callable
from typing import Any

from testbed import objects
from testbed.control_plane import ControlPlane
from testbed.operator import grant

Json = dict[str, Any]


class Team:
    """One namespace, made for one test."""

    def __init__(self, control_plane: ControlPlane, name: str = "") -> None:
        self.control_plane = control_plane
        self.namespace = name or f"team-{secrets.token_hex(3)}"
        namespace = {"metadata": {"name": self.namespace}}
        control_plane.api.request("POST", "/api/v1/namespaces", namespace)

    def kubectl(self, *arguments: str, input: str | None = None) -> str:  # noqa: A002 - as in run
        """Run kubectl in the namespace, as the cluster's administrator."""
        return self.control_plane.kubectl("-n", self.namespace, *arguments, input=input)

    def grant(
        self,
        *,
        secrets: tuple[str, ...] = (),
        deployments: tuple[str, ...] = (),
        config_maps: tuple[str, ...] = (),
        evictions: bool = False,
    ) -> None:
        """Give the namespace its runner, with the shipped Roles."""
        grant(
            self.control_plane,
            self.namespace,
            secrets=secrets,
            deployments=deployments,
            config_maps=config_maps,
            evictions=evictions,
        )

    def deploy(self, name: str = "api", replicas: int = 3, **annotations: str) -> None:
        """Make a Deployment (container `service`) and wait until its pods are ready.

        `annotations` go on the pods, with `_` for `-` in the name after `testbed/`.
        """
        template: Json = {
            "metadata": {
                "labels": {"app": name},
                "annotations": {
                    f"testbed/{key.replace('_', '-')}": value for key, value in annotations.items()
                },
            },
            "spec": {"containers": [{"name": "service", "image": "none"}]},
        }
        if not annotations:
            del template["metadata"]["annotations"]
        deployment = {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": name},
            "spec": {
                "replicas": replicas,
                "selector": {"matchLabels": {"app": name}},
                "template": template,
            },
        }
        objects.apply(self.control_plane.api, self.namespace, deployment)
        objects.wait_rolled_out(self.control_plane.api, self.namespace, deployment, 30)

    def secret(self, name: str, **data: str) -> None:
        """Make a Secret."""
        body = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": name},
            "stringData": {key.replace("_", "."): value for key, value in data.items()},
        }
        objects.apply(self.control_plane.api, self.namespace, body)

    def apply(self, spec: Json, name: str = "sop") -> None:
        """Apply a ServiceSOP."""
        body = {
            "apiVersion": "servicesop.io/v1alpha1",
            "kind": "ServiceSOP",
            "metadata": {"name": name},
            "spec": spec,
        }
        objects.apply(self.control_plane.api, self.namespace, body)

    def end(self) -> None:
        """Delete its SOPs, so that no operator runs them."""
        sops = objects.collection(self.namespace, "servicesop.io/v1alpha1", "servicesops")
        objects.delete_all(self.control_plane.api, sops)

    def get(self, name: str = "sop") -> Json:
        """Read a ServiceSOP."""
        return self.read("servicesop.io/v1alpha1", f"servicesops/{name}")

    def read(self, api_version: str, path: str) -> Json:
        """Read an object or a list of the namespace, such as `pods?labelSelector=app=api`."""
        path = objects.collection(self.namespace, api_version, path)
        found: Json = self.control_plane.api.request("GET", path)
        return found

    def status(self, name: str = "sop") -> Json:
        """Read its status."""
        status: Json = self.get(name).get("status", {})
        return status

    def condition(self, type_: str, name: str = "sop") -> Json:
        """Read one condition; empty where there is none."""
        return condition(self.status(name), type_)

    def wait(
        self, true: Callable[[Json], object], seconds: float = 15.0, name: str = "sop"
    ) -> Json:
        """Poll a ServiceSOP's status until it is as wanted; AssertionError with the last one."""
        deadline = time.monotonic() + seconds
        while True:
            status = self.status(name)
            if true(status):
                return status
            if time.monotonic() > deadline:
                raise AssertionError(f"not within {seconds} s:\n{json.dumps(status, indent=1)}")
            time.sleep(0.1)

    def pod_uids(self, name: str = "api") -> set[str]:
        """Give the uids of a Deployment's living pods."""
        pods = self.read("v1", f"pods?labelSelector=app%3D{name}")
        return {
            pod["metadata"]["uid"]
            for pod in pods["items"]
            if "deletionTimestamp" not in pod["metadata"]
        }


def condition(status: Json, type_: str) -> Json:
    """Give one condition of a status; empty where there is none."""
    found: list[Json] = [one for one in status.get("conditions", []) if one["type"] == type_]
    return found[0] if found else {}


def is_(status: Json, type_: str, value: str) -> bool:
    """Say whether a condition has a value."""
    return condition(status, type_).get("status") == value
