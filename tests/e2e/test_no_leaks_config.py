"""No value of a configuration gets out, nor its length: of a Secret, a ConfigMap or a literal."""

import json
from pathlib import Path

import pytest

from e2e.canaries import Canaries
from e2e.sops import Json, check, sop
from e2e.test_no_leaks import Said, everything_said
from testbed import ControlPlane, Run
from testbed.broken_build import broken_build
from testbed.operator import (
    ACCOUNT,
    NAMESPACE,
    RUNNER,
    forget_actions,
    start_operator,
    wait_allowed,
)
from testbed.team import Team

_SECONDS = 30.0
_OPERATOR = f"system:serviceaccount:{NAMESPACE}:{ACCOUNT}"
_PRIME = 1009
"""The length of the Secret: no other number is this one."""


class Configured:
    """A service of which everything is a canary that it is configured with."""

    def __init__(self, team: Team) -> None:
        self.team = team
        self.canaries = Canaries()
        self.audit = team.control_plane.audit()
        self.mark = self.audit.mark()
        new = self.canaries.new
        self.long = new("a long key").ljust(_PRIME, "-")
        team.secret("login", token=new("a Secret's key"), long=self.long, other=new("another key"))
        self._config_map(url=f"https://{new('a ConfigMap')}", other=new("another key of it"))
        env: list[Json] = [
            {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "login", "key": "token"}}},
            {"name": "LONG", "valueFrom": {"secretKeyRef": {"name": "login", "key": "long"}}},
            {"name": "URL", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "url"}}},
            {"name": "LITERAL", "value": new("a literal")},
        ]
        args = [f"--literal={new('an argument')}", "--both=$(TOKEN)@$(URL)", f"{new('a word')}"]
        team.deploy("api", replicas=1)
        patch = [
            {"op": "add", "path": f"/spec/template/spec/containers/0/{field}", "value": value}
            for field, value in {"env": env, "args": args}.items()
        ]
        team.kubectl("patch", "deployment", "api", "--type=json", f"-p={json.dumps(patch)}")
        team.kubectl("rollout", "status", "deployment/api", "--timeout=30s")
        team.grant(secrets=("login",), deployments=("api",))
        account = f"--serviceaccount={team.namespace}:{RUNNER}"
        team.kubectl(
            *("create", "role", "settings", "--verb=get"),
            *("--resource=configmaps", "--resource-name=settings"),
        )
        team.kubectl("create", "rolebinding", "settings", "--role=settings", account)
        wait_allowed(team.control_plane, team.namespace, "get", "configmaps/settings")

    def _config_map(self, **data: str) -> None:
        values = [f"--from-literal={key}={text}" for key, text in data.items()]
        self.team.kubectl("create", "configmap", "settings", *values)

    def apply(self) -> None:
        """Apply an SOP whose checks have every result, with every finding."""
        values: dict[str, list[Json]] = {
            "passes": [{"env": "TOKEN", "nonEmpty": True}, {"env": "LONG", "minLength": 1000}],
            "fails": [
                {"env": "TOKEN", "minLength": 64},
                {"env": "LITERAL", "equals": "x"},
                {"env": "URL", "url": "https://x"},
                {"argument": "--literal", "matches": "x"},
                {"argument": "--none"},
            ],
            "too-short": [{"env": "LONG", "minLength": 2000}],
            "compares": [{"argument": "--both", "equals": "x"}],
        }
        checks: list[Json] = [
            {"name": name, "for": "1s", "config": {"values": asked}}
            for name, asked in values.items()
        ]
        keys = {"object": {"kind": "Secret", "name": "login"}, "values": [{"key": "none"}]}
        checks.append({"name": "no-key", "for": "1s", "config": keys})
        self.team.apply(sop(checks=checks, blindFor="1s"), "configured")

    def wait(self) -> Json:
        wanted = {
            "passes": "Passed",
            "fails": "Failed",
            "too-short": "Failed",
            "compares": "Error",
            "no-key": "Failed",
        }
        return self.team.wait(
            lambda status: (
                {one["name"]: one["state"] for one in status.get("checks", [])} == wanted
            ),
            _SECONDS,
            "configured",
        )

    def found(self, said: Said) -> dict[str, list[str]]:
        """Give what was found where: a canary, or the length of the Secret."""
        # Everybody may read the objects themselves; what is said of them is something else.
        of_sops = [
            item
            for item in json.loads(said.objects)["items"]
            if item["kind"] in ("ServiceSOP", "Event")
        ]
        texts = {
            "objects": json.dumps(of_sops),
            "requests": said.requests,
            "metrics": said.metrics,
            "output": said.output,
        }
        hits = {where: self.canaries.found_in(text) for where, text in texts.items()}
        if str(_PRIME) in json.dumps([_told(item) for item in of_sops]):
            hits["objects"].append("the length of the Secret")
        return {where: places for where, places in hits.items() if places}


def _told(item: Json) -> list[object]:
    """What is written for people, without times, uids and versions."""
    status = item.get("status", {})
    entries = [*status.get("checks", []), *status.get("conditions", [])]
    return [item.get("note"), [(one.get("message"), one.get("evidence")) for one in entries]]


@pytest.fixture
def configured(team: Team) -> Configured:
    return Configured(team)


def run_operator(
    run: Run, installed: ControlPlane, kubeconfig: Path, configured: Configured, source: Path | None
) -> tuple[Json, Said]:
    forget_actions(installed)
    operator = start_operator(run, kubeconfig, "--start-hold=1s", log_level="debug", source=source)
    try:
        configured.apply()
        status = configured.wait()
        return status, everything_said(configured, operator)
    finally:
        operator.stop()


def test_no_value_gets_out(
    run: Run, installed: ControlPlane, operator_kubeconfig: Path, configured: Configured
) -> None:
    status, said = run_operator(run, installed, operator_kubeconfig, configured, None)

    assert configured.found(said) == {}
    # What it says was there to be searched, and what it read held the canaries.
    assert check(status, "fails")["findings"] == ["Differs", "Missing", "TooShort"]
    assert "argument --literal does not match" in said.objects
    assert check(status, "compares")["reason"] == "SecretNotCompared"
    runner = f"system:serviceaccount:{configured.team.namespace}:{RUNNER}"
    read = {
        (record.resource, record.verb, record.name)
        for record in configured.audit.since(configured.mark)
        if record.user == _OPERATOR and record.impersonated_user == runner and record.code == 200
    }
    assert {("secrets", "get", "login"), ("configmaps", "get", "settings")} <= read
    assert {verb for resource, verb, _ in read if resource in ("secrets", "configmaps")} == {"get"}


def test_a_build_that_tells_a_length_or_a_value_is_caught(
    run: Run,
    installed: ControlPlane,
    operator_kubeconfig: Path,
    configured: Configured,
    tmp_path: Path,
) -> None:
    source = broken_build(
        tmp_path,
        "checks/config_judgement.py",
        "is shorter than {least} characters{origin}",
        "has {length} characters, {found.known.decode()}",
    )
    _, said = run_operator(run, installed, operator_kubeconfig, configured, source)

    hits = configured.found(said)
    assert "the length of the Secret" in hits["objects"]
    assert "a Secret's key (raw)" in hits["objects"]
    assert "a Secret's key (raw)" in hits["requests"]
