"""The check `networkPolicy` on policies, pods and namespaces of a real API server.

Nothing enforces them there; the check judges what they mean, and sends no packet.
"""

import json
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from integration.place import Place, new_place
from servicesop.api.checks.check import Check
from servicesop.api.reasons import UnknownReason
from servicesop.checks.registry import build
from servicesop.judge.results import Sample, Verdict
from servicesop.sources.errors import SourceError
from servicesop.sources.kubernetes.client import KubeClient
from servicesop.sources.kubernetes.kinds import Kinds
from servicesop.sources.kubernetes.objects import ObjectReader
from surroundings import NOBODY
from testbed import ControlPlane

REFRESHER = {
    "app.kubernetes.io/name": "token-refresher",
    "app.kubernetes.io/component": "authentication-proxy",
}
MANAGER = {"app": "kas-fleet-manager"}
PROMETHEUS = {"prometheus": "kafka-prometheus"}
OBSERVABILITY = "managed-application-services-observability"


class Scene:
    """A namespace with its policies, another one, and checks that look at them."""

    def __init__(self, place: Place, observing: str, client: KubeClient) -> None:
        self.place = place
        self.observing = observing
        self._objects = ObjectReader(client, Kinds(client)).of(place.namespace)

    async def ask(self, *reaches: dict[str, Any], **spec: Any) -> Sample:
        wanted = {"to": {"podLabels": REFRESHER}, "mustReach": list(reaches)} | spec
        check = Check.model_validate({"name": "check", "networkPolicy": wanted})
        around = replace(
            NOBODY,
            namespace=self.place.namespace,
            objects=self._objects,
            namespace_labels=self._objects.namespace_labels,
        )
        runner = build(check, around)
        async with runner.turn:
            return await runner.run(datetime.now(UTC))

    async def refused(self, *reaches: dict[str, Any]) -> tuple[UnknownReason, str]:
        with pytest.raises(SourceError) as refused:
            await self.ask(*reaches)
        return refused.value.reason, refused.value.message

    def policy(self, name: str, **spec: Any) -> None:
        whole = {"podSelector": {"matchLabels": REFRESHER}} | spec
        self.place.create("networking.k8s.io/v1", "NetworkPolicy", name, {}, spec=whole)

    def pod(self, name: str, labels: dict[str, str]) -> None:
        ports = [{"name": "http", "containerPort": 8080}]
        container = {"name": "main", "image": "example.com/none", "ports": ports}
        self.place.create("v1", "Pod", name, labels, spec={"containers": [container]})

    def delete_policy(self, name: str) -> None:
        self.place.kubectl("delete", "networkpolicy", name)

    def let_labels_be_read(self) -> None:
        """What the team of the other namespace does, so that its labels can be known."""
        kubectl = self.place.control_plane.kubectl
        runner = f"--serviceaccount={self.place.namespace}:servicesop-runner"
        in_there = ("-n", self.observing)
        kubectl("create", "role", "labels", "--verb=get", "--resource=namespaces", *in_there)
        kubectl("create", "rolebinding", "labels", "--role=labels", runner, *in_there)

    @property
    def manager(self) -> dict[str, Any]:
        return {"from": {"namespaceName": self.place.namespace, "podLabels": MANAGER}}

    @property
    def prometheus(self) -> dict[str, Any]:
        return {"from": {"namespaceName": self.observing, "podLabels": PROMETHEUS}}


@pytest.fixture(scope="module")
def place(control_plane: ControlPlane) -> Iterator[Place]:
    with new_place(control_plane) as place:
        place.grant("list", "networkpolicies.networking.k8s.io")
        place.grant("list", "pods")
        yield place


@pytest.fixture
def observing(control_plane: ControlPlane, place: Place) -> Iterator[str]:
    name = f"observing-{uuid.uuid4().hex[:8]}"
    metadata = {"name": name, "labels": {"name": OBSERVABILITY}}
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}
    control_plane.kubectl("create", "-f", "-", input=json.dumps(namespace))
    yield name
    control_plane.kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture
async def scene(place: Place, observing: str) -> AsyncIterator[Scene]:
    async with await KubeClient.connect(place.kubeconfig) as client:
        scene = Scene(place, observing, client)
        place.kubectl("delete", "networkpolicies,pods", "--all", "--force", "--grace-period=0")
        scene.pod("refresher", REFRESHER)
        scene.pod("manager", MANAGER)
        yield scene


FROM_MANAGER = {"podSelector": {"matchLabels": MANAGER}}
FROM_PROMETHEUS = {
    "namespaceSelector": {"matchLabels": {"name": OBSERVABILITY}},
    "podSelector": {"matchLabels": PROMETHEUS},
}


async def test_the_token_refreshers_policy_lets_the_named_pods_reach_its_port(
    scene: Scene,
) -> None:
    both = (scene.manager, scene.prometheus)
    scene.policy("token-refresher", ingress=[{"from": [FROM_MANAGER, FROM_PROMETHEUS]}])
    of_unknown_labels = await scene.ask(*both)
    scene.let_labels_be_read()
    admitted = await scene.ask(*both)
    kubectl = scene.place.control_plane.kubectl
    kubectl("label", "namespace", scene.observing, "name=other", "--overwrite")
    of_another_label = await scene.ask(*both)

    assert (of_unknown_labels.verdict, of_unknown_labels.reason) == (
        Verdict.INCONCLUSIVE,
        UnknownReason.LABELS_UNKNOWN,
    )
    assert f"the namespace {scene.observing}, which may not be read" in of_unknown_labels.message
    assert admitted.verdict is Verdict.PASSED
    # Both pods run, the policy was not touched, and still nobody is scraped any more.
    assert of_another_label.findings == {"Missing"}
    assert of_another_label.message == (
        "mustReach[1] is not admitted: no rule of NetworkPolicy token-refresher is for it"
    )


async def test_each_finding_names_the_policy_that_would_have_to_change(scene: Scene) -> None:
    port = {"ports": [{"port": 8080}]}
    unprotected = await scene.ask(scene.manager, onlyThese=True)
    scene.policy("default-deny", podSelector={})
    missing = await scene.ask(scene.manager)
    scene.policy("narrow", ingress=[{"from": [FROM_MANAGER], "ports": [{"port": "http"}]}])
    narrow = await scene.ask(scene.manager)
    enough = await scene.ask(scene.manager | port, onlyThese=True)
    scene.policy("wide", ingress=[{"from": [{"namespaceSelector": {}}]}])
    wide = await scene.ask(scene.manager | port, onlyThese=True)
    scene.delete_policy("wide")
    scene.delete_policy("narrow")
    mistyped = {"matchLabels": {"app.kubernetes.io/name": "token-refesher"}}
    scene.policy("mistyped", podSelector=mistyped, ingress=[{"from": [FROM_MANAGER]}])
    nobody = await scene.ask(scene.manager)
    no_such_pod = await scene.ask(scene.manager, to={"podLabels": {"app": "refresher"}})

    assert unprotected.findings == {"TooWide"}
    assert unprotected.message == ("no NetworkPolicy selects the pods, so everybody is admitted")
    assert missing.findings == {"Missing"}
    assert missing.message == (
        "mustReach[0] is not admitted: no rule of NetworkPolicy default-deny is for it"
    )
    assert narrow.findings == {"TooNarrow"}
    assert narrow.message == (
        "mustReach[0] is admitted only in part by NetworkPolicy narrow:"
        " not on SCTP 1-65535, TCP 1-8079, TCP 8081-65535 and others"
    )
    assert enough.verdict is Verdict.PASSED
    assert wide.findings == {"TooWide"}
    assert wide.message == (
        "NetworkPolicy wide admits others than mustReach names: ingress[0].from[0] on every port"
    )
    assert nobody.findings == {"Missing", "SelectsNoPod"}
    assert nobody.evidence == (
        "mustReach[0] is not admitted: no rule of NetworkPolicy default-deny is for it",
        "NetworkPolicy mistyped: its podSelector selects no pod",
    )
    assert no_such_pod.findings == {"SelectsNoPod"}
    assert no_such_pod.message == ("to.podLabels: no pod of this namespace has these labels")


async def test_a_pod_that_ended_is_none(scene: Scene) -> None:
    scene.place.set_status("pod", "manager", phase="Succeeded")
    ended = await scene.ask(scene.manager)

    assert ended.findings == {"SelectsNoPod"}
    assert ended.message == (
        "mustReach[0].from.podLabels: no pod of this namespace has these labels"
    )


async def test_what_cannot_be_asked_is_an_error_with_its_reason(
    scene: Scene, control_plane: ControlPlane
) -> None:
    scene.policy("by-label", ingress=[{"from": [FROM_PROMETHEUS]}])
    nowhere = {"from": {"namespaceName": "nowhere-at-all", "podLabels": PROMETHEUS}}
    unknown = await scene.ask(nowhere)
    kubectl = scene.place.control_plane.kubectl
    name = scene.place.namespace
    kubectl("create", "clusterrole", f"{name}-all", "--verb=get", "--resource=namespaces")
    kubectl(
        *("create", "clusterrolebinding", f"{name}-all", f"--clusterrole={name}-all"),
        f"--serviceaccount={name}:servicesop-runner",
    )
    reason, message = await scene.refused(nowhere)
    kubectl("delete", "clusterrole,clusterrolebinding", f"{name}-all")
    with new_place(control_plane) as other:
        async with await KubeClient.connect(other.kubeconfig) as client:
            denied, hint = await Scene(other, "", client).refused(nowhere)

    assert unknown.reason is UnknownReason.LABELS_UNKNOWN
    assert reason is UnknownReason.NAMESPACE_NOT_FOUND
    assert message == "there is no namespace nowhere-at-all; create it, or correct the check"
    assert denied is UnknownReason.ACCESS_DENIED
    assert hint.startswith("servicesop-runner may not list networkpolicies.networking.k8s.io;")


SOP = """
apiVersion: servicesop.io/v1alpha1
kind: ServiceSOP
metadata: {name: observatorium}
spec:
  title: Observatorium token refresher
  targets: [{name: refresher, ref: {kind: Deployment, name: token-refresher}}]
  teams: [{name: team, title: Team}]
  checks:
  - name: managers-reach-it
    networkPolicy:
      to: {target: refresher}
      mustReach: [{from: {podLabels: {app: kas-fleet-manager}}, ports: [{portName: http}]}]
  - name: nobody-else-does
    networkPolicy:
      to: {target: refresher}
      mustReach: [{from: {podLabels: {app: kas-fleet-manager}}, ports: [{portName: http}]}]
      onlyThese: true
  - name: a-port-is-known
    networkPolicy:
      to: {target: refresher}
      mustReach: [{from: {podLabels: {app: kas-fleet-manager}}, ports: [{portName: metrics}]}]
  procedures:
  - name: TokenRefresherUnreachable
    checks: [managers-reach-it, nobody-else-does, a-port-is-known]
    handle: [{name: otherwise, otherwise: true, escalate: {to: [team]}}]
"""


def test_a_person_checks_the_pods_of_a_target(control_plane: ControlPlane) -> None:
    with new_place(control_plane) as place:
        done = ask_as_a_person(place)
    results = {one["name"]: one for one in json.loads(done.stdout)["checks"]}

    assert (done.returncode, done.stderr) == (1, "")
    assert results["managers-reach-it"]["result"] == "Passed"
    assert results["nobody-else-does"]["findings"] == ["TooWide"]
    assert results["nobody-else-does"]["message"] == (
        "NetworkPolicy token-refresher admits others than mustReach names:"
        " ingress[0].from[0] on TCP 8081"
    )
    assert results["a-port-is-known"]["reason"] == "PortNotFound"


def ask_as_a_person(place: Place) -> subprocess.CompletedProcess[str]:
    ports = [{"name": "http", "containerPort": 8080}]
    container = {"name": "main", "image": "example.com/none", "ports": ports}
    for name, labels in (("token-refresher", REFRESHER), ("manager", MANAGER)):
        template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
        spec = {"replicas": 2, "selector": {"matchLabels": labels}, "template": template}
        place.create("apps/v1", "Deployment", name, {}, spec=spec)
        place.kubectl("rollout", "status", f"deployment/{name}", "--timeout=60s")
    rules = [{"from": [FROM_MANAGER], "ports": [{"port": 8080}, {"port": 8081}]}]
    spec = {"podSelector": {"matchLabels": REFRESHER}, "ingress": rules}
    place.create("networking.k8s.io/v1", "NetworkPolicy", "token-refresher", {}, spec=spec)

    command = [sys.executable, "-m", "servicesop.cli.main", "check", "-", "-o", "json"]
    options = [f"--kubeconfig={place.control_plane.kubeconfig}", f"--namespace={place.namespace}"]
    return subprocess.run(
        [*command, *options], input=SOP, capture_output=True, text=True, check=False, timeout=60
    )
