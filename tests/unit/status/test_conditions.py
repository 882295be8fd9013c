"""The conditions: what each says, and that its time moves only when its status does."""

from dataclasses import replace

import pytest

from servicesop.api.reasons import UnknownReason
from servicesop.api.status import CheckState, Phase, Status, Tri
from servicesop.judge.debounce import Memory
from servicesop.judge.results import error, failed
from servicesop.status.conditions import Readiness, ReadyReason
from unit.decide.scenes import (
    NO_LEADER,
    NOW,
    bad,
    blind,
    deployment,
    intent_of,
    maybe,
    memory,
    minutes,
    procedure_of,
    skipped,
    spec_of,
    suspended,
    target,
)
from unit.status.reporting import NO_RUNNER, Reports, condition


def said(status: Status, name: str) -> tuple[Tri, str]:
    found = condition(status, name)
    return found.status, found.reason


def test_conditions_stand_in_a_fixed_order() -> None:
    assert [one.type for one in Reports().at_once({}).conditions] == [
        "Ready",
        "Healthy",
        "RemediationAllowed",
        "Remediating",
        "Escalated",
        "Latency",
        "Correctness",
        "Errors",
    ]


@pytest.mark.parametrize(
    ("checks", "healthy", "latency", "errors"),
    [
        ({}, (Tri.TRUE, "ChecksPassed"), Tri.FALSE, Tri.FALSE),
        ({"leader": bad("Many")}, (Tri.FALSE, "ChecksFailed"), Tri.TRUE, Tri.FALSE),
        ({"ocm": bad()}, (Tri.FALSE, "ChecksFailed"), Tri.FALSE, Tri.TRUE),
        ({"leader": maybe("None")}, (Tri.UNKNOWN, "ChecksPending"), Tri.UNKNOWN, Tri.FALSE),
        ({"leader": blind()}, (Tri.UNKNOWN, "ChecksUnknown"), Tri.UNKNOWN, Tri.FALSE),
        (
            {"leader": memory(CheckState.NOT_RUN)},
            (Tri.UNKNOWN, "Starting"),
            Tri.UNKNOWN,
            Tri.FALSE,
        ),
        ({"leader": suspended()}, (Tri.UNKNOWN, "ChecksSuspended"), Tri.UNKNOWN, Tri.FALSE),
        (
            {"leader": skipped("ready"), "moves": suspended()},
            (Tri.UNKNOWN, "ChecksSkipped"),
            Tri.UNKNOWN,
            Tri.FALSE,
        ),
        (
            {"leader": skipped("moves"), "moves": maybe("Stuck")},
            (Tri.UNKNOWN, "ChecksPending"),
            Tri.UNKNOWN,
            Tri.FALSE,
        ),
        # The dead source is told, and not who waits for it.
        (
            {"leader": skipped("moves"), "moves": blind()},
            (Tri.UNKNOWN, "ChecksUnknown"),
            Tri.UNKNOWN,
            Tri.FALSE,
        ),
        # Failed beats unknown, in a procedure and in the whole.
        (
            {"leader": blind(), "moves": bad("Stuck")},
            (Tri.FALSE, "ChecksFailed"),
            Tri.TRUE,
            Tri.FALSE,
        ),
        ({"leader": blind(), "ocm": bad()}, (Tri.FALSE, "ChecksFailed"), Tri.UNKNOWN, Tri.TRUE),
        # Cannot tell beats pending.
        (
            {"leader": blind(), "moves": maybe("Stuck")},
            (Tri.UNKNOWN, "ChecksUnknown"),
            Tri.UNKNOWN,
            Tri.FALSE,
        ),
        # Named only in a row: a diagnosis, not health.
        ({"ready": bad("NotReady")}, (Tri.TRUE, "ChecksPassed"), Tri.FALSE, Tri.FALSE),
    ],
)
def test_health_follows_from_procedures_and_they_from_checks(
    checks: dict[str, Memory], healthy: tuple[Tri, str], latency: Tri, errors: Tri
) -> None:
    status = Reports().at_once(checks)

    assert said(status, "Healthy") == healthy
    assert condition(status, "Latency").status is latency
    assert condition(status, "Errors").status is errors


def test_an_info_procedure_never_makes_the_service_unhealthy() -> None:
    spec = spec_of(procedures=[procedure_of("Latency"), procedure_of("Errors", severity="info")])
    status = Reports(spec).at_once({"ocm": bad()})

    assert said(status, "Errors") == (Tri.TRUE, "ChecksFailed")
    assert said(status, "Healthy") == (Tri.TRUE, "ChecksPassed")


def test_the_same_problem_under_a_second_title_has_the_same_condition() -> None:
    reports = Reports()
    reports.at_once({})
    status = reports.after(minutes(1), {"leader": bad("Many")})

    mirrored = condition(status, "Correctness")
    assert mirrored.status is Tri.TRUE
    assert mirrored == condition(status, "Latency").model_copy(update={"type": "Correctness"})


def test_a_time_moves_only_when_the_status_does() -> None:
    reports = Reports()
    reports.at_once({})
    reports.after(minutes(1), {"leader": bad("Many")})
    status = reports.after(minutes(1), {"leader": bad("None"), "ocm": bad()})

    healthy = condition(status, "Healthy")
    assert healthy.last_transition_time == NOW + minutes(1)
    assert "ocm" in healthy.message, "the message follows the facts"
    assert condition(status, "Errors").last_transition_time == NOW + minutes(2)
    assert condition(status, "Ready").last_transition_time == NOW
    assert status.since == healthy.last_transition_time


def test_conditions_are_about_the_generation_that_was_judged() -> None:
    reports = Reports()
    reports.generation = 17
    status = reports.at_once({})

    assert {one.observed_generation for one in status.conditions} == {17}
    assert status.observed_generation == 17


def test_messages_name_the_checks_and_what_they_saw() -> None:
    stuck = replace(bad("Stuck"), last=failed({"Stuck"}, "2 rows are stuck"))
    dark = replace(blind(), last=error(UnknownReason.UNREACHABLE, "no connection to the host"))

    status = Reports().at_once({"leader": bad("Many"), "moves": stuck})
    assert condition(status, "Healthy").message == "leader: does not hold; moves: 2 rows are stuck"
    status = Reports().at_once({"moves": dark})
    assert condition(status, "Latency").message == ("moves: Unreachable: no connection to the host")


def test_whether_an_action_would_be_permitted_now() -> None:
    assert said(Reports().at_once({}), "RemediationAllowed") == (Tri.TRUE, "Allowed")
    paused = Reports().at_once({}, api=target(view=deployment(paused=True)))
    assert said(paused, "RemediationAllowed") == (Tri.FALSE, "DeploymentPaused")
    dry = Reports(spec_of(mode="DryRun")).at_once({})
    assert said(dry, "RemediationAllowed") == (Tri.FALSE, "DryRun")


@pytest.mark.parametrize(
    ("phase", "reason"),
    [
        (Phase.PLANNED, "RestartPlanned"),
        (Phase.ISSUED, "RestartIssued"),
        (Phase.SETTLING, "Settling"),
        (Phase.VERIFYING, "Verifying"),
    ],
)
def test_an_action_in_flight(phase: Phase, reason: str) -> None:
    status = Reports().at_once(NO_LEADER, intents=(intent_of(phase),))

    assert said(status, "Remediating") == (Tri.TRUE, reason)
    assert "fleet-manager" in condition(status, "Remediating").message
    assert said(Reports().at_once(NO_LEADER), "Remediating") == (Tri.FALSE, "NoAction")


def test_whom_people_called_and_why() -> None:
    status = Reports().at_once({"leader": bad("Many")})
    assert said(status, "Escalated") == (Tri.TRUE, "NoRowMatches")
    assert condition(status, "Escalated").message == "Latency: to control-plane"

    assert said(Reports().at_once({}), "Escalated") == (Tri.FALSE, "NotNeeded")


def test_ready_is_not_the_services_health() -> None:
    assert said(Reports().at_once(NO_LEADER), "Ready") == (Tri.TRUE, "Operational")
    assert said(Reports().at_once({}, readiness=NO_RUNNER), "Ready") == (Tri.FALSE, "NoRunner")


def test_stalled_is_there_only_when_the_spec_cannot_be_run() -> None:
    invalid = Readiness(Tri.FALSE, ReadyReason.INVALID_SPEC, "spec.title: is missing")
    status = Reports().at_once({}, readiness=invalid)

    assert said(status, "Stalled") == (Tri.TRUE, "InvalidSpec")
    assert not [one for one in Reports().at_once({}).conditions if one.type == "Stalled"]


def test_a_suspended_sop_says_only_that() -> None:
    status = Reports(spec_of(suspend=True)).at_once(NO_LEADER)

    for name in ("Healthy", "Latency", "Correctness", "Errors"):
        assert said(status, name) == (Tri.UNKNOWN, "Suspended")
    assert said(status, "Escalated") == (Tri.FALSE, "NotNeeded")
    assert (status.failing, status.doing) == ("Suspended", "-")
