"""What a new process takes over from the status is shown, but nothing may rest on it."""

from datetime import UTC, datetime, timedelta

import pytest

from servicesop.api.reasons import UnknownReason
from servicesop.api.status import CheckState, CheckStatus
from servicesop.judge import debounce
from servicesop.judge.debounce import Windows
from servicesop.judge.results import error, failed, passed

WRITTEN = datetime(2026, 5, 4, 11, 0, tzinfo=UTC)
NOW = WRITTEN + timedelta(hours=1)
MINUTE = Windows(fail={"Stuck": timedelta(seconds=60)}, recover=timedelta(seconds=60))
BROKEN = error(UnknownReason.UNREACHABLE, "no connection")


def written(state: CheckState, **fields: object) -> CheckStatus:
    return CheckStatus.model_validate({"name": "c", "state": state, "since": WRITTEN} | fields)


def test_a_failed_check_goes_on_failing_and_does_not_count_as_run() -> None:
    memory = debounce.resume(
        written(CheckState.FAILED, findings=("Stuck",), message="a row", evidence=("id 7",))
    )

    assert (memory.state, memory.since) == (CheckState.FAILED, WRITTEN)
    assert memory.confirmed == {"Stuck"}
    assert memory.last == failed({"Stuck"}, "a row", ("id 7",))
    assert (memory.known_runs, memory.sampled, memory.newest) == (0, None, None)


def test_a_failed_check_still_needs_its_recover_for() -> None:
    memory = debounce.resume(written(CheckState.FAILED, findings=("Stuck",)))
    memory = debounce.step(memory, passed(), NOW, MINUTE)
    assert memory.state is CheckState.FAILED

    memory = debounce.step(memory, passed(), NOW + timedelta(seconds=60), MINUTE)
    assert memory.state is CheckState.PASSED


def test_a_passed_check_goes_on_passing_without_proving_anything() -> None:
    memory = debounce.resume(written(CheckState.PASSED))

    assert (memory.state, memory.since, memory.steady) == (CheckState.PASSED, WRITTEN, False)


def test_a_check_that_failed_for_changing_reasons_goes_on_failing() -> None:
    memory = debounce.resume(written(CheckState.FAILED, message="two of them"))
    assert (memory.state, memory.unsettled) == (CheckState.FAILED, True)

    memory = debounce.step(memory, passed(), NOW, MINUTE)
    assert memory.state is CheckState.FAILED
    memory = debounce.step(memory, passed(), NOW + timedelta(seconds=60), MINUTE)
    assert memory.state is CheckState.PASSED


@pytest.mark.parametrize("state", [CheckState.SKIPPED, CheckState.SUSPENDED])
def test_a_check_that_is_not_run_keeps_since_when(state: CheckState) -> None:
    memory = debounce.resume(written(state, reason="DependsOn", message="waits for another"))

    assert (memory.state, memory.since, memory.newest) == (state, WRITTEN, None)


@pytest.mark.parametrize("state", [CheckState.PASSED, CheckState.FAILED])
def test_one_unknown_answer_changes_nothing_and_two_do(state: CheckState) -> None:
    findings = ("Stuck",) if state is CheckState.FAILED else ()
    memory = debounce.resume(written(state, findings=findings))

    once = debounce.step(memory, BROKEN, NOW, MINUTE)
    assert once.state is state
    assert debounce.step(once, BROKEN, NOW, MINUTE).state is CheckState.ERROR


@pytest.mark.parametrize(
    "state",
    [CheckState.NOT_RUN, CheckState.PENDING, CheckState.ERROR, CheckState.INCONCLUSIVE],
)
def test_everything_else_is_found_out_afresh(state: CheckState) -> None:
    memory = debounce.resume(written(state, reason="Unreachable"))

    assert (memory.state, memory.last) == (CheckState.NOT_RUN, None)
