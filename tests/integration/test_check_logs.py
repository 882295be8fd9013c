"""The check `logs` on real pods, with their logs served as a kubelet serves them."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from integration.logged_pods import LoggedPods, refused, restarted
from servicesop.api.checks.check import Check
from servicesop.api.reasons import UnknownReason
from servicesop.checks.logs import logs_check
from servicesop.checks.runner import CheckRunner, Surroundings, Turn
from servicesop.judge.results import Sample, Verdict
from servicesop.sources.errors import SourceError
from servicesop.sources.kubernetes.logs import LogRequest, OnChunk
from surroundings import Logs
from testbed import ControlPlane, PodLog

CANARY = "canary-in-a-log-line"


class Service(LoggedPods):
    """Two pods, whose logs the runner may read."""

    def logs(self) -> dict[str, PodLog]:
        return {pod: self.log(pod) for pod in self.names()}


@pytest.fixture
def service(control_plane: ControlPlane) -> Iterator[Service]:
    with Service.made(control_plane) as service:
        service.grant("pods/log")
        service.deploy(2)
        yield service


@pytest.fixture
async def around(service: Service) -> AsyncIterator[Surroundings]:
    async with service.surroundings() as around:
        yield around


def check(around: Surroundings, **spec: object) -> CheckRunner:
    fields = {"pattern": "failed to create cluster", "within": "1m", "max": 0} | spec
    fields = {key: value for key, value in fields.items() if value is not None}
    return logs_check(Check.model_validate({"name": "ocm-accepts", "logs": fields}), around)


async def check_all(around: Surroundings) -> Sample:
    runner = check(around, pattern="tick", within="24h", max=0)
    return await runner.run(datetime.now(UTC) + timedelta(minutes=30))


def counts(sample: Sample) -> list[int]:
    return [int(line.rsplit(" ", 1)[1]) for line in sample.evidence]


async def known(service: Service, around: Surroundings, pods: list[str]) -> None:
    await service.seen(around, lambda found: sorted(pod.name for pod in found) == pods)


async def test_lines_are_counted_once_over_pods_runs_and_the_end_of_a_pod(
    service: Service, around: Surroundings
) -> None:
    logs = service.logs()
    for log in logs.values():
        log.append("started")
    runner = check(around, max=2)
    assert (await runner.run(datetime.now(UTC))).verdict is Verdict.PASSED
    one, two = logs
    logs[one].append(f"failed to create cluster {CANARY}")
    logs[two].append(f"failed to create cluster {CANARY}")
    assert (await runner.run(datetime.now(UTC))).verdict is Verdict.PASSED
    logs[one].append(f"failed to create cluster {CANARY}")
    many = await runner.run(datetime.now(UTC))
    again = await runner.run(datetime.now(UTC))
    await asyncio.to_thread(service.kubectl, "delete", "pod", one)
    await asyncio.to_thread(service.rolled_out)
    await known(service, around, service.names())
    after = await runner.run(datetime.now(UTC))

    assert many.findings == {"TooMany"}
    assert many.evidence == (f"{one}: 2", f"{two}: 1")
    assert counts(again) == [2, 1]
    assert after.findings == {"TooMany"}
    assert sorted(counts(after)) == [0, 1, 2]
    assert CANARY not in repr((many, again, after))


TOKEN_EXCHANGE = "ErrorMeteringTokenExchangeFailure: IAM token exchange failure ({})"
CLASSES = [
    {"name": "Unauthorized", "pattern": r"\((401|403)\)", "minShare": "0.25"},
    {"name": "RateLimit", "pattern": r"\(429\)", "minShare": "0.5"},
    {"name": "Other", "rest": True, "minShare": "0.5"},
]


async def test_more_than_fifty_failures_in_an_hour_are_told_apart_by_class_and_pod(
    service: Service, around: Surroundings
) -> None:
    one, two = service.logs().values()
    for log in (one, two):
        log.append("started")
    runner = check(
        around, pattern="ErrorMeteringTokenExchangeFailure", within="1h", max=50, classes=CLASSES
    )
    for _ in range(50):
        one.append(TOKEN_EXCHANGE.format(429))
    at_the_limit = await runner.run(datetime.now(UTC))
    one.append(TOKEN_EXCHANGE.format(500))
    limited = await runner.run(datetime.now(UTC))
    for _ in range(20):
        two.append(TOKEN_EXCHANGE.format(401))
    both = await runner.run(datetime.now(UTC))
    for _ in range(100):
        two.append(TOKEN_EXCHANGE.format(500))
    other = await runner.run(datetime.now(UTC))

    assert at_the_limit.verdict is Verdict.PASSED
    assert limited.findings == {"TooMany", "RateLimit", "SinglePod"}
    assert limited.message == (
        "more than 50 lines match the pattern within 1h: RateLimit; only one pod logs them"
    )
    assert limited.evidence[0] == "of 51: RateLimit 50, Other 1"
    assert both.findings == {"TooMany", "Unauthorized", "RateLimit"}
    assert other.findings == {"TooMany", "Other"}


async def test_a_heartbeat_that_stops_in_one_pod_is_too_few_there(
    service: Service, around: Surroundings
) -> None:
    one, two = service.logs().values()
    begin = datetime.now(UTC)
    runner = check(around, pattern="reconciliation loop", within="20s", min=1, max=None, per="Pod")
    for log in (one, two):
        log.append("Initial reconciliation loop for *cluster_mgrs.ClusterManager", begin)
    young = await runner.run(begin + timedelta(seconds=1))
    one.append("Timeout triggered reconciliation loop", begin + timedelta(seconds=30))
    two.append("not currently leader, skipping", begin + timedelta(seconds=30))
    later = await runner.run(begin + timedelta(seconds=40))
    assert young.verdict is Verdict.PASSED
    assert later.findings == {"TooFew"}
    assert later.message == "fewer than 1 lines of one pod match the pattern within 20s"
    assert counts(later)[:2] == [1, 0]


async def test_a_message_of_several_lines_counts_once(
    service: Service, around: Surroundings
) -> None:
    one, two = service.logs().values()
    begin = datetime.now(UTC)
    for log in (one, two):
        log.append("I1121 11:00:00.000000       1 main.go:10] started", begin)
    for line in (
        "E1121 11:00:01.000000       1 worker.go:10] failed to reconcile accepted cluster",
        "    caused by: failed to create cluster",
        "    caused by: the server answered 500",
    ):
        one.append(line, begin + timedelta(seconds=1))
    runner = check(
        around,
        pattern="(?s)reconcile accepted cluster.*caused by.*answered 500",
        join={"start": "^[IWEF][0-9]{4} "},
    )
    early = await runner.run(begin + timedelta(seconds=2))
    late = await runner.run(begin + timedelta(seconds=3))
    assert early.verdict is Verdict.PASSED
    assert late.findings == {"TooMany", "SinglePod"}
    assert late.message.startswith("more than 0 messages match")
    assert counts(late) == [1, 0]


async def test_long_partial_and_binary_lines_are_counted_once(
    service: Service, around: Surroundings
) -> None:
    one, two = service.logs().values()
    for log in (one, two):
        log.append("started")

    def stamp() -> bytes:
        return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%f}000Z stdout ".encode()

    # As container runtimes write a line of a megabyte, in parts.
    one.write(stamp() + b"P failed to create cluster " + b"x" * 16_000 + b"\n")
    for _ in range(64):
        one.write(stamp() + b"P " + b"x" * 16_000 + b"\n")
    one.write(stamp() + b"F end\n")
    one.write(stamp() + b"F \x00\xff\xfe failed to \x1b[31mcreate cluster \x80\n")
    one.write(stamp() + b"F failed to create cluster\r\n")
    two.write(stamp() + b"F failed to create cluster, not yet whole")
    runner = check(around, pattern=r"failed to.*create cluster")
    assert counts(await runner.run(datetime.now(UTC))) == [3, 0]
    two.write(b" but now\n")
    assert counts(await runner.run(datetime.now(UTC))) == [3, 1]


async def test_each_line_is_served_once_however_long_the_window(
    service: Service, around: Surroundings
) -> None:
    served = 0

    class Counting(Logs):
        @property
        def turns(self) -> Turn:
            return around.logs.turns

        async def read(self, request: LogRequest, on_chunk: OnChunk) -> None:
            def count(chunk: bytes) -> bool:
                nonlocal served
                served += len(chunk)
                return on_chunk(chunk)

            await around.logs.read(request, count)

    logs = list(service.logs().values())
    begin = datetime.now(UTC)
    runner = check(replace(around, logs=Counting()), pattern="tick", within="1h", max=100_000)
    for log in logs:
        log.append("started", begin)
    await runner.run(begin)
    mark = service.control_plane.audit().mark()
    line, per_run = len("2026-11-21T12:00:00.000000000Z tick 00000\n"), 200
    for run in range(1, 11):
        for log in logs:
            log.write(
                b"".join(
                    f"{begin + timedelta(seconds=30 * run + index / 10):%Y-%m-%dT%H:%M:%S.%f}000Z"
                    f" stdout F tick {index:05}\n".encode()
                    for index in range(per_run)
                )
            )
        served = 0
        await runner.run(begin + timedelta(seconds=30 * run + 25))
        # What is new, and the second in which the last reading ended: ten lines.
        assert 0 < served - len(logs) * per_run * line <= len(logs) * 11 * line
    assert counts(await check_all(around)) == [2000, 2000]
    reads = {
        record.audit_id
        for record in service.control_plane.audit().since(mark)
        if record.subresource == "log"
        and record.namespace == service.namespace
        and "sinceTime" in record.uri
    }
    # One request a run, and one of the other check's first contact.
    assert len(reads) == len(logs) * 11


async def test_an_endless_stream_is_read_in_pieces_and_nobody_waits_for_it(
    service: Service, around: Surroundings
) -> None:
    one, two = service.logs().values()
    now = datetime.now(UTC)
    for log in (one, two):
        log.append("started", now - timedelta(seconds=5))
    stamp = f"{now - timedelta(seconds=4):%Y-%m-%dT%H:%M:%S.%f}000Z stdout F ".encode()
    one.write((stamp + b"x" * 1000 + b"\n") * (40 * 1024))
    two.append("failed to create cluster", now - timedelta(seconds=3))
    longest = 0.0

    async def others() -> None:
        nonlocal longest
        while True:
            before = time.monotonic()
            await asyncio.sleep(0.01)
            longest = max(longest, time.monotonic() - before)

    waiting = asyncio.create_task(others())
    quiet = check(around, max=1)
    verdicts = [await quiet.run(now) for _ in range(3)]
    waiting.cancel()
    assert {sample.reason for sample in verdicts} == {UnknownReason.NOT_COVERED}
    assert (await check(around, max=0).run(now)).findings == {"TooMany"}
    assert longest < 0.5


async def test_without_pods_or_without_the_container_nothing_is_said(
    service: Service, around: Surroundings
) -> None:
    with pytest.raises(SourceError) as error:
        await check(around, container="servcie").run(datetime.now(UTC))
    assert error.value.reason is UnknownReason.CONTAINER_NOT_FOUND
    await asyncio.to_thread(service.kubectl, "scale", "deployment/api", "--replicas=0")
    await asyncio.to_thread(service.kubectl, "wait", "pod", "--all", "--for=delete")
    await known(service, around, [])
    sample = await check(around).run(datetime.now(UTC))
    assert (sample.verdict, sample.reason) == (Verdict.INCONCLUSIVE, UnknownReason.NO_PODS)


async def test_a_rotation_between_two_runs_makes_it_unknown_until_the_window_has_passed(
    service: Service, around: Surroundings
) -> None:
    logs = service.logs()
    for log in logs.values():
        log.append("started")
    runner = check(around, within="10s")
    assert (await runner.run(datetime.now(UTC))).verdict is Verdict.PASSED
    rotated = next(iter(logs.values()))
    rotated.append("failed to create cluster, and nobody saw it")
    rotated.rotate()
    rotated.append("in the new file")
    sample = await runner.run(datetime.now(UTC))
    assert (sample.verdict, sample.reason) == (Verdict.INCONCLUSIVE, UnknownReason.NOT_COVERED)
    later = await runner.run(datetime.now(UTC) + timedelta(seconds=11))
    assert later.verdict is Verdict.PASSED


async def test_the_crash_of_a_container_is_found_in_its_previous_log(
    service: Service, around: Surroundings
) -> None:
    logs = service.logs()
    for log in logs.values():
        log.append("started", datetime.now(UTC))
    runner = check(around)
    assert (await runner.run(datetime.now(UTC))).verdict is Verdict.PASSED
    pod, log = next(iter(logs.items()))
    log.append("failed to create cluster")
    service.crash(pod, log)
    log.append("started again")
    await service.seen(around, restarted)
    sample = await runner.run(datetime.now(UTC))
    assert sample.findings == {"TooMany", "SinglePod"}
    assert sample.evidence[0] == f"{pod}: 1"
    # The overlap was found in the previous container's log, so nothing counts as missed.
    later = await runner.run(datetime.now(UTC) + timedelta(seconds=61))
    assert later.verdict is Verdict.PASSED


async def test_a_file_that_begins_inside_the_window_does_not_cover_it(
    service: Service, around: Surroundings
) -> None:
    logs = service.logs()
    # As long after the start as a kubelet's file is once it has been rotated.
    for log in logs.values():
        log.append("in a newer file", datetime.now(UTC) + timedelta(seconds=30))
    now = datetime.now(UTC) + timedelta(seconds=40)
    many = check(around, pattern="newer file")
    sample = await check(around).run(now)
    assert (sample.verdict, sample.reason) == (Verdict.INCONCLUSIVE, UnknownReason.NOT_COVERED)
    assert (await many.run(now)).findings == {"TooMany"}


async def test_a_namespace_that_lets_nobody_read_its_logs_is_an_error(
    service: Service, around: Surroundings
) -> None:
    service.logs()
    service.kubectl("delete", "rolebinding", "pods-log")

    assert (await refused(check(around))).reason is UnknownReason.ACCESS_DENIED


async def test_a_line_read_by_nobody_but_the_runner_leaves_its_name_in_the_audit_log(
    service: Service, around: Surroundings
) -> None:
    logs = service.logs()
    mark = service.control_plane.audit().mark()
    await check(around).run(datetime.now(UTC))
    reads = [
        record
        for record in service.control_plane.audit().since(mark)
        if record.subresource == "log" and record.namespace == service.namespace
    ]
    assert {record.name for record in reads} == set(logs)
    assert {record.impersonated_user for record in reads} == {
        f"system:serviceaccount:{service.namespace}:servicesop-runner"
    }
