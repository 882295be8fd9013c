"""The check `config` on the token-refresher as it is deployed: its settings are arguments.

It has no probes, so its pods are ready whatever it was given. Each test says which simpler way of
looking would judge wrongly.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime

import pytest

from integration.place import Place, new_place
from integration.token_refresher import (
    CANARIES,
    COMMAND,
    ENVIRONMENT,
    EXPECTED,
    ISSUER,
    OBSERVATORIUM,
    UPSTREAM,
    Json,
    Scene,
)
from polling import eventually
from servicesop.api.kinds import WorkloadKind
from servicesop.api.reasons import UnknownReason
from servicesop.judge.results import Verdict
from servicesop.sources.kubernetes.client import KubeClient
from servicesop.sources.kubernetes.workloads import WorkloadCache
from testbed import ControlPlane


@pytest.fixture(scope="module")
def place(control_plane: ControlPlane) -> Iterator[Place]:
    with new_place(control_plane) as place:
        for resource in ("configmaps", "secrets", "deployments.apps", "statefulsets.apps"):
            place.grant("get", resource)
        secret(place, OBSERVATORIUM, CANARIES)
        yield place


def secret(place: Place, name: str, data: dict[str, str]) -> None:
    place.create("v1", "Secret", name, {}, stringData=data)


@pytest.fixture
async def cache(control_plane: ControlPlane, place: Place) -> AsyncIterator[WorkloadCache]:
    async with await KubeClient.connect(control_plane.kubeconfig) as client:
        cache = WorkloadCache(client, lambda changed: None)
        cache.hold(place.namespace, frozenset(WorkloadKind))
        await cache.synced(place.namespace)
        yield cache
        await cache.close()


@pytest.fixture
async def scene(
    place: Place, cache: WorkloadCache, request: pytest.FixtureRequest
) -> AsyncIterator[Scene]:
    name = request.node.name.removeprefix("test_").replace("_", "-")[:40].strip("-")
    async with await KubeClient.connect(place.kubeconfig) as client:
        yield Scene(place, client, cache, name)


async def test_a_service_that_is_told_what_it_should_be_told(scene: Scene) -> None:
    # The arguments as they stand there are neither the issuer nor a URL.
    scene.deploy()
    scene.rolled_out()

    assert (await scene.until(Verdict.PASSED)).message == ""
    assert (await scene.ask({"env": "CLIENT_SECRET", "minLength": 16})).verdict is Verdict.PASSED


async def test_an_environment_that_is_right_and_that_nobody_reads(scene: Scene) -> None:
    command = [
        *COMMAND[:-2],
        "--oidc.issuer-url=https://sso.stage.example.com/auth/realms/external",
        "--url=$(OBSERVATORIUM_URI)",
        "--oidc.client-id=",
    ]
    scene.deploy(command=command)
    scene.rolled_out()

    naive = await scene.until(
        Verdict.PASSED,
        {"env": "ISSUER_URL", "equals": ISSUER},
        {"env": "OBSERVATORIUM_URL", "url": UPSTREAM},
        {"env": "CLIENT_ID", "nonEmpty": True},
    )
    sample = await scene.ask()

    assert naive.verdict is Verdict.PASSED
    assert sample.findings == {"Differs", "Empty"}
    where = f"Deployment {scene.app}, container token-refresher"
    assert sample.message == (
        f"{where}: argument --oidc.issuer-url is not the text that the check gives; and 2 more"
    )
    # The last client id counts, and a reference with a typing error stays as it is.
    assert sample.evidence == (
        "argument --oidc.issuer-url is not the text that the check gives",
        "argument --url is not the URL that the check gives",
        "argument --oidc.client-id is empty",
    )


async def test_credentials_that_are_referred_to_and_empty(scene: Scene) -> None:
    # A template that refers to the Secret looks populated, and the pod is ready all the same.
    secret(scene.place, "half-empty", {"grafana.clientId": "", "grafana.clientSecret": "short"})
    env = json.loads(json.dumps(ENVIRONMENT).replace(OBSERVATORIUM, "half-empty"))
    scene.deploy(env=env)
    scene.rolled_out()

    sample = await scene.until(Verdict.FAILED)

    assert sample.findings == {"Empty", "TooShort"}
    assert sample.evidence == (
        "argument --oidc.client-id is empty (Secret half-empty, key grafana.clientId)",
        "argument --oidc.client-secret is shorter than 16 characters"
        " (Secret half-empty, key grafana.clientSecret)",
    )


async def test_references_that_lead_nowhere(scene: Scene) -> None:
    secret(scene.place, "other-keys", {"clientId": "x"})
    env = json.loads(json.dumps(ENVIRONMENT).replace(OBSERVATORIUM, "other-keys"))
    env[1]["valueFrom"]["secretKeyRef"] |= {"name": "no-such-secret", "optional": True}
    scene.deploy(env=env)

    sample = await scene.until(Verdict.FAILED, *EXPECTED, {"env": "CLIENT_SECRET"})

    # With `optional` the variable is not set, and its reference stays as it is: long enough, too.
    assert sample.findings == {"Missing"}
    assert sample.evidence == (
        "argument --oidc.client-id is not set: Secret other-keys is there, and the key"
        " grafana.clientId is not in it",
        "variable CLIENT_SECRET is not set: the container has no such variable",
    )


async def test_what_a_secret_feeds_is_not_compared_and_not_even_read(scene: Scene) -> None:
    secret(scene.place, "never-read", dict.fromkeys(CANARIES, "canary-client-id"))
    env = json.loads(json.dumps(ENVIRONMENT).replace(OBSERVATORIUM, "never-read"))
    scene.deploy(env=env)
    audit = scene.place.control_plane.audit()
    mark = audit.mark()
    told = [
        await scene.refused({"argument": "--oidc.client-id", **comparison})
        for comparison in (
            {"equals": "canary-client-id"},
            {"matches": "canary.*"},
            {"url": "https://canary-client-id"},
        )
    ]

    assert {unable.reason for unable in told} == {UnknownReason.SECRET_NOT_COMPARED}
    assert {unable.message for unable in told} == {
        "argument --oidc.client-id comes from a Secret, and those are never compared with anything;"
        " ask for nonEmpty or minLength"
    }
    read = [record for record in audit.since(mark) if record.name == "never-read"]
    assert [record.verb for record in read if record.impersonated_user] == []


async def test_a_config_map_that_is_right_and_that_no_pod_has_yet(scene: Scene) -> None:
    # The object says one thing, and the process was started with another.
    scene.config_map(url="https://wrong.example.com")
    source = {"configMapKeyRef": {"name": f"{scene.app}-config", "key": "url"}}
    scene.deploy(env=[*ENVIRONMENT[:3], {"name": "OBSERVATORIUM_URL", "valueFrom": source}])
    scene.rolled_out()
    wrong = await scene.until(Verdict.FAILED)
    scene.config_map(url=UPSTREAM)
    config_map = {"kind": "ConfigMap", "name": f"{scene.app}-config"}
    naive = await scene.ask({"key": "url", "url": UPSTREAM}, object=config_map)
    async with asyncio.timeout(10):
        # What happens within one second cannot be told apart.
        number = 0
        while (unsure := await scene.ask()).verdict is Verdict.PASSED:
            number += 1
            scene.config_map(url=f"{UPSTREAM}{'/' * (number % 2)}")
    scene.place.kubectl("rollout", "restart", f"deployment/{scene.app}")
    scene.rolled_out()
    fresh = await scene.until(Verdict.PASSED)

    assert wrong.findings == {"Differs"}
    assert wrong.evidence == (
        "argument --url is not the URL that the check gives"
        f" (ConfigMap {scene.app}-config, key url)",
    )
    assert naive.verdict is Verdict.PASSED
    assert (unsure.verdict, unsure.reason) == (
        *(Verdict.INCONCLUSIVE, UnknownReason.STARTED_EARLIER),
    )
    assert fresh.verdict is Verdict.PASSED


async def test_labels_of_a_config_map_are_no_new_values(scene: Scene) -> None:
    scene.config_map(url=UPSTREAM)
    source = {"configMapRef": {"name": f"{scene.app}-config"}, "prefix": "x-"}
    command = [*COMMAND[:-1], "--url", "$(x-url)"]
    scene.deploy(command=command)
    patch = [{"op": "add", "path": "/spec/template/spec/containers/0/envFrom", "value": [source]}]
    scene.place.kubectl("patch", "deployment", scene.app, "--type=json", f"-p={json.dumps(patch)}")
    scene.rolled_out()
    await scene.until(Verdict.PASSED)
    pod = scene.place.kubectl("get", "pods", "-l", f"app={scene.app}", "-o=name").split()[-1]
    started = scene.place.kubectl("get", pod, "-o=jsonpath={..startedAt}")
    # What happens within one second cannot be told apart.
    eventually(lambda: label(scene) > started, "a label of a later second")

    assert (await scene.ask()).verdict is Verdict.PASSED


def label(scene: Scene) -> str:
    """Change the ConfigMap's labels, and give when it was changed."""
    name = f"{scene.app}-config"
    stamp = f"stamp={datetime.now(UTC):%H%M%S}"
    scene.place.kubectl("label", "--overwrite", "configmap", name, stamp)
    times = "-o=jsonpath={.metadata.managedFields[*].time}"
    changes = scene.place.kubectl("get", "configmap", name, "--show-managed-fields", times)
    return max(changes.split())


async def test_pods_of_an_older_template_that_stay(scene: Scene) -> None:
    scene.kind = WorkloadKind.STATEFUL_SET
    strategy: Json = {"updateStrategy": {"type": "OnDelete"}, "serviceName": "x"}
    scene.deploy(command=[*COMMAND, "--url=https://wrong.example.com"], **strategy)
    wrong = await scene.until(Verdict.FAILED)
    scene.deploy(**strategy)
    unsure = await scene.until_unsure(UnknownReason.STARTED_EARLIER)
    scene.place.kubectl("delete", "pod", f"{scene.app}-0")
    fresh = await scene.until(Verdict.PASSED)

    assert wrong.findings == {"Differs"}
    assert "pods of an older template run on" in unsure.message
    assert fresh.verdict is Verdict.PASSED


async def test_a_rollout_that_is_under_way(scene: Scene) -> None:
    slow: Json = {
        "minReadySeconds": 600,
        "progressDeadlineSeconds": 1200,
        "strategy": {"rollingUpdate": {"maxUnavailable": 0}},
    }
    scene.deploy(command=[*COMMAND, "--url=https://wrong.example.com"])
    scene.rolled_out()
    scene.deploy(**slow)
    sample = await scene.until_unsure(UnknownReason.ROLLING_OUT)

    assert sample.message.startswith("the configuration is as it should be; pods")


async def test_keys_of_objects(scene: Scene) -> None:
    name = f"{scene.app}-config"
    scene.place.create(
        *("v1", "ConfigMap", name, {}),
        data={"limits.yaml": "max: 3\n", "empty": ""},
        binaryData={"logo.png": "iVBORw0KGgo="},
    )
    config_map, held = {"kind": "ConfigMap", "name": name}, {"kind": "Secret"}
    good = await scene.ask(
        {"key": "limits.yaml", "matches": "max: [0-9]+\\n"},
        {"key": "logo.png", "minLength": 8},
        object=config_map,
    )
    bad = await scene.ask(
        *({"key": key, "nonEmpty": True} for key in ("limits.yaml", "empty", "none")),
        {"key": "limits.yaml", "matches": "max: [0-9]+"},
        object=config_map,
    )
    secret_keys = [{"key": key, "minLength": 16} for key in CANARIES]
    secrets = await scene.ask(*secret_keys, object=held | {"name": OBSERVATORIUM})
    nothing = await scene.ask(*secret_keys, object=held | {"name": "no-such-secret"})

    assert good.verdict is secrets.verdict is Verdict.PASSED
    assert bad.evidence == (
        f"key empty is empty (ConfigMap {name}, key empty)",
        "key none is not set: the object has no such key",
        f"key limits.yaml does not match the check's pattern (ConfigMap {name}, key limits.yaml)",
    )
    assert nothing.findings == {"Missing"}
    assert nothing.message == (
        "Secret no-such-secret: key grafana.clientId is not set: Secret no-such-secret does not"
        " exist; and 1 more"
    )


async def test_what_the_runner_may_not_read_is_an_error_unless_something_is_wrong_anyway(
    control_plane: ControlPlane, cache: WorkloadCache
) -> None:
    with new_place(control_plane) as place:
        cache.hold(place.namespace)
        await cache.synced(place.namespace)
        async with await KubeClient.connect(place.kubeconfig) as client:
            scene = Scene(place, client, cache, "refresher")
            scene.deploy(command=[*COMMAND, "--oidc.issuer-url"])
            no_spec = await scene.refused(right="get deployments.apps")
            place.grant("get", "deployments.apps")
            no_secret = await scene.refused(EXPECTED[2], right=f"get Secret {OBSERVATORIUM}")
            wrong = await scene.ask()
            place.kubectl("delete", "serviceaccount", "servicesop-runner")
            nobody = await scene.refused(EXPECTED[2], right="no ServiceAccount")

    assert no_spec.reason is no_secret.reason is UnknownReason.ACCESS_DENIED
    assert wrong.evidence == ("argument --oidc.issuer-url is not the text that the check gives",)
    assert nobody.reason is UnknownReason.NO_RUNNER
