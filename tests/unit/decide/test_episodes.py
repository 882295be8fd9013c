"""An episode: one continuous stretch of a procedure being true."""

import pytest

from servicesop.api.status import Episode, Phase, Status, Tri
from servicesop.decide.procedures import Checks
from unit.decide.scenes import (
    NO_LEADER,
    NOW,
    Story,
    bad,
    blind,
    intent_of,
    maybe,
    minutes,
    procedure_of,
    seconds,
    spec_of,
)

OTHER: Checks = NO_LEADER | {"ready": bad("NotReady")}


def episode(story: Story) -> Episode | None:
    return story.status.procedures[0].episode


def started(story: Story) -> Episode:
    found = episode(story)
    assert found is not None
    return found


def test_it_begins_when_the_procedure_is_true_and_keeps_its_beginning() -> None:
    story = Story()
    story.at_once(NO_LEADER)
    story.after(minutes(5), NO_LEADER)

    assert started(story).started == NOW
    assert story.status.procedures[0].state is Tri.TRUE
    assert story.status.procedures[0].since == NOW


@pytest.mark.parametrize("checks", [{}, {"leader": blind()}, {"leader": maybe("None")}])
def test_nothing_begins_while_it_is_not_known_to_be_true(checks: Checks) -> None:
    story = Story()
    story.at_once(checks)
    story.after(minutes(60), checks)

    assert episode(story) is None


def test_a_gap_shorter_than_reopen_within_does_not_end_it() -> None:
    story = Story()
    story.at_once(NO_LEADER)
    story.after(minutes(1), {})
    story.after(minutes(15) - seconds(1), {})
    story.after(seconds(0), NO_LEADER)

    assert started(story).started == NOW
    assert started(story).calm_since is None


def test_a_gap_of_reopen_within_ends_it_and_the_next_one_is_new() -> None:
    story = Story()
    story.at_once(NO_LEADER)
    story.after(minutes(1), {})
    assert started(story).calm_since == NOW + minutes(1)
    story.after(minutes(15), {})
    assert episode(story) is None

    story.after(minutes(1), NO_LEADER)
    assert started(story).started == NOW + minutes(17)


def test_gaps_do_not_add_up() -> None:
    story = Story()
    story.at_once(NO_LEADER)
    for _ in range(5):
        story.after(minutes(1), {})
        story.after(minutes(10), {})
        story.after(minutes(1), NO_LEADER)

    assert started(story).started == NOW


def test_what_is_unknown_is_not_calm() -> None:
    story = Story()
    story.at_once(NO_LEADER)
    story.after(minutes(1), {})
    story.after(minutes(14), {"leader": blind()})
    assert started(story).calm_since is None

    story.after(minutes(1), {})
    story.after(minutes(14), {})
    assert episode(story) is not None
    story.after(minutes(1), {})
    assert episode(story) is None


def test_being_blind_for_ever_does_not_end_it() -> None:
    story = Story()
    story.at_once(NO_LEADER)
    story.after(minutes(600), {"leader": blind()})
    story.after(minutes(1), NO_LEADER)

    assert started(story).started == NOW


def test_it_does_not_end_before_its_action_does() -> None:
    story = Story(status=Status(intents=(intent_of(Phase.VERIFYING),)))
    story.at_once(NO_LEADER)
    story.after(minutes(1), {})
    story.after(minutes(60), {})
    assert episode(story) is not None

    story.status = story.status.model_copy(update={"intents": ()})
    story.at_once({})
    assert episode(story) is None


def test_another_row_must_win_two_cycles_to_replace_the_one_that_stands() -> None:
    story = Story()
    story.at_once(NO_LEADER)
    assert started(story).row == "no-leader"

    decision = story.after(minutes(1), OTHER)
    assert started(story).row == "no-leader"
    assert started(story).candidate == "rolling"
    assert decision.procedures[0].doing == "row rolling must win twice to replace no-leader"
    story.after(seconds(29), OTHER)
    assert started(story).row == "no-leader"
    story.after(seconds(1), OTHER)
    assert started(story).row == "rolling"
    assert started(story).candidate is None


@pytest.mark.parametrize(
    "between", [NO_LEADER, {}, {"leader": blind()}], ids=["the old row", "calm", "blind"]
)
def test_two_cycles_must_follow_each_other(between: Checks) -> None:
    story = Story()
    story.at_once(NO_LEADER)
    story.after(minutes(1), OTHER)
    story.after(minutes(1), between)
    story.after(minutes(1), OTHER)

    assert started(story).row == "no-leader"
    assert started(story).candidate == "rolling"


def test_a_plan_waits_for_two_cycles_too() -> None:
    story = Story()
    story.at_once(OTHER)
    assert not story.after(minutes(1), NO_LEADER).plans
    assert story.after(seconds(30), NO_LEADER).plans


def test_an_episode_goes_on_under_a_new_spec_whose_rows_have_other_names() -> None:
    story = Story()
    story.at_once(NO_LEADER)
    latency = procedure_of("Latency")
    latency["handle"][1]["name"] = "leaderless"
    story.spec = spec_of(procedures=[latency])

    story.after(minutes(1), NO_LEADER)
    assert (started(story).started, started(story).row) == (NOW, "no-leader")
    plans = story.after(seconds(30), NO_LEADER).plans
    assert [plan.row.name for plan in plans] == ["leaderless"]
    assert started(story).started == NOW


def test_a_procedure_that_the_spec_no_longer_has_is_forgotten_with_its_call() -> None:
    story = Story()
    story.at_once({"ocm": bad("TooMany")})
    assert story.status.escalations
    story.spec = spec_of(procedures=[procedure_of("Latency")])
    decision = story.after(minutes(1), {})

    assert [one.name for one in decision.procedures] == ["Latency"]
    assert decision.escalations == ()


def test_a_suspended_sop_says_nothing_calls_nobody_and_forgets_no_episode() -> None:
    story = Story()
    checks = {"leader": blind(), "ocm": bad("TooMany")}
    story.at_once(checks)
    story.after(minutes(11), checks)
    assert len(story.status.escalations) == 2
    story.spec = spec_of(suspend=True)
    decision = story.after(minutes(60), checks)

    assert {one.state for one in decision.procedures} == {Tri.UNKNOWN}
    assert {one.blind_since for one in decision.procedures} == {None}
    assert (decision.escalations, decision.plans) == ((), ())
    story.spec = spec_of()
    story.after(minutes(1), checks)
    errors = story.status.procedures[1]
    assert errors.episode is not None
    assert errors.episode.started == NOW
    # What is still so is said once more.
    assert [one.procedures for one in story.status.escalations] == [("Errors",)]
