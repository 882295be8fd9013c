"""The columns of `kubectl get servicesops`, as the design shows them."""

from typing import Any

import pytest

from servicesop.api.status import Outcome, Phase
from servicesop.judge.debounce import Memory
from unit.decide.scenes import (
    NO_LEADER,
    bad,
    blind,
    intent_of,
    maybe,
    minutes,
    procedure_of,
    skipped,
    spec_of,
    suspended,
)
from unit.status.reporting import NO_RUNNER, Reports, ended

TWO_OF_TWO = [procedure_of("Latency"), procedure_of("Errors")]


@pytest.mark.parametrize(
    ("changes", "checks", "failing"),
    [
        ({}, {}, None),
        ({}, {"ocm": bad()}, "Errors"),
        # A second title counts as the procedure that it is.
        ({}, {"leader": bad("Many")}, "Latency +1"),
        ({"procedures": TWO_OF_TWO}, {"leader": bad("Many")}, "Latency"),
        ({}, {"leader": bad("Many"), "ocm": bad()}, "Latency +2"),
        # What fails is named before what is not known.
        ({}, {"leader": blind(), "ocm": bad()}, "Errors"),
        # One dead source is named itself; it is what people have to look at.
        ({}, {"leader": blind(), "moves": blind()}, "Blind: database"),
        ({}, {"leader": blind()}, "Blind: database"),
        ({}, {"ocm": blind()}, "Blind: ocm"),
        ({}, {"leader": blind(), "ocm": blind()}, "Blind: leader +1"),
        ({}, {"leader": maybe("None")}, "Pending: leader"),
        ({}, {"leader": maybe("None"), "moves": maybe("Stuck")}, "Pending: leader +1"),
        ({}, {"leader": maybe("None"), "moves": blind()}, "Blind: database"),
        ({"suspend": True}, {"leader": bad("Many")}, "Suspended"),
        # What is waited for is named, not those who wait.
        ({}, {"leader": skipped("moves"), "moves": blind()}, "Blind: database"),
        ({}, {"leader": skipped("ready"), "ready": blind()}, "Blind: ready"),
        ({}, {"leader": skipped("ready"), "ready": bad("NotReady")}, "Blind: ready"),
        ({}, {"leader": skipped("ready"), "ready": maybe("NotReady")}, "Pending: ready"),
        ({}, {"leader": skipped("ocm"), "ocm": bad()}, "Errors"),
        ({}, {"leader": suspended()}, "Suspended: leader"),
        ({}, {"leader": suspended(), "ocm": suspended()}, "Suspended: leader +1"),
        ({}, {"leader": skipped("ready"), "ready": suspended()}, "Suspended: ready"),
        ({}, {"leader": suspended(), "moves": maybe("Stuck")}, "Pending: moves"),
        ({}, {"ready": suspended()}, None),
        # Diagnosis only: it is in no procedure.
        ({}, {"ready": bad("NotReady")}, None),
    ],
)
def test_failing(changes: dict[str, Any], checks: dict[str, Any], failing: str | None) -> None:
    assert Reports(spec_of(**changes)).at_once(checks).failing == failing


def test_failing_of_an_sop_that_cannot_be_run() -> None:
    status = Reports().at_once({"leader": bad("Many")}, readiness=NO_RUNNER)

    assert status.failing == "Not ready: no servicesop-runner"


@pytest.mark.parametrize(
    ("changes", "checks", "doing"),
    [
        ({}, {}, "-"),
        ({}, NO_LEADER, "Waiting"),
        ({}, NO_LEADER | {"ready": bad("NotReady")}, "Holding"),
        ({}, {"leader": bad("Many")}, "Escalated"),
        ({"mode": "DryRun"}, NO_LEADER, "DryRun"),
        ({"mode": "Observe"}, NO_LEADER, "Waiting"),
        ({"mode": "DryRun", "notify": "Page"}, NO_LEADER, "Escalated"),
        ({}, {"leader": blind()}, "-"),
    ],
)
def test_doing(changes: dict[str, Any], checks: dict[str, Any], doing: str) -> None:
    assert Reports(spec_of(**changes)).at_once(checks).doing == doing


@pytest.mark.parametrize(
    ("phase", "doing"),
    [
        (Phase.PLANNED, "Restarting"),
        (Phase.ISSUED, "Restarting"),
        (Phase.SETTLING, "Settling"),
        (Phase.VERIFYING, "Verifying"),
    ],
)
def test_doing_names_the_action_in_flight_even_when_people_were_called(
    phase: Phase, doing: str
) -> None:
    reports = Reports()
    reports.at_once({"ocm": bad()})
    status = reports.at_once({"ocm": bad()} | NO_LEADER, intents=(intent_of(phase),))

    assert status.escalations
    assert status.doing == doing


def test_team_names_everybody_once() -> None:
    reports = Reports()
    assert reports.at_once({}).team is None

    status = reports.at_once({"leader": bad("Many"), "ocm": bad()})
    assert status.team == "ocm-support"
    dark = {"leader": blind(), "ocm": bad()}
    reports.after(minutes(1), dark)
    assert reports.after(minutes(10), dark).team == "ocm-support, control-plane"


def test_the_wide_columns() -> None:
    status = Reports().at_once(
        {"leader": bad("Many"), "moves": maybe("Stuck")}, history=(ended(Outcome.HELPED),)
    )

    assert status.checks_summary == "2/4"
    assert status.last_action == "restart fleet-manager: Helped"
    assert status.message == "leader: does not hold"
    assert Reports().at_once({}).last_action is None


def test_the_summary_counts_what_is_not_run() -> None:
    def summary(**checks: Memory) -> str | None:
        return Reports().at_once(checks).checks_summary

    assert summary(leader=suspended()) == "3/4, 1 suspended"
    assert summary(leader=skipped("ocm"), moves=skipped("ocm"), ocm=bad()) == "1/4, 2 skipped"
    assert summary(leader=skipped("ocm"), ocm=suspended()) == "2/4, 1 skipped, 1 suspended"
