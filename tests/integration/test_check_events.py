"""The check `events` on Events of a real API server, written through both of its APIs."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from integration.place import Place, new_place
from polling import answer
from servicesop.api.checks.check import Check
from servicesop.api.reasons import UnknownReason
from servicesop.api.sop import Target
from servicesop.checks.registry import build
from servicesop.checks.runner import Surroundings
from servicesop.judge.results import Sample, Verdict
from servicesop.sources.errors import SourceError
from servicesop.sources.kubernetes import events
from servicesop.sources.kubernetes.client import KubeClient
from servicesop.sources.kubernetes.events import EventCache
from servicesop.sources.kubernetes.workloads import WorkloadCache
from surroundings import NOBODY
from testbed import ControlPlane

CANARY = "canary-in-a-message"


def now() -> datetime:
    return datetime.now(UTC)


def seconds(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def micros(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class Writer:
    """Writes Events as components of a cluster do."""

    def __init__(self, place: Place, client: KubeClient) -> None:
        self._client = client
        self._namespace = place.namespace
        self.core = f"/api/v1/namespaces/{place.namespace}/events"
        self.new = f"/apis/events.k8s.io/v1/namespaces/{place.namespace}/events"

    def about(self, kind: str, name: str) -> dict[str, str]:
        return {"kind": kind, "name": name, "namespace": self._namespace}

    async def core_event(
        self,
        kind: str = "Job",
        name: str = "nightly",
        *,
        reason: str = "BackOff",
        ago: float = 5,
        first: float | None = None,
        count: int = 1,
        **rest: Any,
    ) -> str:
        """As most controllers and kubelets do: counted, with the first and the last time."""
        event = f"core-{uuid.uuid4().hex[:10]}"
        body = {
            "metadata": {"name": event},
            "involvedObject": self.about(kind, name),
            "reason": reason,
            "type": "Warning",
            "message": f"failed to pull {CANARY}",
            "firstTimestamp": seconds(now() - timedelta(seconds=first or ago)),
            "lastTimestamp": seconds(now() - timedelta(seconds=ago)),
            "count": count,
            "source": {"component": "kubelet"},
        }
        await self._client.create(self.core, body | rest)
        return event

    async def count(self, event: str, count: int) -> None:
        """Raise the count, as client-go does."""
        body = {"count": count, "lastTimestamp": seconds(now())}
        await self._client.merge_patch(f"{self.core}/{event}", body, "kubelet")

    async def new_event(self, kind: str, name: str, *, ago: float = 0) -> str:
        """As the scheduler does."""
        event = f"new-{uuid.uuid4().hex[:10]}"
        body = {
            "metadata": {"name": event},
            "regarding": self.about(kind, name),
            "reason": "FailedScheduling",
            "type": "Warning",
            "note": f"no node for {CANARY}",
            "action": "Scheduling",
            "eventTime": micros(now() - timedelta(seconds=ago)),
            "reportingController": "default-scheduler",
            "reportingInstance": "scheduler-0",
        }
        await self._client.create(self.new, body)
        return event

    async def series(self, event: str, count: int, *, ago: float = 0) -> None:
        """Make a series of it, as client-go does with a PATCH."""
        last = micros(now() - timedelta(seconds=ago))
        body = {"series": {"count": count, "lastObservedTime": last}}
        await self._client.merge_patch(f"{self.new}/{event}", body, "default-scheduler")

    async def delete(self, event: str) -> None:
        """End it, as its time to live does."""
        await self._client.delete(f"{self.core}/{event}")


@pytest.fixture
def place(control_plane: ControlPlane) -> Iterator[Place]:
    with new_place(control_plane) as place:
        yield place


@pytest.fixture
async def client(control_plane: ControlPlane) -> AsyncIterator[KubeClient]:
    async with await KubeClient.connect(control_plane.kubeconfig) as client:
        yield client


@pytest.fixture
def writer(place: Place, client: KubeClient) -> Writer:
    return Writer(place, client)


@pytest.fixture
async def around(place: Place, client: KubeClient) -> AsyncIterator[Surroundings]:
    cache = EventCache(client, now)
    yield replace(NOBODY, namespace=place.namespace, events=cache.of(place.namespace))
    await cache.close()


async def ask(around: Surroundings, **spec: Any) -> Sample:
    fields = {"within": "10m", "involved": {"kind": "Job", "name": "nightly"}} | spec
    if not {"pattern", "reasons", "type"} & fields.keys():
        fields["type"] = "Warning"
    runner = build(Check.model_validate({"name": "quiet", "events": fields}), around)
    async with runner.turn:
        sample = await runner.run(now())
    assert CANARY not in repr(sample)
    return sample


async def until(verdict: Verdict, around: Surroundings, **spec: Any) -> Sample:
    """Ask until the watch has told of what was written."""
    return await answer(lambda: ask(around, **spec), lambda sample: sample.verdict is verdict)


async def test_an_event_is_found_by_message_reason_and_type_while_it_is_in_the_window(
    writer: Writer, around: Surroundings
) -> None:
    quiet = await ask(around)
    event = await writer.core_event(ago=20)
    found = await until(Verdict.FAILED, around)
    by_message = await ask(around, pattern="failed to (pull|push)")
    by_reason = await ask(around, reasons=["Failed", "BackOff"])
    others = [
        await ask(around, pattern="^pull"),
        await ask(around, reasons=["Failed"]),
        await ask(around, type="Normal"),
        await ask(around, involved={"kind": "Job", "name": "hourly"}),
        await ask(around, within="15s"),
        await ask(around, max=1),
    ]
    await writer.delete(event)
    gone = await until(Verdict.PASSED, around)

    assert quiet.verdict is gone.verdict is Verdict.PASSED
    assert found.findings == by_message.findings == by_reason.findings == {"Found"}
    assert found.message == "more than 0 Events that match occurred within 10m"
    assert found.evidence == ("BackOff of Job nightly: 1",)
    assert {sample.verdict for sample in others} == {Verdict.PASSED}


async def test_a_count_tells_what_it_can_and_more_when_it_is_seen_to_rise(
    writer: Writer, around: Surroundings
) -> None:
    event = await writer.core_event(first=1800, ago=30, count=40)
    certain = await until(Verdict.FAILED, around)
    unknown = await ask(around, max=5)
    assert certain.evidence == ("BackOff of Job nightly: 1",)
    assert (unknown.verdict, unknown.reason) == (Verdict.INCONCLUSIVE, UnknownReason.NOT_COVERED)

    await writer.count(event, 47)
    risen = await until(Verdict.FAILED, around, max=5)
    assert risen.evidence == ("BackOff of Job nightly: 8",)


async def test_a_series_is_read_through_the_other_api_with_what_it_leaves_open(
    writer: Writer, around: Surroundings
) -> None:
    spec: dict[str, Any] = {"involved": {"kind": "Pod", "name": "api-0"}}
    event = await writer.new_event("Pod", "api-0", ago=900)
    assert (await until(Verdict.PASSED, around, **spec)).verdict is Verdict.PASSED
    old = await until(Verdict.FAILED, around, **spec, within="20m")
    await writer.series(event, 2, ago=700)
    open_ = await until(Verdict.INCONCLUSIVE, around, **spec)
    both = await until(Verdict.FAILED, around, **spec, within="20m", max=1)
    await writer.series(event, 9)
    again = await until(Verdict.FAILED, around, **spec)

    assert old.evidence == ("FailedScheduling of Pod api-0: 1",)
    assert open_.reason is UnknownReason.NOT_COVERED
    assert both.evidence == ("FailedScheduling of Pod api-0: 2",)
    assert again.findings == {"Found"}


def deployment(name: str, replicas: int) -> str:
    container = {"name": "service", "image": "example.org/service:1"}
    template = {
        "metadata": {"labels": {"app": name}},
        "spec": {"containers": [container], "terminationGracePeriodSeconds": 1},
    }
    spec = {"replicas": replicas, "selector": {"matchLabels": {"app": name}}, "template": template}
    return json.dumps(
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": spec}
    )


async def test_a_target_stands_for_its_replica_sets_and_pods_and_no_others(
    place: Place, client: KubeClient, writer: Writer, around: Surroundings
) -> None:
    for name in ("api", "api-v2"):
        place.kubectl("apply", "-f", "-", stdin=deployment(name, 1))
    for name in ("api", "api-v2"):
        await asyncio.to_thread(place.kubectl, "rollout", "status", f"deployment/{name}")
    target = Target.model_validate({"name": "a", "ref": {"kind": "Deployment", "name": "api"}})
    cache = WorkloadCache(client, lambda *_: None)
    cache.hold(place.namespace, frozenset({target.ref.kind}))
    await cache.synced(place.namespace)
    view = cache.view(place.namespace)
    around = replace(
        around,
        targets={"a": target},
        default_target=target,
        workloads=view,
        replica_sets=view.replica_sets,
    )

    def names(kind: str, app: str) -> str:
        return place.kubectl(
            "get", kind, "-l", f"app={app}", "-o", "jsonpath={.items[*].metadata.name}"
        )

    async def found(**spec: Any) -> tuple[str, ...]:
        return (await ask(around, involved=None, reasons=["BackOff"], **spec)).evidence

    try:
        # What the real controllers and the scheduler have written.
        normal = {"involved": None, "type": "Normal"}
        made = await until(Verdict.FAILED, around, **normal, reasons=["ScalingReplicaSet"])
        placed = await until(Verdict.FAILED, around, **normal, reasons=["Scheduled"])
        replica_set, pod, other = names("rs", "api"), names("pods", "api"), names("pods", "api-v2")
        for kind, name in (("Pod", other), ("ReplicaSet", names("rs", "api-v2")), ("Job", "api")):
            await writer.core_event(kind, name)
        await writer.core_event("Pod", pod)
        await until(Verdict.FAILED, around, involved=None, reasons=["BackOff"])
        await writer.core_event("ReplicaSet", replica_set)
        await until(Verdict.FAILED, around, involved=None, reasons=["BackOff"], max=1)
        await asyncio.to_thread(place.kubectl, "delete", "pod", pod)
        gone = await found()
        everything = await ask(around, involved={"kind": "Pod"}, reasons=["BackOff"])
    finally:
        await cache.close()

    assert made.evidence == ("ScalingReplicaSet of Deployment api: 1",)
    assert placed.evidence == (f"Scheduled of Pod {pod}: 1",)
    assert gone == (f"BackOff of Pod {pod}: 1", f"BackOff of ReplicaSet {replica_set}: 1")
    assert len(everything.evidence) == 2


async def test_all_checks_of_a_namespace_share_one_watch_that_ends_when_nobody_asks(
    place: Place, client: KubeClient, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "IDLE_SECONDS", 0.5)
    cache = EventCache(client, now)
    around = replace(NOBODY, events=cache.of(place.namespace))
    other = replace(NOBODY, events=cache.of("default"))
    mark = place.control_plane.audit().mark()
    await writer.core_event()
    await asyncio.gather(*(ask(around, within=f"{minutes}m") for minutes in range(1, 20)))
    asked = [
        record
        for record in place.control_plane.audit().since(mark)
        if record.resource == "events"
        and record.namespace == place.namespace
        and record.verb in ("list", "watch")
        and record.user_agent.startswith("servicesop/")
    ]
    found = await ask(around)
    elsewhere = await ask(other)
    async with asyncio.timeout(10):
        while cache._watches:  # noqa: ASYNC110 - the cache offers no event for its end
            await asyncio.sleep(0.05)
    again = await ask(around)
    await cache.close()

    assert sorted(record.verb for record in asked) in (["list"], ["list", "watch"])
    assert found.findings == again.findings == {"Found"}
    assert elsewhere.verdict is Verdict.PASSED


async def test_more_events_than_are_kept_leave_it_open(
    place: Place, client: KubeClient, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "MAX_EVENTS", 3)
    for _ in range(3):
        await writer.core_event(reason="Other")
    cache = EventCache(client, now)
    around = replace(NOBODY, events=cache.of(place.namespace))
    whole = await ask(around, reasons=["BackOff"])
    await writer.core_event()
    open_ = await until(Verdict.INCONCLUSIVE, around, reasons=["BackOff"])
    certain = await ask(around, reasons=["Other"])
    later = EventCache(client, now)
    listed = await ask(replace(NOBODY, events=later.of(place.namespace)), reasons=["Absent"])
    await cache.close()
    await later.close()

    assert whole.verdict is Verdict.PASSED
    assert open_.reason is listed.reason is UnknownReason.NOT_COVERED
    assert open_.message == "the namespace had more Events within 10m than the operator keeps"
    assert certain.findings == {"Found"}


async def test_an_operator_that_may_not_see_events_says_what_it_lacks(place: Place) -> None:
    async with await KubeClient.connect(place.kubeconfig) as client:
        cache = EventCache(client, now)
        with pytest.raises(SourceError) as refused:
            await ask(replace(NOBODY, events=cache.of(place.namespace)))
        await cache.close()

    assert refused.value.reason is UnknownReason.API_UNAVAILABLE
    assert "may not list and watch Events here" in refused.value.message


async def test_without_an_answer_of_the_api_server_it_is_an_error(
    place: Place, client: KubeClient
) -> None:
    cache = EventCache(client, now)
    place.control_plane.stop_api_server()
    try:
        with pytest.raises(SourceError) as refused:
            await ask(replace(NOBODY, events=cache.of(place.namespace)))
    finally:
        await asyncio.to_thread(place.control_plane.start_api_server)
    back = await until_answered(replace(NOBODY, events=cache.of(place.namespace)))
    await cache.close()

    assert refused.value.reason is UnknownReason.API_UNAVAILABLE
    assert back.verdict is Verdict.PASSED


async def until_answered(around: Surroundings) -> Sample:
    async with asyncio.timeout(30):
        while True:
            try:
                return await ask(around)
            except SourceError:
                await asyncio.sleep(0.1)
