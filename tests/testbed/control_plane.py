"""A real Kubernetes control plane on 127.0.0.1, with simulated nodes (kwok) that run its pods."""

import os
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import yaml

from testbed import binaries, credentials
from testbed.api_client import ApiClient, ApiError
from testbed.audit import AuditLog
from testbed.credentials import Credentials
from testbed.lifetime import Lifetime
from testbed.pod_log import PodLog
from testbed.processes import Process, Run, free_port, start_on_free_ports, stop_all

_MANIFESTS = Path(__file__).parent / "manifests"
_ISSUER = "https://kubernetes.default.svc"
_READY_SECONDS = 60.0
_STOP_SECONDS = 3.0
_TOKEN_SECONDS = 24 * 3600
_CONTROLLERS = (
    "clusterrole-aggregation-controller",
    "cronjob-controller",
    "daemonset-controller",
    "deployment-controller",
    "disruption-controller",
    "endpointslice-controller",
    "garbage-collector-controller",
    "job-controller",
    "namespace-controller",
    "pod-garbage-collector-controller",
    "replicaset-controller",
    "serviceaccount-controller",
    "serviceaccount-token-controller",
    "statefulset-controller",
    "validatingadmissionpolicy-status-controller",
)


class KubectlError(RuntimeError):
    """kubectl ended with an error; the message is what it wrote."""


class ControlPlane(Lifetime):
    """etcd, kube-apiserver, kube-controller-manager, kube-scheduler and kwok.

    The API server has TLS, RBAC and an audit log. Nodes are `node-0` ... Pods become ready at once,
    or after the time in their annotation `testbed/ready-after` (a Go duration such as `5s`).
    Controllers run without a node lifecycle: a node never becomes NotReady by itself.
    """

    def __init__(self, run: Run, *, nodes: int = 1) -> None:
        self._run = run
        self._nodes = nodes
        self._client = ExitStack()
        self._processes: dict[str, Process] = {}
        self._logs: dict[tuple[str, str], dict[str, PodLog]] = {}
        self._built: dict[Path, str] = {}

    def _live(self, life: ExitStack) -> None:
        self._binaries = binaries.ensure()
        life.callback(self._stop)
        start_on_free_ports(self._boot)

    @property
    def url(self) -> str:
        """https://127.0.0.1:PORT of the API server."""
        return f"https://127.0.0.1:{self._port}"

    @property
    def kubeconfig(self) -> Path:
        """Kubeconfig of the administrator (user `testbed-admin`, group system:masters)."""
        return self._credentials.kubeconfig(credentials.ADMIN)

    @property
    def certificate_authority(self) -> Path:
        """PEM file of the authority that signed the API server's certificate."""
        return self._credentials.authority_file

    def service_account_kubeconfig(self, namespace: str, name: str) -> Path:
        """Return a kubeconfig (mode 0600) with a token of 24 h of an existing ServiceAccount."""
        answer = self.api.request(
            "POST",
            f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token",
            {
                "apiVersion": "authentication.k8s.io/v1",
                "kind": "TokenRequest",
                "spec": {"expirationSeconds": _TOKEN_SECONDS},
            },
        )
        token = answer["status"]["token"]
        return self._credentials.write_kubeconfig(f"{namespace}.{name}", token, namespace)

    def kubectl(
        self,
        *arguments: str,
        input: str | None = None,  # noqa: A002 - as subprocess.run names it
        seconds: float = 60.0,
    ) -> str:
        """Run kubectl as the administrator and return its output; raises KubectlError."""
        try:
            return self._run.output(
                [
                    self._binaries / "kubectl",
                    f"--kubeconfig={self.kubeconfig}",
                    f"--cache-dir={self._directory / 'kubectl-cache'}",
                    *arguments,
                ],
                directory=self._directory,
                environment=_environment(self._directory),
                input_text=input,
                seconds=seconds,
            )
        except subprocess.CalledProcessError as error:
            raise KubectlError(error.stderr.strip()) from None

    def kustomize(self, directory: Path) -> list[dict[str, Any]]:
        """Give the objects that a directory of the checkout, which no test changes, is built to."""
        built = self._built.get(directory) or self.kubectl("kustomize", str(directory))
        self._built[directory] = built
        return list(yaml.safe_load_all(built))

    def stop_api_server(self, signal_number: signal.Signals = signal.SIGTERM) -> None:
        """End the API server; after 3 s of an unanswered signal with SIGKILL.

        The other servers go on running. Its port refuses connections until `start_api_server`.
        """
        process = self._processes["kube-apiserver"]
        process.signal(signal_number)
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.signal(signal.SIGKILL)
            process.wait(_STOP_SECONDS)

    def start_api_server(self) -> None:
        """Start it again, on the same port with the same data, and wait until it is ready.

        The controllers, the scheduler and kwok are started anew: their own way back, with a
        back-off that grows from one outage to the next, can take half a minute.
        """
        names = ("kube-controller-manager", "kube-scheduler", "kwok")
        stop_all([self._processes.pop(name) for name in names], seconds=0)
        self._start_api_server()
        self._start_controllers()
        self._start_kwok()

    def freeze_api_server(self) -> None:
        """Stop it without ending it: connections are accepted and never answered."""
        self._processes["kube-apiserver"].freeze()

    def thaw_api_server(self) -> None:
        """Let a frozen API server go on."""
        self._processes["kube-apiserver"].thaw()

    def freeze_controllers(self) -> None:
        """Stop the controllers without ending them: nobody acts upon a change."""
        self._processes["kube-controller-manager"].freeze()

    def thaw_controllers(self) -> None:
        """Let the frozen controllers go on."""
        self._processes["kube-controller-manager"].thaw()

    def compact_etcd(self) -> int:
        """Compact etcd's history up to now and return the revision.

        What then asks for an older revision ends with 410, but only once the API server has been
        restarted: a running one answers lists and watches from its own cache.
        """
        status = self._etcd("/v3/maintenance/status", {})
        revision = int(status["header"]["revision"])
        self._etcd("/v3/kv/compaction", {"revision": str(revision), "physical": True})
        return revision

    def audit(self) -> AuditLog:
        """Return the reader of the audit log, which outlives restarts of the API server."""
        return AuditLog(self._directory / "audit.log")

    def pod_log(self, namespace: str, pod: str, container: str) -> PodLog:
        """Give a container a new, empty log and return its writer.

        It is served by the pod's name: call this again for a new pod of the same name.
        """
        directory = Path(tempfile.mkdtemp(prefix="pod-log-", dir=self._directory))
        log = PodLog(directory)
        containers = self._logs.setdefault((namespace, pod), {})
        containers[container] = log
        self.api.request(
            "PATCH",
            f"/apis/kwok.x-k8s.io/v1alpha1/namespaces/{namespace}/logs/{pod}"
            "?fieldManager=testbed&force=true",
            {
                "apiVersion": "kwok.x-k8s.io/v1alpha1",
                "kind": "Logs",
                "metadata": {"name": pod, "namespace": namespace},
                "spec": {
                    "logs": [
                        {
                            "containers": [name],
                            "logsFile": str(log.current),
                            "previousLogsFile": str(log.previous),
                        }
                        for name, log in containers.items()
                    ]
                },
            },
            content_type="application/apply-patch+yaml",
        )
        self._wait_until_served(namespace, pod, container, log)
        return log

    # ---- starting and stopping

    def _boot(self) -> None:
        # What an earlier try has started.
        self._stop()
        self._directory = self._run.subdirectory("control-plane")
        self._port = free_port()
        self._kwok_port = free_port()
        self._etcd_port = free_port()
        self._peer_port = free_port()
        self._credentials = Credentials(self._directory, self.url)
        self.api = self._client.enter_context(
            closing(ApiClient(self.url, self._credentials.admin_token, self._credentials.authority))
        )
        """The administrator's requests; a kubectl each would take a tenth of a second of CPU."""
        self._start_etcd()
        self._start_api_server()
        manifest = yaml.safe_load((_MANIFESTS / "kwok-logs-crd.yaml").read_text())
        self.api.request(
            "POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", manifest
        )
        self._start_controllers()
        self._start_kwok()
        for index in range(self._nodes):
            node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": f"node-{index}"}}
            self.api.request("POST", "/api/v1/nodes", node)
        self._processes["kwok"].wait_ready(self._nodes_ready, _READY_SECONDS)
        # Pods are refused in a namespace that has no default account yet.
        self._processes["kube-controller-manager"].wait_ready(
            lambda: self.api.answers("/api/v1/namespaces/default/serviceaccounts/default"),
            _READY_SECONDS,
        )

    def _stop(self) -> None:
        self._client.close()
        stop_all(self._processes.values())
        self._processes.clear()

    def _start(self, name: str, *arguments: str) -> Process:
        process = self._run.start(
            name,
            [self._binaries / name, *arguments],
            directory=self._directory,
            environment=_environment(self._directory),
        )
        self._processes[name] = process
        return process

    def _start_etcd(self) -> None:
        client, peer = (f"http://127.0.0.1:{p}" for p in (self._etcd_port, self._peer_port))
        process = self._start(
            "etcd",
            f"--data-dir={self._directory / 'etcd'}",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=default={peer}",
            "--unsafe-no-fsync",
            "--log-level=warn",
        )
        process.wait_ready(
            lambda: process.listens_on(self._etcd_port) and self._etcd_answers(), _READY_SECONDS
        )

    def _start_api_server(self) -> None:
        directory, files = self._directory, self._credentials
        process = self._start(
            "kube-apiserver",
            f"--etcd-servers=http://127.0.0.1:{self._etcd_port}",
            "--bind-address=127.0.0.1",
            "--advertise-address=127.0.0.1",
            "--endpoint-reconciler-type=none",
            f"--secure-port={self._port}",
            f"--cert-dir={directory}",
            f"--tls-cert-file={files.server_certificate}",
            f"--tls-private-key-file={files.server_key}",
            f"--kubelet-certificate-authority={files.authority_file}",
            f"--service-account-issuer={_ISSUER}",
            f"--service-account-key-file={files.accounts_key}",
            f"--service-account-signing-key-file={files.accounts_key}",
            f"--token-auth-file={files.tokens_file}",
            "--authorization-mode=RBAC",
            # Its taint would only be lifted by the node lifecycle controller.
            "--disable-admission-plugins=TaintNodesByCondition",
            "--service-cluster-ip-range=10.0.0.0/24",
            f"--audit-policy-file={_MANIFESTS / 'audit-policy.yaml'}",
            f"--audit-log-path={directory / 'audit.log'}",
            "--audit-log-mode=blocking-strict",
        )
        process.wait_ready(
            lambda: process.listens_on(self._port) and self.api.answers("/readyz"),
            _READY_SECONDS,
        )

    def _start_controllers(self) -> None:
        self._start(
            "kube-controller-manager",
            f"--kubeconfig={self._credentials.kubeconfig(credentials.CONTROLLER_MANAGER)}",
            f"--controllers={','.join(_CONTROLLERS)}",
            f"--service-account-private-key-file={self._credentials.accounts_key}",
            "--use-service-account-credentials",
            "--leader-elect=false",
            "--secure-port=0",
            "--kube-api-qps=200",
            "--kube-api-burst=400",
        )
        self._start(
            "kube-scheduler",
            f"--kubeconfig={self._credentials.kubeconfig(credentials.SCHEDULER)}",
            "--leader-elect=false",
            "--secure-port=0",
            "--kube-api-qps=200",
            "--kube-api-burst=400",
        )

    def _start_kwok(self) -> None:
        process = self._start(
            "kwok",
            f"--kubeconfig={self._credentials.kubeconfig(credentials.KWOK)}",
            f"--config={_MANIFESTS / 'kwok-stages.yaml'}",
            "--enable-crds=Logs",
            "--manage-all-nodes=true",
            "--node-ip=127.0.0.1",
            f"--node-port={self._kwok_port}",
            f"--server-address=127.0.0.1:{self._kwok_port}",
            f"--tls-cert-file={self._credentials.server_certificate}",
            f"--tls-private-key-file={self._credentials.server_key}",
        )
        process.wait_ready(lambda: process.listens_on(self._kwok_port), _READY_SECONDS)

    # ---- asking the servers

    def _etcd(self, path: str, body: Mapping[str, object]) -> Any:
        url = f"http://127.0.0.1:{self._etcd_port}"
        with closing(ApiClient(url, "", self._credentials.authority)) as client:
            return client.request("POST", path, body)

    def _etcd_answers(self) -> bool:
        try:
            self._etcd("/v3/maintenance/status", {})
        except (ApiError, OSError):
            return False
        return True

    def _nodes_ready(self) -> bool:
        nodes = self.api.request("GET", "/api/v1/nodes")["items"]
        return all(
            any(
                condition["type"] == "Ready" and condition["status"] == "True"
                for condition in node["status"].get("conditions", ())
            )
            for node in nodes
        )

    def _wait_until_served(self, namespace: str, pod: str, container: str, log: PodLog) -> None:
        """Wait until kwok, which watches the Logs objects, answers from the new file."""
        url = f"https://127.0.0.1:{self._kwok_port}"
        probe = f"probe {os.urandom(8).hex()}"
        path = f"/containerLogs/{namespace}/{pod}/{container}"

        def served() -> bool:
            try:
                return probe in kubelet.request("GET", path)
            except (ApiError, OSError):
                return False

        log.append(probe)
        with closing(ApiClient(url, "", self._credentials.authority)) as kubelet:
            self._processes["kwok"].wait_ready(served, _READY_SECONDS)
        log.current.write_text("")


def _environment(directory: Path) -> dict[str, str]:
    """Nothing of the caller's: a proxy or a KUBECONFIG there must not change what is run."""
    # Memory for time: the API server would collect garbage for a fifth of its CPU.
    memory = {"GOGC": "400", "GOMEMLIMIT": "1GiB"}
    return {"PATH": os.defpath, "HOME": str(directory), **memory}
