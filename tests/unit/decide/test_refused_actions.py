"""An action that may not be done: who is told, when, and what stays stopped."""

from typing import Any

import pytest

from servicesop.api.status import EscalationReason, Outcome
from servicesop.decide.snapshot import TargetFacts
from unit.decide.scenes import (
    DENIED,
    NO_LEADER,
    Story,
    bad,
    deployment,
    entry,
    minutes,
    procedure_of,
    seconds,
    spec_of,
    target,
)

STUCK = {"moves": bad("Stuck")}
PAUSED = target(view=deployment(paused=True))
SPENT = tuple(
    entry(f"a{hour}", minutes(60 * hour), outcome=Outcome.DID_NOT_HELP) for hour in (1, 2)
)
OFTEN = tuple(entry(f"a{hour}", minutes(60 * hour), outcome=Outcome.HELPED) for hour in (1, 2, 3))


def test_what_passes_by_itself_is_handed_over_after_five_minutes() -> None:
    story = Story()
    assert not story.at_once(NO_LEADER, api=PAUSED).escalations
    assert story.status.procedures[0].doing == (
        "no restart of Deployment fleet-manager: Deployment fleet-manager is paused"
    )
    assert not story.after(minutes(5) - seconds(1), NO_LEADER, api=PAUSED).escalations

    (called,) = story.after(seconds(1), NO_LEADER, api=PAUSED).escalations
    assert called.reason is EscalationReason.REFUSED
    assert called.to == ("control-plane",)
    assert called.message == (
        "no restart of Deployment fleet-manager: Deployment fleet-manager is paused"
    )


def test_five_minutes_are_counted_in_one_piece() -> None:
    story = Story()
    story.at_once(NO_LEADER, api=PAUSED)
    story.after(minutes(4), NO_LEADER)
    story.after(minutes(4), NO_LEADER, api=PAUSED)

    assert not story.status.escalations


def test_five_minutes_start_afresh_after_the_procedure_was_calm() -> None:
    story = Story()
    story.at_once(NO_LEADER, api=PAUSED)
    story.after(minutes(1), {})
    story.after(minutes(6), NO_LEADER, api=PAUSED)

    assert not story.status.escalations


def test_a_refusal_for_another_reason_does_not_start_them_afresh() -> None:
    story = Story()
    story.at_once(NO_LEADER, api=PAUSED)
    story.after(minutes(3), NO_LEADER, api=target(view=deployment(updated=1)))

    assert story.after(minutes(2), NO_LEADER, api=PAUSED).escalations


def test_the_call_stays_open_when_the_action_becomes_possible() -> None:
    story = Story()
    story.at_once(NO_LEADER, api=PAUSED)
    story.after(minutes(5), NO_LEADER, api=PAUSED)
    decision = story.after(minutes(1), NO_LEADER)

    assert decision.plans
    assert decision.escalations


@pytest.mark.parametrize(
    ("api", "reason", "text"),
    [
        pytest.param(
            target(may_act=DENIED),
            EscalationReason.REFUSED,
            "no restart of Deployment fleet-manager: servicesop-runner may not patch",
            id="a missing right",
        ),
        pytest.param(
            target(entries=SPENT),
            EscalationReason.SPENT,
            "no further restart of Deployment fleet-manager: those that were allowed did not help",
            id="attempts spent",
        ),
        pytest.param(
            target(entries=OFTEN),
            EscalationReason.SPENT,
            "no further restart of Deployment fleet-manager: as many as are allowed were made",
            id="all actions used up, though each helped",
        ),
    ],
)
def test_what_does_not_pass_by_itself_is_handed_over_at_once(
    api: TargetFacts, reason: EscalationReason, text: str
) -> None:
    (called,) = Story().at_once(NO_LEADER, api=api).escalations

    assert called.reason is reason
    assert called.message.startswith(text)


def test_a_right_that_is_granted_lets_the_action_go_on() -> None:
    story = Story()
    story.at_once(NO_LEADER, api=target(may_act=DENIED))

    assert story.after(minutes(1), NO_LEADER).plans


@pytest.mark.parametrize("entries", [SPENT, OFTEN], ids=["in vain", "too often"])
def test_spent_stays_stopped_however_long_ago_it_is(entries: tuple[Any, ...]) -> None:
    story = Story()
    story.at_once(NO_LEADER, api=target(entries=entries))
    decision = story.after(minutes(60 * 48), NO_LEADER)

    assert not decision.plans
    (called,) = decision.escalations
    assert called.reason is EscalationReason.SPENT
    assert "no further restart" in called.message


def test_stopped_is_for_the_whole_episode_whatever_row_wins() -> None:
    story = Story()
    story.at_once(NO_LEADER, api=target(entries=SPENT))
    for _ in range(3):
        decision = story.after(minutes(60), STUCK)

    assert story.status.procedures[0].episode is not None
    assert story.status.procedures[0].episode.row == "stuck"
    assert not decision.plans


def test_stopped_ends_with_the_episode() -> None:
    story = Story()
    story.at_once(NO_LEADER, api=target(entries=SPENT))
    story.after(minutes(1), {})
    story.after(minutes(20), {})

    assert story.after(minutes(1), NO_LEADER).plans


def test_the_operators_start_hands_nothing_over() -> None:
    story = Story()
    story.at_once(NO_LEADER, starting=True)
    decision = story.after(minutes(60), NO_LEADER, starting=True)

    assert (decision.plans, decision.escalations) == ((), ())


def test_below_enforce_the_status_says_what_would_be_done() -> None:
    story = Story(spec_of(mode="DryRun"))
    decision = story.at_once(NO_LEADER)
    decision = story.after(minutes(60), NO_LEADER)

    assert (decision.plans, decision.escalations) == ((), ())
    assert decision.procedures[0].doing == (
        "would do: restart of Deployment fleet-manager"
        " (the mode is DryRun; set spec.mode to Enforce to allow it)"
    )


def test_observe_does_not_even_propose() -> None:
    story = Story(spec_of(mode="Observe"))
    decision = story.after(minutes(60), NO_LEADER)

    assert (decision.plans, decision.escalations) == ((), ())
    assert decision.procedures[0].doing == (
        "no restart of Deployment fleet-manager: the mode is Observe"
    )


@pytest.mark.parametrize("mode", ["Observe", "DryRun"])
def test_below_enforce_with_page_people_are_called_at_once(mode: str) -> None:
    (called,) = Story(spec_of(mode=mode, notify="Page")).at_once(NO_LEADER).escalations

    assert called.reason is EscalationReason.REFUSED
    assert f"the mode is {mode}" in called.message


@pytest.mark.parametrize("notify", ["None", "Info"])
def test_below_enforce_without_page_nobody_is_called(notify: str) -> None:
    story = Story(spec_of(mode="DryRun", notify=notify))
    story.at_once(NO_LEADER)

    assert not story.after(minutes(60), NO_LEADER).escalations


def test_a_row_may_only_lower_the_mode() -> None:
    latency = procedure_of("Latency")
    latency["handle"][1]["remediate"]["mode"] = "DryRun"
    assert not Story(spec_of(procedures=[latency])).at_once(NO_LEADER).plans

    latency["handle"][1]["remediate"]["mode"] = "Enforce"
    assert not Story(spec_of(procedures=[latency], mode="DryRun")).at_once(NO_LEADER).plans
    assert Story(spec_of(procedures=[latency])).at_once(NO_LEADER).plans


def test_who_is_called_instead_is_the_rows_own_or_else() -> None:
    denied = target(may_act=DENIED)
    (own,) = Story().at_once(STUCK, api=denied).escalations
    (last,) = Story().at_once(NO_LEADER, api=denied).escalations

    assert (own.to, last.to) == (("sre",), ("control-plane",))


def test_time_in_another_mode_does_not_count_as_refused() -> None:
    story = Story()
    story.at_once(NO_LEADER, api=PAUSED)
    story.spec = spec_of(mode="DryRun")
    story.after(minutes(1), NO_LEADER, api=PAUSED)
    story.spec = spec_of()

    assert not story.after(minutes(10), NO_LEADER, api=PAUSED).escalations
