"""The ServiceSOP's status: what people read, and what the operator must not forget.

`conditions` comes first and is for everybody. `procedures`, `intents`, `escalations` and `history`
are also the operator's memory: they are read back before the first decision after a restart.
"""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from servicesop.api.base import ApiModel, Duration, Name, ObjectName
from servicesop.api.kinds import ActionKind, WorkloadKind
from servicesop.api.procedures import ProcedureName
from servicesop.api.times import Time

Word = Annotated[str, Field(max_length=128)]
Message = Annotated[str, Field(max_length=512)]
ActionId = Annotated[str, Field(max_length=32)]
Uid = Annotated[str, Field(max_length=64)]
Count = Annotated[int, Field(ge=0, le=1_000_000)]
Generation = Annotated[int, Field(ge=-1, le=2**53)]


class Tri(StrEnum):
    """The three values of a condition."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


class Condition(ApiModel):
    """One statement about the SOP, in the form all Kubernetes tools know."""

    type: Annotated[str, Field(max_length=316)]
    """Ready, Healthy, RemediationAllowed, Remediating, Escalated, Stalled, or a procedure."""
    status: Tri
    """True, False or Unknown."""
    observed_generation: Generation = 0
    """The generation of the spec that it is about."""
    last_transition_time: Time
    """When `status` last changed."""
    reason: Word
    """One CamelCase word from a closed set."""
    message: Annotated[str, Field(max_length=1024)] = ""
    """The same in a sentence."""


class CheckState(StrEnum):
    """Where a check stands after debouncing."""

    NOT_RUN = "NotRun"
    PASSED = "Passed"
    PENDING = "Pending"
    """It fails, but not yet for long enough to count."""
    FAILED = "Failed"
    INCONCLUSIVE = "Inconclusive"
    ERROR = "Error"
    SKIPPED = "Skipped"
    """It is not run: it depends on a check that is not Passed."""
    SUSPENDED = "Suspended"
    """It is not run: its `suspend` is true."""


class Seen(ApiModel):
    """Something that a check has seen for a while, and must not forget."""

    key: Annotated[str, Field(max_length=16)]
    """What it is, as a hash: names and ids are the service's content."""
    since: Time
    """Since when it has been seen, by the clock of what was asked."""


class CheckStatus(ApiModel):
    """One check."""

    name: Name
    """Its name."""
    state: CheckState
    """What it says."""
    since: Time
    """Since when it says so."""
    findings: Annotated[tuple[Word, ...], Field(max_length=12)] = ()
    """What it found; while Pending, what it may be finding. None while Failed: no finding lasts."""
    reason: Word | None = None
    """Why it is unknown, or why it is not run."""
    message: Message | None = None
    """What it saw; only when it is not Passed."""
    evidence: Annotated[tuple[Annotated[str, Field(max_length=160)], ...], Field(max_length=5)] = ()
    """A sample of what it saw, without secrets and row content; only when it is not Passed."""
    for_: Annotated[Duration | None, Field(alias="for")] = None
    """How long it must fail to be Failed, where the spec does not say."""
    recover_for: Duration | None = None
    """How long it must pass to be Passed again, where the spec does not say."""
    seen: Annotated[tuple[Seen, ...], Field(max_length=50)] = ()
    """The operator's memory: rows that have been in their status for over half the time allowed."""


class Held(ApiModel):
    """A row that waited for a passing cause."""

    row: Name
    """The row."""
    since: Time
    """When it began to wait."""


class Episode(ApiModel):
    """One continuous stretch of a procedure being true."""

    started: Time
    """When it began."""
    calm_since: Time | None = None
    """Since when the procedure is known not to be happening; ends the episode after a while."""
    row: Name | None = None
    """The winning row."""
    candidate: Name | None = None
    """A row that would win instead; it must win for two cycles."""
    candidate_since: Time | None = None
    """Since when it would."""
    unsure_since: Time | None = None
    """Since when only unknown rows stand before the last one."""
    refused_since: Time | None = None
    """Since when the winning action may not be done."""
    stopped: Word | None = None
    """Why no further action is taken in this episode, whatever the rows say."""
    held: Annotated[tuple[Held, ...], Field(max_length=12)] = ()
    """Rows that waited in this episode."""
    attempts: Count = 0
    """Actions begun in this episode; part of the next action's id."""


class ProcedureStatus(ApiModel):
    """One procedure."""

    name: ProcedureName
    """Its name."""
    state: Tri
    """True: it is happening."""
    since: Time
    """Since when."""
    blind_since: Time | None = None
    """Since when it is unknown because checks cannot tell."""
    doing: Message | None = None
    """What the operator does about it, or why it does nothing."""
    episode: Episode | None = None
    """The running episode."""


class Phase(StrEnum):
    """How far an action is."""

    PLANNED = "Planned"
    """Written down; not known to have been sent."""
    ISSUED = "Issued"
    """Applied; the rollout runs, or the pod is being replaced."""
    SETTLING = "Settling"
    """The change is complete; waiting before judging."""
    VERIFYING = "Verifying"
    """Watching whether it helped."""


class Intent(ApiModel):
    """An action, written down before it is done. Its id makes a second effect impossible."""

    id: ActionId
    """Derived from SOP, procedure, episode, attempt and target."""
    action: ActionKind
    """What is done."""
    procedure: ProcedureName
    """For which procedure."""
    row: Name
    """By which row."""
    target: Name
    """The SOP's name for the target."""
    kind: WorkloadKind = WorkloadKind.DEPLOYMENT
    """The kind of the workload."""
    workload: ObjectName
    """Its name."""
    uid: Uid
    """Its uid when it was judged."""
    generation: Generation
    """Its generation when it was judged."""
    template_hash: Word
    """A hash of its pod template when it was judged."""
    pod: ObjectName | None = None
    """The pod that is to be evicted; for deletePod only."""
    pod_uid: Uid | None = None
    """Its uid: a pod of the same name that comes later is another one."""
    attempt: Count
    """Which action of the episode this is, from 0."""
    planned: Time
    """When it was written down."""
    phase: Phase = Phase.PLANNED
    """How far it is."""
    phase_since: Time
    """Since when."""
    applied_hash: Word | None = None
    """The hash of the pod template after the change; a different one later means: reverted."""
    lost: Count = 0
    """Seconds of the verification window without an answer; they do not count."""
    lost_since: Time | None = None
    """Since when a check of the verification cannot tell."""


class Outcome(StrEnum):
    """How an action ended."""

    HELPED = "Helped"
    DID_NOT_HELP = "DidNotHelp"
    ROLLOUT_FAILED = "RolloutFailed"
    NOT_REPLACED = "NotReplaced"
    """The pod was evicted, and no ready one has taken its place in time."""
    REVERTED = "Reverted"
    """Somebody put the old pod template back."""
    UNPROVEN = "Unproven"
    """Whether it was applied cannot be told any more; it counts as if it was."""
    REFUSED = "PatchRefused"
    """The API server did not accept the change."""
    DISRUPTION_REFUSED = "DisruptionRefused"
    """The API server did not evict the pod, because of its PodDisruptionBudget."""
    ABANDONED = "Abandoned"
    """Never sent, and its evidence is too old now."""
    NOT_NEEDED = "NotNeeded"
    """Not sent: when it was to be done, its reason was gone or a guard said no."""

    @property
    def had_effect(self) -> bool:
        """Whether pods may have been replaced."""
        return self not in (
            Outcome.REFUSED,
            Outcome.DISRUPTION_REFUSED,
            Outcome.ABANDONED,
            Outcome.NOT_NEEDED,
        )

    @property
    def spent(self) -> bool:
        """Whether it used up an attempt: it had its effect, or may have had, and did not help."""
        return self.had_effect and self is not Outcome.HELPED


class EscalationReason(StrEnum):
    """Why people are called."""

    ROW = "RowEscalates"
    """The winning row names a team."""
    OTHERWISE = "NoRowMatches"
    """No other row is true."""
    UNSURE = "Unsure"
    """A row above could not be decided, so no action may be taken."""
    REFUSED = "RemediationRefused"
    """The action may not be done."""
    SPENT = "AttemptsSpent"
    """The allowed actions are used up."""
    BLIND = "Blind"
    """The checks cannot tell."""


class Escalation(ApiModel):
    """An open call for people. State, not a message."""

    key: Word
    """Stable for as long as it is open."""
    reason: EscalationReason
    """Why."""
    to: Annotated[tuple[Name, ...], Field(max_length=24)]
    """The teams; teams are only added."""
    procedures: Annotated[tuple[ProcedureName, ...], Field(max_length=24)]
    """What is happening."""
    checks: Annotated[tuple[Name, ...], Field(max_length=64)] = ()
    """The failed checks, or for Blind those that cannot tell."""
    opened: Time
    """When it was opened."""
    message: Message = ""
    """Why it is theirs, what was done, what was refused."""


class HistoryItem(ApiModel):
    """One finished action."""

    time: Time
    """When it ended."""
    id: ActionId
    """Its id; that of a restart is found in the target's pod template."""
    action: ActionKind
    """What was done."""
    kind: WorkloadKind = WorkloadKind.DEPLOYMENT
    """The kind of the workload."""
    workload: ObjectName
    """Its name."""
    procedure: ProcedureName
    """For which procedure."""
    outcome: Outcome
    """How it ended."""


class Status(ApiModel):
    """What the operator says about the SOP."""

    observed_generation: Generation = -1
    """The generation of the spec that this status is about; -1: not seen yet."""
    conditions: Annotated[tuple[Condition, ...], Field(max_length=40)] = ()
    """Ready, Healthy, RemediationAllowed, Remediating, Escalated, and one per procedure."""
    last_checked_time: Time | None = None
    """Rides on every write; when nothing changes it is renewed every 5 minutes or so."""
    failing: Message | None = None
    """What is wrong, for the table."""
    since: Time | None = None
    """Since when Healthy has its value."""
    doing: Word | None = None
    """What the operator does, for the table."""
    team: Message | None = None
    """Who has been called, for the table."""
    checks_summary: Word | None = None
    """Passed checks of all, and how many are not run."""
    last_action: Message | None = None
    """The last action and how it ended."""
    message: Message | None = None
    """The message of Healthy."""
    uid: Uid | None = None
    """Whose memory this is; another SOP of the same name starts afresh."""
    procedures: Annotated[tuple[ProcedureStatus, ...], Field(max_length=24)] = ()
    """The procedures."""
    checks: Annotated[tuple[CheckStatus, ...], Field(max_length=64)] = ()
    """The checks."""
    intents: Annotated[tuple[Intent, ...], Field(max_length=12)] = ()
    """Actions that are not finished."""
    escalations: Annotated[tuple[Escalation, ...], Field(max_length=24)] = ()
    """Open calls for people."""
    history: Annotated[tuple[HistoryItem, ...], Field(max_length=5)] = ()
    """The last finished actions, newest first."""
