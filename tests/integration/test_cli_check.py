"""`servicesop check` on real servers: a person, a kubeconfig, an SOP; no operator."""

import base64
import json
import os
import pty
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml

from integration.reader import Reader, new_reader
from testbed import ControlPlane, Postgres, Run, Version, free_port

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
    # A database listens there, which hangs up on HTTP.
    "web-answers": ("Failed", None, ["Reset"]),
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


@pytest.fixture(scope="module")
def place(
    control_plane: ControlPlane, postgres_of: Callable[[Version], Postgres], run: Run
) -> Iterator[Place]:
    namespace = "cli-check"
    reader = new_reader(postgres_of(Version.V18))
    reader.do("CREATE TABLE leader_leases (lease_type text, leader text, expires timestamptz)")
    reader.do("INSERT INTO leader_leases VALUES ('kafka', 'a', now() + interval '1 hour')")
    reader.do(
        "CREATE TABLE clusters (id text, status text, updated_at timestamptz,"
        " deleted_at timestamptz, token text DEFAULT 'canary-token')"
    )
    reader.do("INSERT INTO clusters VALUES ('c1', 'cluster_accepted', now() - interval '1 hour')")
    reader.do(f"GRANT SELECT ON leader_leases, clusters TO {reader.user}")
    container = {"name": "service", "image": "example.org/service:1"}
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
    yield Place(control_plane, namespace, reader, run.subdirectory("home"))
    reader.databases.close()
    control_plane.kubectl("delete", "namespace", namespace, "--wait=false")


def test_each_result_is_told_with_its_reason_and_no_more(place: Place) -> None:
    code, output, errors = place.check("-o", "json")
    report = json.loads(output)
    found = {
        one["name"]: (one["result"], one["reason"], one["findings"]) for one in report["checks"]
    }

    assert (code, errors) == (1, "")
    assert found == EXPECTED
    assert [report[key] for key in ("passed", "failed", "unknown")] == [2, 5, 3]
    assert "canary" not in output
    evidence = {one["name"]: one["evidence"] for one in report["checks"]}
    assert evidence["accepted-moves-on"] == ["c1 cluster_accepted over 3m"]
    assert [line.rsplit(": ", 1)[1] for line in evidence["ocm-accepts"]] == ["1", "1"]


def test_the_table_is_aligned_and_each_line_has_its_check(place: Place) -> None:
    code, output, errors = place.check()
    lines = output.splitlines()
    head = lines[0]

    assert (code, errors) == (1, "")
    assert head.split() == ["CHECK", "TYPE", "RESULT", "REASON", "TIME", "MESSAGE"]
    for line, name in zip(lines[1 : 1 + len(EXPECTED)], EXPECTED, strict=True):
        assert line.startswith(f"{name} ")
        assert line[head.index("RESULT") :].startswith(EXPECTED[name][0])
    assert "accepted-moves-on   c1 cluster_accepted over 3m" in lines
    assert lines[-1].endswith("2 passed, 5 failed, 3 unknown")
    assert "One sample of each check" in output
    assert "canary" not in output


def test_junit_has_a_case_per_check(place: Place) -> None:
    code, output, _ = place.check("-o", "junit")
    kinds = {
        case.get("name"): [outcome.tag for outcome in case]
        for case in ElementTree.fromstring(output).iter("testcase")  # noqa: S314 - our own output
    }
    shown = {"Passed": [], "Failed": ["failure"], "Inconclusive": ["error"], "Error": ["error"]}

    assert code == 1
    assert kinds == {name: shown[result] for name, (result, _, _) in EXPECTED.items()}


@pytest.mark.parametrize(
    ("names", "code"),
    [
        (["replicas-ready"], 0),
        (["replicas-ready", "log-is-clean"], 0),
        (["replicas-ready", "log-covers"], 2),
        (["other-target"], 2),
        (["other-target", "more-replicas"], 1),
    ],
    ids=lambda value: value if isinstance(value, int) else "+".join(value),
)
def test_the_exit_code_is_about_the_checks_that_were_named(
    place: Place, names: list[str], code: int
) -> None:
    found, output, _ = place.check("-o", "json", *(f"--check={name}" for name in names))

    assert found == code
    assert sorted(one["name"] for one in json.loads(output)["checks"]) == sorted(names)


def test_a_suspended_sop_is_not_run_but_a_check_that_is_named_is(place: Place) -> None:
    sop = place.sop.replace("title: The fleet", "title: The fleet\n  suspend: true")
    all_of_them = place.check("-o", "json", sop=sop)
    one = place.check("--check=replicas-ready", sop=sop)

    assert all_of_them[0] == 2
    assert {check["result"] for check in json.loads(all_of_them[1])["checks"]} == {"Suspended"}
    assert one[0] == 0


def test_a_check_waits_for_those_that_it_depends_on(place: Place) -> None:
    sop = place.sop
    for name, fields in (
        ("replicas-ready", "dependsOn: [log-is-clean]"),
        ("accepted-moves-on", "dependsOn: [replicas-ready, cluster-leader]"),
        ("no-secret", "dependsOn: [accepted-moves-on]"),
        ("more-replicas", "suspend: true"),
    ):
        sop = sop.replace(f"- name: {name}\n", f"- name: {name}\n    {fields}\n")
    results = place.results(sop=sop)
    one = place.results("--check=accepted-moves-on", "--check=more-replicas", sop=sop)
    said = {name: (each["result"], each["reason"]) for name, each in results.items()}

    assert said["replicas-ready"] == ("Passed", None)
    assert said["accepted-moves-on"] == ("Skipped", "DependsOn")
    assert results["accepted-moves-on"]["message"] == "waits for cluster-leader"
    assert results["no-secret"]["message"] == (
        "waits for accepted-moves-on; the cause is cluster-leader"
    )
    assert said["more-replicas"] == ("Suspended", "Suspended")
    assert {name: each["result"] for name, each in one.items()} == {
        "replicas-ready": "Passed",
        "more-replicas": "Failed",
        "log-is-clean": "Passed",
        "cluster-leader": "Failed",
        "accepted-moves-on": "Skipped",
    }


def test_two_sops_and_other_objects_in_one_file(place: Place, tmp_path: Path) -> None:
    first = with_checks(place.sop, "replicas-ready")
    second = with_checks(place.sop, "more-replicas").replace("name: fleet\n", "name: second\n")
    other = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n"
    file = tmp_path / "both.yaml"
    file.write_text("---\n".join([first, other, second]))

    process = place.start(str(file), kubeconfig=place.control_plane.kubeconfig)
    output, errors = process.communicate(timeout=60)

    assert (process.returncode, errors) == (1, "")
    lines = [re.split(r"\s{3,}", line) for line in output.splitlines()]
    assert lines[0][:2] == ["SOP", "CHECK"]
    assert lines[1][:4] == [f"{place.namespace}/fleet", "replicas-ready", "workload", "Passed"]
    assert lines[2][:4] == [f"{place.namespace}/second", "more-replicas", "workload", "Failed"]


def test_a_person_asks_as_nobody_else_and_changes_nothing(place: Place) -> None:
    kubeconfig = place.user("admin", "admin")
    audit = place.control_plane.audit()
    mark = audit.mark()
    results = place.results(kubeconfig=kubeconfig)

    requests = [one for one in audit.since(mark) if one.user.endswith(":admin")]
    assert {name: one["result"] for name, one in results.items()} == {
        name: result for name, (result, _, _) in EXPECTED.items()
    }
    assert requests
    assert {one.verb for one in requests} <= {"get", "list", "watch"}
    assert {one.impersonated_user for one in requests} == {""}
    # It does not even need to know whether there is such a type.
    assert not [one for one in requests if one.group == "servicesop.io"]
    assert not [one for one in requests if one.resource == "serviceaccounts"]


def test_a_person_without_a_right_is_told_which(place: Place) -> None:
    resources = "deployments.apps,statefulsets.apps,replicasets.apps,controllerrevisions.apps,pods"
    place.control_plane.kubectl(
        *("create", "clusterrole", "cli-check-watcher", "--verb=get,list,watch"),
        f"--resource={resources}",
    )
    results = place.results(kubeconfig=place.user("watcher", "cli-check-watcher"))

    assert results["replicas-ready"]["result"] == "Passed"
    for name, right in (("ocm-accepts", "get pods/log"), ("cluster-leader", "get Secret fleet-db")):
        assert (results[name]["result"], results[name]["reason"]) == ("Error", "AccessDenied")
        assert results[name]["message"] == (
            f"you may not {right} in the namespace {place.namespace}; ask its team for a Role that"
            " allows it, or use another context"
        )


def test_a_person_who_may_see_nothing_is_told_at_once(place: Place) -> None:
    began = time.monotonic()
    code, output, errors = place.check("-o", "json", kubeconfig=place.user("stranger"))
    results = json.loads(output)["checks"]

    assert (code, errors) == (2, "")
    assert {one["reason"] for one in results} == {"AccessDenied"}
    assert "you may not list and watch" in results[0]["message"]
    assert "ClusterRole view" in results[0]["message"]
    assert time.monotonic() - began < 9, "it waited for a view that is refused"


def test_loopback_is_dialled_only_where_it_is_allowed(place: Place) -> None:
    results = place.results(dial=False)

    for name in ("cluster-leader", "web-answers"):
        assert results[name]["reason"] == "AddressRefused"
        assert "--allow-dial HOST:PORT" in results[name]["message"]


def test_the_namespace_is_that_of_the_option_the_sop_or_the_context(place: Place) -> None:
    kubeconfig = place.user("reader", "view")
    sop = with_checks(place.sop, "replicas-ready")
    nowhere = sop.replace(f"namespace: {place.namespace}", "namespace: elsewhere")
    silent = sop.replace(f"  namespace: {place.namespace}\n", "")
    environment = {"KUBECONFIG": f"/nonexistent:{kubeconfig}"}
    process = place.start("-", environment=environment)

    assert process.communicate(silent, timeout=60)[1] == ""
    assert process.returncode == 0
    assert place.check(sop=nowhere)[0] == 2
    assert place.check("-n", place.namespace, sop=nowhere)[0] == 0


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (("kind: ServiceSOP", "kind: [ServiceSOP"), "no valid YAML: line "),
        (("max: 0", "max: 0, maximum: 1"), "unknown field spec.checks[2].logs.maximum"),
        (
            ("within: 1m, max: 0", "within: 1m, max: 0, min: 1"),
            "spec.checks[2].logs: Invalid value: min must not be greater than max",
        ),
        (
            ("checks: [replicas-ready]", "checks: [replicas]"),
            "spec.procedures: Invalid value: procedures[].checks must be the name of one of"
            " spec.checks; wrong in Everything",
        ),
        (
            ("kind: ServiceSOP", "kind: ConfigMap"),
            "there is no ServiceSOP of servicesop.io/v1alpha1",
        ),
    ],
    ids=["no YAML", "unknown field", "broken rule", "unknown name", "no SOP"],
)
def test_an_sop_that_cannot_be_run_is_refused_before_anything_is_asked(
    place: Place, change: tuple[str, str], fault: str
) -> None:
    code, output, errors = place.check(sop=place.sop.replace(*change, 1))

    assert (code, output) == (3, "")
    assert errors.startswith("Error: standard input: ")
    assert fault in errors


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        (["--check=replicas"], "there is no check replicas; there are accepted-moves-on, "),
        (["--context=other"], 'it needs the context "other" with a cluster'),
        (["--output=xml"], "'xml' is not one of"),
        (["-n", "No_Namespace"], "'No_Namespace' is no name of a namespace"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_wrong_usage_has_a_code_of_its_own(place: Place, options: list[str], fault: str) -> None:
    code, output, errors = place.check(*options)

    assert (code, output) == (3, "")
    assert fault in errors


def test_no_kubeconfig_no_server_and_no_login_are_a_line_each(place: Place, tmp_path: Path) -> None:
    whole = yaml.safe_load(place.control_plane.kubeconfig.read_text())
    whole["clusters"][0]["cluster"]["server"] = f"https://127.0.0.1:{free_port()}"
    away = tmp_path / "away"
    away.write_text(yaml.safe_dump(whole))
    whole = yaml.safe_load(place.control_plane.kubeconfig.read_text())
    whole["users"][0]["user"] = {"token": "canary-of-another-cluster"}
    stranger = tmp_path / "stranger"
    stranger.write_text(yaml.safe_dump(whole))
    process = place.start("-")
    none = process.communicate(place.sop, timeout=60)[1]

    assert process.returncode == 3
    assert (
        none
        == f"Error: there is no kubeconfig {place.home}/.kube/config; give one with --kubeconfig\n"
    )
    for kubeconfig, fault in ((away, "does not answer"), (stranger, "does not accept")):
        code, output, errors = place.check(kubeconfig=kubeconfig)
        assert (code, output, errors.count("\n")) == (3, "", 1)
        assert errors.startswith("Error: the API server https://127.0.0.1:")
        assert fault in errors
        assert "canary" not in errors


@pytest.fixture
def silent(place: Place) -> Iterator[socket.socket]:
    """A database that takes connections and never answers, and the SOP's Secret for it."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(30)
        data = place.reader.secret | {"port": str(server.getsockname()[1]).encode()}
        secret = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "missing-db", "namespace": place.namespace},
            "data": {key: base64.b64encode(value).decode() for key, value in data.items()},
        }
        place.control_plane.kubectl("apply", "-f", "-", input=json.dumps(secret))
        yield server
        place.control_plane.kubectl("-n", place.namespace, "delete", "secret", "missing-db")


def hanging(place: Place, timeout: str) -> str:
    sop = with_checks(place.sop, "replicas-ready", "no-secret")
    return sop.replace("- name: no-secret\n", f"- name: no-secret\n    timeout: {timeout}\n")


def test_an_interrupt_ends_it_at_once(place: Place, silent: socket.socket, tmp_path: Path) -> None:
    file = tmp_path / "sop.yaml"
    file.write_text(hanging(place, "10m"))
    process = place.start(
        str(file),
        f"--allow-dial=127.0.0.1:{silent.getsockname()[1]}",
        kubeconfig=place.control_plane.kubeconfig,
    )
    with silent.accept()[0]:
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=30)

    assert process.returncode == 130
    assert (output, errors) == ("", "")
    assert time.monotonic() - began < 2


def test_a_terminal_is_told_what_is_waited_for_and_the_timeout_holds(
    place: Place, silent: socket.socket, tmp_path: Path
) -> None:
    file = tmp_path / "sop.yaml"
    file.write_text(hanging(place, "2s"))
    ours, theirs = pty.openpty()
    process = place.start(
        str(file),
        f"--allow-dial=127.0.0.1:{silent.getsockname()[1]}",
        kubeconfig=place.control_plane.kubeconfig,
        stderr=theirs,
    )
    os.close(theirs)
    with silent.accept()[0]:
        output, _ = process.communicate(timeout=60)
    shown = os.read(ours, 65536).decode()
    os.close(ours)

    assert process.returncode == 2
    assert re.search(r"^no-secret +stuckRows +Error +TimedOut ", output, re.M)
    assert "1 of 2 checks, " in shown
    assert "waiting for no-secret" in shown
    assert shown.endswith("\r\x1b[K"), "the line is left behind"
