"""The checks `logs` and `leader` on a StatefulSet: a replaced pod keeps its name and nothing else.

Its successor logs into a file of its own, which is served under the same name.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from integration.logged_pods import LoggedPods
from servicesop.api.checks.check import Check
from servicesop.api.kinds import WorkloadKind
from servicesop.api.reasons import UnknownReason
from servicesop.checks.leader import leader_check
from servicesop.checks.logs import logs_check
from servicesop.checks.runner import CheckRunner, Surroundings
from servicesop.judge.results import Sample, Verdict
from testbed import ControlPlane, PodLog

FIRST, SECOND = "api-0", "api-1"
RUNNING, LOST, BEAT = "is the leader", "is the leader no longer", "reconciles"


class Service(LoggedPods):
    """Two pods of a StatefulSet, whose logs the runner may read."""

    def __init__(self, control_plane: ControlPlane, namespace: str, kind: WorkloadKind) -> None:
        super().__init__(control_plane, namespace, kind)
        self.logs: dict[str, PodLog] = {}

    def begin(self, pod: str) -> None:
        self.logs[pod] = self.log(pod)
        self.says(pod, "started")

    def says(self, pod: str, text: str, ago: float = 0) -> None:
        self.logs[pod].append(text, datetime.now(UTC) - timedelta(seconds=ago))

    async def replace(self, pod: str, around: Surroundings) -> None:
        """Delete a pod, and return when its successor runs, logs and is seen."""
        (before,) = [one.uid for one in await self.seen(around, len_is_two) if one.name == pod]
        await asyncio.to_thread(self.kubectl, "delete", "pod", pod)
        await asyncio.to_thread(self.rolled_out)
        self.begin(pod)
        await self.seen(
            around,
            lambda pods: (
                len(pods) == 2
                and all(one.ready and not one.deleting and one.uid != before for one in pods)
            ),
        )


def len_is_two(pods: tuple[object, ...]) -> bool:
    return len(pods) == 2


@pytest.fixture
def service(control_plane: ControlPlane) -> Iterator[Service]:
    with Service.made(control_plane, WorkloadKind.STATEFUL_SET) as service:
        service.grant("pods/log")
        service.deploy(2)
        for pod in (FIRST, SECOND):
            service.begin(pod)
        yield service


@pytest.fixture
async def around(service: Service) -> AsyncIterator[Surroundings]:
    async with service.surroundings() as around:
        yield around


async def judged(check: CheckRunner, after: float = 0) -> Sample:
    return await check.run(datetime.now(UTC) + timedelta(seconds=after))


def quiet(around: Surroundings, **spec: object) -> CheckRunner:
    limits = {"container": "service", "within": "1m"} | spec
    return logs_check(Check.model_validate({"name": "quiet", "logs": limits}), around)


async def test_what_a_replaced_pod_logged_counts_until_it_leaves_the_window(
    service: Service, around: Surroundings
) -> None:
    few = quiet(around, pattern="panic", max=2)
    single = quiet(around, pattern="panic", max=1)
    beats = quiet(around, pattern="tick", min=1)
    service.says(FIRST, "panic")
    service.says(FIRST, "tick")
    for check in (few, single, beats):
        assert (await judged(check)).verdict is Verdict.PASSED

    await service.replace(FIRST, around)
    service.says(FIRST, "panic")
    sample = await judged(single)
    # Two pods have logged it, although they have one name.
    assert sample.findings == {"TooMany"}
    assert sample.evidence == (f"{FIRST}: 1", "pods that are gone: 1", f"{SECOND}: 0")
    assert (await judged(few)).verdict is Verdict.PASSED
    assert (await judged(beats)).verdict is Verdict.PASSED

    later = await judged(beats, after=61)
    assert later.findings == {"TooFew"}
    assert (await judged(single, after=61)).verdict is Verdict.PASSED


async def test_one_pod_of_a_stateful_set_is_told_from_the_others(
    service: Service, around: Surroundings
) -> None:
    classes = [
        {"name": "RateLimit", "pattern": "429", "minShare": "0.6"},
        {"name": "Other", "rest": True, "minShare": "0.6"},
    ]
    check = quiet(around, pattern="refused", max=1, classes=classes)
    service.says(SECOND, "refused: 429")
    service.says(SECOND, "refused: 429")
    sample = await judged(check)
    assert sample.findings == {"TooMany", "RateLimit", "SinglePod"}
    assert f"{SECOND}: 2" in sample.evidence
    for _ in range(4):
        service.says(FIRST, "refused: 500")
    assert (await judged(check)).findings == {"TooMany", "Other"}


async def test_a_successors_log_that_was_rotated_before_it_was_read_is_unknown(
    service: Service, around: Surroundings
) -> None:
    check = quiet(around, pattern="panic", max=0)
    assert (await judged(check)).verdict is Verdict.PASSED
    await service.replace(FIRST, around)
    service.says(FIRST, "panic, and nobody saw it")
    service.logs[FIRST].rotate()
    # As long after the start as a kubelet's file is once it has been rotated.
    service.says(FIRST, "in the new file", ago=-30)
    sample = await judged(check, after=31)
    assert (sample.verdict, sample.reason) == (Verdict.INCONCLUSIVE, UnknownReason.NOT_COVERED)


def led(around: Surroundings, **logs: object) -> CheckRunner:
    spec = {
        "container": "service",
        "acquired": rf"{{worker}} \[{{holder}}\] {RUNNING}$",
        "lost": rf"{{worker}} \[{{holder}}\] {LOST}",
        "heartbeat": {"pattern": rf"{{worker}} \[{{holder}}\] {BEAT}", "within": "30s"},
    }
    body = {"workers": ["orders"], "logs": spec | logs}
    return leader_check(Check.model_validate({"name": "led", "leader": body}), around)


async def test_the_leader_of_a_stateful_set_is_replaced_and_another_takes_over(
    service: Service, around: Surroundings
) -> None:
    check = led(around)
    service.says(FIRST, f"orders [{FIRST}] {RUNNING}")
    sample = await judged(check)
    assert (sample.verdict, sample.evidence) == (Verdict.PASSED, (f"orders: led by {FIRST}",))

    await service.replace(FIRST, around)
    # The successor has the name and even the identity of the leader; its process has led nothing.
    sample = await judged(check)
    assert sample.findings == {"None"}
    assert sample.message == "no leader: orders"

    service.says(SECOND, f"orders [{SECOND}] {RUNNING}")
    sample = await judged(check)
    assert (sample.verdict, sample.evidence) == (Verdict.PASSED, (f"orders: led by {SECOND}",))
    service.says(FIRST, f"orders [{FIRST}] {RUNNING}")
    sample = await judged(check)
    assert sample.findings == {"Many"}
    assert sample.evidence == (f"orders: 2 pods lead by their logs: {FIRST}, {SECOND}",)
    service.says(SECOND, f"orders [{SECOND}] {LOST}")
    assert (await judged(check)).evidence == (f"orders: led by {FIRST}",)
    sample = await judged(check, after=31)
    assert sample.findings == {"NoHeartbeat"}
    assert sample.evidence == (f"orders: no heartbeat of {FIRST}",)
    service.says(FIRST, f"orders [{FIRST}] {BEAT}", ago=-31)
    assert (await judged(check, after=31)).verdict is Verdict.PASSED
