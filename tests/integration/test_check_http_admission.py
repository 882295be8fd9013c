"""The check `http` where policies of a real API server keep the operator from a Service.

Nothing enforces them there. The Service's address leads to a closed port of loopback: so the
operator gets what a plugin gives that rejects what is not admitted.
"""

import json
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from integration.place import Place, new_place
from polling import answer
from servicesop.api.checks.check import Check
from servicesop.api.reasons import UnknownReason
from servicesop.checks.ask import ask
from servicesop.checks.registry import build
from servicesop.judge.results import Sample, Verdict
from servicesop.sources.dial import DialGuard
from servicesop.sources.http.targets import HttpTargets
from servicesop.sources.kubernetes.admission import Admissions
from servicesop.sources.kubernetes.client import KubeClient
from servicesop.sources.kubernetes.secrets import ConfigMaps, Secrets
from surroundings import NOBODY
from testbed import ControlPlane, free_port

API = {"app": "api"}
OPERATOR = {"app.kubernetes.io/name": "servicesop"}
_SHIPPED = Path(__file__).parents[2] / "manifests/install/cluster-role.yaml"
RULES = next(iter(yaml.safe_load_all(_SHIPPED.read_text())))["rules"]


class Scene:
    """The operator as a pod of a namespace of its own, and a namespace with a Service."""

    def __init__(self, shop: Place, own: Place, client: KubeClient) -> None:
        self.shop = shop
        self.own = own
        self.client = client
        self.port = free_port()
        """Closed: it is the Service's port, and one of another host."""
        ports = [{"port": self.port, "targetPort": "http"}]
        shop.create("v1", "Service", "api", {}, spec={"selector": API, "ports": ports})
        names = (f"api.{shop.namespace}.svc", "example.com")
        pairs = frozenset((name, self.port) for name in names)
        guard = DialGuard(pairs, resolve=self._resolve)
        self.targets = HttpTargets(guard, Secrets(client).read, ConfigMaps(client).read)

    async def _resolve(self, host: str, port: int, **_: object) -> Sequence[tuple[object, ...]]:
        return [(2, 1, 6, "", ("127.0.0.1", port))]

    async def ask(self, **http: Any) -> Sample:
        http = http or {"service": {"name": "api", "port": self.port}}
        check = Check.model_validate({"name": "answers", "timeout": "20s", "http": http})
        # Made anew: it keeps for a while what it knows of the operator itself.
        admissions = Admissions(self.client, self.own.namespace, "servicesop-1", time.monotonic)
        surroundings = replace(
            NOBODY,
            namespace=self.shop.namespace,
            http=self.targets.of(self.shop.namespace),
            admission=lambda url: admissions.of(self.shop.namespace, url),
        )
        defects: list[Exception] = []
        sample = await ask(build(check, surroundings), check, datetime.now(UTC), defects.append)
        assert not defects, defects
        return sample

    async def not_admitted(self, **http: Any) -> str:
        sample = await self.ask(**http)
        assert (sample.verdict, sample.reason) == (Verdict.ERROR, UnknownReason.NOT_ADMITTED)
        return sample.message


def pod(place: Place, name: str, labels: dict[str, str]) -> None:
    ports = [{"name": "http", "containerPort": 8080}]
    containers = [{"name": "main", "image": "example.com/none", "ports": ports}]
    place.create("v1", "Pod", name, labels, spec={"containers": containers})
    place.set_status("pod", name, conditions=[{"type": "Ready", "status": "True"}])


def policy(place: Place, name: str, **spec: Any) -> None:
    whole = {"podSelector": {}} | spec
    place.create("networking.k8s.io/v1", "NetworkPolicy", name, {}, spec=whole)


@pytest.fixture
def shop(control_plane: ControlPlane) -> Iterator[Place]:
    with new_place(control_plane) as place:
        pod(place, "api-1", API)
        yield place


@pytest.fixture
def own(control_plane: ControlPlane) -> Iterator[Place]:
    with new_place(control_plane) as place:
        pod(place, "servicesop-1", OPERATOR)
        yield place


@pytest.fixture
async def scene(shop: Place, own: Place) -> AsyncIterator[Scene]:
    async with await KubeClient.connect(own.kubeconfig) as client:
        scene = Scene(shop, own, client)
        yield scene
        await scene.targets.close()


def let_read(place: Place) -> None:
    """Give the operator what the installation's ClusterRole does."""
    role = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": place.namespace},
        "rules": RULES,
    }
    place.control_plane.kubectl("apply", "-f", "-", input=json.dumps(role))


async def test_who_is_kept_out_is_told_by_which_policy_and_never_fails(scene: Scene) -> None:
    unread = await scene.ask()
    let_read(scene.own)
    finding = await answer(scene.ask, lambda sample: sample.verdict is Verdict.FAILED)
    policy(scene.shop, "deny")
    denied = await scene.not_admitted()
    by_name = {"matchLabels": {"kubernetes.io/metadata.name": scene.own.namespace}}
    peer = {"namespaceSelector": by_name, "podSelector": {"matchLabels": OPERATOR}}
    policy(scene.shop, "narrow", ingress=[{"from": [peer], "ports": [{"port": scene.port}]}])
    narrow = await scene.not_admitted()
    policy(scene.shop, "admitting", ingress=[{"from": [peer], "ports": [{"port": "http"}]}])
    admitted = await scene.ask()

    assert (unread.verdict, unread.reason) == (
        Verdict.INCONCLUSIVE,
        UnknownReason.ADMISSION_UNKNOWN,
    )
    assert "the operator may not read" in unread.message
    assert finding.findings == admitted.findings == {"Refused"}
    assert admitted.verdict is Verdict.FAILED
    kept_out = "the operator is kept from port 8080 of the server's pods: no rule of"
    admit = f"is for it; admit its namespace, {scene.own.namespace}"
    assert denied == f"{kept_out} NetworkPolicy deny {admit}"
    assert narrow == f"{kept_out} NetworkPolicies deny, narrow {admit}"


async def test_who_is_not_let_out_never_finds_a_failure_either(scene: Scene) -> None:
    let_read(scene.own)
    await answer(scene.ask, lambda sample: sample.verdict is Verdict.FAILED)
    external = {"url": f"http://example.com:{scene.port}/"}
    let_out = [await scene.ask(**external)]
    policy(scene.own, "dns", policyTypes=["Egress"], egress=[{"ports": [{"port": 53}]}])
    host = await scene.not_admitted(**external)
    policy(scene.own, "port", policyTypes=["Egress"], egress=[{"ports": [{"port": scene.port}]}])
    let_out.append(await scene.ask(**external))
    service = await scene.not_admitted()
    policy(scene.own, "http", policyTypes=["Egress"], egress=[{"ports": [{"port": 8080}]}])
    let_out.append(await scene.ask())

    assert [sample.findings for sample in let_out] == [{"Refused"}] * 3
    not_let_out = "NetworkPolicies of the operator's own namespace do not let it out to port"
    assert host.startswith(f"{not_let_out} {scene.port};")
    # The Service translates its port.
    assert service.startswith(f"{not_let_out} 8080;")


async def test_the_pods_behind_the_service_decide(scene: Scene) -> None:
    let_read(scene.own)
    policy(scene.shop, "locked", podSelector={"matchLabels": {"lock": "yes"}})
    await answer(scene.ask, lambda sample: sample.verdict is Verdict.FAILED)
    pod(scene.shop, "api-2", API | {"lock": "yes"})
    mixed = await scene.ask()
    scene.shop.set_status("pod", "api-1", conditions=[{"type": "Ready", "status": "False"}])
    only_locked = await scene.ask()
    scene.shop.set_status("pod", "api-2", conditions=[{"type": "Ready", "status": "False"}])
    nobody = await scene.ask()

    assert mixed.reason is UnknownReason.ADMISSION_UNKNOWN
    assert mixed.message.endswith("some of its pods admit the operator, and others do not")
    assert only_locked.reason is UnknownReason.NOT_ADMITTED
    # Nobody is there, whom policies would keep the operator from.
    assert nobody.findings == {"Refused"}
