"""The page's own way to read the fleet manager's tables, and ours, on the same rows.

Each test sets up one trap, on the service's schema in a real PostgreSQL. The page's query is run as
it stands there, and judged as a person does who follows the page; it judges wrongly, ours right.
"""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import standins.fleet_manager.database as service
from integration.reader import Reader
from polling import answer
from servicesop.api.checks.check import Check
from servicesop.api.procedures import Row
from servicesop.checks.leader import leader_check
from servicesop.checks.runner import CheckRunner
from servicesop.checks.sql import SqlRunner
from servicesop.checks.stuck_rows import StuckRowsRunner
from servicesop.decide import table
from servicesop.judge import debounce
from servicesop.judge.debounce import Memory, Windows
from servicesop.judge.results import Sample, Verdict, failed, passed

# Ages are taken by the database's clock; this one must not matter.
NOW = datetime(1999, 1, 1, tzinfo=UTC)
SCHEMA = (Path(service.__file__).parent / "schema.sql").read_text()

KAFKAS_THAT_MOVE = ["accepted", "preparing", "provisioning", "suspending", "resuming"]
KAFKAS_THAT_GO = ["deprovision", "deleting"]
CLUSTERS_THAT_MOVE = [
    *("cluster_provisioning", "cluster_provisioned", "waiting_for_kas_fleetshard_operator"),
    *("deprovisioning", "cleanup"),
]


@pytest.fixture
def reader(reader: Reader) -> Reader:
    reader.do(SCHEMA)
    reader.do(f"GRANT SELECT ON clusters, kafka_requests, leader_leases TO {reader.user}")
    return reader


def insert(
    reader: Reader,
    name: str,
    id_: str,
    status: str,
    idle: str = "0 s",
    *,
    created: str = "30 days",
    deleted: str | None = None,
) -> None:
    reader.do(
        f"INSERT INTO {name} (id, cluster_id, status, created_at, updated_at, deleted_at)"
        " VALUES (%s, %s, %s, now() - %s::interval, now() - %s::interval, now() - %s::interval)",
        *(id_, f"ocm-{id_}", status, created, idle, deleted),
    )


# The page: a table of statuses, idle times and counts, read by a person.

Page = list[tuple[str, str, int]]


def page(reader: Reader, name: str) -> Page:
    rows = reader.do(
        "select status, to_char(now() - updated_at,'HH24:MI') idle_time, count(1)"
        f" from {name} group by status, to_char(now() - updated_at,'HH24:MI')"
    )
    return [(str(status), str(idle), int(str(count))) for status, idle, count in rows]


def page_says_stuck(shown: Page, but: tuple[str, ...], limit: str = "00:45") -> bool:
    """Requests that are not in these statuses, and whose idle time is over the limit."""
    return any(status not in but and idle > limit for status, idle, _ in shown)


# Ours: checks as an SOP has them.


def rows_check(reader: Reader, **spec: object) -> StuckRowsRunner:
    check = Check.model_validate(
        {"name": "rows-move-on", "stuckRows": {"connection": "database"} | spec}
    )
    return StuckRowsRunner(check, reader.surroundings)


def kafkas_move_on(reader: Reader, older_than: str = "45m") -> StuckRowsRunner:
    statuses = KAFKAS_THAT_MOVE + KAFKAS_THAT_GO
    return rows_check(reader, table="kafka_requests", statuses=statuses, olderThan=older_than)


def clusters_move_on(reader: Reader, older_than: str = "45m") -> StuckRowsRunner:
    return rows_check(reader, table="clusters", statuses=CLUSTERS_THAT_MOVE, olderThan=older_than)


async def judged(runner: CheckRunner) -> Sample:
    return await runner.run(NOW)


async def until_failed(runner: CheckRunner, reader: Reader, meanwhile: str) -> Sample:
    """Run a statement of the service and the check again and again, until the check fails."""

    async def run() -> Sample:
        reader.do(meanwhile.replace("%(now)s", "now()"))
        return await judged(runner)

    return await answer(run, lambda sample: sample.verdict is not Verdict.PASSED, 15)


async def test_1_a_soft_deleted_row_is_stuck_for_ever_on_the_page(reader: Reader) -> None:
    insert(reader, "kafka_requests", "k1", "deleting", "9 h", deleted="9 h")
    insert(reader, "kafka_requests", "k2", "deprovision", "5 h", deleted="5 h")
    insert(reader, "clusters", "c1", "cleanup", "7 h", deleted="7 h")
    assert page_says_stuck(page(reader, "kafka_requests"), ("ready", "accepted"))
    assert page_says_stuck(page(reader, "clusters"), ("ready", "cluster_accepted"))
    assert (await judged(kafkas_move_on(reader))).verdict is Verdict.PASSED
    assert (await judged(clusters_move_on(reader))).verdict is Verdict.PASSED
    # The same rows, not deleted.
    reader.do("UPDATE kafka_requests SET deleted_at = NULL WHERE id = 'k2'")
    assert (await judged(kafkas_move_on(reader))).evidence == ("k2 deprovision over 45m",)


async def test_2_hours_and_minutes_hide_the_days(reader: Reader) -> None:
    insert(reader, "kafka_requests", "k1", "deprovision", "8 days")
    insert(reader, "clusters", "c1", "cleanup", "2 days 44 minutes")
    assert page(reader, "kafka_requests") == [("deprovision", "00:00", 1)]
    assert page(reader, "clusters") == [("cleanup", "00:44", 1)]
    assert not page_says_stuck(page(reader, "kafka_requests"), ("ready", "accepted"))
    assert not page_says_stuck(page(reader, "clusters"), ("ready", "cluster_accepted"))
    assert (await judged(kafkas_move_on(reader))).evidence == ("k1 deprovision over 45m",)
    assert (await judged(clusters_move_on(reader))).evidence == ("c1 cleanup over 45m",)


@pytest.mark.parametrize(
    ("name", "status", "rewrites"),
    [
        ("kafka_requests", "provisioning", service.ROUNDS["certificates of Kafkas"]),
        (
            "clusters",
            "cluster_provisioning",
            "UPDATE clusters SET updated_at = now() WHERE status = 'cluster_provisioning'",
        ),
    ],
    ids=["the worker of TLS certificates", "a status call that OCM answers"],
)
async def test_3_workers_make_a_stuck_row_look_fresh(
    reader: Reader, name: str, status: str, rewrites: str
) -> None:
    insert(reader, name, "row-1", status)
    runners = (kafkas_move_on(reader, "2s"), clusters_move_on(reader, "2s"))
    runner = runners[name == "clusters"]
    assert (await judged(runner)).verdict is Verdict.PASSED
    sample = await until_failed(runner, reader, rewrites)
    assert sample.evidence == (f"row-1 {status} over 2s",)
    # The query that looks at `updated_at` alone, even with intervals, never finds it.
    late = f"SELECT id FROM {name} WHERE now() - updated_at > interval '2 s'"
    assert reader.do(late) == []
    assert not page_says_stuck(page(reader, name), ("ready",), "00:00")


RESTART = {"restart": {}, "verify": {"checks": ["cluster-leader"]}}
HANDLE = [
    {"name": "no-leader", "when": {"anyFailed": ["cluster-leader/None"]}, "remediate": RESTART},
    {"name": "ocm-refuses", "when": {"anyFailed": ["ocm-accepts"]}, "escalate": {"to": ["ocm"]}},
    {"name": "idle", "when": {"anyFailed": ["accepted-moves-on"]}, "remediate": RESTART},
    {"name": "otherwise", "otherwise": True, "escalate": {"to": ["control-plane"]}},
]
OCM_ERROR = "failed to reconcile accepted cluster c1: failed to create cluster c1: 500"


async def decided(reader: Reader, log: list[str]) -> str:
    """Give the name of the row that the SOP's table comes to, with two runs of each check."""
    lease = {"connection": "database", "table": "leader_leases"}
    led = Check.model_validate(
        {"name": "cluster-leader", "leader": {"workers": ["cluster"], "lease": lease}}
    )
    stuck = rows_check(reader, table="clusters", statuses=["cluster_accepted"], olderThan="3m")
    refusals = sum(re.search("failed to create cluster", line) is not None for line in log)
    samples = {
        "cluster-leader": await judged(leader_check(led, reader.surroundings)),
        "ocm-accepts": failed({"TooMany"}, "lines") if refusals else passed(),
        "accepted-moves-on": await judged(stuck),
    }
    checks = {name: believed(sample) for name, sample in samples.items()}
    return table.read(tuple(Row.model_validate(row) for row in HANDLE), checks).row.name


def believed(sample: Sample) -> Memory:
    at_once = Windows(dict.fromkeys(sample.findings, timedelta()), timedelta())
    memory = debounce.begin(NOW)
    for _ in range(2):
        memory = debounce.step(memory, sample, NOW, at_once)
    return memory


async def test_4_a_restart_cannot_help_while_ocm_refuses(reader: Reader) -> None:
    insert(reader, "clusters", "c1", "cluster_accepted", "12 min")
    lease = "UPDATE leader_leases SET expires = now() + %s::interval"
    reader.do(
        "INSERT INTO leader_leases (id, leader, lease_type, expires)"
        " VALUES ('1', 'pod-1', 'cluster', now() + interval '40 s')"
    )
    shown = page(reader, "clusters")
    # The page restarts the pods if a request is accepted and its idle time is over 3 minutes.
    assert any(status == "cluster_accepted" and idle > "00:03" for status, idle, _ in shown)
    assert await decided(reader, [OCM_ERROR]) == "ocm-refuses"
    # A lost leader gets its restart, whatever OCM says; so does a worker that hangs.
    reader.do(lease, "-5 s")
    assert await decided(reader, [OCM_ERROR]) == "no-leader"
    reader.do(lease, "40 s")
    assert await decided(reader, []) == "idle"


async def test_5_a_cluster_that_is_gone_is_not_ready(reader: Reader) -> None:
    insert(reader, "clusters", "c1", "ready", "3 h", deleted="1 h")
    insert(reader, "clusters", "c2", "cluster_provisioning", "1 min", created="5 min")
    ready = rows_check(reader, table="clusters", statuses=["ready"], min=1)
    assert any(status == "ready" for status, _, _ in page(reader, "clusters"))
    sample = await judged(ready)
    assert sample.findings == frozenset({"TooFew"})
    assert sample.message == "fewer than 1 row in ready"
    assert sample.evidence == ("no row in ready",)
    insert(reader, "clusters", "c3", "ready")
    assert (await judged(ready)).verdict is Verdict.PASSED


async def test_5_a_fleet_that_is_scaled_to_zero_is_well(reader: Reader) -> None:
    insert(reader, "clusters", "c1", "cleanup", "3 h", deleted="1 h")
    assert not any(status == "ready" for status, _, _ in page(reader, "clusters"))
    query = (
        "SELECT count(*) FILTER (WHERE status = 'ready') FROM clusters"
        " WHERE deleted_at IS NULL HAVING count(*) > 0"
    )
    check = Check.model_validate(
        {
            "name": "a-cluster-is-ready",
            "sql": {
                "connection": "database",
                "query": query,
                "value": {"min": "1", "onEmpty": "Passed"},
            },
        }
    )
    runner = SqlRunner(check, reader.surroundings)
    assert (await judged(runner)).verdict is Verdict.PASSED
    insert(reader, "clusters", "c2", "deprovisioning", "1 min")
    assert (await judged(runner)).findings == frozenset({"TooFew"})


async def test_6_not_every_healthy_kafka_is_ready(reader: Reader) -> None:
    insert(reader, "kafka_requests", "k1", "ready", "10 s")
    insert(reader, "kafka_requests", "k2", "suspended", "20 days")
    insert(reader, "kafka_requests", "k3", "deprovision", "2 min")
    assert any(status != "ready" for status, _, _ in page(reader, "kafka_requests"))
    assert page_says_stuck(page(reader, "kafka_requests"), ("ready", "accepted"), "00:01")
    assert (await judged(kafkas_move_on(reader))).verdict is Verdict.PASSED


async def test_7_a_kafka_that_nobody_accepted_in_an_hour_has_failed(reader: Reader) -> None:
    # At one hour the worker turns it to failed: the page's 45 minutes see it for a quarter of one.
    insert(reader, "kafka_requests", "k1", "failed", "1 min", created="61 min")
    shown = page(reader, "kafka_requests")
    assert not any(
        status in ("accepted", "provisioning", "resource_creating") and idle > "00:45"
        for status, idle, _ in shown
    )
    limits = [
        {"statuses": ["accepted"], "olderThan": "5m"},
        {"statuses": KAFKAS_THAT_MOVE[1:], "olderThan": "45m"},
        {"statuses": ["failed"], "max": 0},
    ]
    runner = rows_check(reader, table="kafka_requests", limits=limits)
    sample = await judged(runner)
    assert sample.findings == frozenset({"TooMany"})
    assert sample.message == "more than 0 rows in failed"
    assert sample.evidence == ("k1 failed",)
    # And long before that it was late.
    insert(reader, "kafka_requests", "k2", "accepted", "6 min", created="6 min")
    assert not page_says_stuck([("accepted", "00:06", 1)], ("ready",))
    sample = await judged(runner)
    assert sample.findings == frozenset({"Stuck", "TooMany"})
    assert sample.evidence == ("k2 accepted over 5m", "k1 failed")


async def test_8_the_page_counts_and_does_not_name(reader: Reader) -> None:
    for number in range(3):
        insert(reader, "kafka_requests", f"kafka-{number}", "provisioning", f"{90 - number} min")
        insert(reader, "clusters", f"cluster-{number}", "failed", "1 h")
    shown = [page(reader, name) for name in ("kafka_requests", "clusters")]
    assert "kafka-" not in repr(shown)
    assert "cluster-" not in repr(shown)
    assert (await judged(kafkas_move_on(reader))).evidence == tuple(
        f"kafka-{number} provisioning over 45m" for number in range(3)
    )
    none_failed = rows_check(reader, table="clusters", statuses=["failed"], max=0)
    assert (await judged(none_failed)).evidence == tuple(
        f"cluster-{number} failed" for number in range(3)
    )


async def test_9_a_pods_clock_that_is_ahead_hides_a_row_until_it_is_caught_up(
    reader: Reader,
) -> None:
    # `updated_at` is the pod's time, now() the database's: the age is below zero for an hour.
    insert(reader, "kafka_requests", "k1", "deprovision", "-1 h")
    runner = kafkas_move_on(reader, "2s")
    assert (await judged(runner)).verdict is Verdict.PASSED
    sample = await until_failed(runner, reader, "SELECT 1")
    assert sample.evidence == ("k1 deprovision over 2s",)
    late = "SELECT id FROM kafka_requests WHERE now() - updated_at > interval '2 s'"
    assert reader.do(late) == []
    assert not page_says_stuck(page(reader, "kafka_requests"), ("ready",), "00:00")
