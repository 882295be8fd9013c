"""What the check `networkPolicy` asks the API server for, and which pods it takes for living."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from servicesop.api.checks.check import Check
from servicesop.api.kinds import WorkloadKind
from servicesop.api.reasons import UnknownReason
from servicesop.api.sop import Target, TargetRef
from servicesop.checks.registry import build
from servicesop.checks.runner import NO_TURN
from servicesop.judge.results import Sample, Verdict
from servicesop.judge.rollout import PodView, WorkloadView
from servicesop.sources.errors import SourceError
from surroundings import NOBODY
from unit.checks.workload_views import STEADY

Json = dict[str, Any]
NOW = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)
CANARY = "canary-in-an-object"
NAME = "kubernetes.io/metadata.name"
BY_LABEL = {"namespaceSelector": {"matchLabels": {"team": "web"}}}


@dataclass
class Cluster:
    """Objects of the namespace, labels of namespaces, and the pods of the one workload."""

    policies: list[Json]
    pods: list[Json]
    labels: dict[str, Mapping[str, str] | None] = field(default_factory=dict)
    owned: tuple[str, ...] = ()
    asked: list[str] = field(default_factory=list)
    turns = NO_TURN

    async def get(self, *arguments: object) -> Json | None:
        raise AssertionError(arguments)

    async def find(
        self, api_version: str, kind: str, labels: Mapping[str, str]
    ) -> tuple[Json, ...]:
        assert labels == {}
        objects = {"networking.k8s.io/v1 NetworkPolicy": self.policies, "v1 Pod": self.pods}
        return tuple(objects[f"{api_version} {kind}"])

    async def namespace_labels(self, name: str) -> Mapping[str, str] | None:
        self.asked.append(name)
        return self.labels[name]

    async def run(self, *peers: Json, **spec: Any) -> Sample:
        wanted: Json = {"to": {"podLabels": {"app": "api"}}, "onlyThese": not peers}
        wanted |= {"mustReach": [{"from": peer} for peer in peers]} | spec
        check = Check.model_validate({"name": "check", "networkPolicy": wanted})
        target = Target(name="api", ref=TargetRef(kind=WorkloadKind.DEPLOYMENT, name="api"))
        around = replace(
            NOBODY,
            objects=self,
            namespace_labels=self.namespace_labels,
            workloads=Owned(self.owned),
            targets={"api": target},
            default_target=target,
        )
        runner = build(check, around)
        assert (runner.reacts_to, runner.turn) == (None, NO_TURN)
        sample = await runner.run(NOW)
        assert CANARY not in repr(sample)
        return sample


@dataclass
class Owned:
    """A workload and the names of its pods."""

    names: tuple[str, ...]

    def get(self, kind: WorkloadKind, name: str) -> WorkloadView | None:
        return replace(STEADY, name=name, kind=kind)

    def pods(self, workload: WorkloadView) -> tuple[PodView, ...]:
        return tuple(
            PodView(name, f"uid-{name}", "t", ready=True, deleting=False, containers=())
            for name in self.names
        )


def policy(name: str, *peers: Json, **spec: Any) -> Json:
    whole = {"podSelector": {}, "ingress": [{"from": list(peers)}]} | spec
    return {"metadata": {"name": name}, "spec": whole}


def pod(name: str, app: str = "api", phase: str = "Running", **metadata: Any) -> Json:
    return {
        "metadata": {"name": name, "labels": {"app": app}, **metadata},
        "spec": {"containers": []},
        "status": {"phase": phase},
    }


DENY = policy("deny", ingress=[])


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        (pod("one"), Verdict.PASSED),
        (pod("one", phase="Pending"), Verdict.PASSED),
        (pod("one", phase="Succeeded"), Verdict.FAILED),
        (pod("one", phase="Failed"), Verdict.FAILED),
        (pod("one", deletionTimestamp="2026-01-31T09:29:00Z"), Verdict.FAILED),
        (pod("one", "web"), Verdict.FAILED),
    ],
)
async def test_a_pod_counts_while_it_lives(found: Json, verdict: Verdict) -> None:
    sample = await Cluster([DENY], [found]).run()

    assert sample.verdict is verdict
    assert sample.findings == ({"SelectsNoPod"} if verdict is Verdict.FAILED else set())


async def test_a_target_has_the_pods_that_it_owns_whatever_their_labels() -> None:
    to = {"target": "api"}
    pods = [pod("one", "web"), pod("two")]
    cluster = Cluster(
        [policy("deny", ingress=[], podSelector={"matchLabels": {"app": "web"}})], pods
    )
    cluster.owned = ("one",)
    protected = await cluster.run(to=to)
    cluster.owned = ("two",)
    unprotected = await cluster.run(to=to)
    cluster.owned = ("three",)
    none = await cluster.run(to=to)

    assert protected.verdict is Verdict.PASSED
    assert unprotected.findings == {"TooWide"}
    assert (none.verdict, none.reason) == (Verdict.INCONCLUSIVE, UnknownReason.NO_PODS)


@pytest.mark.parametrize(
    ("policies", "peers", "asked"),
    [
        ([DENY], [{"namespaceName": "web"}], []),
        ([policy("own", {"podSelector": {}})], [{"namespaceName": "web"}], []),
        (
            [policy("name", {"namespaceSelector": {"matchLabels": {NAME: "web"}}})],
            [{"namespaceName": "web"}],
            [],
        ),
        (
            [policy("label", BY_LABEL)],
            [{"namespaceName": "web"}, {"podLabels": {}}],
            ["shop", "web"],
        ),
        ([policy("label", BY_LABEL)], [{"cidr": "10.0.0.0/8"}], []),
        ([DENY], [{"namespaceLabels": {"team": "web"}}], ["shop"]),
        (
            [policy("out", ingress=None, egress=[{"to": [BY_LABEL]}], policyTypes=["Egress"])],
            [{"podLabels": {}}],
            ["shop"],
        ),
    ],
)
async def test_labels_of_namespaces_are_read_only_where_they_can_matter(
    policies: list[Json], peers: list[Json], asked: list[str]
) -> None:
    labels: dict[str, Mapping[str, str] | None] = {"shop": {"team": "web"}, "web": {"team": "web"}}
    cluster = Cluster(policies, [pod("one")], labels)
    await cluster.run(*peers)

    assert cluster.asked == asked


async def test_what_is_known_of_a_namespace_decides() -> None:
    policies, pods = [policy("label", BY_LABEL)], [pod("one")]
    answers = {
        known: (await Cluster(policies, pods, {"web": labels}).run({"namespaceName": "web"}))
        for known, labels in {"yes": {"team": "web"}, "no": {"team": "red"}, "?": None}.items()
    }

    assert answers["yes"].verdict is Verdict.PASSED
    assert answers["no"].findings == {"Missing"}
    assert answers["?"].reason is UnknownReason.LABELS_UNKNOWN


@pytest.mark.parametrize(
    ("policies", "pods"),
    [
        ([policy("new", {"serviceSelector": {"name": CANARY}})], [pod("one")]),
        ([DENY], [pod("one") | {"spec": {"containers": CANARY}}]),
    ],
)
async def test_an_object_of_an_unknown_form_is_an_error(
    policies: list[Json], pods: list[Json]
) -> None:
    with pytest.raises(SourceError) as refused:
        await Cluster(policies, pods).run()

    assert refused.value.reason is UnknownReason.BAD_ANSWER
    assert CANARY not in refused.value.message
    assert refused.value.__cause__ is None
