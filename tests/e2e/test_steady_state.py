"""While nothing changes, nothing is written, however much is asked."""

import json
import time
from collections.abc import Callable

import pytest

from e2e.actions import deployment, runner, written
from e2e.service_database import ServiceDatabase
from e2e.sops import database, leader, logs, ready, rows, sop
from testbed import Postgres
from testbed.audit import AuditRecord
from testbed.operator import Operator
from testbed.team import Json, Team, is_

pytestmark = pytest.mark.long

SOPS = 50
SECONDS = 60
LEAST_ROUNDS = 25
"""Of the 30 that are due in 60 s at `every: 2s`."""


def healthy(team: Team) -> set[str]:
    """Give the names of the SOPs whose service is well."""
    items = team.read("servicesop.io/v1alpha1", "servicesops")["items"]
    return {
        item["metadata"]["name"] for item in items if is_(item.get("status", {}), "Healthy", "True")
    }


def test_healthy_sops_cause_no_write(
    team: Team, postgres: Postgres, start: Callable[..., Operator]
) -> None:
    team.deploy(replicas=2)
    pods = [pod.removeprefix("pod/") for pod in team.kubectl("get", "pods", "-o", "name").split()]
    streams = [team.control_plane.pod_log(team.namespace, pod, "service") for pod in pods]
    served = ServiceDatabase(postgres)
    served.give_login(team)
    team.grant(secrets=("db",))
    start(f"--allow-dial=127.0.0.1:{postgres.port}", "--heartbeat=10m", "--start-hold=1s")
    kinds: dict[str, Json] = {
        "workload": sop(every="2s", checks=[ready(replicas=2)]),
        "logs": sop(every="2s", checks=[logs()]),
        "rows": sop(every="2s", checks=[rows()], connections=[database()]),
        "leader": sop(every="2s", checks=[leader()], connections=[database()]),
    }
    names = [f"{kind}-{number:02}" for number, kind in enumerate(list(kinds) * SOPS)][:SOPS]
    made = {kind: sum(name.startswith(kind) for name in names) for kind in kinds}
    items = [
        {
            "apiVersion": "servicesop.io/v1alpha1",
            "kind": "ServiceSOP",
            "metadata": {"name": name},
            "spec": kinds[name.partition("-")[0]],
        }
        for name in names
    ]
    manifest = {"apiVersion": "v1", "kind": "List", "items": items}
    team.kubectl("apply", "-f", "-", input=json.dumps(manifest))
    team.wait(lambda _: healthy(team) == set(names), 60, names[0])

    audit = team.control_plane.audit()
    mark = audit.mark()
    reads = {table: served.reads(table) for table in ("leases", "jobs")}
    began = time.monotonic()
    # The passing of time is the test: a minute in which nothing must be written.
    while time.monotonic() - began < SECONDS:
        for stream in streams:
            stream.append("nothing of interest")
        time.sleep(1)
    minute = audit.since(mark)
    reads = {table: served.reads(table) - before for table, before in reads.items()}

    # What the targets counted: the checks did run.
    fetched = [record for record in minute if _reads_a_log(record, team)]
    print(
        f"{len(names)} SOPs, {SECONDS} s: {len(fetched)} reads of {len(pods)} logs by"
        f" {made['logs']} SOPs, {reads['leases']} of leases by {made['leader']},"
        f" {reads['jobs']} of jobs by {made['rows']}"
    )
    assert len(fetched) >= LEAST_ROUNDS * made["logs"] * len(pods)
    assert reads["leases"] >= LEAST_ROUNDS * made["leader"]
    assert reads["jobs"] >= LEAST_ROUNDS * made["rows"]
    assert written(team, mark) == []

    # The same reader does see what is written after a fault, of each kind.
    mark = audit.mark()
    served.lose_leader()
    streams[0].append("panic")
    served.do("INSERT INTO jobs VALUES ('1', 'accepted', now() - '1 hour'::interval)")
    for name in names[1:4]:
        team.wait(lambda status: is_(status, "Down", "True"), 20, name)
    # Last, because the pod that goes may be the one that logged.
    team.kubectl("scale", "deployment/api", "--replicas=1")
    team.wait(lambda status: is_(status, "Down", "True"), 20, names[0])
    assert deployment(team)["spec"]["replicas"] == 1
    assert len(written(team, mark)) >= len(kinds)


def _reads_a_log(record: AuditRecord, team: Team) -> bool:
    return (
        (record.resource, record.subresource, record.namespace) == ("pods", "log", team.namespace)
        and record.verb == "get"
        and record.stage == "ResponseComplete"
        and record.code == 200
        and record.impersonated_user == runner(team)
    )
