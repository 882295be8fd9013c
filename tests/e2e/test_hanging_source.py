"""A database that accepts connections and never answers does not delay anybody else's checks."""

import socket
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from e2e.noting_operator import PREFIX
from e2e.service_database import ServiceDatabase
from e2e.sops import check, database, leader, logs, ready, rows, sop
from polling import eventually
from testbed import Postgres, Run
from testbed.broken_build import broken_build
from testbed.operator import Operator, start_operator
from testbed.team import Json, Team

pytestmark = pytest.mark.long

CHECKS = 500
SOPS = 10
EVERY = 4.0
HANGING = 24
WINDOW = 2 * EVERY
MOST_MORE = 0.1
"""Seconds by which the latest hundredth of all runs may be later than without that database."""
PAIRS = 4
"""Pairs of windows, at most, in which it may show that the database delays nobody."""

Start = Callable[..., Operator]


@pytest.fixture
def hanging_port() -> Iterator[int]:
    """A port that accepts connections, into the kernel's queue, and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=1000) as server:
        port: int = server.getsockname()[1]
        yield port


@pytest.fixture
def begin(
    team: Team, run: Run, operator_kubeconfig: Path, postgres: Postgres, hanging_port: int
) -> Iterator[Start]:
    """Start noting operators on a service with all its checks."""
    service(team, postgres, hanging_port)
    started: list[Operator] = []

    def begin(source: Path | None = None) -> Operator:
        operator = start_operator(
            run,
            operator_kubeconfig,
            f"--allow-dial=127.0.0.1:{postgres.port}",
            f"--allow-dial=127.0.0.1:{hanging_port}",
            log_level="warning",
            source=source,
            program="e2e.noting_operator",
        )
        started.append(operator)
        return operator

    yield begin
    for operator in started:
        operator.stop()


def test_checks_of_other_sources_start_as_if_it_was_not_there(team: Team, begin: Start) -> None:
    operator = begin()
    settle(operator)
    more: list[float] = []
    # Other programs may take the processor in one window and not in the other. What a source delays
    # it delays each time.
    while not more or (more[-1] > MOST_MORE and len(more) < PAIRS):
        without = lateness(operator)
        hang(team)
        beside = lateness(operator)
        told(without, beside)
        more.append(p99(beside) - p99(without))
        team.kubectl("delete", "servicesop", "hangs")
    assert more[-1] <= MOST_MORE, more


def test_they_would_not_if_all_sources_shared_slots(
    team: Team, begin: Start, tmp_path: Path
) -> None:
    shared = broken_build(
        tmp_path,
        "engine/asking.py",
        "async with watched.lock, watched.runner.turn:",
        "import asyncio; slots = globals().setdefault('_slots', asyncio.Semaphore(20))\n"
        "    async with slots, watched.lock, watched.runner.turn:",
    )
    operator = begin(shared)
    settle(operator)
    hang(team)
    beside = lateness(operator)
    print(f"with shared slots: {1000 * p99(beside):.1f} ms ({len(beside)} runs)")
    assert p99(beside) > 10 * MOST_MORE


def told(without: list[float], beside: list[float]) -> None:
    print(
        f"{CHECKS} checks every {EVERY:.0f} s, p99 of start - due: {1000 * p99(without):.1f} ms"
        f" ({len(without)} runs), beside {HANGING} checks of a database that never answers:"
        f" {1000 * p99(beside):.1f} ms ({len(beside)} runs)"
    )


def p99(values: list[float]) -> float:
    return sorted(values)[int(0.99 * len(values))]


def settle(operator: Operator) -> None:
    """Wait until each check has run twice: first runs come all at once and queue."""
    for _ in range(2):
        marked = len(others(operator))

        def all_have_run(marked: int = marked) -> bool:
            return len({name for name, _ in others(operator)[marked:]}) == CHECKS

        eventually(all_have_run, "all checks run", 60)


def lateness(operator: Operator) -> list[float]:
    """Give how late the runs of other sources' checks are from now on."""
    marked = len(others(operator))
    time.sleep(WINDOW)
    return [late for _, late in others(operator)[marked:]]


def others(operator: Operator) -> list[tuple[str, float]]:
    return [one for one in runs(operator) if not one[0].startswith("hangs")]


def runs(operator: Operator) -> list[tuple[str, float]]:
    """Give all runs so far: the check, and by how many seconds it was late."""
    lines = operator.process.log_text().splitlines()
    words = [line.removeprefix(PREFIX).split() for line in lines if line.startswith(PREFIX)]
    return [(name, float(late)) for name, late in words]


def service(team: Team, postgres: Postgres, hanging_port: int) -> None:
    """Make everything that the checks ask: pods and their logs, a database, and the dead one."""
    team.deploy(replicas=2)
    working = ServiceDatabase(postgres)
    team.secret("db", **working.login())
    team.secret("hangs", **working.login(port=str(hanging_port)))
    team.grant(secrets=("db", "hangs"))
    numbers = count()
    for number in range(SOPS):
        checks = [_some_check(next(numbers)) for _ in range(CHECKS // SOPS)]
        team.apply(
            sop(
                every=f"{EVERY:.0f}s",
                mode="Observe",
                checks=checks,
                connections=[database()],
                procedures=_procedures(checks),
            ),
            f"service-{number}",
        )


def _some_check(number: int) -> Json:
    name = f"check-{number}"
    match number % 20:
        case 0:
            return logs(name)
        case 1 | 2 | 3 | 4:
            return leader(name)
        case 5 | 6 | 7 | 8:
            return rows(name)
        case _:
            return ready(name, replicas=2)


def _procedures(checks: list[Json]) -> list[Json]:
    names = [one["name"] for one in checks]
    rest = {"name": "rest", "otherwise": True, "escalate": {"to": ["owners"]}}
    return [{"name": "Down", "checks": names[:12], "handle": [rest]}]


def hang(team: Team) -> None:
    """Let checks ask the dead database, and wait until all of them have had to give up once."""
    checks = [rows(f"hangs-{number}") for number in range(HANGING)]
    team.apply(
        sop(
            every="1s",
            mode="Observe",
            checks=checks,
            connections=[database("hangs")],
            procedures=_procedures(checks),
        ),
        "hangs",
    )
    team.wait(
        lambda status: all(check(status, one["name"]).get("state") == "Error" for one in checks),
        60,
        "hangs",
    )
