"""Checks that depend on another: who waits, who is told, and how soon they run again."""

import time
from collections.abc import Callable

from e2e.service_database import ServiceDatabase
from e2e.sops import check, database, leader, ready, rows, sop
from testbed import Postgres
from testbed.gate import Gate
from testbed.operator import Operator
from testbed.team import Json, Team, condition, is_

ANSWERS = rows("database-answers") | {"every": "1s"}
SOON_SECONDS = 8.0
"""Much less than the minute after which those that wait would run by the clock."""


def states(status: Json) -> dict[str, str]:
    return {one["name"]: one["state"] for one in status.get("checks", [])}


def test_a_dead_database_is_one_problem_and_everything_runs_when_it_is_back(
    team: Team, postgres: Postgres, start: Callable[..., Operator]
) -> None:
    served = ServiceDatabase(postgres)
    with Gate(postgres.port) as gate:
        team.secret("db", **served.login(port=str(gate.port)))
        team.grant(secrets=("db",))
        start(f"--allow-dial=127.0.0.1:{gate.port}")
        spec = sop(
            every="1m",
            blindFor="2s",
            targets=[],
            checks=[
                ANSWERS,
                leader() | {"dependsOn": ["database-answers"]},
                rows() | {"dependsOn": ["led"]},
            ],
            connections=[database()],
        )
        team.apply(spec)
        team.wait(lambda status: is_(status, "Healthy", "True"), SOON_SECONDS)

        gate.close()
        status = team.wait(lambda status: status.get("escalations"), SOON_SECONDS)
        assert states(status) == {
            "database-answers": "Error",
            "led": "Skipped",
            "moves-on": "Skipped",
        }
        led, moves = check(status, "led"), check(status, "moves-on")
        assert (led["reason"], led["message"]) == ("DependsOn", "waits for database-answers")
        assert moves["message"] == "waits for led; the cause is database-answers"
        # One problem is told, once: the dead source.
        (called,) = status["escalations"]
        assert (called["reason"], called["checks"]) == ("Blind", ["database-answers"])
        healthy = condition(status, "Healthy")
        assert (healthy["status"], healthy["reason"]) == ("Unknown", "ChecksUnknown")
        assert healthy["message"].startswith("database-answers: Unreachable: ")
        assert "led" not in healthy["message"]
        assert (status["failing"], status["checksSummary"]) == ("Blind: database", "0/3, 2 skipped")

        gate.open()
        status = team.wait(lambda status: is_(status, "Healthy", "True"), SOON_SECONDS)
        assert "escalations" not in status or not status["escalations"]
        assert status["checksSummary"] == "3/3"
    events = team.kubectl("get", "events.events.k8s.io", "-o", "jsonpath={.items[*].note}")
    assert events.count("led: waits for database-answers") == 1


def test_who_waits_asks_nobody(
    team: Team, postgres: Postgres, start: Callable[..., Operator]
) -> None:
    served = ServiceDatabase(postgres)
    served.give_login(team)
    team.grant(secrets=("db",))
    start(f"--allow-dial=127.0.0.1:{postgres.port}")
    spec = sop(
        targets=[],
        checks=[ANSWERS, leader() | {"dependsOn": ["database-answers"]}],
        connections=[database()],
    )
    team.apply(spec)
    team.wait(lambda status: is_(status, "Healthy", "True"))
    assert reads_in(served, 3) > 0

    # It answers, and what it answers is not good: nothing keeps the other one from asking.
    served.do("INSERT INTO jobs VALUES ('a', 'accepted', now() - interval '1 day', NULL)")
    status = team.wait(lambda status: check(status, "led").get("state") == "Skipped")
    status = team.wait(lambda status: check(status, "database-answers")["state"] == "Failed")
    assert condition(status, "Down")["status"] == "True"
    assert [one["reason"] for one in status["escalations"]] == ["NoRowMatches"]
    assert reads_in(served, 3) == 0
    assert check(team.status(), "led")["state"] == "Skipped"

    served.do("DELETE FROM jobs")
    team.wait(lambda status: is_(status, "Healthy", "True"))


def test_a_suspended_check_is_not_run_and_calls_nobody(
    team: Team, postgres: Postgres, start: Callable[..., Operator]
) -> None:
    served = ServiceDatabase(postgres)
    served.lose_leader()
    served.give_login(team)
    team.deploy(replicas=1)
    team.grant(secrets=("db",))
    start(f"--allow-dial=127.0.0.1:{postgres.port}")
    checks = [leader() | {"suspend": True}, ready(replicas=1)]
    spec = sop(checks=checks, connections=[database()], blindFor="1s")
    team.apply(spec)
    status = team.wait(lambda status: states(status) == {"led": "Suspended", "ready": "Passed"})
    time.sleep(4)  # several times `blindFor`: nobody is called, which nothing tells of
    status = team.status()
    healthy = condition(status, "Healthy")
    assert (healthy["status"], healthy["reason"]) == ("Unknown", "ChecksSuspended")
    assert healthy["message"] == "led: Suspended: the check's suspend is true"
    assert (status["failing"], status["checksSummary"]) == ("Suspended: led", "1/2, 1 suspended")
    assert condition(status, "Escalated")["status"] == "False"
    assert reads_in(served, 1) == 0

    team.apply(spec | {"checks": [leader(), checks[1]]})
    status = team.wait(lambda status: is_(status, "Healthy", "False"))
    assert check(status, "led")["state"] == "Failed"


def reads_in(served: ServiceDatabase, seconds: float) -> int:
    """Count the reads of the leases in a span of time, once the server has counted those before."""
    time.sleep(2)
    before = served.reads("leases")
    time.sleep(seconds)
    return served.reads("leases") - before
