"""kill -9 at the steps of an eviction: afterwards exactly one pod has gone, and it was the bad one.

What comes before and after the act is the same as for a restart, whose test tries every step.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e import action_steps as steps
from e2e.action_steps import Step
from e2e.crash_world import World
from e2e.noisy_service import NoisyService
from testbed import ControlPlane, Run
from testbed.holding_proxy import HoldingProxy
from testbed.operator import forget_actions
from testbed.team import Team

pytestmark = pytest.mark.crash

AROUND_THE_ACT = (steps.CLAIM, steps.INTENT, steps.EVICT, steps.ISSUED)


@pytest.fixture(scope="module")
def long_world(
    run: Run, installed: ControlPlane, operator_kubeconfig: Path
) -> Iterator[World[NoisyService]]:
    service = NoisyService(installed, Team(installed))
    with HoldingProxy(run, installed) as proxy:
        world = World(run, proxy, operator_kubeconfig, service)
        yield world
        world.kill()


@pytest.fixture
def world(
    long_world: World[NoisyService], installed: ControlPlane
) -> Iterator[World[NoisyService]]:
    forget_actions(installed)
    long_world.start()
    long_world.service.mark()
    yield long_world
    long_world.proxy.release_all()
    if not long_world.service.over():
        long_world.kill()
    long_world.service.delete()


@pytest.mark.parametrize("committed", [False, True], ids=["never arrives", "done"])
@pytest.mark.parametrize("step", AROUND_THE_ACT, ids=str)
def test_killed_while_a_request_is_under_way(
    world: World[NoisyService], step: Step, committed: bool
) -> None:
    hold = world.hold(step, committed=committed)
    world.service.fail()
    world.service.apply()
    world.crash_at(hold)
    hold.drop()

    world.start()
    world.wait_until_over()
    world.assert_helped_once()


def test_a_late_eviction_and_its_replay_exclude_each_other(world: World[NoisyService]) -> None:
    first = world.hold(steps.EVICT)
    world.service.fail()
    world.service.apply()
    world.crash_at(first)

    replay = world.hold(steps.EVICT)
    world.start()
    world.service.wait(lambda: replay.arrived, "the replay")
    assert first.let_through() == 201
    # The pod is on its way out, or gone.
    assert replay.let_through() in (404, 409)
    world.wait_until_over()
    world.assert_helped_once()
