"""What the demo stands on: an SOP that the models accept, honest counting, readable lines."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from demo.evidence import Evidence, describe
from demo.terminal import Terminal
from servicesop.api.procedures import Mode
from servicesop.api.sop import Spec
from testbed import AuditLog

SOP = Path(__file__).parents[1] / "demo" / "kas-fleet-manager.yaml"
OPERATOR = "system:serviceaccount:servicesop-system:servicesop"
RUNNER = "system:serviceaccount:stage:servicesop-runner"
DEPLOYMENT = {"apiGroup": "apps", "resource": "deployments", "name": "kas-fleet-manager"}


def test_the_sop_of_the_demo_is_one_that_the_models_accept() -> None:
    sop = yaml.safe_load(SOP.read_text())
    spec = Spec.model_validate(sop["spec"])
    assert spec.mode is Mode.ENFORCE
    assert spec.procedures[0].handle is not None
    assert [row.name for row in spec.procedures[0].handle] == [
        "no-leader",
        "ocm-refuses",
        "accepted-idle",
        "otherwise",
    ]


def write_audit_log(path: Path, *events: dict[str, Any]) -> Evidence:
    usual = {
        "user": {"username": OPERATOR},
        "impersonatedUser": {"username": RUNNER},
        "verb": "patch",
        "objectRef": {**DEPLOYMENT, "namespace": "stage"},
        "responseStatus": {"code": 200},
        "requestURI": "/apis/apps/v1/namespaces/stage/deployments/kas-fleet-manager",
        "stage": "ResponseComplete",
        "stageTimestamp": "2026-01-31T09:30:00.000000Z",
        "auditID": "1",
        "requestObject": [{"op": "add", "path": "/spec/template", "value": "id"}],
    }
    path.write_text("".join(json.dumps({**usual, **event}) + "\n" for event in events))
    return Evidence(AuditLog(path), "stage", 0)


@pytest.mark.parametrize(
    "event",
    [
        {"verb": "get"},
        {"responseStatus": {"code": 422}},
        {"objectRef": {**DEPLOYMENT, "namespace": "other"}},
        {"objectRef": {"resource": "events", "namespace": "stage", "name": "x"}},
        {
            "user": {"username": "system:serviceaccount:kube-system:deployment-controller"},
            "impersonatedUser": {},
        },
        {"requestURI": "/apis/apps/v1/namespaces/stage/deployments/x?dryRun=All"},
    ],
    ids=["read", "refused", "other namespace", "event", "Kubernetes itself", "dry run"],
)
def test_what_changes_no_workload_of_the_service_is_no_restart(
    tmp_path: Path, event: dict[str, Any]
) -> None:
    assert write_audit_log(tmp_path / "audit.log", event).touches() == []


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"impersonatedUser": {}},
        {"user": {"username": "somebody"}, "impersonatedUser": {}},
        {"verb": "delete", "objectRef": {"resource": "pods", "namespace": "stage", "name": "p"}},
    ],
    ids=["as the runner", "as itself", "by anybody else", "a deleted pod"],
)
def test_whoever_changes_a_workload_or_a_pod_is_counted(
    tmp_path: Path, event: dict[str, Any]
) -> None:
    assert len(write_audit_log(tmp_path / "audit.log", event, {"verb": "get"}).touches()) == 1


def test_the_record_of_a_restart_says_who_did_what_and_when(tmp_path: Path) -> None:
    [record] = write_audit_log(tmp_path / "audit.log", {}).touches()
    assert describe(record).splitlines() == [
        "when  09:30:00.000000 UTC",
        f"who   {OPERATOR}",
        f"as    {RUNNER}",
        "what  patch deployments/kas-fleet-manager in stage, answered 200",
        'body  {"op": "add", "path": "/spec/template", "value": "id"}',
    ]


@pytest.mark.parametrize(
    ("tty", "no_color", "coloured"),
    [(True, None, True), (True, "1", False), (False, None, False)],
)
def test_colours_are_for_terminals_that_want_them(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tty: bool,
    no_color: str | None,
    coloured: bool,
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: tty)
    monkeypatch.delenv("NO_COLOR", raising=False)
    if no_color is not None:
        monkeypatch.setenv("NO_COLOR", no_color)
    Terminal().failed("step 2")
    assert ("\x1b[" in capsys.readouterr().out) is coloured


def test_lines_are_aligned_and_fit_a_usual_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    terminal = Terminal()
    terminal.came_true("the lease has run out", 2.51)
    terminal.came_true("a long sentence " * 12, 12.0)
    terminal.note("a longer explanation " * 12)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 100
    assert {len(line) for line in lines if line.endswith(" s")} == {100}
