"""A namespace, a service and its database, and a person who runs `servicesop check` on an SOP."""

import base64
import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from integration.reader import Reader
from testbed import ControlPlane

STARTED = "/status/containerStatuses/0/state/running/startedAt"
CANARY = "canary-in-a-log-line"
SOP = """
apiVersion: servicesop.io/v1alpha1
kind: ServiceSOP
metadata: {name: fleet, namespace: NAMESPACE}
spec:
  title: The fleet
  targets:
  - {name: api, ref: {kind: Deployment, name: api}}
  - {name: gone, ref: {kind: Deployment, name: gone}}
  connections:
  - name: database
    postgres: {secretRef: {name: fleet-db}, tls: Disable}
  - name: nowhere
    postgres: {secretRef: {name: missing-db}}
  teams: [{name: team, title: Team}]
  checks:
  - name: replicas-ready
    title: two pods are ready
    workload: {replicas: 2}
  - name: more-replicas
    workload: {replicas: 5}
  - name: log-is-clean
    logs: {pattern: never logged, within: 1m, max: 0}
  - name: ocm-accepts
    logs: {container: service, pattern: failed to create cluster, within: 10m, max: 0}
  - name: log-covers
    logs: {pattern: never logged, within: 30m, max: 0}
  - name: other-target
    workload: {target: gone, replicas: 1}
  - name: cluster-leader
    leader: {workers: [cluster, kafka], lease: {connection: database, table: leader_leases}}
  - name: accepted-moves-on
    stuckRows: {connection: database, table: clusters, statuses: [cluster_accepted], olderThan: 3m}
  - name: no-secret
    stuckRows: {connection: nowhere, table: clusters, statuses: [x], olderThan: 3m}
  - name: password-is-long
    config: {values: [{argument: --password, minLength: 100}]}
  - name: password-is-new
    config: {values: [{argument: --password, nonEmpty: true}]}
  - name: password-is-guessed
    config: {values: [{argument: --password, matches: canary.*}]}
  - name: few-clusters
    sql:
      connection: database
      query: SELECT count(*) FROM clusters
      value: {max: "0", onEmpty: Failed}
  - name: migrated
    resource: {apiVersion: batch/v1, kind: Job, name: migrate, condition: {type: Complete}}
  - name: keeps-its-data
    resource:
      apiVersion: v1
      kind: PersistentVolumeClaim
      selector: {matchLabels: {app: api}}
      onNone: Inconclusive
      phase: Bound
  - name: nothing-warned
    events: {pattern: never said, within: 1m}
  - name: web-answers
    http:
      url: http://127.0.0.1:PORT/ready
      headers: [{header: X-Key, secretKeyRef: {name: fleet-db, key: user}}]
  procedures:
  - name: Everything
    title: Everything
    checks: [replicas-ready]
    handle:
    - {name: otherwise, otherwise: true, escalate: {to: [team]}}
"""
EXPECTED = {
    "replicas-ready": ("Passed", None, []),
    "more-replicas": ("Failed", None, ["TooFewConfigured"]),
    "log-is-clean": ("Passed", None, []),
    "ocm-accepts": ("Failed", None, ["TooMany"]),
    "log-covers": ("Inconclusive", "NotCovered", []),
    "other-target": ("Error", "TargetNotFound", []),
    "cluster-leader": ("Failed", None, ["None"]),
    "accepted-moves-on": ("Failed", None, ["Stuck"]),
    "no-secret": ("Error", "SecretNotFound", []),
    "password-is-long": ("Failed", None, ["TooShort"]),
    "password-is-new": ("Inconclusive", "StartedEarlier", []),
    "password-is-guessed": ("Error", "SecretNotCompared", []),
    "few-clusters": ("Failed", None, ["TooMany"]),
    "migrated": ("Failed", None, ["Missing"]),
    "keeps-its-data": ("Inconclusive", "NoObjects", []),
    "nothing-warned": ("Passed", None, []),
    # A database listens there, which hangs up on HTTP.
    "web-answers": ("Failed", None, ["Reset"]),
}

COUNTS = {
    said: sum(result in results for result, _, _ in EXPECTED.values())
    for said, results in (
        ("passed", {"Passed"}),
        ("failed", {"Failed"}),
        ("unknown", {"Inconclusive", "Error"}),
    )
}


@dataclass
class Place:
    """A namespace with a service, and its database."""

    control_plane: ControlPlane
    namespace: str
    reader: Reader
    home: Path

    @property
    def sop(self) -> str:
        sop = SOP.replace("NAMESPACE", self.namespace)
        return sop.replace("PORT", str(self.reader.server.port))

    def start(
        self,
        *options: str,
        kubeconfig: Path | None = None,
        environment: dict[str, str] | None = None,
        stderr: int = subprocess.PIPE,
    ) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "servicesop.cli.main", "check", *options]
        if kubeconfig is not None:
            command.append(f"--kubeconfig={kubeconfig}")
        return subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            env={
                "PATH": os.defpath,
                "HOME": str(self.home),
                "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
                "PYTHONWARNINGS": "error",
                "PYTHONDONTWRITEBYTECODE": "1",
                **(environment or {}),
            },
        )

    def check(
        self,
        *options: str,
        sop: str | None = None,
        kubeconfig: Path | None = None,
        dial: bool = True,
    ) -> tuple[int, str, str]:
        """Give exit code, standard output and standard error of a check of standard input."""
        allowed = [f"--allow-dial=127.0.0.1:{self.reader.server.port}"] * dial
        admin = self.control_plane.kubeconfig
        process = self.start("-", *allowed, *options, kubeconfig=kubeconfig or admin)
        output, errors = process.communicate(sop or self.sop, timeout=60)
        assert "Traceback" not in errors
        return process.returncode, output, errors

    def results(self, *options: str, **other: Any) -> dict[str, dict[str, Any]]:
        code, output, errors = self.check("-o", "json", *options, **other)
        assert code in (0, 1, 2), errors
        return {one["name"]: one for one in json.loads(output)["checks"]}

    def user(self, name: str, *roles: str) -> Path:
        """Give the kubeconfig of somebody who has these ClusterRoles here."""
        self.control_plane.kubectl("-n", self.namespace, "create", "serviceaccount", name)
        for role in roles:
            self.control_plane.kubectl(
                *("-n", self.namespace, "create", "rolebinding", f"{name}-{role}"),
                f"--clusterrole={role}",
                f"--serviceaccount={self.namespace}:{name}",
            )
        return self.control_plane.service_account_kubeconfig(self.namespace, name)


def ago(**span: float) -> str:
    return f"{datetime.now(UTC) - timedelta(**span):%Y-%m-%dT%H:%M:%SZ}"


def with_checks(sop: str, *names: str) -> str:
    """The SOP with only these checks, and a procedure over them."""
    body = yaml.safe_load(sop)
    checks = [one for one in body["spec"]["checks"] if one["name"] in names]
    body["spec"]["checks"] = checks
    body["spec"]["procedures"][0]["checks"] = list(names)
    return yaml.safe_dump(body)


@contextmanager
def new_place(control_plane: ControlPlane, reader: Reader, home: Path) -> Iterator[Place]:
    """Make a service of two pods with their logs, and its tables in the database of `reader`."""
    namespace = f"cli-check-{uuid.uuid4().hex[:6]}"
    reader.do("CREATE TABLE leader_leases (lease_type text, leader text, expires timestamptz)")
    reader.do("INSERT INTO leader_leases VALUES ('kafka', 'a', now() + interval '1 hour')")
    reader.do(
        "CREATE TABLE clusters (id text, status text, updated_at timestamptz,"
        " deleted_at timestamptz, token text DEFAULT 'canary-token')"
    )
    reader.do("INSERT INTO clusters VALUES ('c1', 'cluster_accepted', now() - interval '1 hour')")
    reader.do(f"GRANT SELECT ON leader_leases, clusters TO {reader.user}")
    password = {"secretKeyRef": {"name": "fleet-db", "key": "password"}}
    container = {
        "name": "service",
        "image": "example.org/service:1",
        "args": ["--password=$(PASSWORD)"],
        "env": [{"name": "PASSWORD", "valueFrom": password}],
    }
    template = {"metadata": {"labels": {"app": "api"}}, "spec": {"containers": [container]}}
    selector = {"matchLabels": {"app": "api"}}
    objects: list[dict[str, Any]] = [
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "api"},
            "spec": {"replicas": 2, "selector": selector, "template": template},
        },
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "fleet-db"},
            "data": {key: base64.b64encode(value).decode() for key, value in reader.secret.items()},
        },
    ]
    control_plane.kubectl("create", "namespace", namespace)
    control_plane.kubectl("-n", namespace, "apply", "-f", "-", input=yaml.safe_dump_all(objects))
    control_plane.kubectl("-n", namespace, "rollout", "status", "deployment/api")
    pods = control_plane.kubectl(
        "-n", namespace, "get", "pods", "-o", "jsonpath={.items[*].metadata.name}"
    )
    for pod in pods.split():
        log = control_plane.pod_log(namespace, pod, "service")
        # Files that begin 20 min ago, of containers that started an hour ago: the last 10 min can
        # be read, the last 30 min cannot.
        log.append("older", datetime.now(UTC) - timedelta(minutes=20))
        log.append(f"failed to create cluster {CANARY}")
        control_plane.kubectl(
            *("-n", namespace, "patch", "pod", pod, "--subresource=status", "--type=json", "-p"),
            json.dumps([{"op": "replace", "path": STARTED, "value": ago(hours=1)}]),
        )
    yield Place(control_plane, namespace, reader, home)
    control_plane.kubectl("delete", "namespace", namespace, "--wait=false")
