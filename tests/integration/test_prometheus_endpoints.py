"""The administrator's endpoints: a Prometheus with TLS and a password, and `servicesop check`."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from integration.monitored import Monitored, asked_through, endpoint, judged, unable
from readme.markdown import DOCS, ROOT
from servicesop.api.reasons import UnknownReason
from servicesop.app.endpoints import read_endpoints
from servicesop.judge.results import Verdict
from testbed import ControlPlane, Run
from testbed.monitoring import GuardedPrometheus

ONE = {"connection": "metrics", "query": {"expr": "1", "max": "5", "onEmpty": "Failed"}}
SOP = """
apiVersion: servicesop.io/v1alpha1
kind: ServiceSOP
metadata: {name: telemeter, namespace: NAMESPACE}
spec:
  title: Telemeter
  connections:
  - {name: metrics, prometheus: {endpoint: metrics}}
  - {name: alerts, alertmanager: {endpoint: alerts}}
  - {name: elsewhere, prometheus: {endpoint: elsewhere}}
  - {name: others, prometheus: {endpoint: others}}
  teams: [{name: team, title: Team}]
  checks:
  - name: few-errors
    prometheus: {connection: metrics, query: {expr: errors, max: "5", onEmpty: Inconclusive}}
  - name: deep-queue
    prometheus: {connection: metrics, query: {expr: depth, max: "5", onEmpty: Inconclusive}}
  - name: telemeter-up
    prometheus:
      connection: metrics
      alert: {name: TelemeterDown, alertmanager: alerts, onEmpty: Failed}
  - name: cluster-led
    leader: {workers: [cluster], metric: {connection: metrics, expr: leads, worker: worker}}
  - name: not-named
    prometheus: {connection: elsewhere, query: {expr: "1", max: "5", onEmpty: Failed}}
  - name: not-allowed
    prometheus: {connection: others, query: {expr: "1", max: "5", onEmpty: Failed}}
  procedures:
  - name: Everything
    checks: [few-errors]
    handle: [{name: otherwise, otherwise: true, escalate: {to: [team]}}]
"""


@pytest.fixture(scope="module")
def guarded(run: Run) -> Iterator[GuardedPrometheus]:
    with GuardedPrometheus(run) as server:
        yield server


async def test_a_prometheus_with_tls_and_a_password_is_asked(
    guarded: GuardedPrometheus, tmp_path: Path
) -> None:
    user, password, ca = (tmp_path / name for name in ("user", "password", "ca.crt"))
    user.write_text(guarded.USER)
    password.write_text(guarded.PASSWORD)
    guarded.authority.cert_pem.write_to_path(ca)
    basic = {"usernameFile": str(user), "passwordFile": str(password)}
    tls = {"caFile": str(ca)}
    async with asked_through(
        endpoint("metrics", guarded.url, basicAuth=basic, **tls)
    ) as surroundings:
        assert (await judged(surroundings, ONE)).verdict is Verdict.PASSED
    for fields, reason in (
        (tls, UnknownReason.AUTHENTICATION_FAILED),
        ({"basicAuth": basic}, UnknownReason.CERTIFICATE_NOT_TRUSTED),
        (
            {"basicAuth": basic, "url": guarded.url.replace("https", "http")},
            UnknownReason.QUERY_REFUSED,
        ),
    ):
        named = endpoint("metrics", **{"url": guarded.url} | fields)
        async with asked_through(named) as surroundings:
            failure = await unable(surroundings, ONE)
        assert failure.reason is reason
        assert "canary" not in failure.message


def test_a_person_checks_with_a_file_of_endpoints(
    watched: Monitored, control_plane: ControlPlane, tmp_path: Path
) -> None:
    watched.export("errors 1", "depth 9", 'leads{worker="cluster"} 1', 'telemeter_up{pod="a"} 1')
    watched.until_state("TelemeterDown", "inactive")
    sop, endpoints = tmp_path / "sop.yaml", tmp_path / "endpoints.yaml"
    sop.write_text(SOP.replace("NAMESPACE", "default"))
    named = [
        {"name": "metrics", "kind": "Prometheus", "url": watched.prometheus.url},
        {"name": "alerts", "kind": "Alertmanager", "url": watched.alertmanager.url},
    ]
    others = {"name": "others", "kind": "Prometheus", "url": watched.prometheus.url}
    given = [one | {"namespaces": ["default"]} for one in named] + [others]
    endpoints.write_text(yaml.safe_dump({"endpoints": given}))
    done = subprocess.run(
        [
            *(sys.executable, "-m", "servicesop.cli.main", "check", sop, "-o", "json"),
            *("--kubeconfig", control_plane.kubeconfig, "--endpoints", endpoints),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert {
        one["name"]: (one["result"], one["reason"], one["findings"])
        for one in json.loads(done.stdout)["checks"]
    } == {
        "few-errors": ("Passed", None, []),
        "deep-queue": ("Failed", None, ["Above"]),
        "telemeter-up": ("Passed", None, []),
        "cluster-led": ("Passed", None, []),
        "not-named": ("Error", "EndpointNotFound", []),
        "not-allowed": ("Error", "EndpointNotAllowed", []),
    }


def test_the_documented_overlay_gives_the_operator_the_documented_file(
    control_plane: ControlPlane, tmp_path: Path
) -> None:
    file, overlay = re.findall(
        r"^```yaml\n(.*?)^```$", (DOCS / "endpoints.md").read_text(), re.M | re.S
    )
    for folder in ("crds", "manifests"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    place = tmp_path / "manifests" / "overlay"
    place.mkdir()
    (place / "kustomization.yaml").write_text(overlay)
    (place / "endpoints.yaml").write_text(file)
    (place / "service-ca.crt").write_text("")

    built = list(yaml.safe_load_all(control_plane.kubectl("kustomize", str(place))))

    assert [one.name for one in read_endpoints(place / "endpoints.yaml")] == [
        *("cluster-monitoring", "tenants", "cluster-alerts"),
    ]
    (deployment,) = [one for one in built if one["kind"] == "Deployment"]
    (config_map,) = [
        one
        for one in built
        if one["kind"] == "ConfigMap" and one["metadata"]["name"].startswith("servicesop-endpoints")
    ]
    assert config_map["data"]["endpoints.yaml"] == file
    pod = deployment["spec"]["template"]["spec"]
    (operator,) = pod["containers"]
    (mount,) = [one for one in operator["volumeMounts"] if one["name"] == "endpoints"]
    assert f"--endpoints={mount['mountPath']}/endpoints.yaml" in operator["args"]
    (volume,) = [one for one in pod["volumes"] if one["name"] == "endpoints"]
    assert volume["configMap"]["name"] == config_map["metadata"]["name"]
    # What is there without it stays.
    assert "--namespace=servicesop-system" in operator["args"]
    assert {"tmp", "token"} <= {one["name"] for one in pod["volumes"]}
