"""A namespace with its runner, and what it takes to read objects in it."""

import json
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from integration.operator_account import operator_account
from testbed import ControlPlane, KubectlError


def crd(kind: str, group: str) -> str:
    """A tiny CRD: any spec and status, the latter as a subresource."""
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": schema},
        "subresources": {"status": {}},
    }
    one = kind.lower()
    names = {"kind": kind, "listKind": f"{kind}List", "plural": f"{one}s", "singular": one}
    return json.dumps(
        {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": f"{one}s.{group}"},
            "spec": {"group": group, "names": names, "scope": "Namespaced", "versions": [version]},
        }
    )


@dataclass
class Place:
    """A namespace with its runner, and a group of its own for made-up kinds."""

    control_plane: ControlPlane
    namespace: str

    @property
    def group(self) -> str:
        return f"{self.namespace}.example.com"

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        return self.control_plane.kubectl(*arguments, "-n", self.namespace, input=stdin)

    def grant(self, verbs: str, resource: str, *names: str) -> None:
        """Let the runner do this, to all objects of the resource or to those of these names."""
        role = f"runner-{uuid.uuid4().hex[:6]}"
        only = [f"--resource-name={name}" for name in names]
        self.kubectl("create", "role", role, f"--verb={verbs}", f"--resource={resource}", *only)
        self.kubectl(
            *("create", "rolebinding", role, f"--role={role}"),
            f"--serviceaccount={self.namespace}:servicesop-runner",
        )

    def config_map(self, name: str, text: str = "", **labels: str) -> None:
        self.create("v1", "ConfigMap", name, labels, data={"text": text})

    def create(
        self, api_version: str, kind: str, name: str, labels: dict[str, str], **rest: Any
    ) -> None:
        body = {
            "apiVersion": api_version,
            "kind": kind,
            "metadata": {"name": name, "labels": labels},
        }
        self.kubectl("create", "-f", "-", stdin=json.dumps(body | rest))

    def set_status(self, resource: str, name: str, **status: Any) -> None:
        self.kubectl(
            *("patch", resource, name, "--subresource=status", "--type=merge"),
            f"--patch={json.dumps({'status': status})}",
        )

    def wait_until_served(self, group: str | None = None) -> None:
        """Wait until the API server lists the kinds of the group, and their objects.

        A CRD is listed a moment before its objects can be: until then the answer is 429.
        """
        deadline = time.monotonic() + 30
        group = group or self.group
        while True:
            kinds = self.control_plane.kubectl(
                "api-resources", f"--api-group={group}", "-o=name"
            ).split()
            try:
                if kinds and [self.kubectl("get", kind) for kind in kinds]:
                    return
            except KubectlError as error:
                refused = str(error)
            else:
                refused = "not listed"
            assert time.monotonic() < deadline, f"{group}: {refused}"
            time.sleep(0.1)

    @property
    def kubeconfig(self) -> Path:
        """The operator's: it may look for the runner and be it, and no more."""
        return self.control_plane.service_account_kubeconfig(self.namespace, "operator")


@contextmanager
def new_place(control_plane: ControlPlane) -> Iterator[Place]:
    place = Place(control_plane, f"objects-{uuid.uuid4().hex[:8]}")
    control_plane.kubectl("create", "namespace", place.namespace)
    control_plane.kubectl("apply", "-f", "-", input=operator_account(place.namespace))
    place.kubectl("create", "serviceaccount", "servicesop-runner")
    yield place
    control_plane.kubectl("delete", "clusterrole,clusterrolebinding", place.namespace)
    control_plane.kubectl("delete", "namespace", place.namespace, "--wait=false")
