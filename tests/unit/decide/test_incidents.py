"""Open calls for people: who joins which, who is added, and when one is over."""

from collections.abc import Iterable

from servicesop.api.status import Escalation, EscalationReason
from servicesop.decide import escalations
from servicesop.decide.escalations import Call
from unit.decide.scenes import (
    NO_LEADER,
    NOW,
    SOP_UID,
    Story,
    bad,
    blind,
    minutes,
    procedure_of,
    seconds,
    spec_of,
)

OCM = {"ocm": bad("TooMany")}


def call(procedure: str, to: Iterable[str], checks: Iterable[str], text: str = "") -> Call:
    return Call(procedure, EscalationReason.ROW, tuple(to), tuple(checks), text)


def update(
    opened: tuple[Escalation, ...], *calls: Call, alive: Iterable[str] = ("A", "B", "C")
) -> tuple[Escalation, ...]:
    return escalations.update(opened, calls, frozenset(alive), SOP_UID, NOW)


def test_the_last_row_calls_its_team_with_the_failed_checks() -> None:
    story = Story()
    (called,) = story.at_once({"leader": bad("Many")}).escalations

    assert called.reason is EscalationReason.OTHERWISE
    assert (called.to, called.procedures, called.checks) == (
        ("control-plane",), ("Latency",), ("leader",),
    )  # fmt: skip
    assert called.opened == NOW


def test_a_row_that_names_a_team_says_why_it_is_theirs() -> None:
    story = Story(spec_of(procedures=[procedure_of("Latency")]))
    (called,) = story.at_once(OCM | {"leader": bad("Many")}).escalations

    assert (called.reason, called.to) == (EscalationReason.ROW, ("ocm-support",))
    assert called.message == "a restart cannot help"


def test_one_open_call_keeps_its_key_and_time() -> None:
    story = Story()
    (first,) = story.at_once(OCM).escalations
    (later,) = story.after(minutes(60), OCM).escalations

    assert (first.key, first.opened) == (later.key, later.opened)


def test_another_row_adds_its_team_and_takes_nobody_away() -> None:
    story = Story()
    story.at_once({"leader": bad("Many")})
    both = {"leader": bad("Many"), "ocm": bad("TooMany")}
    story.spec = spec_of(procedures=[procedure_of("Latency")])
    story.after(minutes(1), both)
    (called,) = story.after(minutes(1), both).escalations
    assert called.to == ("control-plane", "ocm-support")
    assert called.message == "a restart cannot help"

    story.after(minutes(1), {"leader": bad("Many")})
    (called,) = story.after(minutes(1), {"leader": bad("Many")}).escalations
    assert called.to == ("control-plane", "ocm-support")


def test_it_is_over_when_the_episode_is_and_not_before() -> None:
    story = Story()
    story.at_once(OCM)
    story.after(minutes(1), {})
    assert story.after(minutes(15) - seconds(1), {}).escalations

    assert not story.after(seconds(1), {}).escalations


def test_a_blind_minute_does_not_end_it() -> None:
    story = Story()
    story.at_once(OCM)

    assert story.after(minutes(1), {"ocm": blind()}).escalations


def test_the_next_episode_is_a_new_incident() -> None:
    story = Story()
    (first,) = story.at_once(OCM).escalations
    story.after(minutes(1), {})
    story.after(minutes(20), {})
    (second,) = story.after(minutes(1), OCM).escalations

    assert first.key != second.key


def test_one_cause_is_one_incident() -> None:
    story = Story()
    checks = {"leader": bad("Many"), "ocm": bad("TooMany")}
    latency = procedure_of("Latency", checks=["leader", "ocm"])
    story.spec = spec_of(procedures=[latency, procedure_of("Errors")])
    (called,) = story.at_once(checks).escalations

    assert called.procedures == ("Latency", "Errors")
    assert (called.to, called.checks) == (("ocm-support",), ("leader", "ocm"))


def test_the_same_problem_under_a_second_title_calls_once() -> None:
    decision = Story().at_once({"leader": bad("Many")})

    assert [one.name for one in decision.procedures] == ["Latency", "Errors"]
    assert [one.procedures for one in decision.escalations] == [("Latency",)]


def test_steps_from_uses_the_other_procedures_table() -> None:
    (called,) = Story().at_once(OCM).escalations

    assert (called.procedures, called.to) == (("Errors",), ("ocm-support",))


def test_calls_join_only_for_the_same_team_and_the_same_failed_check() -> None:
    opened = update((), call("A", ["x"], ["one"]))

    assert len(update(opened, call("B", ["x"], ["two"]))) == 2
    assert len(update(opened, call("B", ["y"], ["one"]))) == 2
    (joined,) = update(opened, call("B", ["y", "x"], ["one", "two"]))
    assert (joined.to, joined.procedures, joined.checks) == (("x", "y"), ("A", "B"), ("one", "two"))


def test_the_procedure_that_opened_it_keeps_telling_the_story() -> None:
    opened = update((), call("A", ["x"], ["one"], "first"), call("B", ["x"], ["one"], "second"))
    assert [one.message for one in opened] == ["first"]

    opened = update(opened, call("A", ["x"], ["one"], "third"), call("B", ["x"], ["one"], "second"))
    assert [one.message for one in opened] == ["third"]


def test_it_goes_on_until_the_last_of_its_procedures_is_over() -> None:
    opened = update((), call("A", ["x"], ["one"]), call("B", ["x"], ["one"]))

    (left,) = update(opened, alive=["B"])
    assert (left.procedures, left.key) == (("B",), opened[0].key)
    assert update((left,), alive=[]) == ()


def test_names_that_the_spec_no_longer_has_are_dropped() -> None:
    (one,) = escalations.named(
        update((), call("A", ["x", "y"], ["one", "two"])), teams={"y"}, checks={"two"}
    )
    assert (one.to, one.checks) == (("y",), ("two",))

    (one,) = escalations.named(update((), call("A", ["x"], ["one"])), teams={"y"}, checks={"two"})
    assert one.to == ("x",), "somebody has been called"


def test_a_call_under_a_changed_spec_names_only_its_teams() -> None:
    story = Story()
    story.at_once({"leader": bad("Many")})
    latency = procedure_of("Latency")
    latency["handle"][-1]["escalate"] = {"to": ["sre"]}
    story.spec = spec_of(
        procedures=[latency],
        teams=[{"name": name, "title": name} for name in ("sre", "ocm-support")],
    )
    (called,) = story.after(minutes(1), {"leader": bad("Many")}).escalations

    assert called.to == ("sre",)


def test_a_remediation_in_flight_closes_no_call() -> None:
    story = Story()
    story.at_once({"leader": bad("Many")})
    story.after(minutes(1), NO_LEADER)
    decision = story.after(minutes(1), NO_LEADER)

    assert decision.plans
    assert decision.escalations
