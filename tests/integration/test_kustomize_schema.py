import shutil
from pathlib import Path
from typing import Any

import yaml

from sop_cases import COMPLETE
from testbed import ControlPlane

SCHEMA = Path(__file__).parents[2] / "crds" / "kustomize-schema.json"


def overlay(control_plane: ControlPlane, directory: Path, patch: str) -> dict[str, Any]:
    """Return the spec of the complete SOP after an overlay has patched it."""
    (directory / "sop.yaml").write_text(COMPLETE, "utf-8")
    (directory / "patch.yaml").write_text(
        "apiVersion: servicesop.io/v1alpha1\nkind: ServiceSOP\nmetadata: {name: fleet}\n" + patch,
        "utf-8",
    )
    shutil.copy(SCHEMA, directory)
    (directory / "kustomization.yaml").write_text(
        "resources: [sop.yaml]\n"
        "openapi: {path: kustomize-schema.json}\n"
        "patches: [{path: patch.yaml}]\n",
        "utf-8",
    )
    spec: dict[str, Any] = yaml.safe_load(control_plane.kubectl("kustomize", str(directory)))[
        "spec"
    ]
    return spec


def test_an_overlay_changes_one_check_and_keeps_the_others(
    control_plane: ControlPlane, tmp_path: Path
) -> None:
    spec = overlay(control_plane, tmp_path, "spec: {checks: [{name: ocm-accepts, every: 5m}]}")
    before = {check["name"]: check for check in yaml.safe_load(COMPLETE)["spec"]["checks"]}
    after = {check["name"]: check for check in spec["checks"]}
    assert after == before | {"ocm-accepts": before["ocm-accepts"] | {"every": "5m"}}


def test_every_list_of_named_items_merges_by_name(
    control_plane: ControlPlane, tmp_path: Path
) -> None:
    patch = """
spec:
  targets: [{name: refresher, ref: {name: other}}]
  connections: [{name: more, postgres: {secretRef: {name: more}}}]
  teams: [{name: ocm-support, title: Other title}]
  links: [{name: grafana, title: Grafana, url: "https://grafana.example.com"}]
  procedures: [{name: ClusterProvisioningErrors, severity: warning}]
"""
    spec = overlay(control_plane, tmp_path, patch)
    assert {item["name"]: item["ref"]["name"] for item in spec["targets"]} == {
        "api": "kas-fleet-manager",
        "refresher": "other",
    }
    connections = {item["name"] for item in spec["connections"]}
    assert connections == {"database", "metrics", "alerts", "more"}
    assert {item["name"]: item["title"] for item in spec["teams"]} == {
        "control-plane": "Control Plane",
        "ocm-support": "Other title",
    }
    assert {item["name"] for item in spec["links"]} == {"sentry", "grafana"}
    severities = {item["name"]: item.get("severity") for item in spec["procedures"]}
    assert severities == {
        "ClusterProvisioningLatency": None,
        "ClusterProvisioningErrors": "warning",
        "ClusterProvisioningCorrectness": None,
        "OnePodFails": None,
    }


def test_a_table_and_steps_are_replaced_whole(control_plane: ControlPlane, tmp_path: Path) -> None:
    # Their order is their meaning: a merged table would decide in an order that nobody wrote.
    patch = """
spec:
  procedures:
  - name: ClusterProvisioningLatency
    steps: [{check: ocm-accepts}]
    handle: [{name: otherwise, otherwise: true, escalate: {to: [ocm-support]}}]
"""
    spec = overlay(control_plane, tmp_path, patch)
    procedures = {procedure["name"]: procedure for procedure in spec["procedures"]}
    latency = procedures["ClusterProvisioningLatency"]
    assert latency["steps"] == [{"check": "ocm-accepts"}]
    assert [row["name"] for row in latency["handle"]] == ["otherwise"]
    assert latency["checks"] == ["cluster-leader", "accepted-moves-on"]
