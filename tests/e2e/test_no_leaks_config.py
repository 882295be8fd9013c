"""No value of a configuration gets out, nor its length: of a Secret, a ConfigMap or a literal."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from e2e.canaries import Canaries
from e2e.said import Said, found, read_as_runner, wait_for_states, watch
from e2e.sops import Json, check, sop
from testbed import ControlPlane, Run
from testbed.broken_build import broken_build
from testbed.operator import RUNNER, wait_allowed
from testbed.team import Team

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
        return wait_for_states(self.team, "configured", wanted)

    def found(self, said: Said) -> dict[str, list[str]]:
        """Give what was found where: a canary, or the length of the Secret."""
        # Everybody may read the objects themselves; what is said of them is something else.
        of_sops = [
            item
            for item in json.loads(said.objects)["items"]
            if item["kind"] in ("ServiceSOP", "Event")
            # Of another test's namespace the Events stay, also those of a build that leaks.
            and item["metadata"]["namespace"] == self.team.namespace
        ]
        hits = found(self.canaries, replace(said, objects=json.dumps(of_sops)))
        if str(_PRIME) in json.dumps([_told(item) for item in of_sops]):
            hits.setdefault("objects", []).append("the length of the Secret")
        return hits


def _told(item: Json) -> list[object]:
    """What is written for people, without times, uids and versions."""
    status = item.get("status", {})
    entries = [*status.get("checks", []), *status.get("conditions", [])]
    return [item.get("note"), [(one.get("message"), one.get("evidence")) for one in entries]]


@pytest.fixture
def configured(team: Team) -> Configured:
    return Configured(team)


def test_no_value_gets_out(
    run: Run, installed: ControlPlane, operator_kubeconfig: Path, configured: Configured
) -> None:
    status, said = watch(run, installed, operator_kubeconfig, configured)

    assert configured.found(said) == {}
    # What it says was there to be searched, and what it read held the canaries.
    assert check(status, "fails")["findings"] == ["Differs", "Missing", "TooShort"]
    assert "argument --literal does not match" in said.objects
    assert check(status, "compares")["reason"] == "SecretNotCompared"
    read = read_as_runner(configured)
    assert {("secrets", "get", "login"), ("configmaps", "get", "settings")} <= read
    assert {verb for _, verb, _ in read} == {"get"}


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
    _, said = watch(run, installed, operator_kubeconfig, configured, source=source)

    hits = configured.found(said)
    assert "the length of the Secret" in hits["objects"]
    assert "a Secret's key (raw)" in hits["objects"]
    assert "a Secret's key (raw)" in hits["requests"]
