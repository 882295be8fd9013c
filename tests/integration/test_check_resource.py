"""The check `resource` on real objects: Jobs and PersistentVolumeClaims, and made-up kinds.

cert-manager and Strimzi are not here; their kinds are, with the shape of their status.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from integration.place import Place, crd, new_place
from polling import answer
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

CANARY = "canary-in-a-condition"
GROUPS = {"Certificate": "cert-manager.io", "Kafka": "kafka.strimzi.io"}


class Scene:
    """Objects in a namespace, and checks that look at them."""

    def __init__(self, place: Place, client: KubeClient) -> None:
        self.place = place
        self._objects = ObjectReader(client, Kinds(client)).of(place.namespace)

    async def ask(self, **resource: Any) -> Sample:
        check = Check.model_validate({"name": "check", "resource": resource})
        runner = build(check, replace(NOBODY, objects=self._objects))
        assert runner.reacts_to is None
        async with runner.turn:
            sample = await runner.run(datetime.now(UTC))
        assert CANARY not in repr(sample)
        return sample

    async def until(self, verdict: Verdict, **resource: Any) -> Sample:
        return await answer(
            lambda: self.ask(**resource), lambda sample: sample.verdict is verdict, 60
        )

    async def refused(self, **resource: Any) -> tuple[UnknownReason, str]:
        with pytest.raises(SourceError) as refused:
            await self.ask(**resource)
        return refused.value.reason, refused.value.message


@pytest.fixture(scope="module")
def kinds(control_plane: ControlPlane) -> Iterator[None]:
    for kind, group in GROUPS.items():
        control_plane.kubectl("create", "-f", "-", input=crd(kind, group))
    yield
    for kind, group in GROUPS.items():
        control_plane.kubectl("delete", "crd", f"{kind.lower()}s.{group}")


@pytest.fixture
def place(control_plane: ControlPlane, kinds: None) -> Iterator[Place]:
    with new_place(control_plane) as place:
        for group in GROUPS.values():
            place.wait_until_served(group)
        yield place


@pytest.fixture
async def scene(place: Place) -> AsyncIterator[Scene]:
    async with await KubeClient.connect(place.kubeconfig) as client:
        yield Scene(place, client)


def certificate(place: Place, name: str, **labels: str) -> None:
    place.create("cert-manager.io/v1", "Certificate", name, labels, spec={"secretName": name})


def certificate_is(place: Place, name: str, status: str, generation: int = 1) -> None:
    condition = {
        "type": "Ready",
        "status": status,
        "reason": "Ready" if status == "True" else "Expired",
        "message": CANARY,
        "lastTransitionTime": "2026-01-31T09:30:00Z",
        "observedGeneration": generation,
    }
    place.set_status("certificates.cert-manager.io", name, conditions=[condition])


TLS: dict[str, Any] = {
    "apiVersion": "cert-manager.io/v1",
    "kind": "Certificate",
    "condition": {"type": "Ready"},
}


async def test_a_certificate_from_its_first_moment_to_its_last(scene: Scene) -> None:
    place, check = scene.place, TLS | {"name": "api-tls"}
    place.grant("get", "certificates.cert-manager.io")
    missing = await scene.ask(**check)
    certificate(place, "api-tls")
    young = await scene.ask(**check)
    certificate_is(place, "api-tls", "False")
    expired = await scene.ask(**check)
    certificate_is(place, "api-tls", "True")
    ready = await scene.ask(**check)
    place.kubectl(
        *("patch", "certificate", "api-tls", "--type=merge"),
        '--patch={"spec": {"secretName": "other"}, "metadata": {"finalizers": ["example.com/x"]}}',
    )
    changed = await scene.ask(**check)
    certificate_is(place, "api-tls", "True", generation=2)
    acted_upon = await scene.ask(**check)
    place.kubectl("delete", "certificate", "api-tls", "--wait=false")
    going = await scene.ask(**check)
    place.kubectl(
        *("patch", "certificate", "api-tls", "--type=merge"),
        '--patch={"metadata": {"finalizers": null}}',
    )
    gone = await scene.ask(**check)

    assert missing.findings == {"Missing"}
    assert missing.message == "Certificate api-tls does not exist"
    assert (young.verdict, young.reason) == (Verdict.INCONCLUSIVE, UnknownReason.NOT_REPORTED)
    assert young.message == "Certificate api-tls: has no condition Ready"
    assert expired.findings == {"ConditionNotMet"}
    assert expired.message == "Certificate api-tls: the condition Ready is not True"
    assert expired.evidence == ("api-tls: Ready is False (Expired)",)
    assert ready.verdict is Verdict.PASSED
    assert (changed.verdict, changed.reason) == (Verdict.INCONCLUSIVE, UnknownReason.NOT_OBSERVED)
    assert acted_upon.verdict is Verdict.PASSED
    assert going.findings == {"Missing"}
    assert going.message == "Certificate api-tls is being deleted"
    assert gone.message == "Certificate api-tls does not exist"


async def test_all_objects_of_a_selector_and_none(scene: Scene) -> None:
    place = scene.place
    place.grant("list", "certificates.cert-manager.io")
    check = TLS | {"selector": {"matchLabels": {"app": "api"}}}
    nothing = {
        on_none: await scene.ask(**check, onNone=on_none)
        for on_none in ("Passed", "Failed", "Inconclusive")
    }
    for name in ("one", "two"):
        certificate(place, name, app="api")
    certificate(place, "other", app="web")
    certificate_is(place, "other", "False")
    certificate_is(place, "one", "True")
    unsure = await scene.ask(**check, onNone="Failed")
    certificate_is(place, "two", "False")
    unmet = await scene.ask(**check, onNone="Failed")
    certificate_is(place, "two", "True")
    met = await scene.ask(**check, onNone="Failed")
    everything = await scene.ask(**TLS, selector={}, onNone="Failed")

    assert nothing["Passed"].verdict is Verdict.PASSED
    assert nothing["Failed"].findings == {"Missing"}
    assert nothing["Inconclusive"].reason is UnknownReason.NO_OBJECTS
    assert unsure.reason is UnknownReason.NOT_REPORTED
    assert unmet.findings == {"ConditionNotMet"}
    assert unmet.evidence == ("two: Ready is False (Expired)",)
    assert met.verdict is Verdict.PASSED
    assert everything.evidence == ("other: Ready is False (Expired)",)


async def test_a_kafka_whose_operator_lags_behind_its_spec(scene: Scene) -> None:
    place = scene.place
    place.grant("get", "kafkas.kafka.strimzi.io")
    check = {
        "apiVersion": "kafka.strimzi.io/v1",
        "kind": "Kafka",
        "name": "main",
        "condition": {"type": "Ready"},
    }
    place.create("kafka.strimzi.io/v1", "Kafka", "main", {}, spec={"kafka": {"replicas": 3}})
    # Strimzi gives the generation once, for the whole status, and may repeat a type.
    warnings = [{"type": "Warning", "status": "True", "reason": "One", "message": CANARY}] * 2
    ready = {"type": "Ready", "status": "True"}
    place.set_status("kafka", "main", conditions=[*warnings, ready], observedGeneration=1)
    up = await scene.ask(**check)
    place.kubectl(
        "patch", "kafka", "main", "--type=merge", '--patch={"spec": {"kafka": {"replicas": 5}}}'
    )
    lagging = await scene.ask(**check)
    not_ready = {"type": "NotReady", "status": "True", "reason": "FatalProblem", "message": CANARY}
    place.set_status("kafka", "main", conditions=[not_ready], observedGeneration=2)
    broken = await scene.ask(**check)
    strict = await scene.ask(**check | {"condition": {"type": "Ready", "onAbsent": "Failed"}})

    assert up.verdict is Verdict.PASSED
    assert lagging.reason is UnknownReason.NOT_OBSERVED
    assert broken.reason is UnknownReason.NOT_REPORTED
    assert strict.findings == {"ConditionNotMet"}
    assert strict.evidence == ("main: has no condition Ready",)


def job(name: str, *, suspend: bool = False) -> str:
    """A Job whose pod no node takes: the testbed's nodes would complete it by themselves."""
    container = {"name": "work", "image": "example.org/work:1"}
    pod = {"restartPolicy": "Never", "containers": [container], "nodeSelector": {"is": "nowhere"}}
    template = {"spec": pod}
    return json.dumps(
        {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {"name": name},
            "spec": {"backoffLimit": 0, "suspend": suspend, "template": template},
        }
    )


async def test_jobs_as_their_controller_ends_them(scene: Scene) -> None:
    place = scene.place
    place.grant("get,list", "jobs.batch")
    kind = {"apiVersion": "batch/v1", "kind": "Job"}
    complete = {"condition": {"type": "Complete"}}
    not_failed = {"condition": {"type": "Failed", "status": "False"}}
    lenient = {"condition": {"type": "Failed", "status": "False", "onAbsent": "Passed"}}
    place.kubectl("create", "-f", "-", stdin=job("waits", suspend=True))
    waiting = [
        await scene.ask(**kind, name="waits", **one) for one in (complete, not_failed, lenient)
    ]
    for name in ("good", "bad"):
        place.kubectl("create", "-f", "-", stdin=job(name))
    await end(place, "good", "Succeeded")
    await end(place, "bad", "Failed")
    done = await scene.until(Verdict.PASSED, **kind, name="good", **complete)
    fine = await scene.ask(**kind, name="good", **not_failed)
    broken = await scene.until(Verdict.FAILED, **kind, name="bad", **complete)
    failed = await scene.ask(**kind, name="bad", **lenient)
    all_of_them = await scene.ask(**kind, selector={}, onNone="Failed", **lenient)

    assert [sample.verdict for sample in waiting] == [
        *(Verdict.INCONCLUSIVE, Verdict.INCONCLUSIVE, Verdict.PASSED)
    ]
    assert done.verdict is fine.verdict is Verdict.PASSED
    assert broken.evidence == ("bad: Complete is False (Failed)",)
    assert failed.findings == all_of_them.findings == {"ConditionNotMet"}
    assert (
        failed.evidence == all_of_them.evidence == ("bad: Failed is True (BackoffLimitExceeded)",)
    )


async def end(place: Place, name: str, phase: str) -> None:
    """Let the pod of a Job end, as a kubelet would report it, and wait until the Job has."""
    async with asyncio.timeout(60):
        ended = ("get", "job", name, "-o", "jsonpath={.status.conditions[*].type}")
        while not {"Complete", "Failed"} & set(place.kubectl(*ended).split()):
            for pod in place.kubectl("get", "pods", "-l", f"job-name={name}", "-o", "name").split():
                place.set_status("pod", pod.removeprefix("pod/"), phase=phase)
            await asyncio.sleep(0.2)


async def test_a_claim_is_judged_by_its_phase(scene: Scene) -> None:
    place = scene.place
    place.grant("get", "persistentvolumeclaims")
    check = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "name": "data", "phase": "Bound"}
    claim = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "1Gi"}},
        "storageClassName": "",
    }
    place.create("v1", "PersistentVolumeClaim", "data", {}, spec=claim)
    pending = await scene.ask(**check)
    # The testbed has no controller of volumes.
    place.set_status("persistentvolumeclaim", "data", phase="Bound")
    bound = await scene.ask(**check)
    place.set_status("persistentvolumeclaim", "data", phase="Lost")
    lost = await scene.ask(**check)

    assert pending.findings == {"ConditionNotMet"}
    assert pending.message == "PersistentVolumeClaim data: the phase is not Bound"
    assert pending.evidence == ("data: phase is Pending",)
    assert bound.verdict is Verdict.PASSED
    assert lost.evidence == ("data: phase is Lost",)


async def test_what_cannot_be_asked_is_an_error_with_its_reason(scene: Scene) -> None:
    place, ready = scene.place, {"condition": {"type": "Ready"}}
    kinds = {
        "forbidden": {"apiVersion": "cert-manager.io/v1", "kind": "Certificate"},
        "unknown": {"apiVersion": "cert-manager.io/v1", "kind": "Nothing"},
        "no such group": {"apiVersion": "none.example.com/v1", "kind": "Certificate"},
        "of the cluster": {"apiVersion": "v1", "kind": "Node"},
    }
    reasons = {
        name: (await scene.refused(**kind, name="one", **ready))[0] for name, kind in kinds.items()
    }
    place.kubectl("create", "-f", "-", stdin=crd("Widget", place.group))
    place.wait_until_served()
    place.grant("get", f"widgets.{place.group}")
    widget = {"apiVersion": f"{place.group}/v1", "kind": "Widget", "name": "one"}
    before = await scene.ask(**widget, **ready)
    place.kubectl("delete", "crd", f"widgets.{place.group}")
    async with asyncio.timeout(30):
        while True:
            try:
                answer = await scene.ask(**widget, **ready)
            except SourceError as refused:
                removed = refused.reason
                break
            assert answer.findings == {"Missing"}
            await asyncio.sleep(0.1)

    assert reasons == {
        "forbidden": UnknownReason.ACCESS_DENIED,
        "unknown": UnknownReason.KIND_NOT_FOUND,
        "no such group": UnknownReason.KIND_NOT_FOUND,
        "of the cluster": UnknownReason.KIND_REFUSED,
    }
    assert before.findings == {"Missing"}
    assert removed is UnknownReason.KIND_NOT_FOUND
