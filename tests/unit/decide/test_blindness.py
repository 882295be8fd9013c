"""Nobody is left blind in silence, and the call for that is one per SOP."""

import pytest

from servicesop.api.status import CheckState, Escalation, EscalationReason, Tri
from servicesop.judge.debounce import Memory
from unit.decide.scenes import (
    NOW,
    Story,
    bad,
    blind,
    maybe,
    memory,
    minutes,
    procedure_of,
    seconds,
    skipped,
    spec_of,
    suspended,
)

DARK = {"leader": blind()}


def call_of(story: Story) -> Escalation | None:
    found = [one for one in story.status.escalations if one.reason is EscalationReason.BLIND]
    assert len(found) <= 1
    return found[0] if found else None


def test_it_opens_after_blind_for() -> None:
    story = Story()
    story.at_once(DARK)
    story.after(minutes(10) - seconds(1), DARK)
    assert call_of(story) is None

    story.after(seconds(1), DARK)
    called = call_of(story)
    assert called is not None
    assert (called.procedures, called.checks) == (("Latency",), ("leader",))
    assert (called.to, called.message) == (("control-plane",), "cannot tell: leader")
    assert called.opened == NOW + minutes(10)


@pytest.mark.parametrize(
    "state", [CheckState.ERROR, CheckState.INCONCLUSIVE, CheckState.NOT_RUN], ids=str
)
def test_every_kind_of_not_knowing_counts(state: CheckState) -> None:
    story = Story()
    story.at_once({"leader": memory(state)})
    story.after(minutes(10), {"leader": memory(state)})

    assert call_of(story) is not None


@pytest.mark.parametrize(
    "sees", [{}, {"leader": maybe("None")}, {"leader": bad("Many")}], ids=["well", "soon", "bad"]
)
def test_a_moment_of_sight_starts_blind_for_afresh(sees: dict[str, Memory]) -> None:
    story = Story()
    story.at_once(DARK)
    story.after(minutes(9), sees)
    story.after(minutes(1), DARK)
    story.after(minutes(9), DARK)
    assert call_of(story) is None

    story.after(minutes(1), DARK)
    assert call_of(story) is not None


def test_a_failed_check_beside_a_blind_one_is_not_blindness() -> None:
    story = Story()
    checks = {"leader": blind(), "moves": bad("Stuck")}
    story.at_once(checks)
    story.after(minutes(60), checks)

    assert call_of(story) is None


@pytest.mark.parametrize(
    ("checks", "reported"),
    [
        pytest.param({"leader": suspended()}, (), id="switched off on purpose"),
        pytest.param({"leader": skipped("ready"), "ready": suspended()}, (), id="what it needs is"),
        pytest.param(
            {"leader": skipped("ready", "ocm"), "ready": suspended(), "ocm": blind()},
            (("Errors",), ("ocm",)),
            id="it would not run if the other could tell",
        ),
        pytest.param({"leader": skipped("ready"), "ready": maybe()}, (), id="it will be known"),
        pytest.param(
            {"leader": skipped("ready"), "moves": skipped("ready"), "ready": blind()},
            (("Latency",), ("ready",)),
            id="what cannot tell is named, not who waits for it",
        ),
        pytest.param(
            {"leader": skipped("ready"), "ready": memory(CheckState.NOT_RUN)},
            (("Latency",), ("ready",)),
            id="what never runs is",
        ),
        pytest.param(
            {"leader": skipped("ocm"), "moves": skipped("ocm"), "ocm": bad()},
            (),
            id="what has failed is an alarm of its own",
        ),
        pytest.param(
            {"leader": skipped("ready"), "ready": bad("NotReady")},
            (("Latency",), ("ready",)),
            id="but not when no procedure asks for it",
        ),
        pytest.param(
            {"leader": suspended(), "moves": blind()},
            (("Latency",), ("moves",)),
            id="beside a suspended check another cannot tell",
        ),
    ],
)
def test_a_check_that_is_not_run_is_blindness_only_when_nobody_knows_why(
    checks: dict[str, Memory], reported: tuple[object, ...]
) -> None:
    story = Story()
    story.at_once(checks)
    decision = story.after(minutes(60), checks)
    called = call_of(story)

    assert decision.procedures[0].state is Tri.UNKNOWN
    assert ((called.procedures, called.checks) if called else ()) == reported


def test_once_open_every_blind_procedure_joins_at_once() -> None:
    latency = procedure_of("Latency")
    errors = procedure_of("Errors")
    del errors["stepsFrom"]
    errors["handle"] = [
        {"name": "otherwise", "otherwise": True, "escalate": {"to": ["sre"]}},
    ]
    story = Story(spec_of(procedures=[latency, errors]))
    story.at_once(DARK)
    story.after(minutes(10), DARK)
    before = call_of(story)
    story.after(seconds(30), DARK | {"ocm": blind()})
    after = call_of(story)

    assert before is not None
    assert after is not None
    assert after.key == before.key
    assert (after.procedures, after.checks) == (("Latency", "Errors"), ("leader", "ocm"))
    assert after.to == ("control-plane", "sre")


def test_it_ends_with_the_last_procedure_that_sees_again() -> None:
    story = Story()
    both = {"leader": blind(), "ocm": blind()}
    story.at_once(both)
    story.after(minutes(10), both)
    story.after(minutes(1), {"ocm": blind()})
    called = call_of(story)
    assert called is not None
    assert called.procedures == ("Errors",)

    story.after(minutes(1), {})
    assert call_of(story) is None


def test_it_stands_beside_other_calls() -> None:
    story = Story()
    story.at_once({"leader": blind(), "ocm": bad("TooMany")})
    story.after(minutes(10), {"leader": blind(), "ocm": bad("TooMany")})

    assert [one.reason for one in story.status.escalations] == [
        EscalationReason.ROW,
        EscalationReason.BLIND,
    ]


def test_a_procedure_that_has_failed_and_is_blind_now_keeps_both() -> None:
    story = Story()
    story.at_once({"ocm": bad("TooMany")})
    story.after(minutes(1), {"ocm": blind()})
    story.after(minutes(10), {"ocm": blind()})

    assert {one.reason: one.procedures for one in story.status.escalations} == {
        EscalationReason.ROW: ("Errors",),
        EscalationReason.BLIND: ("Errors",),
    }
