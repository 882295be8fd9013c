"""SOPs that the schema lets through but that cannot work: each says why, and stops nobody else."""

import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from e2e.service_database import ServiceDatabase
from e2e.sops import check, database, leader, logs, ready, rows, sop, target
from polling import eventually
from servicesop.api.reasons import UnknownReason
from servicesop.status.conditions import ReadyReason
from testbed import ControlPlane, Postgres, Run, free_port
from testbed.operator import Operator, forget_actions, start_operator
from testbed.team import Json, Team, condition, is_


@dataclass(frozen=True)
class Case:
    """One SOP that cannot work, while nothing else is wrong."""

    name: str
    reason: str
    says: str
    """What a person is told to do, or where to look."""
    checks: tuple[Json, ...]
    spec: Json = field(default_factory=dict)
    login: dict[str, str | None] | None = field(default_factory=dict)
    """What differs in its Secret, named as the case is; None for a key leaves it out."""
    not_ready: str = ""
    """The reason of Ready, where that is False."""
    lacks: str = ""
    """What the runner lacks in a namespace of the case's own: runner, secrets or logs."""


def asks(name: str, reason: str, says: str, **login: str | None) -> Case:
    """A case in which only the Secret of the database is wrong."""
    return Case(name, reason, says, LED, login=login)


LED = (leader(),)
CASES = [
    Case(
        "no-secret",
        "SecretNotFound",
        "there is no Secret no-secret in this namespace; create it, or correct its name in the SOP",
        LED,
        login=None,
    ),
    asks("no-key", "InvalidConnection", "password", password=None),
    asks("bad-port", "InvalidConnection", "port", port="5432a"),
    asks("port-list", "InvalidConnection", "port", port="5432,5433"),
    asks("host-list", "AddressRefused", "one host name or IP address", host="127.0.0.1,db"),
    asks("socket-path", "AddressRefused", "no socket path", host="/var/run/postgresql"),
    asks("loopback", "AddressRefused", "name another host", host="127.0.0.2"),
    asks("no-such-host", "HostNotFound", 'Secret "no-such-host": ', host="db.invalid"),
    asks("closed-port", "Unreachable", "check its host and port", port="CLOSED"),
    asks("silent-port", "TimedOut", "raise the timeout", port="SILENT"),
    asks("wrong-password", "AuthenticationFailed", "correct the Secret", password="wrong"),
    asks("no-such-role", "AuthenticationFailed", "correct the Secret", user="nobody"),
    asks("no-such-database", "InvalidConnection", "correct the Secret", database="nothing"),
    asks(
        "superuser",
        "PrivilegedDatabaseRole",
        "use a role with SELECT only",
        user="postgres",
        password="SUPERUSER",
    ),
    Case(
        "no-tls",
        "TlsNotOffered",
        "enable TLS there, or set tls: Disable",
        LED,
        {
            "connections": [
                {
                    "name": "database",
                    "postgres": {"secretRef": {"name": "no-tls"}, "tls": "Require"},
                }
            ]
        },
    ),
    Case(
        "no-table",
        "QueryRefused",
        "the table that the check names does not exist for this role; correct the check",
        (rows(table="nothing"),),
    ),
    Case(
        "no-column",
        "QueryRefused",
        "correct the check's columns",
        (rows(columns={"status": "nothing"}),),
    ),
    Case(
        "no-select",
        "QueryRefused",
        "no SELECT privilege on what the check names; grant it",
        (rows(table="secrets"),),
    ),
    Case(
        "wrong-type",
        "QueryRefused",
        "compare the check's columns with the table",
        (rows(columns={"updated": "status"}),),
    ),
    Case(
        "no-deployment",
        "TargetNotFound",
        "there is no Deployment ghost in this namespace; create it, or correct spec.targets",
        (ready(minReady=1), logs()),
        {"targets": [target("ghost")]},
    ),
    Case(
        "no-container",
        "ContainerNotFound",
        "correct the check's `container`",
        (logs(container="nothing"),),
    ),
    Case(
        "huge-pattern",
        "InvalidPattern",
        "simplify it",
        (logs(pattern="\\pL{999}\\pN{999}\\PL{999}\\PN{999}"),),
    ),
    Case(
        "no-runner",
        "NoRunner",
        "apply manifests/runner",
        LED,
        not_ready="NoRunner",
        lacks="runner",
    ),
    Case(
        "no-secret-right",
        "AccessDenied",
        "grant it in this namespace",
        LED,
        not_ready="AccessDenied",
        lacks="secrets",
    ),
    Case(
        "no-log-right",
        "AccessDenied",
        "servicesop-runner may not get pods/log",
        (logs(),),
        not_ready="AccessDenied",
        lacks="logs",
    ),
]


@dataclass(frozen=True)
class World:
    """All cases under one operator, and one SOP that is well."""

    teams: dict[str, Team]
    """The namespace of each case."""
    operator: Operator
    well: Team
    database: ServiceDatabase


@pytest.fixture(scope="module")
def world(
    installed: ControlPlane, run: Run, operator_kubeconfig: Path, postgres: Postgres
) -> Iterator[World]:
    forget_actions(installed)
    served = ServiceDatabase(postgres)
    served.do(
        "CREATE TABLE secrets (id text, status text, updated_at timestamptz, deleted_at text)"
    )
    well = _namespace(installed, "")
    teams = {case.name: _namespace(installed, case.lacks) if case.lacks else well for case in CASES}
    served.give_login(well)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        ports = {"CLOSED": free_port(), "SILENT": silent.getsockname()[1]}
        logins = [
            _secret(teams[case.name], case, case.login, served, ports)
            for case in CASES
            if case.login is not None
        ]
        installed.kubectl("apply", "-f", "-", input=json.dumps(_list(logins)))
        dialled = (postgres.port, *ports.values())
        operator = start_operator(
            run, operator_kubeconfig, *(f"--allow-dial=127.0.0.1:{port}" for port in dialled)
        )
        try:
            well.apply(sop(connections=[database()], checks=[leader(), ready(replicas=1)]), "well")
            sops = [_sop(teams[case.name], case) for case in CASES]
            installed.kubectl("apply", "-f", "-", input=json.dumps(_list(sops)))
            yield World(teams, operator, well, served)
        finally:
            operator.stop()
            for team in {id(team): team for team in teams.values()}.values():
                team.kubectl("delete", "servicesops", "--all", "--wait=true")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_it_says_why_it_cannot_work_and_what_to_do(world: World, case: Case) -> None:
    status = _told(world, case)
    for one in case.checks:
        found = check(status, one["name"])
        assert found["state"] in ("Error", "Inconclusive")
        assert case.says in found["message"]
    assert case.reason in set(UnknownReason)
    ready_ = condition(status, "Ready")
    if case.not_ready:
        assert (ready_["status"], ready_["reason"]) == ("False", case.not_ready)
        assert case.not_ready in set(ReadyReason)
        assert "in this namespace" in ready_["message"]
        assert status["failing"].startswith("Not ready: ")
    else:
        assert (ready_["status"], ready_["reason"]) == ("True", "Operational")
    # What cannot be asked is neither well nor ill.
    assert is_(status, "Healthy", "Unknown")
    assert is_(status, "Down", "Unknown")


def test_none_of_them_stops_the_sop_beside_them(world: World) -> None:
    for case in CASES:
        _told(world, case)
    before = world.database.reads("leases")
    eventually(lambda: world.database.reads("leases") >= before + 3, "its checks run on", 10)
    assert is_(world.well.status("well"), "Healthy", "True")
    assert world.operator.process.poll() is None
    code, metrics = world.operator.get("/metrics")
    assert code == 200
    defects = "servicesop_internal_errors_total{"
    assert [line for line in metrics.splitlines() if line.startswith(defects)] == []


def _told(world: World, case: Case) -> Json:
    """Wait until each check of a case gives the case's reason."""
    names = [one["name"] for one in case.checks]
    return world.teams[case.name].wait(
        lambda status: all(check(status, name).get("reason") == case.reason for name in names),
        30,
        case.name,
    )


def _namespace(control_plane: ControlPlane, lacks: str) -> Team:
    team = Team(control_plane)
    team.deploy(replicas=1)
    for pod in team.kubectl("get", "pods", "-o", "name").split():
        control_plane.pod_log(team.namespace, pod.removeprefix("pod/"), "service")
    if lacks != "runner":
        names = () if lacks == "secrets" else ("db", *(case.name for case in CASES))
        team.grant(secrets=names)
    if lacks == "logs":
        team.kubectl("delete", "rolebinding", "servicesop-runner-observer")
    return team


def _secret(
    team: Team,
    case: Case,
    login: dict[str, str | None],
    served: ServiceDatabase,
    ports: dict[str, int],
) -> Json:
    changes = dict(login)
    if changes.get("port") in ports:
        changes["port"] = str(ports[str(changes["port"])])
    if changes.get("password") == "SUPERUSER":
        changes["password"] = served.server.superuser_dsn["password"]
    data = served.login() | changes
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": case.name, "namespace": team.namespace},
        "stringData": {key: value for key, value in data.items() if value is not None},
    }


def _sop(team: Team, case: Case) -> Json:
    given: Json = {"connections": [database(case.name)], **case.spec}
    return {
        "apiVersion": "servicesop.io/v1alpha1",
        "kind": "ServiceSOP",
        "metadata": {"name": case.name, "namespace": team.namespace},
        "spec": sop(checks=list(case.checks)) | given,
    }


def _list(items: list[Json]) -> Json:
    return {"apiVersion": "v1", "kind": "List", "items": items}
