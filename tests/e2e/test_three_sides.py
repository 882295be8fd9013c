"""One service from three sides: whether it answers, what it was told, and who may reach it."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import yaml

from e2e.sops import REST, check, sop
from testbed.monitoring import Exporter
from testbed.operator import Operator, wait_allowed
from testbed.team import Json, Team, is_

_RUNNER = Path(__file__).parents[2] / "manifests/runner"
_WEB = {"podSelector": {"matchLabels": {"app": "web"}}}


@dataclass(frozen=True)
class Side:
    """One check, its own procedure, and how to break what it looks at."""

    check: str
    procedure: str
    asks: Json
    broken: Callable[[], object]
    healed: Callable[[], object]
    finding: str
    says: str

    def spec(self) -> Json:
        return {"name": self.check, "for": "1s", "recoverFor": "1s"} | self.asks


def test_each_side_is_told_alone_and_heals(team: Team, start: Callable[..., Operator]) -> None:
    team.deploy("web", 1)
    team.deploy("api", 1)
    set_url(team, "https://sso.example.com")
    admit(team, 8080)
    grant(team)
    with Exporter() as page:
        page.text = "up 1\n"
        three = sides(team, page)
        start(f"--allow-dial=127.0.0.1:{page.port}")
        team.apply(sop(checks=[side.spec() for side in three], procedures=procedures(three)))
        well = happening(team, three, set())
        assert {one["state"] for one in well["checks"]} == {"Passed"}

        for side in three:
            side.broken()
            ill = happening(team, three, {side.procedure})
            told = check(ill, side.check)
            assert (told["state"], told["findings"]) == ("Failed", [side.finding])
            assert told["message"] == side.says
            # The next one breaks while this one heals.
            side.healed()
        well = happening(team, three, set())
        assert is_(well, "Healthy", "True")


def sides(team: Team, page: Exporter) -> list[Side]:
    url = {"env": "ISSUER_URL", "url": "https://sso.example.com"}
    peer = {"from": {"podLabels": {"app": "web"}}, "ports": [{"port": 8080}]}
    return [
        Side(
            "answers",
            "Silent",
            {"http": {"url": f"http://127.0.0.1:{page.port}/", "body": {"matches": "up 1"}}},
            page.stop,
            page.start,
            "Refused",
            "the server refuses connections",
        ),
        Side(
            "configured",
            "Misconfigured",
            {"config": {"values": [url]}},
            lambda: set_url(team, "https://sso.stage.example.com"),
            lambda: team.kubectl("rollout", "undo", "deployment/api"),
            "Differs",
            "Deployment api, container service: variable ISSUER_URL"
            " is not the URL that the check gives",
        ),
        Side(
            "admitted",
            "Unreachable",
            {"networkPolicy": {"to": {"target": "api"}, "mustReach": [peer]}},
            lambda: admit(team, 9090),
            lambda: admit(team, 8080),
            "TooNarrow",
            "mustReach[0] is admitted only in part by NetworkPolicy web-to-api: not on TCP 8080",
        ),
    ]


def procedures(three: list[Side]) -> list[Json]:
    return [{"name": side.procedure, "checks": [side.check], "handle": [REST]} for side in three]


def happening(team: Team, three: list[Side], wanted: set[str]) -> Json:
    """Wait until these procedures are happening and the others surely are not."""
    return team.wait(
        lambda status: all(
            is_(status, side.procedure, str(side.procedure in wanted)) for side in three
        ),
        20.0,
    )


def set_url(team: Team, url: str) -> None:
    team.kubectl("set", "env", "deployment/api", f"ISSUER_URL={url}")


def admit(team: Team, port: int) -> None:
    """Let the pods of `web` reach those of `api` on one port only."""
    rule = {"from": [_WEB], "ports": [{"port": port}]}
    policy = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "web-to-api"},
        "spec": {"podSelector": {"matchLabels": {"app": "api"}}, "ingress": [rule]},
    }
    team.kubectl("apply", "-f", "-", input=json.dumps(policy))


def grant(team: Team) -> None:
    """Give the runner what is shipped for these checks, for this Deployment and no ConfigMap."""
    team.grant()
    objects = list(yaml.safe_load_all((_RUNNER / "objects/role.yaml").read_text()))
    role, binding = yaml.safe_load_all((_RUNNER / "config/role.yaml").read_text())
    role["rules"][0]["resourceNames"] = ["api"]
    text = yaml.safe_dump_all([*objects, role, binding])
    team.kubectl("apply", "-f", "-", input=text)
    for right in (
        ("list", "networkpolicies.networking.k8s.io"),
        ("list", "pods"),
        ("get", "deployments.apps/api"),
    ):
        wait_allowed(team.control_plane, team.namespace, *right)
