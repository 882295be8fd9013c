"""The check `leader` on real pods' logs, alone and beside a real lease table.

Where a wiki page's command judges wrongly, the test runs that command too.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import pytest

from integration.electing_pods import (
    BEAT,
    LOST,
    RUNNING,
    STOPPING,
    ElectingPods,
    Pod,
    judged,
    logs_of,
)
from integration.logged_pods import refused
from integration.logged_pods import restarted as has_restarted
from integration.reader import Reader
from servicesop.api.checks.check import Check
from servicesop.api.reasons import UnknownReason
from servicesop.checks.leader import leader_check
from servicesop.checks.runner import CheckRunner, Surroundings
from servicesop.judge.results import Verdict
from standins.fleet_manager import WORKERS
from standins.fleet_manager.kinds import ORPHAN
from testbed import ControlPlane

TABLE = """
CREATE TABLE leader_leases (id text PRIMARY KEY, created_at timestamptz, updated_at timestamptz,
deleted_at timestamptz, expires timestamptz, leader text, lease_type text)
"""
TAKE = """
INSERT INTO leader_leases (id, lease_type, leader, expires)
VALUES (%s, %s, %s, now() + %s::interval)
ON CONFLICT (id) DO UPDATE SET leader = excluded.leader, expires = excluded.expires
"""


@pytest.fixture
def service(control_plane: ControlPlane) -> Iterator[ElectingPods]:
    with ElectingPods.made(control_plane) as service:
        yield service


@pytest.fixture
def pods(service: ElectingPods) -> list[Pod]:
    service.grant("pods/log")
    service.deploy(3)
    return service.pods()


@pytest.fixture
async def cluster(service: ElectingPods) -> AsyncIterator[Surroundings]:
    async with service.surroundings() as cluster:
        yield cluster


@pytest.fixture
def reader(reader: Reader) -> Reader:
    reader.do(TABLE)
    reader.do(f"GRANT SELECT ON leader_leases TO {reader.user}")
    return reader


def take(reader: Reader, worker: str, holder: str, left: str = "40 s") -> None:
    reader.do(TAKE, worker, worker, holder, left)


def leader(
    around: Surroundings, *workers: str, reader: Reader | None = None, **logs: object
) -> CheckRunner:
    names = workers or ("cluster",)
    spec: dict[str, object] = {"workers": names, "logs": logs_of(*names, **logs)}
    if reader is not None:
        spec["lease"] = {"connection": "database", "table": "leader_leases"}
        database = reader.surroundings
        around = replace(around, database=database.database, connections=database.connections)
    return leader_check(Check.model_validate({"name": "led", "leader": spec}), around)


# ---- a lease table and logs


async def test_fourteen_workers_are_told_apart_where_the_page_sees_seven_and_an_orphan(
    service: ElectingPods, pods: list[Pod], cluster: Surroundings, reader: Reader
) -> None:
    one, two, _ = pods
    for number, worker in enumerate(WORKERS):
        pod = (one, two)[number % 2]
        pod.says(RUNNING, worker, ago=500)
        pod.says(BEAT, worker, ago=5)
        take(reader, worker, pod.identity)
    take(reader, ORPHAN, "cn3k-not-a-pod", "-30 days")

    # The page's own command for one worker, and the query without the list of workers.
    assert sum(service.grep("Running as the leader.*KafkaManager").values()) == 7
    assert reader.do("SELECT lease_type FROM leader_leases WHERE expires <= now()") == [(ORPHAN,)]

    sample = await judged(leader(cluster, *WORKERS, reader=reader))
    assert sample.verdict is Verdict.PASSED
    assert sample.evidence[:2] == (
        f"cluster: led by {one.name}",
        f"dynamic_scale_up: led by {two.name}",
    )
    sample = await judged(leader(cluster, "general_kafka_worker", reader=reader))
    assert sample.evidence == (f"general_kafka_worker: led by {two.name}",)


async def test_a_lease_that_ran_out_is_no_leader_whatever_the_logs_say(
    pods: list[Pod], cluster: Surroundings, reader: Reader
) -> None:
    pods[0].says(RUNNING, ago=500)
    pods[0].says(BEAT)
    take(reader, "cluster", pods[0].identity, "-1 s")
    sample = await judged(leader(cluster, reader=reader))
    assert sample.findings == {"None"}
    assert sample.evidence == (f"cluster: no valid lease; by its log, {pods[0].name} leads",)


async def test_a_worker_that_hangs_keeps_its_lease_and_shows_no_heartbeat(
    service: ElectingPods, pods: list[Pod], cluster: Surroundings, reader: Reader
) -> None:
    pods[1].says(RUNNING, ago=500)
    pods[1].says(BEAT, ago=100)
    take(reader, "cluster", pods[1].identity)
    check = leader(cluster, reader=reader)
    # The line is there, and the lease is renewed by another part of the process.
    assert service.grep("Running as the leader.*ClusterManager") == {pods[1].name: 1}
    assert reader.do("SELECT count(*) FROM leader_leases WHERE expires > now()") == [(1,)]
    sample = await judged(check)
    assert sample.findings == {"NoHeartbeat"}
    assert sample.evidence == (f"cluster: no heartbeat of {pods[1].name}",)
    pods[1].says(BEAT)
    assert (await judged(check)).verdict is Verdict.PASSED


async def test_two_leaders_are_seen_in_the_logs_and_never_in_the_table(
    service: ElectingPods, pods: list[Pod], cluster: Surroundings, reader: Reader
) -> None:
    one, two, _ = pods
    for pod in (one, two):
        pod.says(RUNNING, ago=10)
    take(reader, "cluster", two.identity)
    assert reader.do("SELECT count(*) FROM leader_leases WHERE expires > now()") == [(1,)]
    check = leader(cluster, reader=reader)
    sample = await judged(check)
    assert sample.findings == {"Many"}
    names = ", ".join(sorted((one.name, two.name)))
    assert sample.evidence == (
        f"cluster: 2 pods lead by their logs: {names}; {two.name} holds the lease",
    )
    one.says(LOST)
    one.says(STOPPING)
    sample = await judged(check)
    assert (sample.verdict, sample.evidence) == (Verdict.PASSED, (f"cluster: led by {two.name}",))
    # The page's grep sees both for as long as the line is in the file.
    assert len(service.grep("Running as the leader.*ClusterManager")) == 2


async def test_without_leader_lines_the_lease_alone_finds_none_and_nothing_else_is_known(
    service: ElectingPods, pods: list[Pod], cluster: Surroundings, reader: Reader
) -> None:
    take(reader, "cluster", pods[0].identity)
    assert service.grep("Running as the leader.*ClusterManager") == {}
    check = leader(cluster, reader=reader)
    sample = await judged(check, after=200)
    assert (sample.verdict, sample.reason) == (Verdict.INCONCLUSIVE, UnknownReason.SILENT_LOGS)
    take(reader, "cluster", pods[0].identity, "-1 s")
    assert (await judged(check, after=215)).findings == {"None"}


# ---- logs alone


async def test_the_line_of_a_healthy_leader_may_be_rotated_away(
    service: ElectingPods, pods: list[Pod], cluster: Surroundings
) -> None:
    healthy = pods[0]
    healthy.says(RUNNING, ago=500)
    healthy.says(BEAT, ago=20)
    check = leader(cluster)
    assert (await judged(check)).verdict is Verdict.PASSED
    healthy.prints("more")
    healthy.log.rotate()
    healthy.prints("in the new file")
    assert service.grep("Running as the leader.*ClusterManager") == {}
    sample = await judged(check)
    assert (sample.verdict, sample.reason) == (Verdict.INCONCLUSIVE, UnknownReason.NOT_COVERED)
    healthy.says(BEAT)
    sample = await judged(check)
    assert sample.evidence == (f"cluster: led by {healthy.name}",)


async def test_a_former_leader_and_a_renamed_package_mislead_only_the_page(
    service: ElectingPods, pods: list[Pod], cluster: Surroundings
) -> None:
    former, today, _ = pods
    former.prints(f"{RUNNING} *workers.ClusterManager [{former.identity}]", ago=500)
    former.prints(f"{LOST} *workers.ClusterManager [{former.identity}]", ago=300)
    today.says(RUNNING, ago=290)
    today.says(BEAT, ago=5)
    assert service.grep("Running as the leader.*ClusterManager").keys() == {
        former.name,
        today.name,
    }
    # What the page says that one should see, to the letter.
    exact = re.escape("Running as the leader and starting worker *workers.ClusterManager")
    assert service.grep(exact) == {former.name: 1}
    sample = await judged(leader(cluster))
    assert (sample.verdict, sample.evidence) == (Verdict.PASSED, (f"cluster: led by {today.name}",))


async def test_the_line_of_a_restarted_container_is_that_of_another_process(
    service: ElectingPods, pods: list[Pod], cluster: Surroundings
) -> None:
    restarted, today, _ = pods
    restarted.says(RUNNING, ago=500)
    restarted.says(BEAT, ago=60)
    followed = leader(cluster)
    assert (await judged(followed)).evidence == (f"cluster: led by {restarted.name}",)
    service.crash(restarted.name, restarted.log)
    restarted.prints("starting again")
    await service.seen(cluster, has_restarted)
    # With --previous the page's command still finds a leader where there is none.
    assert service.grep("Running as the leader.*ClusterManager") == {}
    assert restarted.name in service.grep("Running as the leader.*ClusterManager", "--previous")
    for check in (followed, leader(cluster, heartbeat=None)):
        assert (await judged(check)).findings == {"None"}
    today.says(RUNNING)
    for check in (followed, leader(cluster)):
        sample = await judged(check)
        assert (sample.verdict, sample.evidence) == (
            Verdict.PASSED,
            (f"cluster: led by {today.name}",),
        )


async def test_when_the_leader_is_deleted_the_others_silence_tells_that_nobody_leads(
    service: ElectingPods, pods: list[Pod], cluster: Surroundings
) -> None:
    gone = pods[0]
    gone.says(RUNNING, ago=500)
    check = leader(cluster, heartbeat=None)
    assert (await judged(check)).verdict is Verdict.PASSED
    await asyncio.to_thread(service.kubectl, "delete", "pod", gone.name)
    await asyncio.to_thread(service.rolled_out)
    await service.seen(
        cluster,
        lambda found: len(found) == 3 and gone.name not in {pod.name for pod in found},
    )
    assert (await judged(check)).findings == {"None"}


async def test_a_runner_that_may_not_read_logs_is_an_error(
    service: ElectingPods, pods: list[Pod], cluster: Surroundings
) -> None:
    service.kubectl("delete", "rolebinding", "pods-log")

    assert (await refused(leader(cluster))).reason is UnknownReason.ACCESS_DENIED
