"""Who comes late with an old copy changes nothing, and forgets nothing for the others."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from e2e.action_steps import INTENT, ISSUED, OUTCOME, RESTART, Step
from e2e.led_service import LedService
from testbed import ControlPlane, Postgres, Run
from testbed.holding_proxy import Hold, HoldingProxy
from testbed.operator import Operator, forget_actions, start_operator
from testbed.team import Team

pytestmark = pytest.mark.long

Start = Callable[[], Operator]


@pytest.fixture(scope="module")
def one_service(installed: ControlPlane, postgres: Postgres) -> LedService:
    return LedService(installed, postgres, Team(installed))


@pytest.fixture
def service(one_service: LedService, installed: ControlPlane) -> Iterator[LedService]:
    forget_actions(installed)
    one_service.mark()
    yield one_service
    one_service.delete()
    one_service.restore()


@pytest.fixture
def proxy(run: Run, installed: ControlPlane) -> Iterator[HoldingProxy]:
    with HoldingProxy(run, installed) as proxy:
        yield proxy
        proxy.release_all()


@pytest.fixture
def start_at(run: Run, postgres: Postgres) -> Iterator[Callable[[Path], Operator]]:
    """Start operators; they end with the test."""
    started: list[Operator] = []

    def start_at(kubeconfig: Path) -> Operator:
        options = ("--start-hold=1s", f"--allow-dial=127.0.0.1:{postgres.port}")
        started.append(start_operator(run, kubeconfig, *options))
        return started[-1]

    yield start_at
    for operator in started:
        operator.kill()


@pytest.fixture
def start_held(
    start_at: Callable[[Path], Operator], proxy: HoldingProxy, operator_kubeconfig: Path
) -> Start:
    """Start an operator behind the proxy."""
    return lambda: start_at(proxy.kubeconfig(operator_kubeconfig))


@pytest.fixture
def start_free(start_at: Callable[[Path], Operator], operator_kubeconfig: Path) -> Start:
    """Start an operator right at the API server."""
    return lambda: start_at(operator_kubeconfig)


def frozen_at(step: Step, service: LedService, proxy: HoldingProxy, operator: Operator) -> Hold:
    """Let the service fall ill, and freeze the operator with this request on its way."""
    hold = step.hold(proxy, service.namespace)
    service.fail()
    service.apply(cooldown="1s")
    service.wait(lambda: hold.arrived, "the request")
    operator.process.freeze()
    return hold


@pytest.mark.parametrize("step", [INTENT, RESTART, OUTCOME], ids=str)
def test_a_frozen_operator_wakes_with_an_old_copy(
    service: LedService, proxy: HoldingProxy, start_held: Start, start_free: Start, step: Step
) -> None:
    old = start_held()
    hold = frozen_at(step, service, proxy, old)
    new = start_free()
    service.wait(service.over, "the end of the episode")
    remembered = service.sop()["status"]["history"]
    record = service.target_record()

    old.process.thaw()
    assert hold.let_through() in (409, 422)
    assert service.sop()["status"]["history"] == remembered
    assert service.target_record() == record
    service.assert_one_effect()

    # It lives on, and what it writes next rests on what the other one has written.
    new.stop()
    service.mark()
    service.fail()
    service.wait(lambda: service.effects() and service.over(), "the end of the second episode")
    service.assert_one_effect()
    assert service.sop()["status"]["history"][1:] == remembered
    assert service.target_record()["actions"][:-1] == record["actions"]
    assert old.process.poll() is None


def cooling(service: LedService) -> bool:
    """Say whether the SOP is ill and its restart is refused because of an earlier one."""
    procedures = service.sop().get("status", {}).get("procedures", [])
    return any("is too recent" in one.get("doing", "") for one in procedures)


def assert_fresh_memory(service: LedService) -> None:
    """No write has put anything of an earlier SOP into this one."""
    uid = service.sop()["metadata"]["uid"]
    written = [
        one.request_object["status"]
        for one in service.status_writes()
        if isinstance(one.request_object, dict)
        and (one.response_object or {}).get("metadata", {}).get("uid") == uid
    ]
    assert written
    for status in written:
        assert status["uid"] == uid
        assert not status.get("history")
        assert not status.get("intents")


@pytest.mark.parametrize("step", [ISSUED, OUTCOME], ids=str)
def test_an_sop_is_recreated_while_its_operator_is_frozen(
    service: LedService, proxy: HoldingProxy, start_held: Start, step: Step
) -> None:
    operator = start_held()
    hold = frozen_at(step, service, proxy, operator)
    service.delete()
    service.fail()
    service.apply(cooldown="15m")

    assert hold.let_through() == 409
    operator.process.thaw()
    service.wait(lambda: cooling(service), "the refusal")
    service.wait(lambda: "claim" not in service.target_record(), "the release of the claim")
    service.assert_one_effect()
    assert len(service.target_record()["actions"]) == 1
    assert_fresh_memory(service)


def test_an_sop_is_recreated_while_no_operator_runs(
    service: LedService,
    proxy: HoldingProxy,
    start_held: Start,
    start_free: Start,
) -> None:
    operator = start_held()
    hold = frozen_at(ISSUED, service, proxy, operator)
    operator.kill()
    hold.drop()
    service.delete()
    service.fail()
    service.apply(cooldown="15m")
    service.let_claims_run_out()

    start_free()
    service.wait(lambda: "claim" not in service.target_record(), "the release of the claim")
    service.wait(lambda: cooling(service), "the refusal")
    service.assert_one_effect()
    assert_fresh_memory(service)


def test_two_operators_run_one_sop(service: LedService, start_free: Start) -> None:
    operators = [start_free(), start_free()]
    service.apply()
    service.wait(service.over, "a first verdict")
    for episode in range(1, 4):
        service.mark()
        service.fail()
        service.wait(lambda: service.effects() and service.over(), "the end of the episode")
        service.assert_one_effect()
        assert len(service.sop()["status"]["history"]) == episode
        assert len(service.target_record()["actions"]) == episode
    assert [one.process.poll() for one in operators] == [None, None]


def test_two_operators_act_at_once(
    service: LedService, proxy: HoldingProxy, start_held: Start, start_free: Start
) -> None:
    first = start_held()
    hold = RESTART.hold(proxy, service.namespace)
    service.fail()
    service.apply()
    service.wait(lambda: hold.arrived, "the request")
    second = start_free()
    service.wait(service.effects, "the other operator's act")
    assert hold.let_through() == 422

    service.wait(service.over, "the end of the episode")
    service.assert_one_effect()
    assert len(service.sop()["status"]["history"]) == 1
    assert len(service.target_record()["actions"]) == 1
    assert [one.process.poll() for one in (first, second)] == [None, None]
