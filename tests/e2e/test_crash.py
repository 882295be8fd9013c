"""kill -9 at each step of an action: afterwards exactly one effect, and nothing held for ever."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e import action_steps as steps
from e2e.action_steps import Step
from e2e.led_service import LedService
from testbed import ControlPlane, Postgres, Run
from testbed.holding_proxy import Hold, HoldingProxy
from testbed.operator import Operator, forget_actions, start_operator
from testbed.team import Team

pytestmark = pytest.mark.crash


class World:
    """One service and one operator behind the proxy, which outlives a test unless it is killed."""

    def __init__(
        self,
        run: Run,
        proxy: HoldingProxy,
        kubeconfig: Path,
        service: LedService,
        postgres: Postgres,
    ) -> None:
        self.proxy = proxy
        self.service = service
        self._run = run
        self._kubeconfig = proxy.kubeconfig(kubeconfig)
        self._port = postgres.port
        self._operator: Operator | None = None

    def start(self) -> None:
        """See to it that an operator runs."""
        if self._operator is None:
            options = ("--start-hold=1s", f"--allow-dial=127.0.0.1:{self._port}")
            self._operator = start_operator(self._run, self._kubeconfig, *options)

    def kill(self) -> None:
        """See to it that none runs."""
        if self._operator is not None:
            self._operator.kill()
            self._operator = None

    def hold(self, step: Step, *, committed: bool = False) -> Hold:
        return step.hold(self.proxy, self.service.namespace, committed=committed)

    def crash_at(self, hold: Hold) -> None:
        """Wait for the request, and kill the operator while it waits for the answer."""
        self.service.wait(lambda: hold.arrived, "the request")
        self.kill()

    def assert_helped_once(self) -> None:
        """One effect, and everybody remembers that it helped."""
        self.service.assert_one_effect()
        assert self.service.sop()["status"]["history"][0]["outcome"] == "Helped"
        assert self.service.target_record()["actions"][-1]["outcome"] == "Helped"

    def wait_until_over(self) -> None:
        self.service.wait(self.service.over, "the end of the episode")


@pytest.fixture(scope="module")
def long_world(
    run: Run, installed: ControlPlane, postgres: Postgres, operator_kubeconfig: Path
) -> Iterator[World]:
    service = LedService(installed, postgres, Team(installed))
    with HoldingProxy(run, installed) as proxy:
        world = World(run, proxy, operator_kubeconfig, service, postgres)
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
    long_world.service.lead()


@pytest.mark.parametrize("step", steps.ALL, ids=str)
def test_killed_with_a_request_that_never_arrives(world: World, step: Step) -> None:
    hold = world.hold(step)
    world.service.lose_leader()
    world.service.apply()
    world.crash_at(hold)
    hold.drop()

    world.start()
    world.wait_until_over()
    world.assert_helped_once()


@pytest.mark.parametrize("step", steps.ALL, ids=str)
def test_killed_when_a_request_was_done_and_its_answer_is_lost(world: World, step: Step) -> None:
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
    world: World, step: Step
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
def test_killed_with_a_request_that_arrives_when_all_is_over(world: World, step: Step) -> None:
    hold = world.hold(step)
    world.service.lose_leader()
    world.service.apply()
    world.crash_at(hold)

    world.start()
    world.wait_until_over()
    assert hold.let_through() == 409
    assert world.service.over()
    world.assert_helped_once()


def test_a_late_change_and_its_replay_exclude_each_other(world: World) -> None:
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
    world: World, step: Step, committed: bool
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
def test_killed_for_longer_than_a_claim_lasts(world: World, step: Step) -> None:
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
