"""Procedures: a section of the SOP page each, the checks that tell and the table that decides."""

from datetime import timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, Field

from servicesop.api.base import (
    ApiModel,
    CheckName,
    Duration,
    LinkName,
    LogsCheckName,
    Name,
    PositiveDuration,
    Prose,
    Rule,
    Sentence,
    TargetName,
    TeamName,
    TextName,
    at_least_one,
    exactly_one,
    wire,
)

FIXED_CONDITIONS = (
    "Ready",
    "Healthy",
    "RemediationAllowed",
    "Remediating",
    "Escalated",
    "Stalled",
    "Reconciling",
)
"""Condition types that no procedure may take as its name."""


def _not_fixed(name: str) -> str:
    if name in FIXED_CONDITIONS:
        raise ValueError(_NOT_FIXED.message)
    return name


_PROCEDURE_NAME_BOUNDS = Field(max_length=63, pattern=r"^[A-Z][A-Za-z0-9]*$")
_NOT_FIXED = Rule(
    f"!(self in {list(FIXED_CONDITIONS)})",
    f"must not be one of the fixed conditions {list(FIXED_CONDITIONS)}".replace("'", ""),
)

ProcedureName = Annotated[
    str,
    _PROCEDURE_NAME_BOUNDS,
    AfterValidator(_not_fixed),
    wire(
        "string",
        Rule(
            "self.matches('^[A-Z][A-Za-z0-9]*$')",
            "must be one CamelCase word such as OSDClusterProvisioningLatency:"
            " it becomes a condition type",
        ),
        _NOT_FIXED,
        maxLength=63,
    ),
]
"""The name of a procedure; it becomes a condition type."""

TableOf = Annotated[str, _PROCEDURE_NAME_BOUNDS, wire("string", maxLength=63, references="tables")]
"""Another procedure, which has a table of its own."""

CheckRef = Annotated[
    str,
    Field(max_length=96, pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(/[A-Z][A-Za-z0-9]*)?$"),
    wire("string", maxLength=96, references="findings"),
]
"""A check, or one of its findings: `cluster-leader`, `cluster-leader/None`."""

CheckRefs = Annotated[tuple[CheckRef, ...], Field(min_length=1, max_length=12)]
CheckNames = Annotated[tuple[CheckName, ...], Field(min_length=1, max_length=12)]
TeamNames = Annotated[tuple[TeamName, ...], Field(min_length=1, max_length=4)]


class Mode(StrEnum):
    """What the machine may do, from least to most."""

    OBSERVE = "Observe"
    DRY_RUN = "DryRun"
    ENFORCE = "Enforce"

    def lowered_to(self, limit: "Mode | None") -> "Mode":
        """Give the lower of this mode and a row's own: a row may only lower it."""
        order = list(Mode)
        return self if limit is None else order[min(order.index(self), order.index(limit))]


class Severity(StrEnum):
    """How bad it is when a procedure is happening; `info` never makes the service unhealthy."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"


class When(ApiModel):
    """When a row is true; several keys are ANDed, and unknown checks make it unknown."""

    rules = (at_least_one("anyFailed", "allFailed", "allPassed"),)

    any_failed: CheckRefs | None = None
    """True as soon as one is Failed, false when all are known and none is."""
    all_failed: CheckRefs | None = None
    """True when all are Failed, false as soon as one is known not to be."""
    all_passed: CheckRefs | None = None
    """True when all are Passed, false as soon as one is Failed."""

    @property
    def refs(self) -> tuple[str, ...]:
        """All checks and findings that the row rests on."""
        return (self.any_failed or ()) + (self.all_failed or ()) + (self.all_passed or ())


class Escalate(ApiModel):
    """Hand over to people."""

    to: TeamNames
    """The teams, by name."""
    because: Sentence | None = None
    """Why it is theirs, in one line."""
    text: TextName | None = None
    """The text for people outside that goes with it, by name; the runbook shows it filled in."""


class Hold(ApiModel):
    """Wait: the cause is known and passes by itself."""

    because: Sentence
    """The known cause."""
    at_most: PositiveDuration
    """How long it may take; then this row is skipped."""


class Restart(ApiModel):
    """Replace the target's pods one after the other, as `kubectl rollout restart` does."""

    target: TargetName | None = None
    """The target, by name; the first one when not given."""
    allow_outage: bool = False
    """Allow it where the rollout strategy may go below the ready pods that the SOP asks for."""


class DeletePod(ApiModel):
    """Evict the one pod that a check singles out; the workload's controller makes a new one."""

    target: TargetName | None = None
    """The workload that the pod must belong to, by name; the first target when not given."""
    pod_from: LogsCheckName
    """The logs check, with `max` and over the same target, that says which pod it is: the one of
    its finding SinglePod."""
    allow_without_pdb: Annotated[bool, Field(alias="allowWithoutPDB")] = False
    """Evict although no PodDisruptionBudget selects the pod, so that nothing but the operator's own
    guards keeps the others running."""


class Verify(ApiModel):
    """What must be true after the action for it to have helped."""

    checks: CheckNames
    """These checks must pass throughout their `recoverFor`."""
    within: PositiveDuration = timedelta(minutes=3)
    """How long they may take; counted from the end of `settle`."""


class AttemptLimit(ApiModel):
    """How many actions that did not help are allowed."""

    max: Annotated[int, Field(ge=1, le=10)] = 2
    """Attempts that did not help; then a person decides."""
    per: PositiveDuration = timedelta(hours=6)
    """In this span of time."""


class TotalLimit(ApiModel):
    """How many actions are allowed, helpful or not."""

    max: Annotated[int, Field(ge=1, le=20)] = 3
    """All actions; a restart that helps again and again is escalated too."""
    per: PositiveDuration = timedelta(hours=24)
    """In this span of time."""


class Remediate(ApiModel):
    """A guarded change to one target, proven afterwards."""

    rules = (exactly_one("restart", "deletePod"),)

    restart: Restart | None = None
    """Restart the pods."""
    delete_pod: DeletePod | None = None
    """Evict one pod."""
    mode: Mode | None = None
    """Lower the SOP's mode for this row."""
    settle: Duration = timedelta(minutes=5)
    """How long to wait, once the change is complete, before judging."""
    verify: Verify | None = None
    """What proves that it helped; the checks that the row rests on when not given."""
    attempts: AttemptLimit = AttemptLimit()
    """Limit of attempts that did not help, per target and action."""
    at_most: TotalLimit = TotalLimit()
    """Limit of all actions, per target and action."""
    cooldown: PositiveDuration = timedelta(minutes=15)
    """Least time between two actions on the target."""


class Row(ApiModel):
    """One row of the decision table; the first true row wins."""

    rules = (
        Rule(
            "has(self.when) != self.otherwise",
            "exactly one of the fields in [when otherwise] must be set",
            holds=lambda row: (row.when is not None) != row.otherwise,
        ),
        exactly_one("remediate", "escalate", "hold"),
        Rule(
            "!has(self.orElse) || has(self.remediate)",
            "orElse is only allowed beside remediate",
            holds=lambda row: row.or_else is None or row.remediate is not None,
        ),
        Rule(
            "!self.otherwise || has(self.escalate)",
            "the row with otherwise must escalate",
            holds=lambda row: not row.otherwise or row.escalate is not None,
        ),
    )

    name: Name
    """Unique in the table."""
    when: When | None = None
    """When the row is true."""
    otherwise: bool = False
    """The last row: true when no other is, and whenever the operator is unsure."""
    remediate: Remediate | None = None
    """Act."""
    escalate: Escalate | None = None
    """Hand over."""
    hold: Hold | None = None
    """Wait."""
    or_else: Escalate | None = None
    """Whom to call when the action may not be done; the table's last row when not given."""


class Step(ApiModel):
    """One step of the page, in the page's order."""

    rules = (
        exactly_one("manual", "check"),
        Rule(
            "!has(self.link) || has(self.manual)",
            "link is only allowed beside manual",
            holds=lambda step: step.link is None or step.manual is not None,
        ),
    )

    manual: Prose | None = None
    """What a person does."""
    link: LinkName | None = None
    """Where, one of the SOP's links."""
    check: CheckName | None = None
    """The check that does it."""
    informational: bool = False
    """Evidence only; decides nothing."""


class Procedure(ApiModel):
    """One section of the SOP page. Its condition is True while it is happening."""

    rules = (
        exactly_one("handle", "stepsFrom", "sameAs"),
        Rule(
            "has(self.sameAs) != has(self.checks)",
            "exactly one of the fields in [checks sameAs] must be set",
            holds=lambda procedure: (procedure.same_as is None) != (procedure.checks is None),
        ),
        Rule(
            "!has(self.steps) || has(self.handle)",
            "steps are only allowed beside handle;"
            " with stepsFrom or sameAs they come from the other procedure",
            holds=lambda procedure: not procedure.steps or procedure.handle is not None,
        ),
        Rule(
            "!has(self.handle) || (self.handle.filter(r, r.otherwise).size() == 1"
            " && self.handle[self.handle.size() - 1].otherwise)",
            "the last row of handle, and no other, must be the one with otherwise: true",
            field=".handle",
            holds=lambda procedure: (
                procedure.handle is None
                or [row.otherwise for row in procedure.handle]
                == [False] * (len(procedure.handle) - 1) + [True]
            ),
        ),
    )

    name: ProcedureName
    """Unique in the SOP; becomes the condition's type."""
    title: Sentence | None = None
    """The heading of the section."""
    severity: Severity = Severity.CRITICAL
    """How bad it is."""
    impact: Prose | None = None
    """What users notice."""
    summary: Prose | None = None
    """What is going on."""
    access_required: Annotated[tuple[Sentence, ...], Field(max_length=12)] = ()
    """What a person needs access to."""
    relevant_secrets: Annotated[tuple[Sentence, ...], Field(max_length=12)] = ()
    """Secrets that a person may need, by name."""
    checks: CheckNames | None = None
    """It is happening if any is Failed, not happening if all are Passed, else unknown."""
    steps: Annotated[tuple[Step, ...], Field(max_length=32)] = ()
    """The steps of the page."""
    handle: Annotated[tuple[Row, ...], Field(min_length=1, max_length=12)] | None = None
    """The decision table."""
    steps_from: TableOf | None = None
    """Use the steps and the table of this procedure, with checks of one's own."""
    same_as: TableOf | None = None
    """This is that procedure under a second title: one condition, one episode, one escalation."""
