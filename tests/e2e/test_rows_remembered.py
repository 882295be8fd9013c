"""How long a row has been in its status is known across a crash of the operator."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from e2e.service_database import ServiceDatabase
from e2e.sops import check, database, rows, sop
from testbed import Postgres, Run
from testbed.broken_build import broken_build
from testbed.operator import Operator, start_operator
from testbed.team import Json, Team, is_

OLDER_THAN = 16.0
"""Seconds. A process that remembers nothing needs as many from its start on."""


def is_stuck(status: Json) -> bool:
    return "Stuck" in check(status, "moves-on").get("findings", [])


def watch_a_busy_row(team: Team, postgres: Postgres) -> float:
    """Make an SOP on one row that is written all the time; give when the row came, at the latest.

    A view does the writing: its `updated_at` is always now.
    """
    served = ServiceDatabase(postgres)
    served.give_login(team)
    team.grant(secrets=("db",))
    served.do("CREATE VIEW busy AS SELECT id, status, now() AS updated_at, deleted_at FROM jobs")
    served.do(f"GRANT SELECT ON busy TO {served.role}")
    served.do("INSERT INTO jobs VALUES ('row-1', 'accepted')")
    came = time.monotonic()
    moves_on = rows(table="busy", olderThan=f"{OLDER_THAN:.0f}s")
    team.apply(sop(checks=[moves_on], connections=[database()]))
    return came


def options(postgres: Postgres) -> tuple[str, ...]:
    return (f"--allow-dial=127.0.0.1:{postgres.port}", "--heartbeat=10m", "--start-hold=1s")


def seen(status: Json) -> list[Json]:
    found: list[Json] = check(status, "moves-on").get("seen", [])
    return found


def test_a_row_that_was_seen_before_a_crash_is_stuck_in_time(
    team: Team, postgres: Postgres, start: Callable[..., Operator]
) -> None:
    first = start(*options(postgres))
    came = watch_a_busy_row(team, postgres)
    team.wait(lambda status: is_(status, "Healthy", "True"))
    kept = team.wait(seen, 2 * OLDER_THAN)
    assert time.monotonic() - came > OLDER_THAN / 2
    assert not is_stuck(kept)
    assert "row-1" not in str(kept)
    first.kill()

    mark = team.control_plane.audit().mark()
    restarted = time.monotonic()
    start(*options(postgres))
    found = team.wait(is_stuck, OLDER_THAN)
    print(f"stuck {time.monotonic() - came:.1f} s after it came")
    assert time.monotonic() - came > OLDER_THAN
    assert time.monotonic() - restarted < OLDER_THAN
    assert seen(found) == seen(kept)
    # Looking at it every second was no reason to write; that it is stuck was (Pending, Failed).
    written = team.control_plane.audit().mutations(
        by="system:serviceaccount:servicesop-system:servicesop", since=mark
    )
    assert 1 <= len([one for one in written if one.resource == "servicesops"]) <= 2


def test_without_its_memory_it_is_not(
    team: Team,
    postgres: Postgres,
    start: Callable[..., Operator],
    run: Run,
    operator_kubeconfig: Path,
    tmp_path: Path,
) -> None:
    first = start(*options(postgres))
    watch_a_busy_row(team, postgres)
    team.wait(seen, 2 * OLDER_THAN)
    first.kill()

    forgetful = broken_build(
        tmp_path, "engine/sop.py", "watched.remembers.recall(written.seen)", "pass"
    )
    restarted = time.monotonic()
    second = start_operator(run, operator_kubeconfig, *options(postgres), source=forgetful)
    try:
        with pytest.raises(AssertionError, match="not within"):
            team.wait(is_stuck, restarted + OLDER_THAN - time.monotonic())
    finally:
        second.stop()
