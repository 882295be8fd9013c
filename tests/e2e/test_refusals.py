"""Restarts that a guard refuses: on real objects, with no effect, and with the reason."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from e2e.actions import actions, restarts, workload
from e2e.sops import doing, enough, restart, sop, target
from testbed import ControlPlane, Run
from testbed.operator import forget_actions, start_operator
from testbed.team import Json, Team, condition, is_


@dataclass(frozen=True)
class Case:
    """A workload of its own, the SOP that would restart it, and what is said instead."""

    name: str
    reason: str
    message: str
    replicas: int = 2
    strategy: Json = field(default_factory=dict)
    spec: Json = field(default_factory=dict)
    workload: Json = field(default_factory=dict)
    restart: Json = field(default_factory=dict)
    granted: bool = True
    target: str = ""
    escalated: bool = False
    kind: str = "Deployment"

    @property
    def restarted(self) -> str:
        """Name of the workload that would be restarted."""
        return self.target or self.name


# In this cluster one action may be in flight at a time; this one is, for as long as the tests take.
IN_FLIGHT = Case(
    "outage-accepted",
    "TargetConflict",
    "",
    strategy={"type": "Recreate"},
    restart={"restart": {"allowOutage": True}, "settle": "1h"},
)
CASES = [
    Case("paused", "DeploymentPaused", "Deployment paused is paused"),
    Case("rolling", "RolloutInProgress", "Deployment rolling is rolling out"),
    Case(
        "stuck",
        "RolloutFailed",
        "the last rollout of Deployment stuck did not complete",
        spec={"progressDeadlineSeconds": 1},
    ),
    Case(
        "recreated",
        "StrategyMayCauseOutage",
        "a rollout of Deployment recreated may leave 0 of 1 pods;"
        " set restart.allowOutage to accept that",
        strategy={"type": "Recreate"},
    ),
    Case(
        "thinned",
        "StrategyMayCauseOutage",
        "a rollout of Deployment thinned may leave 1 of 2 pods;"
        " set restart.allowOutage to accept that",
        strategy={"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1}},
        workload={"minReady": 2},
    ),
    Case("empty", "ScaledToZero", "Deployment empty has 0 replicas", replicas=0),
    Case(
        "denied",
        "AccessDenied",
        "servicesop-runner may not patch Deployment denied;"
        " grant it in this namespace (manifests/runner)",
        granted=False,
        escalated=True,
    ),
    Case(
        "elsewhere",
        "TargetNotFound",
        "Deployment ghost does not exist",
        restart={"restart": {"target": "ghost"}},
        target="ghost",
    ),
    Case(
        "claimed",
        "TargetConflict",
        "another action on outage-accepted is in flight",
        restart={"restart": {"target": "outage-accepted", "allowOutage": True}},
        target="outage-accepted",
    ),
    Case(
        "ordered",
        "KindNotSupported",
        "the operator restarts Deployments only, not StatefulSet ordered;"
        " escalate instead, or leave the restart to a person",
        kind="StatefulSet",
        escalated=True,
    ),
    Case("crowded-out", "BudgetExhausted", "namespace or cluster has had its share of actions"),
]


@pytest.fixture(scope="module")
def world(installed: ControlPlane, run: Run, operator_kubeconfig: Path) -> Iterator[Team]:
    """All cases at once, under one operator."""
    forget_actions(installed)
    team = Team(installed)
    everything = [IN_FLIGHT, *CASES]
    team.grant(deployments=(*(one.name for one in everything if one.granted), "ghost"))
    items = [_workload(one) for one in everything]
    team.kubectl("apply", "-f", "-", input=json.dumps(_list(items)))
    team.kubectl("wait", "--for=condition=Available", "deployment", "--all", "--timeout=60s")
    team.kubectl("rollout", "pause", "deployment/paused")
    never_ready = {"metadata": {"annotations": {"testbed/ready-after": "1h"}}}
    for name in ("rolling", "stuck"):
        patch = json.dumps({"spec": {"template": never_ready}})
        team.kubectl("patch", "deployment", name, "-p", patch)
    team.kubectl(
        "wait", "--for=jsonpath={.status.updatedReplicas}=1", "deployment/rolling", "--timeout=30s"
    )
    operator = start_operator(run, operator_kubeconfig, "--start-hold=1s")
    try:
        team.apply(_sop(IN_FLIGHT), IN_FLIGHT.name)
        team.wait(lambda status: is_(status, "Remediating", "True"), 30, IN_FLIGHT.name)
        for case in CASES:
            team.apply(_sop(case), case.name)
        yield team
    finally:
        operator.stop()
        team.kubectl("delete", "servicesops", "--all", "--wait=true")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_refused_restart_changes_nothing_and_says_why(world: Team, case: Case) -> None:
    before = len(actions(world, case.restarted))
    status = world.wait(
        lambda status: (
            is_(status, "Down", "True")
            and condition(status, "RemediationAllowed").get("reason") == case.reason
            and (doing(status).startswith("no restart") or case.escalated)
        ),
        30,
        case.name,
    )
    allowed = condition(status, "RemediationAllowed")
    assert (allowed["status"], allowed["message"]) == ("False", case.message)
    said = f"no restart of {case.kind} {case.restarted}: {case.message}"
    escalated = condition(status, "Escalated")
    if case.escalated:
        # It does not pass by itself: people are told at once.
        assert doing(status) == "escalated to owners"
        assert escalated["reason"] == "RemediationRefused"
        assert escalated["message"] == f"Down: to owners: {said}"
    else:
        assert doing(status) == said
        assert escalated["status"] == "False"
    assert is_(status, "Remediating", "False")
    assert status.get("history", []) == []
    assert len(actions(world, case.restarted)) == before
    if case.target == "":
        assert actions(world, case.restarted) == []
        template = workload(world, case.name, case.kind)["spec"]["template"]["metadata"]
        assert "servicesop.io/action" not in template.get("annotations", {})


def test_an_outage_is_caused_where_the_sop_accepts_it(world: Team) -> None:
    [done] = restarts(world, IN_FLIGHT.name)
    assert done.code == 200
    assert is_(world.status(IN_FLIGHT.name), "Remediating", "True")


def _sop(case: Case) -> Json:
    check = enough(9)
    check["workload"] = check["workload"] | case.workload
    return sop(
        mode="Enforce",
        targets=[
            target(name, kind=case.kind) for name in dict.fromkeys((case.name, case.restarted))
        ],
        checks=[check],
        rows=(restart("enough", **case.restart),),
    )


def _workload(case: Case) -> Json:
    strategy = {"strategy": case.strategy or {"type": "RollingUpdate"}}
    return {
        "apiVersion": "apps/v1",
        "kind": case.kind,
        "metadata": {"name": case.name},
        "spec": {
            "replicas": case.replicas,
            "selector": {"matchLabels": {"app": case.name}},
            **(strategy if case.kind == "Deployment" else {}),
            "template": {
                "metadata": {"labels": {"app": case.name}},
                "spec": {"containers": [{"name": "service", "image": "none"}]},
            },
            **case.spec,
        },
    }


def _list(items: list[Json]) -> Json:
    return {"apiVersion": "v1", "kind": "List", "items": items}
