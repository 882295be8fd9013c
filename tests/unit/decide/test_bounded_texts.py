"""Whatever names an SOP has, what is decided about it can be written."""

from typing import Any

import pytest

from servicesop.api.sop import Spec
from servicesop.api.status import Escalation, EscalationReason, ProcedureStatus, Status
from servicesop.decide.decide import Decision, decide
from servicesop.decide.snapshot import Snapshot
from servicesop.judge.debounce import Memory
from unit.decide.scenes import (
    DENIED,
    NO_LEADER,
    NOW,
    SOP_UID,
    Story,
    bad,
    blind,
    deployment,
    minutes,
    spec_of,
    target,
)

MANY = 64


def name_of(prefix: str, number: int) -> str:
    return f"{prefix}-{number:02}-".ljust(63, "x")


def largest(**changes: Any) -> Spec:
    """An SOP with as many checks, procedures, rows and teams as there may be, all names long."""
    checks = [name_of("check", number) for number in range(MANY)]
    teams = [name_of("team", number) for number in range(24)]

    def handle(procedure: int) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = [
            {
                "name": name_of("row", row),
                "when": {"anyFailed": [checks[24 + row]]},
                "escalate": {"to": [teams[procedure]], "because": "y" * 256},
            }
            for row in range(11)
        ]
        last = {"name": "otherwise", "otherwise": True, "escalate": {"to": [teams[procedure]]}}
        return [*rows, last]

    return spec_of(
        **{
            "teams": [{"name": team, "title": team} for team in teams],
            "checks": [
                {"name": check, "logs": {"pattern": "x", "within": "1m", "max": 0}}
                for check in checks
            ],
            "procedures": [
                {
                    "name": f"P{number:02}".ljust(63, "x"),
                    "checks": [checks[number]],
                    "handle": handle(number),
                }
                for number in range(24)
            ],
        }
        | changes
    )


def decide_all(spec: Spec, checks: dict[str, Memory], status: Status, wait: int = 0) -> Decision:
    around = Snapshot(
        spec=spec,
        uid=SOP_UID,
        checks=checks,
        targets={"api": target(), "refresher": target()},
        starting=False,
    )
    return decide(around, status, NOW + minutes(wait))


def written(decision: Decision) -> None:
    """The API server checks the same bounds."""
    for one in decision.escalations:
        Escalation.model_validate(one.model_dump())
    for status in decision.procedures:
        ProcedureStatus.model_validate(status.model_dump())
    assert len(decision.escalations) <= 24


def remembered(decision: Decision) -> Status:
    return Status(procedures=decision.procedures, escalations=decision.escalations)


def all_checks(spec: Spec, memory: Memory) -> dict[str, Memory]:
    return {check.name: memory for check in spec.checks}


def test_all_checks_blind() -> None:
    spec = largest()
    dark = all_checks(spec, blind())
    decision = decide_all(spec, dark, remembered(decide_all(spec, dark, Status())), wait=10)

    written(decision)
    (called,) = decision.escalations
    assert called.reason is EscalationReason.BLIND
    assert called.message.endswith("...")


def test_all_rows_undecided() -> None:
    spec = largest()
    checks = all_checks(spec, blind()) | {check.name: bad() for check in spec.checks[:24]}
    decision = decide_all(spec, checks, remembered(decide_all(spec, checks, Status())), wait=2)

    written(decision)
    assert {one.reason for one in decision.escalations} == {EscalationReason.UNSURE}
    assert len(decision.escalations) == 24


def test_all_procedures_called_for_and_then_all_blind() -> None:
    spec = largest()
    first = decide_all(spec, all_checks(spec, bad()), Status())
    assert len(first.escalations) == 24
    dark = all_checks(spec, blind())
    second = decide_all(spec, dark, remembered(first), wait=1)
    third = decide_all(spec, dark, remembered(second), wait=60)

    written(third)
    # Nobody is called about blindness who has not been called already, and nobody is resolved.
    assert {one.key for one in third.escalations} == {one.key for one in first.escalations}


@pytest.mark.parametrize("notify", ["Info", "Page"])
@pytest.mark.parametrize("mode", ["Observe", "DryRun", "Enforce"])
def test_the_longest_workload_name(mode: str, notify: str) -> None:
    long = "d" * 253
    spec = spec_of(
        mode=mode,
        notify=notify,
        targets=[
            {"name": "api", "ref": {"kind": "Deployment", "name": long}},
            {"name": "refresher", "ref": {"kind": "Deployment", "name": "other"}},
        ],
    )
    for around in (
        target(workload=long, may_act=DENIED),
        target(workload=long, view=None),
        target(workload=long, view=deployment(name=long, recreate=True)),
        target(workload=long, known=False),
    ):
        story = Story(spec)
        story.at_once(NO_LEADER, api=around)
        written(story.after(minutes(6), NO_LEADER, api=around))


def renamed(base: Spec, teams: list[str]) -> Spec:
    """The same SOP under new team names; each procedure calls its own and the first three."""
    fields = base.model_dump(mode="json", by_alias=True, exclude_none=True)
    fields["teams"] = [{"name": team, "title": team} for team in teams]
    for procedure, team in zip(fields["procedures"], teams, strict=True):
        for row in procedure["handle"]:
            row["escalate"]["to"] = list(dict.fromkeys([team, *teams[:3]]))
    return Spec.model_validate(fields)


def test_an_escalation_outlives_many_specs() -> None:
    base, status = largest(), Status()
    for generation in range(6):
        spec = renamed(base, [f"team-{generation}-{number}" for number in range(24)])
        decision = decide_all(spec, all_checks(spec, bad()), status, wait=generation)
        written(decision)
        status = remembered(decision)

    assert status.escalations
    assert all(team.startswith("team-5-") for one in status.escalations for team in one.to)
