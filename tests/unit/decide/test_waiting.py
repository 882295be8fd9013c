"""What a decision waits for, and for how long: pending and unknown rows, and rows that hold."""

from servicesop.api.status import CheckState, EscalationReason, Held
from unit.decide.scenes import (
    NO_LEADER,
    NOTHING_KNOWN_ABOVE,
    NOW,
    Story,
    bad,
    blind,
    good,
    maybe,
    memory,
    minutes,
    procedure_of,
    seconds,
    spec_of,
)

PENDING_ROW = {
    "leader": memory(CheckState.FAILED, confirmed=frozenset({"Many"}), pending=frozenset({"None"})),
}
ONLY_UNKNOWN = {"leader": bad("Many"), "ocm": blind()}
HOLDS = {"ready": bad("NotReady"), **NO_LEADER}


def test_a_pending_row_is_waited_for_and_calls_nobody_however_long() -> None:
    story = Story()
    for _ in range(20):
        decision = story.after(minutes(1), PENDING_ROW)

    assert decision.procedures[0].doing == "waits until row no-leader can be decided"
    assert (decision.escalations, decision.plans) == ((), ())


def test_when_only_unknown_rows_led_there_people_are_called_after_unsure_for() -> None:
    story = Story()
    decision = story.at_once(ONLY_UNKNOWN)
    assert decision.procedures[0].doing == "waits for unknown checks of row ocm-refuses"
    assert not story.after(minutes(2) - seconds(1), ONLY_UNKNOWN).escalations

    (called,) = story.after(seconds(1), ONLY_UNKNOWN).escalations
    assert called.reason is EscalationReason.UNSURE
    assert called.to == ("control-plane",)
    assert called.message == "row ocm-refuses cannot be decided"


def test_unsure_for_starts_afresh_after_an_answer() -> None:
    story = Story()
    known = {"leader": bad("Many"), "ready": bad("NotReady")}
    story.at_once(ONLY_UNKNOWN)
    story.after(minutes(1), known)
    story.after(minutes(2), ONLY_UNKNOWN)

    assert not story.status.escalations


def test_unsure_for_starts_afresh_after_the_procedure_was_calm() -> None:
    story = Story()
    story.at_once(ONLY_UNKNOWN)
    story.after(minutes(1), {})
    story.after(minutes(5), ONLY_UNKNOWN)

    assert not story.status.escalations


def test_an_action_below_an_unknown_row_is_handed_over_at_once() -> None:
    latency = procedure_of("Latency")
    story = Story(spec_of(procedures=[latency]))
    (called,) = story.at_once({"moves": bad("Stuck"), "ocm": blind()}).escalations

    assert called.reason is EscalationReason.UNSURE
    assert called.to == ("control-plane",)
    assert not story.after(minutes(60), NOTHING_KNOWN_ABOVE).plans


def test_a_row_holds_for_at_most_its_time_and_then_is_skipped() -> None:
    story = Story()
    decision = story.at_once(HOLDS)
    assert decision.procedures[0].doing == "holds: pods are being replaced"
    assert not decision.plans
    assert not story.after(minutes(10) - seconds(1), HOLDS).plans

    story.after(seconds(1), HOLDS)
    (plan,) = story.after(seconds(30), HOLDS).plans
    assert plan.row.name == "no-leader"
    # Confirming the plan must skip the same rows, or it would be held for ever.
    assert plan.skipped == {"rolling"}


def test_a_row_that_has_held_once_does_not_hold_again_in_the_same_episode() -> None:
    story = Story()
    story.at_once(HOLDS)
    story.after(minutes(5), {"leader": maybe("None"), "moves": bad("Stuck"), "ocm": good()})
    story.after(minutes(6), NO_LEADER)
    story.after(minutes(1), NO_LEADER)

    assert story.after(minutes(1), HOLDS).plans


def test_a_new_episode_may_hold_again() -> None:
    story = Story()
    story.at_once(HOLDS)
    story.after(minutes(20), {})
    story.after(minutes(20), {})

    decision = story.after(minutes(1), HOLDS)
    assert (decision.procedures[0].doing or "").startswith("holds")


def test_rows_that_held_under_an_older_spec_are_forgotten() -> None:
    story = Story()
    story.at_once(HOLDS)
    latency = procedure_of("Latency")
    latency["handle"][0]["name"] = "rolling-out"
    story.spec = spec_of(procedures=[latency])
    story.after(minutes(1), HOLDS)
    story.after(minutes(1), HOLDS)

    episode = story.status.procedures[0].episode
    assert episode is not None
    assert episode.held == (Held(row="rolling-out", since=NOW + minutes(2)),)
