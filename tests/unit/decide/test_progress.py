"""An action from its intent to its outcome: what the target and the checks prove."""

from dataclasses import replace
from datetime import timedelta

import pytest

from servicesop.api.reasons import UnknownReason
from servicesop.api.status import CheckState, Intent, Outcome, Phase
from servicesop.decide.progress import (
    EVIDENCE_LIMIT,
    ROLLOUT_LIMIT,
    Live,
    NotSent,
    advance,
    recover,
)
from servicesop.judge import debounce
from servicesop.judge.debounce import Memory
from servicesop.judge.results import error
from servicesop.judge.rollout import WorkloadView
from unit.decide.scenes import (
    NOW,
    bad,
    blind,
    deployment,
    good,
    intent_of,
    maybe,
    memory,
    minutes,
    seconds,
)

SETTLE, WITHIN = seconds(90), minutes(3)
ID = intent_of().id


def after_patch(**changes: object) -> WorkloadView:
    return deployment(
        **{"generation": 8, "observed_generation": 8, "template_hash": "after", "action": ID}
        | changes
    )


# Was it sent?


@pytest.mark.parametrize(
    ("live", "waited", "found"),
    [
        pytest.param(deployment(), seconds(1), NotSent(), id="not found, nothing moved"),
        pytest.param(deployment(), EVIDENCE_LIMIT, NotSent(), id="at the evidence limit"),
        pytest.param(
            deployment(), EVIDENCE_LIMIT + seconds(1), Outcome.ABANDONED, id="its evidence is old"
        ),
        pytest.param(deployment(generation=8), seconds(1), Outcome.UNPROVEN, id="moved"),
        pytest.param(deployment(generation=8), minutes(600), Outcome.UNPROVEN, id="moved long ago"),
        pytest.param(None, seconds(1), Outcome.UNPROVEN, id="gone"),
        pytest.param(deployment(uid="new"), seconds(1), Outcome.UNPROVEN, id="recreated"),
        pytest.param(
            after_patch(uid="new"), seconds(1), Outcome.UNPROVEN, id="recreated with the id in it"
        ),
        pytest.param(
            deployment(action="fedcba9876543210"), seconds(1), NotSent(), id="an older action's id"
        ),
    ],
)
def test_the_live_target_tells_what_became_of_an_intent(
    live: WorkloadView | None, waited: timedelta, found: object
) -> None:
    assert recover(intent_of(), Live(live), NOW + waited) == found


@pytest.mark.parametrize("waited", [seconds(1), minutes(600)])
def test_an_intent_whose_id_is_found_was_applied(waited: timedelta) -> None:
    found = recover(intent_of(), Live(after_patch()), NOW + waited)

    assert isinstance(found, Intent)
    assert (found.phase, found.phase_since) == (Phase.ISSUED, NOW + waited)
    assert (found.applied_hash, found.id, found.generation) == ("after", ID, 7)


def test_an_outcome_that_is_not_known_uses_up_an_attempt() -> None:
    assert Outcome.UNPROVEN.had_effect
    assert Outcome.UNPROVEN.spent
    assert not Outcome.ABANDONED.had_effect


# How far is it?


def step(
    intent: Intent,
    view: WorkloadView | None = None,
    waited: timedelta = timedelta(),
    verify: dict[str, Memory] | None = None,
    *,
    gone: bool = False,
) -> Intent | Outcome:
    view = None if gone else view or after_patch()
    checks = {"leader": good()} if verify is None else verify
    return advance(intent, SETTLE, WITHIN, view, checks, NOW + waited)


def phase_of(found: Intent | Outcome) -> Phase | Outcome:
    return found.phase if isinstance(found, Intent) else found


@pytest.mark.parametrize(
    ("view", "waited", "expected"),
    [
        pytest.param(after_patch(), seconds(1), Phase.SETTLING, id="complete"),
        pytest.param(after_patch(updated=1), minutes(29), Phase.ISSUED, id="rolling"),
        pytest.param(after_patch(current=4), seconds(1), Phase.ISSUED, id="old pods left"),
        pytest.param(
            after_patch(observed_generation=7), seconds(1), Phase.ISSUED, id="not yet observed"
        ),
        pytest.param(
            after_patch(deadline_exceeded=True, updated=1),
            seconds(1),
            Outcome.ROLLOUT_FAILED,
            id="its deadline exceeded",
        ),
        pytest.param(after_patch(paused=True, updated=1), minutes(1), Phase.ISSUED, id="paused"),
        pytest.param(after_patch(updated=1), ROLLOUT_LIMIT, Phase.ISSUED, id="at the limit"),
        pytest.param(
            after_patch(updated=1),
            ROLLOUT_LIMIT + seconds(1),
            Outcome.ROLLOUT_FAILED,
            id="beyond the limit",
        ),
        pytest.param(
            after_patch(paused=True, updated=1),
            ROLLOUT_LIMIT + seconds(1),
            Outcome.ROLLOUT_FAILED,
            id="paused for ever",
        ),
    ],
)
def test_the_rollout_comes_first(
    view: WorkloadView, waited: timedelta, expected: Phase | Outcome
) -> None:
    assert phase_of(step(intent_of(Phase.ISSUED), view, waited)) is expected


@pytest.mark.parametrize("phase", [Phase.ISSUED, Phase.SETTLING, Phase.VERIFYING])
def test_an_old_cached_view_proves_nothing(phase: Phase) -> None:
    intent = intent_of(phase)

    assert step(intent, deployment(), minutes(1)) == intent
    assert step(intent, deployment(deadline_exceeded=True), minutes(1)) == intent


@pytest.mark.parametrize("phase", [Phase.ISSUED, Phase.SETTLING, Phase.VERIFYING])
@pytest.mark.parametrize(
    "view",
    [
        after_patch(generation=9, template_hash="before", action=""),
        # Another change of the template, which carries our id on.
        after_patch(generation=9, template_hash="other"),
        after_patch(uid="new"),
        None,
    ],
    ids=["put back", "changed again", "recreated", "deleted"],
)
def test_a_template_that_is_not_ours_any_more_is_reverted(
    phase: Phase, view: WorkloadView | None
) -> None:
    assert step(intent_of(phase), view, gone=view is None) is Outcome.REVERTED


def test_scaling_in_between_is_no_revert() -> None:
    scaled = after_patch(generation=9, observed_generation=9, replicas=5, current=5, updated=5)

    assert phase_of(step(intent_of(Phase.ISSUED), scaled)) is Phase.SETTLING


def test_settle_starts_when_the_rollout_is_complete() -> None:
    settling = step(intent_of(Phase.ISSUED), waited=minutes(20))
    assert isinstance(settling, Intent)
    assert settling.phase_since == NOW + minutes(20)

    assert phase_of(step(settling, waited=minutes(20) + seconds(89))) is Phase.SETTLING
    verifying = step(settling, waited=minutes(20) + SETTLE)
    assert phase_of(verifying) is Phase.VERIFYING


# Did it help?

VERIFYING = intent_of(Phase.VERIFYING)


def sampled(memory: Memory, waited: float = 1) -> dict[str, Memory]:
    return {"leader": replace(memory, sampled=NOW + seconds(waited))}


UNANSWERED = replace(bad(), newest=error(UnknownReason.TIMED_OUT, "no answer"))


def test_it_helped_when_its_checks_pass() -> None:
    assert step(VERIFYING, waited=seconds(1), verify=sampled(good())) is Outcome.HELPED


@pytest.mark.parametrize(
    "verify",
    [
        pytest.param(sampled(good(), -1), id="an answer from before proves nothing"),
        pytest.param(sampled(bad("None")), id="failed"),
        pytest.param(sampled(maybe("None")), id="pending"),
        pytest.param(sampled(replace(good(), steady=False)), id="not throughout recoverFor"),
        pytest.param(
            sampled(replace(good(), newest=error(UnknownReason.TIMED_OUT, ""))),
            id="the newest answer is unknown",
        ),
        pytest.param(sampled(good()) | {"moves": bad("Stuck")}, id="only one of two"),
        pytest.param({}, id="nothing left to ask"),
    ],
)
def test_nothing_less_counts_as_help(verify: dict[str, Memory]) -> None:
    assert phase_of(step(VERIFYING, waited=seconds(1), verify=verify)) is Phase.VERIFYING
    assert step(VERIFYING, waited=2 * WITHIN, verify=verify) is Outcome.DID_NOT_HELP


def test_it_did_not_help_when_the_window_is_over() -> None:
    failing = sampled(bad("None"))

    assert step(VERIFYING, waited=WITHIN - seconds(1), verify=failing) == VERIFYING
    assert step(VERIFYING, waited=WITHIN, verify=failing) is Outcome.DID_NOT_HELP


def test_help_at_the_very_end_of_the_window_is_help() -> None:
    assert step(VERIFYING, waited=WITHIN, verify=sampled(good())) is Outcome.HELPED


def walk(*steps: tuple[float, Memory]) -> list[Phase | Outcome]:
    """Advance at these seconds, up to an outcome."""
    intent, ends = VERIFYING, []
    for second, memory_then in steps:
        checks = {"leader": memory_then}
        found = advance(intent, SETTLE, WITHIN, after_patch(), checks, NOW + seconds(second))
        ends.append(phase_of(found))
        if isinstance(found, Outcome):
            break
        intent = found
    return ends


def test_time_without_an_answer_does_not_count() -> None:
    ends = walk((10, UNANSWERED), (130, bad("None")), (299, bad("None")), (300, bad("None")))

    assert ends == [Phase.VERIFYING] * 3 + [Outcome.DID_NOT_HELP]


def test_lost_times_add_up() -> None:
    ends = walk(
        (0, UNANSWERED), (60, bad("None")), (90, UNANSWERED), (150, bad("None")),
        (299, bad("None")), (300, bad("None")),
    )  # fmt: skip

    assert ends == [Phase.VERIFYING] * 5 + [Outcome.DID_NOT_HELP]


def test_without_any_answer_it_ends_after_twice_the_window() -> None:
    ends = walk((0, UNANSWERED), (200, UNANSWERED), (359, UNANSWERED), (360, UNANSWERED))

    assert ends == [Phase.VERIFYING] * 3 + [Outcome.DID_NOT_HELP]


def test_lost_time_does_not_count_more_than_the_window() -> None:
    ends = walk((0, UNANSWERED), (350, bad("None")), (359, bad("None")), (360, bad("None")))

    assert ends == [Phase.VERIFYING] * 3 + [Outcome.DID_NOT_HELP]


@pytest.mark.parametrize("state", [memory(CheckState.NOT_RUN), bad("None")])
def test_time_in_which_the_operator_was_down_does_not_count(state: Memory) -> None:
    unasked = replace(state, sampled=None, newest=None)
    ends = walk((240, unasked), (250, bad("None")), (429, bad("None")))
    # 250 of the 429 seconds were lost, of which the window's 180 count.
    assert ends == [Phase.VERIFYING] * 2 + [Outcome.DID_NOT_HELP]
    assert walk((240, unasked), (250, bad("None")), (359, bad("None"))) == [Phase.VERIFYING] * 3
    assert walk((240, unasked), (270, good_at(270))) == [Phase.VERIFYING, Outcome.HELPED]


def good_at(second: float) -> Memory:
    return replace(good(), sampled=NOW + seconds(second))


def test_a_check_that_is_overdue_is_not_answered() -> None:
    late = debounce.overdue(bad("None"), NOW + seconds(100))
    assert walk((100, late), (200, late), (279, late)) == [Phase.VERIFYING] * 3
    assert walk((100, blind()), (279, blind())) == [Phase.VERIFYING] * 2


def test_a_wait_is_never_cut_short_by_times_of_whole_seconds() -> None:
    begun = step(intent_of(Phase.ISSUED), waited=seconds(0.6))
    assert isinstance(begun, Intent)
    assert begun.phase is Phase.SETTLING
    assert begun.phase_since - (NOW + seconds(0.6)) >= timedelta()
    almost = seconds(0.6) + SETTLE - seconds(0.1)
    assert phase_of(step(begun, waited=almost)) is Phase.SETTLING
