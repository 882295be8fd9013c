"""kill -9 at each step of an action: afterwards exactly one effect, and nothing held for ever."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e import action_steps as steps
from e2e.action_steps import Step
from e2e.crash_world import World
from e2e.led_service import LedService
from testbed import ControlPlane, Postgres, Run
from testbed.holding_proxy import HoldingProxy
from testbed.operator import forget_actions
from testbed.team import Team

pytestmark = pytest.mark.crash


@pytest.fixture(scope="module")
def long_world(
    run: Run, installed: ControlPlane, postgres: Postgres, operator_kubeconfig: Path
) -> Iterator[World[LedService]]:
    service = LedService(installed, postgres, Team(installed))
    with HoldingProxy(run, installed) as proxy:
        world = World(
            run, proxy, operator_kubeconfig, service, f"--allow-dial=127.0.0.1:{postgres.port}"
        )
        yield world
        world.kill()


@pytest.fixture
def world(long_world: World[LedService], installed: ControlPlane) -> Iterator[World[LedService]]:
    forget_actions(installed)
    long_world.start()
    long_world.service.mark()
    yield long_world
    long_world.proxy.release_all()
    if not long_world.service.over():
        # What a failed test leaves in the operator's memory must not fail the next one.
        long_world.kill()
    long_world.service.delete()
    long_world.service.lead()


@pytest.mark.parametrize("step", steps.ALL, ids=str)
def test_killed_with_a_request_that_never_arrives(world: World[LedService], step: Step) -> None:
    hold = world.hold(step)
    world.service.lose_leader()
    world.service.apply()
    world.crash_at(hold)
    hold.drop()

    world.start()
    world.wait_until_over()
    world.assert_helped_once()


@pytest.mark.parametrize("step", steps.ALL, ids=str)
def test_killed_when_a_request_was_done_and_its_answer_is_lost(
    world: World[LedService], step: Step
) -> None:
    hold = world.hold(step, committed=True)
    world.service.lose_leader()
    world.service.apply()
    world.crash_at(hold)
    hold.drop()

    world.start()
    world.wait_until_over()
    world.assert_helped_once()


@pytest.mark.parametrize("step", steps.WRITES_UP_TO_ACT, ids=str)
def test_killed_with_a_request_that_arrives_when_the_next_operator_has_acted(
    world: World[LedService], step: Step
) -> None:
    hold = world.hold(step)
    world.service.lose_leader()
    world.service.apply()
    world.crash_at(hold)

    world.start()
    world.service.wait(world.service.effects, "the next operator's act")
    assert hold.let_through() in (409, 422)
    world.wait_until_over()
    world.assert_helped_once()


@pytest.mark.parametrize("step", steps.WRITES_AFTER_ACT, ids=str)
def test_killed_with_a_request_that_arrives_when_all_is_over(
    world: World[LedService], step: Step
) -> None:
    hold = world.hold(step)
    world.service.lose_leader()
    world.service.apply()
    world.crash_at(hold)

    world.start()
    world.wait_until_over()
    assert hold.let_through() == 409
    assert world.service.over()
    world.assert_helped_once()


def test_a_late_change_and_its_replay_exclude_each_other(world: World[LedService]) -> None:
    first = world.hold(steps.ACT)
    world.service.lose_leader()
    world.service.apply()
    world.crash_at(first)

    replay = world.hold(steps.ACT)
    world.start()
    world.service.wait(lambda: replay.arrived, "the replay")
    assert first.let_through() == 200
    assert replay.let_through() == 422
    world.wait_until_over()
    world.assert_helped_once()


@pytest.mark.parametrize("committed", [False, True], ids=["late", "done"])
@pytest.mark.parametrize("step", [steps.CLAIM, steps.BUDGET], ids=str)
def test_killed_at_a_record_that_was_there_before(
    world: World[LedService], step: Step, committed: bool
) -> None:
    world.service.lose_leader()
    world.service.apply()
    world.service.wait(lambda: world.service.effects() and world.service.over(), "the first end")
    world.service.mark()

    hold = world.hold(step, committed=committed)
    world.service.lose_leader()
    world.crash_at(hold)

    world.start()
    world.service.wait(world.service.effects, "the next operator's act")
    answer = hold.let_through()
    assert answer == (200 if committed else 409)
    world.wait_until_over()
    world.assert_helped_once()


@pytest.mark.parametrize("step", [steps.CLAIM, steps.ISSUED, steps.OUTCOME], ids=str)
def test_killed_for_longer_than_a_claim_lasts(world: World[LedService], step: Step) -> None:
    hold = world.hold(step, committed=True)
    world.service.lose_leader()
    world.service.apply()
    world.crash_at(hold)
    hold.drop()
    world.service.let_claims_run_out()

    world.start()
    world.wait_until_over()
    world.assert_helped_once()
    assert len(world.service.target_record()["actions"]) == 1
