"""The testbed keeps its promises: real servers, real data, and nothing left behind."""

import itertools
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import psycopg
import pytest

from polling import eventually
from testbed import ControlPlane, KubectlError, Postgres, Run, free_port, guardian

pytestmark = pytest.mark.long

TESTS = Path(__file__).parents[1]


def deployment(name: str, ready_after: str | None = None) -> str:
    annotations = {} if ready_after is None else {"testbed/ready-after": ready_after}
    return json.dumps(
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": name},
            "spec": {
                "replicas": 2,
                "selector": {"matchLabels": {"app": name}},
                "template": {
                    "metadata": {"labels": {"app": name}, "annotations": annotations},
                    "spec": {"containers": [{"name": "service", "image": "example/service"}]},
                },
            },
        }
    )


def pods(control_plane: ControlPlane, name: str) -> list[str]:
    listed = control_plane.kubectl("get", "pods", "-l", f"app={name}", "-o", "name")
    return [line.removeprefix("pod/") for line in listed.split()]


def test_it_is_the_pinned_kubernetes(control_plane: ControlPlane) -> None:
    version = json.loads(control_plane.kubectl("version", "-o", "json"))
    assert version["serverVersion"]["gitVersion"].startswith("v1.36.")
    assert version["clientVersion"]["gitVersion"] == version["serverVersion"]["gitVersion"]


def test_the_pods_of_a_deployment_become_ready(control_plane: ControlPlane) -> None:
    control_plane.kubectl("apply", "-f", "-", input=deployment("quick"))
    control_plane.kubectl("rollout", "status", "deployment/quick", "--timeout=20s")
    assert len(pods(control_plane, "quick")) == 2
    before = pods(control_plane, "quick")
    control_plane.kubectl("rollout", "restart", "deployment/quick")
    control_plane.kubectl("rollout", "status", "deployment/quick", "--timeout=20s")
    assert not set(before) & set(pods(control_plane, "quick"))


def test_a_pod_becomes_ready_after_its_annotated_time(control_plane: ControlPlane) -> None:
    control_plane.kubectl("apply", "-f", "-", input=deployment("slow", "2s"))
    control_plane.kubectl("rollout", "status", "deployment/slow", "--timeout=20s")
    for pod in pods(control_plane, "slow"):
        status = json.loads(control_plane.kubectl("get", "pod", pod, "-o", "json"))["status"]
        ready = next(c for c in status["conditions"] if c["type"] == "Ready")
        started = datetime.fromisoformat(status["startTime"])
        waited = datetime.fromisoformat(ready["lastTransitionTime"]) - started
        # Both times are whole seconds.
        assert 1 <= waited.total_seconds() <= 6


def test_a_pod_that_a_test_makes_unready_stays_so(control_plane: ControlPlane) -> None:
    control_plane.kubectl("apply", "-f", "-", input=deployment("broken"))
    control_plane.kubectl("rollout", "status", "deployment/broken", "--timeout=20s")
    pod = pods(control_plane, "broken")[0]
    patch = {"status": {"conditions": [{"type": "Ready", "status": "False"}]}}
    control_plane.kubectl("patch", "pod", pod, "--subresource=status", "-p", json.dumps(patch))
    field = "jsonpath={.status.availableReplicas}"
    eventually(
        lambda: control_plane.kubectl("get", "deployment", "broken", "-o", field) == "1",
        "it is seen",
        10,
    )


def test_pod_logs_are_served_as_a_kubelet_serves_them(control_plane: ControlPlane) -> None:
    control_plane.kubectl("apply", "-f", "-", input=deployment("talks"))
    control_plane.kubectl("rollout", "status", "deployment/talks", "--timeout=20s")
    pod = pods(control_plane, "talks")[0]
    log = control_plane.pod_log("default", pod, "service")
    log.append("long ago", at=datetime(2020, 1, 2, 3, 4, 5, 678901, tzinfo=UTC))
    log.append("just now")
    log.set_previous(["from the instance before"])
    lines = control_plane.kubectl("logs", pod, "--timestamps").splitlines()
    assert lines[0] == "2020-01-02T03:04:05.678901000Z long ago"
    assert lines[1].endswith(" just now")
    assert control_plane.kubectl("logs", pod, "--since=1m") == "just now\n"
    assert control_plane.kubectl("logs", pod, "--previous") == "from the instance before\n"
    log.rotate()
    log.append("after the rotation")
    assert control_plane.kubectl("logs", pod) == "after the rotation\n"


def test_a_service_account_has_its_own_rights_only(control_plane: ControlPlane) -> None:
    control_plane.kubectl("create", "serviceaccount", "reader")
    kubeconfig = control_plane.service_account_kubeconfig("default", "reader")
    assert stat.S_IMODE(kubeconfig.stat().st_mode) == 0o600
    with pytest.raises(KubectlError, match=r'User "system:serviceaccount:default:reader" cannot'):
        control_plane.kubectl(f"--kubeconfig={kubeconfig}", "get", "secrets")


def test_the_audit_log_tells_who_changed_what(control_plane: ControlPlane) -> None:
    audit = control_plane.audit()
    mark = audit.mark()
    control_plane.kubectl("create", "configmap", "audited", "--from-literal=key=value")
    control_plane.kubectl("create", "configmap", "dry", "--dry-run=server")
    control_plane.kubectl("get", "configmaps")
    with pytest.raises(KubectlError, match="Forbidden"):
        control_plane.kubectl("delete", "configmap", "audited", "--as=somebody")
    read = audit.wait_for(lambda r: r.resource == "configmaps" and r.verb == "list", mark)
    assert read.request_object is None
    audit.wait_for(lambda r: r.resource == "configmaps" and r.verb == "delete", mark)
    created, deleted = audit.mutations(by="testbed-admin", since=mark)
    assert (created.verb, created.resource, created.name) == ("create", "configmaps", "audited")
    assert (created.code, created.dry_run) == (201, False)
    assert isinstance(created.request_object, dict)
    assert created.request_object["data"] == {"key": "value"}
    assert created.user_agent.startswith("kubectl/")
    assert (deleted.impersonated_user, deleted.code) == ("somebody", 403)
    everything = audit.mutations(by="testbed-admin", since=mark, dry_run=True)
    assert [record.name for record in everything] == ["audited", "dry", "audited"]


def test_a_validating_admission_policy_refuses(control_plane: ControlPlane) -> None:
    policy = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": "no-forbidden"},
        "spec": {
            "failurePolicy": "Fail",
            "matchConstraints": {
                "resourceRules": [
                    {
                        "apiGroups": [""],
                        "apiVersions": ["v1"],
                        "operations": ["CREATE"],
                        "resources": ["configmaps"],
                    }
                ]
            },
            "validations": [
                {"expression": "object.metadata.name != 'forbidden'", "message": "not this one"}
            ],
        },
    }
    binding = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": "no-forbidden"},
        "spec": {"policyName": "no-forbidden", "validationActions": ["Deny"]},
    }
    items = {"apiVersion": "v1", "kind": "List", "items": [policy, binding]}
    control_plane.kubectl("apply", "-f", "-", input=json.dumps(items))

    def refused() -> bool:
        try:
            control_plane.kubectl("create", "configmap", "forbidden", "--dry-run=server")
        except KubectlError as error:
            return "not this one" in str(error)
        return False

    eventually(refused, "the port is closed", 20)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_the_api_server_comes_back_with_its_data(
    control_plane: ControlPlane, how: signal.Signals
) -> None:
    name = f"kept-{how.name.lower()}"
    control_plane.kubectl("create", "configmap", name)
    url = control_plane.url
    control_plane.stop_api_server(how)
    with pytest.raises(KubectlError, match="refused"):
        control_plane.kubectl("get", "configmap", name)
    control_plane.start_api_server()
    assert control_plane.url == url
    assert name in control_plane.kubectl("get", "configmap", name)
    # The other servers have found it again, too.
    control_plane.kubectl("apply", "-f", "-", input=deployment(name))
    control_plane.kubectl("rollout", "status", f"deployment/{name}", "--timeout=30s")


def test_what_is_older_than_a_compaction_is_gone(control_plane: ControlPlane) -> None:
    listed = json.loads(control_plane.kubectl("get", "--raw", "/api/v1/configmaps"))
    old = f"resourceVersion={listed['metadata']['resourceVersion']}"
    exact = f"/api/v1/configmaps?{old}&resourceVersionMatch=Exact"
    control_plane.kubectl("create", "configmap", "later")
    control_plane.stop_api_server(signal.SIGKILL)
    control_plane.start_api_server()
    assert "later" not in control_plane.kubectl("get", "--raw", exact)
    control_plane.stop_api_server(signal.SIGKILL)
    control_plane.compact_etcd()
    control_plane.start_api_server()
    with pytest.raises(KubectlError, match="too old"):
        control_plane.kubectl("get", "--raw", exact)
    watch = f"/api/v1/configmaps?watch=1&{old}&timeoutSeconds=2"
    event = json.loads(control_plane.kubectl("get", "--raw", watch).splitlines()[0])
    assert (event["type"], event["object"]["code"]) == ("ERROR", 410)


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_postgres_keeps_its_data_and_port(
    postgres: Postgres, mode: Literal["fast", "immediate"]
) -> None:
    dsn = postgres.create_database(f"kept {mode}")
    postgres.execute("CREATE TABLE kept (id int)", database=dsn["dbname"])
    postgres.execute("INSERT INTO kept VALUES (%s)", 7, database=dsn["dbname"])
    postgres.shutdown(mode)
    try:
        with pytest.raises(psycopg.OperationalError, match=r"refused|closed the connection"):
            postgres.execute("SELECT 1")
    finally:
        # Other tests share it.
        postgres.start()
    assert postgres.superuser_dsn["port"] == dsn["port"]
    assert postgres.execute("SELECT id FROM kept", database=dsn["dbname"]) == [(7,)]


def test_postgres_wants_its_password(postgres: Postgres) -> None:
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(**(postgres.superuser_dsn | {"password": "wrong"}))


def test_a_frozen_postgres_accepts_and_does_not_answer(postgres: Postgres) -> None:
    with psycopg.connect(**postgres.superuser_dsn) as connection:
        backend = connection.info.backend_pid
        postgres.freeze()
        try:
            assert "State:\tT" in Path(f"/proc/{backend}/status").read_text()
            with socket.create_connection(("127.0.0.1", postgres.port), timeout=2) as client:
                client.sendall(bytes.fromhex("0000000804d2162f"))  # SSLRequest
                client.settimeout(0.5)
                with pytest.raises(TimeoutError):
                    client.recv(1)
        finally:
            postgres.thaw()
        assert connection.execute("SELECT 1").fetchall() == [(1,)]


def one_taken_port(monkeypatch: pytest.MonkeyPatch, module: str, taken: int) -> None:
    """Let the module's first choice of a port be one that is in use."""
    choices = itertools.chain([taken], iter(free_port, None))
    monkeypatch.setattr(f"{module}.free_port", lambda: next(choices))


def test_a_port_that_was_taken_meanwhile_is_chosen_anew(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        one_taken_port(monkeypatch, "testbed.postgres", taken)
        with Postgres(run) as postgres:
            assert postgres.port != taken
            assert postgres.execute("SELECT 1") == [(1,)]
        one_taken_port(monkeypatch, "testbed.control_plane", taken)
        with ControlPlane(run) as control_plane:
            assert not control_plane.url.endswith(f":{taken}")
            assert control_plane.kubectl("get", "--raw", "/readyz") == "ok"


OWNER = """
import json, os, sys, time
from testbed import ControlPlane, Postgres, Run
with Run() as run, ControlPlane(run) as control_plane, Postgres(run) as postgres:
    postgres.freeze()
    print(json.dumps({"directory": str(run.directory), "postgres": postgres.port,
                      "api": int(control_plane.url.rsplit(":", 1)[1])}), flush=True)
    time.sleep(120)
"""


def processes_of(directory: str) -> set[int]:
    """Found by what they are called and where they work, not by what the testbed knows."""
    found = set()
    for path in Path("/proc").iterdir():
        if path.name.isdigit():
            try:
                command = (path / "cmdline").read_bytes().decode(errors="replace")
                where = str((path / "cwd").readlink())
            except OSError:
                continue
            if directory in command or where.startswith(directory):
                found.add(int(path.name))
    return found


def shared_memory_of(pids: set[int]) -> list[str]:
    lines = Path("/proc/sysvipc/shm").read_text().splitlines()
    creator = lines[0].split().index("cpid")
    return [line for line in lines[1:] if int(line.split()[creator]) in pids]


def listening(port: int) -> bool:
    with socket.socket() as client:
        client.settimeout(1)
        return client.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_nothing_outlives_the_owner(how: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", OWNER],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(TESTS)},
    ) as owner:
        try:
            assert owner.stdout is not None
            facts = json.loads(owner.stdout.readline())
            directory, ports = facts["directory"], (facts["api"], facts["postgres"])
            pids = processes_of(directory)
            assert len(pids) >= 5 + 4  # five servers; PostgreSQL has some processes of its own
            assert all(listening(port) for port in ports)
            assert len(shared_memory_of(pids)) == 1
            owner.send_signal(how)
            deadline = time.monotonic() + 5
            owner.wait(5)
        finally:
            owner.kill()
    eventually(lambda: not processes_of(directory), "none is left", deadline - time.monotonic())
    eventually(lambda: not Path(directory).exists(), "it is gone", deadline - time.monotonic())
    assert not any(listening(port) for port in ports)
    assert shared_memory_of(pids) == []


def test_a_guardian_whose_owner_died_at_once_leaves_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-I", "-S", guardian.__file__, str(tmp_path)]
    read, write = os.pipe()
    os.close(read)
    ended = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=write, check=False)
    os.close(write)
    assert ended.returncode == 0
    assert list(tmp_path.iterdir()) == []
