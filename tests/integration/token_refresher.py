"""The token-refresher as it is deployed, and checks `config` of it."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from integration.place import Place
from polling import answer
from servicesop.api.checks.check import Check
from servicesop.api.kinds import WorkloadKind
from servicesop.api.reasons import UnknownReason
from servicesop.api.sop import Target
from servicesop.checks.registry import build
from servicesop.judge.results import Sample, Verdict
from servicesop.sources.errors import SourceError
from servicesop.sources.kubernetes.client import KubeClient
from servicesop.sources.kubernetes.kinds import Kinds
from servicesop.sources.kubernetes.objects import ObjectReader
from servicesop.sources.kubernetes.workloads import WorkloadCache
from surroundings import NOBODY

Json = dict[str, Any]
ISSUER = "https://sso.example.com/auth/realms/external"
UPSTREAM = "https://observatorium.stage.example.com/api/metrics/v1/managedkafka"
CANARIES = {"grafana.clientId": "canary-client-id", "grafana.clientSecret": "canary-client-secret"}
OBSERVATORIUM = "observatorium-configuration"
ENVIRONMENT = [
    {
        "name": name,
        "valueFrom": {"secretKeyRef": {"name": OBSERVATORIUM, "key": key}},
    }
    for name, key in zip(("CLIENT_ID", "CLIENT_SECRET"), CANARIES, strict=True)
] + [{"name": "ISSUER_URL", "value": ISSUER}, {"name": "OBSERVATORIUM_URL", "value": UPSTREAM}]
COMMAND = [
    "/bin/token-refresher",
    "--web.listen=:8080",
    "--oidc.audience=observatorium-telemeter",
    "--oidc.client-id=$(CLIENT_ID)",
    "--oidc.client-secret=$(CLIENT_SECRET)",
    "--oidc.issuer-url=$(ISSUER_URL)",
    "--url=$(OBSERVATORIUM_URL)",
]
EXPECTED: list[Json] = [
    {"argument": "--oidc.issuer-url", "equals": ISSUER},
    {"argument": "--url", "url": UPSTREAM},
    {"argument": "--oidc.client-id", "nonEmpty": True},
    {"argument": "--oidc.client-secret", "minLength": 16},
]


class Scene:
    """A service in a namespace, and checks of its configuration."""

    def __init__(self, place: Place, client: KubeClient, cache: WorkloadCache, app: str) -> None:
        self.place = place
        self.app = app
        self.kind = WorkloadKind.DEPLOYMENT
        objects = ObjectReader(client, Kinds(client)).of(place.namespace)
        self._around = replace(
            NOBODY,
            namespace=place.namespace,
            workloads=cache.view(place.namespace),
            objects=objects,
            secrets=objects,
        )

    def deploy(
        self,
        *,
        command: list[str] = COMMAND,
        env: list[Json] = ENVIRONMENT,
        **spec: Any,
    ) -> None:
        """Make the service, and wait until its pods are ready: they always are."""
        container = {"name": "token-refresher", "image": "example.org/refresher:1"}
        template = {
            "metadata": {"labels": {"app": self.app}},
            "spec": {
                "containers": [container | {"command": command, "env": env}],
                "terminationGracePeriodSeconds": 0,
            },
        }
        selector = {"matchLabels": {"app": self.app}}
        body = {
            "apiVersion": "apps/v1",
            "kind": self.kind,
            "metadata": {"name": self.app},
            "spec": {"replicas": 1, "selector": selector, "template": template, **spec},
        }
        self.place.kubectl("apply", "-f", "-", stdin=json.dumps(body))

    def rolled_out(self) -> None:
        self.place.kubectl("rollout", "status", f"{self.kind.lower()}/{self.app}", "--timeout=30s")

    def config_map(self, **data: str) -> None:
        body = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": f"{self.app}-config"},
            "data": data,
        }
        self.place.kubectl("apply", "-f", "-", stdin=json.dumps(body))

    async def ask(self, *values: Json, **config: Any) -> Sample:
        check = Check.model_validate(
            {"name": "check", "config": config | {"values": list(values or EXPECTED)}}
        )
        ref = {"kind": self.kind, "name": self.app}
        target = Target.model_validate({"name": "refresher", "ref": ref})
        runner = build(check, replace(self._around, default_target=target))
        assert runner.reacts_to is None
        async with runner.turn:
            sample = await runner.run(datetime.now(UTC))
        assert not [canary for canary in CANARIES.values() if canary in repr(sample)]
        return sample

    async def until(self, verdict: Verdict, *values: Json) -> Sample:
        """Ask until the watches have seen what was done, and it is so."""
        sample = await answer(
            lambda: self._answer(*values),
            lambda given: isinstance(given, Sample) and given.verdict is verdict,
        )
        assert isinstance(sample, Sample)
        return sample

    async def until_unsure(self, reason: UnknownReason) -> Sample:
        return await answer(
            lambda: self.until(Verdict.INCONCLUSIVE), lambda sample: sample.reason is reason
        )

    async def refused(self, *values: Json, right: str = "") -> SourceError:
        """Ask until that is refused, for want of a right where one is given."""
        unable = await answer(
            lambda: self._answer(*values),
            lambda given: isinstance(given, SourceError) and right in given.message,
        )
        assert isinstance(unable, SourceError)
        return unable

    async def _answer(self, *values: Json) -> Sample | SourceError | None:
        """Give what is said of the workload once the watches have seen it."""
        try:
            return await self.ask(*values)
        except SourceError as unable:
            return None if unable.reason is UnknownReason.TARGET_NOT_FOUND else unable
