"""What the check `workload` cannot tell of a real workload, and that it says so."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from integration.logged_pods import LoggedPods, restarted
from polling import answer
from servicesop.api.checks.check import Check
from servicesop.api.kinds import WorkloadKind
from servicesop.api.reasons import UnknownReason
from servicesop.checks.runner import Surroundings
from servicesop.checks.workload import workload_check
from servicesop.judge.results import Sample, Verdict
from testbed import ControlPlane


@pytest.fixture(params=WorkloadKind)
def service(control_plane: ControlPlane, request: pytest.FixtureRequest) -> Iterator[LoggedPods]:
    with LoggedPods.made(control_plane, WorkloadKind(request.param)) as service:
        service.deploy(1)
        yield service


@pytest.fixture
async def around(service: LoggedPods) -> AsyncIterator[Surroundings]:
    async with service.surroundings() as around:
        yield around


async def judged(around: Surroundings, later: float = 0, **workload: object) -> Sample:
    """Give what a new process says."""
    check = workload_check(Check.model_validate({"name": "c", "workload": workload}), around)
    return await check.run(datetime.now(UTC) + timedelta(seconds=later))


def said(sample: Sample) -> tuple[Verdict, UnknownReason | None]:
    return sample.verdict, sample.reason


async def test_a_change_that_no_controller_has_acted_upon_is_not_observed(
    service: LoggedPods, around: Surroundings, control_plane: ControlPlane
) -> None:
    async def enough() -> Sample:
        return await judged(around, replicas=1)

    assert (await answer(enough, lambda sample: sample.verdict is Verdict.PASSED)).message == ""
    control_plane.freeze_controllers()
    try:
        service.kubectl("scale", f"{service.kind.lower()}/api", "--replicas=2")
        sample = await answer(enough, lambda sample: sample.verdict is not Verdict.PASSED)
    finally:
        control_plane.thaw_controllers()
    assert said(sample) == (Verdict.INCONCLUSIVE, UnknownReason.NOT_OBSERVED)
    await answer(enough, lambda sample: sample.verdict is Verdict.PASSED and not sample.message)


async def test_no_pods_are_right_or_wrong_only_where_the_check_says_how_many(
    service: LoggedPods, around: Surroundings
) -> None:
    service.kubectl("scale", f"{service.kind.lower()}/api", "--replicas=0")
    await service.seen(around, lambda pods: not pods)

    async def any_number() -> Sample:
        return await judged(around, restarts={"max": 1})

    # Before its controller has seen the new number, that is what it says.
    none = (Verdict.INCONCLUSIVE, UnknownReason.NO_PODS)
    await answer(any_number, lambda sample: said(sample) == none)
    assert (await judged(around, minReady=0)).verdict is Verdict.PASSED
    assert (await judged(around, replicas=1)).findings == {"TooFewConfigured"}


async def test_restarts_that_may_have_been_before_the_window_are_not_covered(
    service: LoggedPods, around: Surroundings
) -> None:
    (pod,) = service.names()
    service.say_restarted(pod, 5, datetime.now(UTC) + timedelta(seconds=100))
    await service.seen(around, restarted)
    # The pod is older than the window; its latest restart lies in it.
    few = await judged(around, later=120, restarts={"max": 4, "within": "50s"})
    assert said(few) == (Verdict.INCONCLUSIVE, UnknownReason.NOT_COVERED)
    enough = await judged(around, later=120, restarts={"max": 5, "within": "50s"})
    assert enough.verdict is Verdict.PASSED
    certain = await judged(around, later=120, restarts={"max": 0, "within": "50s"})
    assert certain.findings == {"Restarting"}
    young = await judged(around, later=120, restarts={"max": 4, "within": "1h"})
    assert young.findings == {"Restarting"}
