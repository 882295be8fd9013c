"""SIGTERM ends the operator soon and in order, and nothing of it stays in anybody's objects."""

import contextlib
import http.client
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from e2e.service_database import ServiceDatabase
from e2e.sops import check, database, enough, leader, ready, restart, sop
from polling import eventually
from testbed import ControlPlane, Postgres
from testbed.operator import Operator
from testbed.team import Json, Team, is_

SECONDS = 5.0


def end(operator: Operator) -> float:
    """Send SIGTERM and give the seconds that the end took; its code must be 0."""
    began = time.monotonic()
    operator.process.signal(signal.SIGTERM)
    code = operator.process.wait(15)
    took = time.monotonic() - began
    assert code == 0, operator.process.log_text()[-2000:]
    return took


@contextmanager
def frozen(server: Postgres) -> Iterator[None]:
    server.freeze()
    try:
        yield
    finally:
        server.thaw()


@contextmanager
def frozen_api_server(control_plane: ControlPlane) -> Iterator[None]:
    control_plane.freeze_api_server()
    try:
        yield
    finally:
        control_plane.thaw_api_server()


def errors(operator: Operator) -> list[str]:
    """Give the log's lines that tell of a defect."""
    words = (" ERROR ", "Traceback", "Warning", "never retrieved", "never awaited", "Unclosed")
    lines = operator.process.log_text().splitlines()
    return [line for line in lines if any(word in line for word in words)]


def test_it_ends_while_its_checks_work(
    team: Team, postgres: Postgres, start: Callable[..., Operator]
) -> None:
    team.deploy(replicas=2)
    ServiceDatabase(postgres).give_login(team)
    team.grant(secrets=("db",), deployments=("api",))
    spec = sop(
        mode="Enforce",
        every="1s",
        connections=[database()],
        checks=[leader(), ready(replicas=2), enough(5)],
        # In flight for as long as the test takes.
        rows=(restart("enough", settle="1h"),),
    )
    team.apply(spec)
    given = shown(team)
    operator = start(f"--allow-dial=127.0.0.1:{postgres.port}", "--start-hold=1s")
    team.wait(lambda status: is_(status, "Remediating", "True"), 20)
    # A scraper keeps its connection.
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", operator.port)) as scraper:
        scraper.request("GET", "/metrics")
        assert scraper.getresponse().read()
        took = end(operator)
    print(f"SIGTERM with an action in flight and a kept metrics connection: {took:.1f} s")
    assert took < SECONDS
    assert errors(operator) == []

    assert shown(team) == given
    assert "finalizers" not in team.get()["metadata"]


def test_it_ends_while_the_database_does_not_answer(
    team: Team, postgres: Postgres, start: Callable[..., Operator]
) -> None:
    ServiceDatabase(postgres).give_login(team)
    team.grant(secrets=("db",))
    operator = start(f"--allow-dial=127.0.0.1:{postgres.port}")
    # The timeout is beyond the test, so that both connections stay in use.
    hanging = [leader("led") | {"timeout": "1h"}, leader("led-too") | {"timeout": "1h"}]
    team.apply(sop(every="1s", connections=[database()], checks=hanging))
    team.wait(lambda status: check(status, "led-too").get("state") == "Passed")
    with frozen(postgres):
        eventually(lambda: _runs_missed(operator) >= 2, "the checks hang", 10)
        took = end(operator)
    print(f"SIGTERM with checks that hang: {took:.1f} s")
    assert took < SECONDS
    assert errors(operator) == []


def test_it_ends_while_the_api_server_does_not_answer(
    team: Team, start: Callable[..., Operator]
) -> None:
    team.deploy(replicas=2)
    operator = start()
    team.apply(sop(checks=[ready(replicas=2)]))
    team.wait(lambda status: is_(status, "Healthy", "True"))
    with frozen_api_server(team.control_plane):
        took = end(operator)
    print(f"SIGTERM with a frozen API server: {took:.1f} s")
    assert took < SECONDS
    assert errors(operator) == []


def shown(team: Team) -> Json:
    """Give the SOP without what the server and the operator's words change."""
    item = team.get()
    item.pop("status", None)
    for key in ("managedFields", "resourceVersion"):
        item["metadata"].pop(key, None)
    return item


def _runs_missed(operator: Operator) -> float:
    name = "servicesop_check_runs_missed_total "
    lines = operator.get("/metrics")[1].splitlines()
    return sum(float(line.removeprefix(name)) for line in lines if line.startswith(name))
