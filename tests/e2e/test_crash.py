"""kill -9 at each step of an action: afterwards exactly one effect, and nothing held for ever.

Both actions are killed at every step that they have, and with their own act arriving late. Other
writes that arrive late, records from before, and claims that run out are tried with the restart
alone: they are the same for both.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e import action_steps as steps
from e2e.action_steps import EVICTIONS, RESTARTS, Action, Step
from e2e.crash_world import World
from e2e.led_service import LedService
from e2e.noisy_service import NoisyService
from testbed import ControlPlane, Postgres, Run
from testbed.holding_proxy import HoldingProxy
from testbed.operator import forget_actions
from testbed.team import Team

pytestmark = pytest.mark.crash


@pytest.fixture(scope="module")
def action(request: pytest.FixtureRequest) -> Action:
    """The action that the operator is killed at."""
    chosen: Action = request.param
    return chosen


@pytest.fixture(scope="module")
def long_world(
    run: Run,
    installed: ControlPlane,
    postgres: Postgres,
    operator_kubeconfig: Path,
    action: Action,
) -> Iterator[World]:
    team = Team(installed)
    service = (
        LedService(installed, postgres, team)
        if action is RESTARTS
        else NoisyService(installed, team)
    )
    dial = f"--allow-dial=127.0.0.1:{postgres.port}"
    with HoldingProxy(run, installed) as proxy:
        world = World(run, proxy, operator_kubeconfig, service, dial)
        yield world
        world.kill()


@pytest.fixture
def world(long_world: World, installed: ControlPlane) -> Iterator[World]:
    forget_actions(installed)
    long_world.start()
    long_world.service.mark()
    yield long_world
    long_world.proxy.release_all()
    if not long_world.service.over():
        # What a failed test leaves in the operator's memory must not fail the next one.
        long_world.kill()
    long_world.service.delete()
    long_world.service.restore()


def each(*cases: tuple[Action, tuple[Step, ...]]) -> pytest.MarkDecorator:
    """Try each action at each of its steps."""
    return pytest.mark.parametrize(
        ("action", "step"),
        [
            pytest.param(action, step, id=f"{action}, {step}")
            for action, all_steps in cases
            for step in all_steps
        ],
        indirect=["action"],
    )


@each((RESTARTS, RESTARTS.steps), (EVICTIONS, EVICTIONS.steps))
def test_killed_with_a_request_that_never_arrives(world: World, step: Step) -> None:
    world.crash_at(step).drop()

    world.start()
    world.wait_until_over()
    world.assert_helped_once()


# A read that was answered has changed no more than one that was not.
@each((RESTARTS, RESTARTS.writes), (EVICTIONS, EVICTIONS.writes))
def test_killed_when_a_request_was_done_and_its_answer_is_lost(world: World, step: Step) -> None:
    world.crash_at(step, committed=True).drop()

    world.start()
    world.wait_until_over()
    world.assert_helped_once()


@each((RESTARTS, RESTARTS.writes_up_to_act), (EVICTIONS, (EVICTIONS.act,)))
def test_killed_with_a_request_that_arrives_when_the_next_operator_has_acted(
    world: World, action: Action, step: Step
) -> None:
    hold = world.crash_at(step)

    world.start()
    world.service.wait(world.service.effects, "the next operator's act")
    assert hold.let_through() in (action.too_late if step is action.act else (409,))
    world.wait_until_over()
    world.assert_helped_once()


@each((RESTARTS, steps.WRITES_AFTER_ACT))
def test_killed_with_a_request_that_arrives_when_all_is_over(world: World, step: Step) -> None:
    hold = world.crash_at(step)

    world.start()
    world.wait_until_over()
    assert hold.let_through() == 409
    assert world.service.over()
    world.assert_helped_once()


@pytest.mark.parametrize("action", [RESTARTS, EVICTIONS], ids=str, indirect=True)
def test_a_late_change_and_its_replay_exclude_each_other(world: World, action: Action) -> None:
    first = world.crash_at(action.act)

    replay = world.hold(action.act)
    world.start()
    world.service.wait(lambda: replay.arrived, "the replay")
    assert first.let_through() == action.done
    assert replay.let_through() in action.too_late
    world.wait_until_over()
    world.assert_helped_once()


@pytest.mark.parametrize("committed", [False, True], ids=["late", "done"])
@each((RESTARTS, (steps.CLAIM, steps.BUDGET)))
def test_killed_at_a_record_that_was_there_before(
    world: World, step: Step, committed: bool
) -> None:
    world.service.fail()
    world.service.apply()
    world.service.wait(lambda: world.service.effects() and world.service.over(), "the first end")
    world.service.mark()

    hold = world.crash_at(step, committed=committed)

    world.start()
    world.service.wait(world.service.effects, "the next operator's act")
    answer = hold.let_through()
    assert answer == (200 if committed else 409)
    world.wait_until_over()
    world.assert_helped_once()


@each((RESTARTS, (steps.CLAIM, steps.ISSUED, steps.OUTCOME)))
def test_killed_for_longer_than_a_claim_lasts(world: World, step: Step) -> None:
    world.crash_at(step, committed=True).drop()
    world.service.let_claims_run_out()

    world.start()
    world.wait_until_over()
    world.assert_helped_once()
    assert len(world.service.target_record()["actions"]) == 1
