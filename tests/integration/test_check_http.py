"""The check `http` with Secrets and ConfigMaps of a real API server, read as the runner by name."""

import base64
import json
import ssl
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest
import trustme

from integration.place import Place, new_place
from polling import answer
from raw_http import RawServer, answering, serving, silent
from servicesop.api.checks.check import Check
from servicesop.api.reasons import UnknownReason
from servicesop.checks.ask import ask
from servicesop.checks.registry import build
from servicesop.judge.results import Sample, Verdict
from servicesop.sources.dial import DialGuard
from servicesop.sources.http.targets import HttpTargets
from servicesop.sources.kubernetes.client import KubeClient
from servicesop.sources.kubernetes.secrets import ConfigMaps, Secrets
from surroundings import NOBODY
from testbed import ControlPlane

CANARY = "canary-5d21"
GRANTED = json.dumps(
    {"access_token": f"t.{CANARY}", "token_type": "bearer", "expires_in": 300}
).encode()
HEADER = {"header": "X-Api-Key", "secretKeyRef": {"name": "login", "key": "api-key"}}
CA = {"configMapKeyRef": {"name": "trust", "key": "ca.crt"}}
AUTHORITY = trustme.CA()


def _tls() -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    AUTHORITY.issue_cert("127.0.0.1").configure_cert(context)
    return context


@dataclass
class Scene:
    """A namespace, a target that wants TLS, and an issuer of tokens."""

    place: Place
    target: RawServer
    issuer: RawServer
    targets: HttpTargets

    async def ask(self, limit: str = "5s", **changes: Any) -> Sample:
        http = {
            "url": self.target.url("/ready", scheme="https"),
            "ca": CA,
            "headers": [HEADER],
            "oauth2": {"tokenUrl": self.issuer.url(), "secretRef": {"name": "client"}},
        }
        check = Check.model_validate({"name": "c", "timeout": limit, "http": http | changes})
        runner = build(check, replace(NOBODY, http=self.targets.of(self.place.namespace)))
        defects: list[Exception] = []
        async with runner.turn:
            sample = await ask(runner, check, datetime.now(UTC), defects.append)
        assert not defects, defects
        assert CANARY not in repr(sample)
        return sample

    def secret(self, name: str, **data: str) -> None:
        encoded = {
            key.replace("_", "-"): base64.b64encode(value.encode()).decode()
            for key, value in data.items()
        }
        self.place.create("v1", "Secret", name, {}, data=encoded)


@pytest.fixture
def place(control_plane: ControlPlane) -> Iterator[Place]:
    with new_place(control_plane) as place:
        yield place


@pytest.fixture
async def scene(place: Place) -> AsyncIterator[Scene]:
    async with (
        serving(answering(200, b'{"healthy": true}'), _tls()) as target,
        serving(answering(200, GRANTED)) as issuer,
        await KubeClient.connect(place.kubeconfig) as client,
    ):
        guard = DialGuard(frozenset(("127.0.0.1", one.port) for one in (target, issuer)))
        targets = HttpTargets(guard, Secrets(client).read, ConfigMaps(client).read)
        scene = Scene(place, target, issuer, targets)
        scene.secret("login", api_key=CANARY)
        scene.secret("client", client_id="fleet", client_secret=CANARY)
        place.create(
            "v1", "ConfigMap", "trust", {}, data={"ca.crt": AUTHORITY.cert_pem.bytes().decode()}
        )
        yield scene
        await targets.close()


async def test_what_it_needs_is_read_as_the_runner_and_each_lack_of_it_is_told(
    scene: Scene,
) -> None:
    for kind, name in (("Secret", "login"), ("ConfigMap", "trust"), ("Secret", "client")):
        # A role takes effect a moment after it was made.
        right = f"get {kind} {name}"
        refused = await answer(scene.ask, lambda sample: right in sample.message)  # noqa: B023
        assert (refused.verdict, refused.reason) == (Verdict.ERROR, UnknownReason.ACCESS_DENIED)
        scene.place.grant("get", f"{kind.lower()}s", name)
        assert scene.target.connections == scene.issuer.connections == 0

    sample = await answer(scene.ask, lambda sample: sample.verdict is Verdict.PASSED)
    assert sample.evidence == ("code 200",)
    (seen,) = scene.target.exchanges
    assert seen.headers["X-Api-Key"] == CANARY
    assert seen.headers["Authorization"] == f"Bearer t.{CANARY}"

    missing = await scene.ask(headers=[HEADER | {"secretKeyRef": {"name": "login", "key": "no"}}])
    assert missing.reason is UnknownReason.INVALID_CONNECTION
    assert missing.message.startswith('key "no" of the Secret "login" is missing')

    # One sample of each verdict from the same servers.
    long = await scene.ask(body={"matches": "healthy", "lacks": "sick"})
    assert long.verdict is Verdict.PASSED
    scene.target.script = answering(200, b"x" * 70_000)
    assert (await scene.ask(body={"matches": "healthy"})).verdict is Verdict.INCONCLUSIVE
    scene.target.script = answering(503)
    assert (await scene.ask()).findings == {"Status"}
    scene.target.script = silent
    assert (await scene.ask("1s")).findings == {"Timeout"}


async def test_what_is_not_there_is_named(scene: Scene) -> None:
    scene.place.grant("get", "secrets")
    scene.place.grant("get", "configmaps")
    secret = {"headers": [HEADER | {"secretKeyRef": {"name": "gone", "key": "k"}}]}
    config_map = {"ca": {"configMapKeyRef": {"name": "gone", "key": "k"}}}
    for kind, change, reason in (
        ("Secret", secret, UnknownReason.SECRET_NOT_FOUND),
        ("ConfigMap", config_map, UnknownReason.CONFIG_MAP_NOT_FOUND),
    ):
        sample = await answer(
            partial(scene.ask, **change),
            lambda sample: sample.reason is not UnknownReason.ACCESS_DENIED,
        )
        assert (sample.verdict, sample.reason) == (Verdict.ERROR, reason)
        assert sample.message == (
            f"there is no {kind} gone in this namespace; create it, or correct its name in the SOP"
        )
    assert scene.target.connections == 0
