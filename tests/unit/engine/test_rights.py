from typing import Any

from servicesop.api.kinds import ActionKind
from servicesop.api.procedures import Mode
from servicesop.api.sop import Spec
from servicesop.engine.rights import KEEP_YES_SECONDS, Rights, needed_by_actions, needed_by_checks
from servicesop.sources.kubernetes.kinds import Kinds
from sop_cases import complete

LATER = {"configMapKeyRef": {"name": "later", "key": "ca.crt"}}


class Discovery:
    async def get(self, *_: object, **__: object) -> Any:
        return {
            "resources": [
                {"name": "jobs", "kind": "Job", "namespaced": True, "verbs": ["get", "list"]},
                {"name": "nodes", "kind": "Node", "namespaced": False, "verbs": ["get", "list"]},
            ]
        }


def spec(*resources: dict[str, Any]) -> Spec:
    sop = complete()["spec"]
    del sop["connections"]
    sop["checks"] = [
        {"name": f"check-{number}", "resource": {"condition": {"type": "Ready"}} | resource}
        for number, resource in enumerate(resources)
    ]
    return Spec.model_validate(sop)


JOB = {"apiVersion": "batch/v1", "kind": "Job"}
ALL = {"selector": {"matchLabels": {"app": "api"}}, "onNone": "Failed"}


async def test_a_kind_must_be_gettable_by_name_or_listable_once_it_is_known() -> None:
    kinds = Kinds(Discovery())  # type: ignore[arg-type]  # its one method
    asked = spec(JOB | {"name": "nightly"}, JOB | ALL, {"apiVersion": "v1", "kind": "X"} | ALL)
    before = needed_by_checks(asked, kinds)
    await kinds.find("batch/v1", "Job")

    assert before == ()
    assert [str(right) for right in needed_by_checks(asked, kinds)] == [
        "get jobs.batch nightly",
        "list jobs.batch",
    ]


def test_policies_and_pods_must_be_listable_while_a_check_looks_at_them() -> None:
    kinds = Kinds(Discovery())  # type: ignore[arg-type]  # its one method
    sop = complete()["spec"]
    del sop["connections"]
    check = {"name": "admitted", "networkPolicy": {"to": {"podLabels": {}}, "onlyThese": True}}
    asked, suspended = (
        Spec.model_validate(sop | {"checks": [check | {"suspend": suspend}]})
        for suspend in (False, True)
    )

    assert [str(right) for right in needed_by_checks(asked, kinds)] == [
        "list pods",
        "list networkpolicies.networking.k8s.io",
    ]
    assert needed_by_checks(suspended, kinds) == ()


async def test_a_kind_without_a_namespace_is_refused_and_not_asked_for() -> None:
    kinds = Kinds(Discovery())  # type: ignore[arg-type]  # its one method
    await kinds.find("v1", "Node")
    assert needed_by_checks(spec({"apiVersion": "v1", "kind": "Node", "name": "n"}), kinds) == ()


def test_an_http_check_needs_the_secrets_and_config_maps_that_it_names() -> None:
    sop = complete()["spec"]
    del sop["connections"]
    http = {
        "url": "https://shop.example.com/",
        "ca": {"configMapKeyRef": {"name": "trust", "key": "ca.crt"}},
        "headers": [{"header": "X-Key", "secretKeyRef": {"name": "login", "key": "key"}}],
        "oauth2": {
            "tokenUrl": "https://sso.example.com/token",
            "secretRef": {"name": "client"},
            "ca": {"secretKeyRef": {"name": "login", "key": "ca"}},
        },
    }
    sop["checks"] = [
        {"name": "answers", "http": http},
        {"name": "off", "suspend": True, "http": http | {"ca": LATER}},
        {"name": "plain", "http": {"url": "http://shop.example.com/"}},
    ]

    rights = needed_by_checks(Spec.model_validate(sop), Kinds(Discovery()))  # type: ignore[arg-type]  # not asked

    assert [str(right) for right in rights] == [
        "get configmaps trust",
        "get secrets client",
        "get secrets login",
    ]


class Runner:
    """Stands in for the API server, which says yes."""

    def __init__(self) -> None:
        self.asked = 0

    async def runner_exists(self, _: str) -> bool:
        self.asked += 1
        return True


async def test_an_answer_is_kept_for_ten_minutes_and_not_longer() -> None:
    runner, now = Runner(), 0.0
    rights = Rights(runner, Kinds(Discovery()), lambda: now)  # type: ignore[arg-type]  # what they ask
    for number in range(100):
        await rights.runner_exists(f"team-{number}")
        await rights.runner_exists(f"team-{number}")
    assert (runner.asked, len(rights._kept)) == (100, 100)

    now = KEEP_YES_SECONDS
    await rights.runner_exists("team-0")
    assert (runner.asked, len(rights._kept)) == (101, 1)


async def test_a_config_check_needs_its_workload_or_its_object() -> None:
    sop = complete()["spec"]
    del sop["connections"]
    values = [{"key": "url"}]
    sop["checks"] = [
        {"name": "one", "config": {"values": [{"env": "URL"}]}},
        {"name": "two", "config": {"target": "refresher", "values": [{"env": "URL"}]}},
        {"name": "three", "config": {"object": {"kind": "Secret", "name": "s"}, "values": values}},
        {
            "name": "four",
            "config": {"object": {"kind": "ConfigMap", "name": "c"}, "values": values},
        },
        {
            "name": "five",
            "suspend": True,
            "config": {"object": {"kind": "Secret", "name": "t"}, "values": values},
        },
    ]
    needed = needed_by_checks(Spec.model_validate(sop), Kinds(Discovery()))  # type: ignore[arg-type]  # its one method

    assert [str(right) for right in needed] == [
        "get configmaps c",
        "get secrets s",
        "get deployments.apps kas-fleet-manager",
        "get deployments.apps token-refresher",
    ]


def test_each_action_needs_a_right_of_its_own_and_none_in_a_dry_run() -> None:
    dry = Spec.model_validate(complete()["spec"])
    enforcing = dry.model_copy(update={"mode": Mode.ENFORCE})
    ref = dry.targets[0].ref

    assert [str(one) for one in needed_by_actions(enforcing, ActionKind.RESTART, ref)] == [
        "get deployments.apps kas-fleet-manager",
        "patch deployments.apps kas-fleet-manager",
    ]
    assert [str(one) for one in needed_by_actions(enforcing, ActionKind.DELETE_POD, ref)] == [
        "create pods/eviction"
    ]
    assert needed_by_actions(dry, ActionKind.DELETE_POD, ref) == ()
