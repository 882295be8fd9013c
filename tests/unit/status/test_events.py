"""Events tell transitions, each once."""

import itertools

import pytest

from servicesop.api.status import CheckState, Outcome, Phase, Status, Tri
from servicesop.judge.debounce import Memory
from servicesop.status.events import NORMAL, WARNING, notes
from unit.decide.scenes import (
    NO_LEADER,
    bad,
    blind,
    intent_of,
    maybe,
    memory,
    minutes,
    skipped,
    spec_of,
    suspended,
)
from unit.status.reporting import NO_RUNNER, Reports, ended

OCM: dict[str, Memory] = {"ocm": bad()}


def reasons(before: Status, after: Status) -> list[tuple[str, str]]:
    return [(note.type, note.reason) for note in notes(before, after)]


def between(*scenes: dict[str, Memory], mode: str = "Enforce") -> list[list[tuple[str, str]]]:
    """The Events of each step from one scene to the next, a minute apart."""
    reports = Reports(spec_of(mode=mode))
    statuses = [Status(), *(reports.after(minutes(1), scene) for scene in scenes)]
    return [reasons(a, b) for a, b in itertools.pairwise(statuses)]


STARTED, ENDED = (WARNING, "ProcedureStarted"), (NORMAL, "ProcedureEnded")
CALLED = (WARNING, "Escalated")


def test_nothing_is_told_where_nothing_changes() -> None:
    assert between({}, {}, NO_LEADER, NO_LEADER) == [[], [], [STARTED], []]


def test_a_procedure_starts_and_ends_once() -> None:
    assert between({}, OCM, OCM, {}, {}) == [[], [STARTED, CALLED], [], [ENDED], []]


@pytest.mark.parametrize("unknown", [blind(), memory(CheckState.NOT_RUN)], ids=["blind", "restart"])
def test_what_is_unknown_in_between_is_no_transition(unknown: Memory) -> None:
    dark = {"ocm": unknown}

    assert between({}, OCM, dark, OCM, dark, {}) == [[], [STARTED, CALLED], [], [], [], [ENDED]]
    assert between({}, dark, {}) == [[], [], []]
    assert between(dark, OCM) == [[], [STARTED, CALLED]]


def test_checks_that_wait_are_told_together_and_once() -> None:
    reports = Reports()
    before = reports.at_once({})
    waiting = {"ready": blind(), "leader": skipped("ready"), "moves": skipped("ready")}
    after = reports.after(minutes(1), waiting)

    (note,) = notes(before, after)
    assert (note.type, note.reason) == (NORMAL, "ChecksSkipped")
    assert note.text == "leader, moves: waits for another"
    assert notes(after, reports.after(minutes(1), waiting)) == []


def test_a_check_that_waits_for_its_first_run_is_no_event() -> None:
    reports = Reports()
    before = reports.at_once({"leader": memory(CheckState.NOT_RUN)})

    waiting = {"leader": skipped("ready"), "ready": maybe("NotReady")}

    assert notes(before, reports.after(minutes(1), waiting)) == []
    assert between(waiting) == [[]]


def test_a_check_is_suspended_and_resumed() -> None:
    off = {"leader": suspended(), "moves": suspended()}

    assert between({}, off, off, {}) == [
        [],
        [(NORMAL, "ChecksSuspended")],
        [],
        [(NORMAL, "ChecksResumed")],
    ]
    assert between(off) == [[]], "that of a new SOP stands in its spec"


def test_an_escalation_is_told_when_it_opens_changes_its_teams_and_ends() -> None:
    reports = Reports()
    before = reports.at_once({"leader": bad("Many"), "ocm": blind()})
    opened = reports.after(minutes(3), {"leader": bad("Many"), "ocm": blind()})
    assert reasons(before, opened) == [CALLED]
    assert notes(before, opened)[0].text == (
        "Latency: Unsure, to control-plane: row ocm-refuses cannot be decided"
    )

    both = {"leader": bad("Many"), "ocm": bad()}
    reports.after(minutes(1), both)
    added = reports.after(minutes(1), both)
    assert (CALLED in reasons(opened, added)) is True
    reports.after(minutes(1), {})
    calm = reports.status
    over = reports.after(minutes(15), {})
    assert set(reasons(calm, over)) == {(NORMAL, "EscalationResolved")}


def test_a_changed_text_alone_is_no_event() -> None:
    reports = Reports()
    before = reports.at_once(OCM)
    escalation = before.escalations[0].model_copy(update={"message": "another text"})

    assert notes(before, before.model_copy(update={"escalations": (escalation,)})) == []


def test_a_proposal_is_told_once() -> None:
    dry = (NORMAL, "DryRun")

    assert between({}, NO_LEADER, NO_LEADER, mode="DryRun") == [[], [STARTED, dry], []]


def test_readiness() -> None:
    reports = Reports()
    ready = reports.at_once({})
    unready = reports.at_once({}, readiness=NO_RUNNER)
    again = reports.at_once({})

    assert reasons(Status(), ready) == []
    assert reasons(Status(), unready) == [(WARNING, "NotReady")]
    assert reasons(ready, unready) == [(WARNING, "NotReady")]
    assert reasons(unready, unready) == []
    assert reasons(unready, again) == [(NORMAL, "Ready")]


def test_an_action_is_told_when_it_was_sent_and_when_it_ended() -> None:
    steps = [Status()]
    steps += [Status(intents=(intent_of(phase),)) for phase in Phase]
    steps.append(Status(history=(ended(Outcome.HELPED),)))
    told = [reasons(a, b) for a, b in itertools.pairwise(steps)]

    assert told == [[], [(NORMAL, "RestartIssued")], [], [], [(NORMAL, "RestartHelped")]]


@pytest.mark.parametrize("outcome", list(Outcome))
def test_only_a_good_end_is_normal(outcome: Outcome) -> None:
    ((kind, reason),) = reasons(Status(), Status(history=(ended(outcome),)))

    assert reason == f"Restart{outcome}"
    assert (kind == NORMAL) == (outcome in (Outcome.HELPED, Outcome.NOT_NEEDED))


def test_several_ends_are_told_oldest_first() -> None:
    newest_first = (ended(Outcome.HELPED, "b"), ended(Outcome.REVERTED, "a"))

    told = notes(Status(), Status(history=newest_first))
    assert [note.reason for note in told] == ["RestartReverted", "RestartHelped"]


def test_reading_the_same_status_again_tells_nothing() -> None:
    reports = Reports()
    reports.at_once(OCM | NO_LEADER, intents=(intent_of(Phase.ISSUED),))
    status = reports.status

    assert notes(status, Status.model_validate(status.model_dump())) == []
    assert status.procedures[0].state is Tri.TRUE
