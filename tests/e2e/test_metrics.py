"""A running operator asks the Prometheus that its administrator has named, for those who may."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from e2e.sops import check, sop
from testbed import Run
from testbed.monitoring import Exporter, GuardedPrometheus
from testbed.operator import Operator
from testbed.team import Team, is_


def metric(name: str, connection: str, **kind: Any) -> dict[str, Any]:
    times = {"for": "1s", "recoverFor": "1s"}
    query = {"expr": "depth", "max": "5", "onEmpty": "Inconclusive", "show": ["queue"]}
    return {"name": name, "prometheus": {"connection": connection, "query": query}} | times | kind


LED = {
    "name": "led",
    "recoverFor": "1s",
    "leader": {
        "workers": ["w"],
        "metric": {"connection": "metrics", "expr": "leads", "worker": "worker"},
        "forNone": "1s",
    },
}


def test_metrics_reach_the_status_and_credentials_do_not(
    team: Team, start: Callable[..., Operator], run: Run, tmp_path: Path
) -> None:
    team.deploy("api", 1)
    team.grant()
    with Exporter() as exporter, GuardedPrometheus(run, {"service": exporter}) as prometheus:
        exporter.text = 'depth{queue="orders"} 1\nleads{worker="w",pod="a"} 1\n'
        operator = start(f"--endpoints={endpoints(tmp_path, prometheus, team.namespace)}")
        connections = [
            {"name": name, "prometheus": {"endpoint": name}} for name in ("metrics", "others")
        ]
        checks = [metric("shallow", "metrics"), metric("foreign", "others"), LED]
        team.apply(sop(checks=checks, connections=connections))
        well = team.wait(
            lambda status: (
                check(status, "shallow").get("state") == "Passed"
                and check(status, "led").get("state") == "Passed"
                and check(status, "foreign").get("state") == "Error"
            ),
            30,
        )
        exporter.text = 'depth{queue="orders"} 9\nleads{worker="w",pod="a"} 0\n'
        deep = team.wait(
            lambda status: (
                check(status, "shallow").get("state") == "Failed"
                and check(status, "led").get("state") == "Failed"
            )
        )
        prometheus.stop()
        blind = team.wait(lambda status: check(status, "shallow").get("state") == "Error")
        log = operator.process.log_text()

    assert is_(well, "Down", "Unknown")
    assert check(well, "foreign")["reason"] == "EndpointNotAllowed"
    assert check(deep, "shallow")["findings"] == ["Above"]
    assert check(deep, "shallow")["evidence"] == ["queue=orders: 9"]
    assert check(deep, "led")["findings"] == ["None"]
    assert is_(deep, "Down", "True")
    assert check(blind, "shallow")["reason"] == "Unreachable"
    assert "canary" not in json.dumps([well, deep, blind]) + log


def endpoints(directory: Path, prometheus: GuardedPrometheus, namespace: str) -> Path:
    """Write the administrator's file, and what it names."""
    for name, text in (("user", prometheus.USER), ("password", prometheus.PASSWORD)):
        (directory / name).write_text(text)
    prometheus.authority.cert_pem.write_to_path(directory / "ca.crt")
    basic = {"usernameFile": f"{directory}/user", "passwordFile": f"{directory}/password"}
    common = {
        "kind": "Prometheus",
        "url": prometheus.url,
        "caFile": f"{directory}/ca.crt",
        "basicAuth": basic,
    }
    named = [
        {"name": "metrics", "namespaces": [namespace]} | common,
        {"name": "others", "namespaces": ["somebody-elses"]} | common,
    ]
    file = directory / "endpoints.yaml"
    file.write_text(json.dumps({"endpoints": named}))
    return file
