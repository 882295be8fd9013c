import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from integration.largest_sop import largest
from polling import eventually
from servicesop.api.dependencies import MAX_CHAIN
from servicesop.api.sop import Spec
from servicesop.api.status import (
    CheckState,
    CheckStatus,
    Condition,
    Episode,
    Escalation,
    EscalationReason,
    HistoryItem,
    Intent,
    Outcome,
    ProcedureStatus,
    Status,
    Tri,
)
from sop_cases import ABSENT, BROKEN, COMPLETE, Broken, complete
from testbed import ControlPlane, KubectlError
from testbed.operator import wait_established

CRD = Path(__file__).parents[2] / "crds" / "servicesops.servicesop.io.yaml"
NOW = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)


@pytest.fixture(scope="module")
def server(control_plane: ControlPlane) -> ControlPlane:
    """Return the control plane with our CRD, installed as a user would."""
    control_plane.kubectl("apply", "-f", str(CRD))
    wait_established(control_plane)
    # Established says that the type is accepted; discovery, which kubectl asks, follows.
    kinds = ("api-resources", "--api-group=servicesop.io", "-o", "name")
    eventually(lambda: control_plane.kubectl(*kinds), "the API server lists servicesops")
    return control_plane


@pytest.fixture
def namespace(server: ControlPlane, request: pytest.FixtureRequest) -> Iterator[str]:
    name = request.node.name.replace("_", "-")[:60].rstrip("-")
    server.kubectl("create", "namespace", name)
    yield name
    server.kubectl("delete", "namespace", name, "--wait=false")


def try_to_create(server: ControlPlane, sop: dict[str, Any]) -> str:
    """Return what kubectl prints, whether the SOP is accepted or not; nothing is stored."""
    try:
        return server.kubectl("create", "--dry-run=server", "-f", "-", input=json.dumps(sop))
    except KubectlError as error:
        return str(error)


def rules(schema: dict[str, Any]) -> Iterator[str]:
    for rule in schema.get("x-kubernetes-validations", []):
        yield rule["message"]
    for field in schema.get("properties", {}).values():
        yield from rules(field)
    if "items" in schema:
        yield from rules(schema["items"])


def test_a_complete_sop_is_stored_with_its_defaults(server: ControlPlane, namespace: str) -> None:
    server.kubectl("apply", "-n", namespace, "-f", "-", input=COMPLETE)
    stored = json.loads(server.kubectl("get", "sop", "fleet", "-n", namespace, "-o", "json"))

    expected = complete()["spec"]
    expected |= {
        "mode": "DryRun",
        "notify": "Info",
        "suspend": False,
        "every": "30s",
        "blindFor": "10m",
        "reopenWithin": "15m",
        "unsureFor": "2m",
    }
    keys = {"port": "port", "database": "database", "user": "user", "password": "password"}
    postgres = expected["connections"][0]["postgres"]
    postgres |= {"allowPrivilegedRole": False, "keys": postgres["keys"] | keys}
    for check in expected["checks"]:
        check |= {"timeout": "5s", "suspend": False}
    expected["checks"][3]["logs"]["per"] = "Target"
    leader = expected["checks"][1]["leader"]
    leader |= {"forNone": "1m30s", "forMany": "45s"}
    leader["lease"]["columns"] = {"worker": "lease_type", "holder": "leader", "expires": "expires"}
    for number in (2, 5):
        expected["checks"][number]["stuckRows"]["columns"] = {
            "id": "id",
            "status": "status",
            "updated": "updated_at",
            "deleted": "deleted_at",
        }
    expected["checks"][4]["sql"]["value"]["show"] = False
    expected["checks"][6]["prometheus"]["query"]["combine"] = "Any"
    expected["checks"][8]["http"]["codes"] = [200]
    expected["checks"][8]["http"]["service"]["scheme"] = "http"
    for procedure in expected["procedures"]:
        procedure["severity"] = "critical"
    for step in expected["procedures"][0]["steps"]:
        step["informational"] = False
    rows = expected["procedures"][0]["handle"] + expected["procedures"][3]["handle"]
    for row in rows:
        row.setdefault("otherwise", False)
    remediate = expected["procedures"][0]["handle"][0]["remediate"]
    remediate["restart"]["allowOutage"] = False
    remediate["verify"]["within"] = "3m"
    delete = expected["procedures"][3]["handle"][0]["remediate"]
    delete["deletePod"]["allowWithoutPDB"] = False
    for one in (remediate, delete):
        one |= {
            "settle": "5m",
            "attempts": {"max": 2, "per": "6h"},
            "atMost": {"max": 3, "per": "24h"},
            "cooldown": "15m",
        }
    assert stored["spec"] == expected
    assert stored["status"] == {"observedGeneration": -1}
    # What the server filled in is what the models would have.
    assert Spec.model_validate(stored["spec"]) == Spec.model_validate(complete()["spec"])


@pytest.mark.parametrize("broken", [pytest.param(case, id=name) for name, case in BROKEN.items()])
def test_a_broken_sop_is_refused_in_these_words(server: ControlPlane, broken: Broken) -> None:
    answer = try_to_create(server, broken.sop())
    assert answer == f'The ServiceSOP "fleet" is invalid: {broken.says}'


def test_every_rule_of_the_crd_has_a_case() -> None:
    schema = yaml.safe_load(CRD.read_text("utf-8"))["spec"]["versions"][0]["schema"]
    messages = set(rules(schema["openAPIV3Schema"]))
    says = [
        broken.says.replace("evaluating rule: ", "Invalid value: ") for broken in BROKEN.values()
    ]
    without = {m for m in messages if not any(f": {m}" in text for text in says)}
    assert messages
    assert not without


@pytest.mark.parametrize("length", range(2, 13))
def test_every_circle_of_dependencies_is_refused(server: ControlPlane, length: int) -> None:
    answer = try_to_create(server, dependent(length, circle=True))
    assert answer == f'The ServiceSOP "fleet" is invalid: {TOO_FAR}c0'


def test_a_chain_of_dependencies_may_be_as_long_as_the_models_say(server: ControlPlane) -> None:
    longest = try_to_create(server, dependent(MAX_CHAIN))
    assert longest.startswith("servicesop.servicesop.io/fleet created")

    too_long = dependent(MAX_CHAIN + 1)
    answer = try_to_create(server, too_long)
    assert answer == f'The ServiceSOP "fleet" is invalid: {TOO_FAR}c0'
    with pytest.raises(ValidationError):
        Spec.model_validate(too_long["spec"])


TOO_FAR = (
    "spec.checks: Invalid value: checks[].dependsOn must not lead back to the check itself,"
    " and a chain of them may hold at most 8 checks; wrong in "
)


def dependent(length: int, *, circle: bool = False) -> dict[str, Any]:
    """Return an SOP with a chain of checks, each of which depends on the next."""
    sop = complete()
    logs = {"pattern": "x", "within": "1m", "max": 0}
    chain: list[dict[str, Any]] = [{"name": f"c{number}", "logs": logs} for number in range(length)]
    for number, check in enumerate(chain[:-1]):
        check["dependsOn"] = [f"c{number + 1}"]
    if circle:
        chain[-1]["dependsOn"] = ["c0"]
    sop["spec"]["checks"] += chain
    return sop


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"checks.0.workload": ABSENT, "checks.0.dns": {"name": "example.com"}},
            'strict decoding error: unknown field "spec.checks[0].dns"',
        ),
        (
            {"mode": "Approve"},
            'spec.mode: Unsupported value: "Approve": supported values: '
            '"Observe", "DryRun", "Enforce"',
        ),
        (
            {"targets.0.ref.kind": "DaemonSet"},
            'spec.targets[0].ref.kind: Unsupported value: "DaemonSet": supported values: '
            '"Deployment", "StatefulSet"',
        ),
        ({"teams": []}, "spec.teams: Invalid value: 0: spec.teams in body should have at least 1"),
        ({"title": "x" * 257}, "spec.title: Too long: may not be more than 256 bytes"),
        ({"title": ABSENT}, "spec.title: Required value"),
    ],
)
def test_what_the_schema_does_not_know_is_refused(
    server: ControlPlane, changes: dict[str, Any], message: str
) -> None:
    assert message in try_to_create(server, Broken(changes, message).sop())


def test_an_sop_at_all_bounds_is_affordable_for_the_rules(server: ControlPlane) -> None:
    # The server estimates the cost of the rules when the CRD is applied, and limits what they
    # really cost for each object: an SOP that uses every list to its bound must pass.
    answer = try_to_create(server, largest())
    assert answer.startswith("servicesop.servicesop.io/largest created (server dry run)")


def test_a_row_may_name_a_class_of_a_logs_check_and_the_models_know_which(
    server: ControlPlane,
) -> None:
    changes = {
        "checks.3.logs.classes": [{"name": "RateLimit", "pattern": "429", "minShare": "0.5"}],
        "procedures.0.handle.2.when": {"anyFailed": ["ocm-accepts/RateLimit"]},
    }
    sop = Broken(changes, "").sop()
    assert try_to_create(server, sop).startswith("servicesop.servicesop.io/fleet created")
    assert Spec.model_validate(sop["spec"]).checks[3].findings[-1] == "RateLimit"

    # Beyond what the server's rules can afford: it would be stored, and be Stalled.
    sop = Broken(changes | {"checks.3.logs.classes.0.name": "RateLimits"}, "").sop()
    assert try_to_create(server, sop).startswith("servicesop.servicesop.io/fleet created")
    with pytest.raises(ValidationError) as raised:
        Spec.model_validate(sop["spec"])
    (error,) = raised.value.errors()
    assert error["loc"] == ("procedures",)
    assert error["msg"] == (
        "Value error, row ocm-refuses of ClusterProvisioningLatency names ocm-accepts/RateLimit; "
        "the findings of ocm-accepts are TooMany TooFew SinglePod RateLimits"
    )

    # A check without classes has none to name.
    sop = Broken({"procedures.0.handle.2.when": {"anyFailed": ["ocm-accepts/X"]}}, "").sop()
    assert "must be the name of one of spec.checks" in try_to_create(server, sop)


def test_a_soft_deletion_column_can_be_switched_off(server: ControlPlane, namespace: str) -> None:
    sop = Broken({"checks.2.stuckRows.columns": {"deleted": None}}, "").sop()
    server.kubectl("create", "-n", namespace, "-f", "-", input=json.dumps(sop))
    stored = json.loads(server.kubectl("get", "sop", "fleet", "-n", namespace, "-o", "json"))
    rows = Spec.model_validate(stored["spec"]).checks[2].stuck_rows
    assert rows is not None
    assert (rows.columns.deleted, rows.columns.updated) == (None, "updated_at")


def test_the_server_stores_a_status_as_the_models_write_it(
    server: ControlPlane, namespace: str
) -> None:
    server.kubectl("create", "-n", namespace, "-f", "-", input=COMPLETE)
    status = full_status()
    wire = status.model_dump(mode="json", by_alias=True, exclude_none=True)
    apply_status(server, namespace, "servicesop", wire)
    stored = json.loads(server.kubectl("get", "sop", "fleet", "-n", namespace, "-o", "json"))
    assert stored["status"] == wire
    assert Status.model_validate(stored["status"]) == status


def test_conditions_of_two_writers_stand_side_by_side(server: ControlPlane, namespace: str) -> None:
    server.kubectl("create", "-n", namespace, "-f", "-", input=COMPLETE)
    for writer, kind in (("servicesop", "Ready"), ("somebody", "Reviewed")):
        condition = Condition(type=kind, status=Tri.TRUE, last_transition_time=NOW, reason="Fine")
        wire = {"conditions": [condition.model_dump(mode="json", by_alias=True)]}
        apply_status(server, namespace, writer, wire)
    stored = json.loads(server.kubectl("get", "sop", "fleet", "-n", namespace, "-o", "json"))
    assert [found["type"] for found in stored["status"]["conditions"]] == ["Ready", "Reviewed"]


def test_the_table_shows_what_people_look_for(server: ControlPlane, namespace: str) -> None:
    server.kubectl("create", "-n", namespace, "-f", "-", input=COMPLETE)
    wire = full_status().model_dump(mode="json", by_alias=True, exclude_none=True)
    apply_status(server, namespace, "servicesop", wire)
    header, row = server.kubectl("get", "sop", "-n", namespace).splitlines()
    assert header.split() == [
        *("NAME", "HEALTHY", "FAILING", "SINCE", "DOING", "TEAM", "CHECKED", "AGE"),
    ]
    assert row.split()[:3] == ["fleet", "False", "ClusterProvisioningLatency"]
    wide = server.kubectl("get", "sops", "-n", namespace, "-o", "wide").splitlines()[0]
    assert wide.split()[8:] == ["READY", "MODE", "NOTIFY", "CHECKS", "LAST", "ACTION", "MESSAGE"]


def apply_status(server: ControlPlane, namespace: str, writer: str, status: dict[str, Any]) -> None:
    body = {
        "apiVersion": "servicesop.io/v1alpha1",
        "kind": "ServiceSOP",
        "metadata": {"name": "fleet", "namespace": namespace},
        "status": status,
    }
    server.kubectl(
        *("apply", "--server-side", f"--field-manager={writer}", "--subresource=status", "-f", "-"),
        input=json.dumps(body),
    )


def full_status() -> Status:
    procedure = "ClusterProvisioningLatency"
    return Status(
        observed_generation=1,
        conditions=(
            Condition(
                type="Healthy",
                status=Tri.FALSE,
                observed_generation=1,
                last_transition_time=NOW,
                reason="ProceduresHappening",
                message=procedure,
            ),
        ),
        last_checked_time=NOW,
        failing=procedure,
        since=NOW,
        doing="Verifying",
        team="control-plane",
        checks_summary="3/4",
        last_action="restart of kas-fleet-manager: Helped",
        message=procedure,
        uid="0739027a-4101-4a8e-9925-9eb1150f653c",
        procedures=(
            ProcedureStatus(
                name=procedure,
                state=Tri.TRUE,
                since=NOW,
                doing="waits until the restart has proven itself",
                episode=Episode(started=NOW, row="no-leader", attempts=1),
            ),
        ),
        checks=(
            CheckStatus(
                name="cluster-leader",
                state=CheckState.FAILED,
                since=NOW,
                findings=("None",),
                message="no leader of cluster",
                evidence=("cluster: nobody",),
                recover_for=timedelta(minutes=1),
            ),
        ),
        intents=(
            Intent(
                id="0123456789abcdef",
                action="restart",
                procedure=procedure,
                row="no-leader",
                target="api",
                workload="kas-fleet-manager",
                uid="9d3f7f5e-0000-4000-8000-000000000000",
                generation=3,
                template_hash="d41d8cd9",
                attempt=0,
                planned=NOW,
                phase_since=NOW,
            ),
        ),
        escalations=(
            Escalation(
                key="0739027a/blind",
                reason=EscalationReason.BLIND,
                to=("control-plane",),
                procedures=(procedure,),
                opened=NOW,
            ),
        ),
        history=(
            HistoryItem(
                time=NOW,
                id="fedcba9876543210",
                action="restart",
                workload="kas-fleet-manager",
                procedure=procedure,
                outcome=Outcome.HELPED,
            ),
        ),
    )
