"""Objects of any kind, read as the namespace's runner from a real API server."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from integration.place import Place, crd, new_place
from servicesop.api.reasons import UnknownReason
from servicesop.checks.runner import Objects
from servicesop.sources.errors import SourceError
from servicesop.sources.kubernetes import kinds, objects
from servicesop.sources.kubernetes.client import KubeClient
from servicesop.sources.kubernetes.kinds import Kinds
from servicesop.sources.kubernetes.objects import ObjectReader
from testbed import ControlPlane

CANARY = "canary-in-an-object"


@pytest.fixture
def place(control_plane: ControlPlane) -> Iterator[Place]:
    with new_place(control_plane) as place:
        yield place
        control_plane.kubectl("delete", "crd", f"widgets.{place.group}", "--ignore-not-found")


@pytest.fixture
async def client(place: Place) -> AsyncIterator[KubeClient]:
    async with await KubeClient.connect(place.kubeconfig) as client:
        yield client


@pytest.fixture
def source(place: Place, client: KubeClient) -> Objects:
    return ObjectReader(client, Kinds(client)).of(place.namespace)


async def refusal(asking: Any) -> tuple[UnknownReason, str]:
    with pytest.raises(SourceError) as refused:
        await asking
    assert CANARY not in refused.value.message
    return refused.value.reason, refused.value.message


async def until_refused(ask: Callable[[], Any]) -> tuple[UnknownReason, str]:
    async with asyncio.timeout(30):
        while True:
            try:
                await ask()
            except SourceError as refused:
                return refused.reason, refused.message
            await asyncio.sleep(0.1)


async def test_an_object_by_name_and_objects_by_labels(place: Place, source: Objects) -> None:
    place.grant("get,list", "configmaps")
    place.config_map("one", tier="front", app="api")
    place.config_map("two", tier="back", app="api")
    place.config_map("three", tier="front")
    mark = place.control_plane.audit().mark()

    found = await source.get("v1", "ConfigMap", "one")
    by_labels = await source.find("v1", "ConfigMap", {"tier": "front", "app": "api"})
    everything = await source.find("v1", "ConfigMap", {})
    missing = await source.get("v1", "ConfigMap", "four")

    assert found is not None
    assert found["metadata"]["name"] == "one"
    assert [item["metadata"]["name"] for item in by_labels] == ["one"]
    assert {"one", "two", "three"} <= {item["metadata"]["name"] for item in everything}
    assert missing is None
    assert await source.find("v1", "ConfigMap", {"tier": "none"}) == ()
    users = {
        record.impersonated_user
        for record in place.control_plane.audit().since(mark)
        if record.resource == "configmaps" and record.namespace == place.namespace
    }
    assert f"system:serviceaccount:{place.namespace}:servicesop-runner" in users


async def test_what_is_not_granted_is_named_with_its_verb_and_resource(
    place: Place, source: Objects
) -> None:
    get = await refusal(source.get("batch/v1", "Job", "nightly"))
    find = await refusal(source.find("v1", "PersistentVolumeClaim", {}))
    place.kubectl("delete", "serviceaccount", "servicesop-runner")
    nobody = await refusal(source.find("v1", "PersistentVolumeClaim", {}))

    hint = "; grant it in this namespace (manifests/runner/objects)"
    assert get == (
        UnknownReason.ACCESS_DENIED,
        f"servicesop-runner may not get jobs.batch{hint}",
    )
    assert find == (
        UnknownReason.ACCESS_DENIED,
        f"servicesop-runner may not list persistentvolumeclaims{hint}",
    )
    assert nobody == (
        UnknownReason.NO_RUNNER,
        "this namespace has no ServiceAccount servicesop-runner; apply manifests/runner",
    )


async def test_secrets_are_refused_whatever_the_runner_may(place: Place, source: Objects) -> None:
    place.grant("get,list", "secrets")
    place.kubectl("create", "secret", "generic", "one", f"--from-literal=password={CANARY}")
    mark = place.control_plane.audit().mark()

    for asking in (source.get("v1", "Secret", "one"), source.find("v1", "Secret", {})):
        assert await refusal(asking) == (
            UnknownReason.KIND_REFUSED,
            "this check reads no Secrets; ask for the keys of one with the check config",
        )
    assert not [
        record
        for record in place.control_plane.audit().since(mark)
        if record.resource == "secrets" and record.namespace == place.namespace
    ]


async def test_kinds_without_a_namespace_or_without_objects_are_refused(source: Objects) -> None:
    assert await refusal(source.get("v1", "Node", "node-0")) == (
        UnknownReason.KIND_REFUSED,
        "Node of v1 belongs to no namespace, and an SOP sees only its own; make it a manual step",
    )
    reason, message = await refusal(
        source.find("authorization.k8s.io/v1", "LocalSubjectAccessReview", {})
    )
    assert reason is UnknownReason.KIND_REFUSED
    assert "offers no list of localsubjectaccessreviews.authorization.k8s.io" in message


@pytest.mark.parametrize(
    ("api_version", "kind"),
    [("v1", "Widget"), ("none.example.com/v1", "Widget"), ("v9", "Pod"), ("batch/v9", "Job")],
)
async def test_a_kind_that_is_not_served_is_not_found(
    source: Objects, api_version: str, kind: str
) -> None:
    for asking in (source.get(api_version, kind, "one"), source.find(api_version, kind, {})):
        assert await refusal(asking) == (
            UnknownReason.KIND_NOT_FOUND,
            f"the API server knows no kind {kind} in {api_version}; install what defines it, or"
            " correct the check's apiVersion and kind",
        )


async def test_a_kind_that_comes_is_found_and_one_that_goes_is_not_mistaken_for_no_objects(
    place: Place, client: KubeClient
) -> None:
    now = [0.0]
    source = ObjectReader(client, Kinds(client, clock=lambda: now[0])).of(place.namespace)
    version = f"{place.group}/v1"
    before, _ = await refusal(source.find(version, "Widget", {}))
    place.kubectl("create", "-f", "-", stdin=crd("Widget", place.group))
    place.wait_until_served()
    place.grant("get,list", f"widgets.{place.group}")
    place.create(version, "Widget", "one", {})
    now[0] += kinds.KEEP_UNKNOWN_SECONDS
    found = await source.find(version, "Widget", {})
    place.kubectl("delete", "crd", f"widgets.{place.group}")
    gone, _ = await until_refused(lambda: source.find(version, "Widget", {}))
    by_name, _ = await refusal(source.get(version, "Widget", "one"))

    assert before is UnknownReason.KIND_NOT_FOUND
    assert [item["metadata"]["name"] for item in found] == ["one"]
    assert gone is UnknownReason.KIND_NOT_FOUND
    assert by_name is UnknownReason.KIND_NOT_FOUND


async def test_more_or_larger_objects_than_are_read_give_no_part(
    place: Place, source: Objects, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.grant("get,list", "configmaps")
    for name in ("one", "two", "three"):
        place.config_map(name, CANARY * 1000, app="api")
    assert len(await source.find("v1", "ConfigMap", {"app": "api"})) == 3
    monkeypatch.setattr(objects, "MAX_OBJECTS", 2)
    many = await refusal(source.find("v1", "ConfigMap", {"app": "api"}))
    monkeypatch.setattr(objects, "MAX_OBJECTS", 500)
    monkeypatch.setattr(objects, "MAX_BYTES", 10_000)
    large = await refusal(source.get("v1", "ConfigMap", "one"))

    assert many[0] is UnknownReason.TOO_MANY_OBJECTS
    assert many[1].startswith("there are more than 2 configmaps, or they are larger than")
    assert large[0] is UnknownReason.TOO_MANY_OBJECTS


async def test_while_the_api_server_does_not_answer_it_is_an_error(
    place: Place, source: Objects
) -> None:
    place.grant("get,list", "configmaps")
    place.config_map("one")
    assert await source.get("v1", "ConfigMap", "one") is not None
    place.control_plane.stop_api_server()
    try:
        down, _ = await refusal(source.get("v1", "ConfigMap", "one"))
    finally:
        await asyncio.to_thread(place.control_plane.start_api_server)

    assert down is UnknownReason.API_UNAVAILABLE
