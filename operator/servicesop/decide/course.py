"""One procedure: its state, its episode, and what its table wants now."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from servicesop.api.kinds import ActionKind, WorkloadKind
from servicesop.api.procedures import Remediate, Row
from servicesop.api.sop import Notify
from servicesop.api.status import (
    Episode,
    EscalationReason,
    Held,
    Intent,
    Outcome,
    Phase,
    ProcedureStatus,
    Tri,
)
from servicesop.api.texts import fitted
from servicesop.api.times import whole_seconds
from servicesop.decide import gates, table
from servicesop.decide.escalations import Call
from servicesop.decide.gates import FINAL, Allowed, Refused
from servicesop.decide.procedures import (
    Section,
    failed_checks,
    is_blind,
    state_of,
)
from servicesop.decide.progress import action_id
from servicesop.decide.snapshot import Snapshot, evidence_of, facts_of, pod_of, target_of
from servicesop.judge.results import PodRef

MAX_DOING = 512
REFUSED_FOR = timedelta(minutes=5)
"""An action that may not be done for longer than this is handed over to people."""


@dataclass(frozen=True, slots=True)
class Plan:
    """An action that every guard allows."""

    id: str
    procedure: str
    row: Row
    remediate: Remediate
    target: str
    kind: WorkloadKind
    workload: str
    uid: str
    """The target's uid."""
    attempt: int
    pod: PodRef | None = None
    """The one pod that it is about, if it is not about the whole target."""
    skipped: frozenset[str] = frozenset()
    """Rows that have waited for as long as they may, and do not count any more."""


@dataclass(frozen=True, slots=True)
class Course:
    """What becomes of one procedure: its next memory, whom it calls, what it would do."""

    status: ProcedureStatus
    call: Call | None = None
    plan: Plan | None = None


@dataclass(frozen=True, slots=True)
class Procedure:
    """One procedure of a snapshot, with what the SOP has under way."""

    snapshot: Snapshot
    section: Section
    handled: frozenset[str]
    """Checks whose failure some procedure handles."""
    intents: tuple[Intent, ...]
    now: datetime

    def decide(self, before: ProcedureStatus | None) -> Course:
        """Bring one procedure up to date: its state, its episode, and what its table wants."""
        checks, suspended = self.snapshot.checks, self.snapshot.spec.suspend
        # No check runs while the SOP is suspended: what they said last says nothing about now.
        state = Tri.UNKNOWN if suspended else state_of(self.section, checks)
        at = whole_seconds(self.now)
        blind = not suspended and is_blind(self.section, checks, self.handled)
        known = before or ProcedureStatus(name=self.section.name, state=state, since=at)
        status = known.evolve(
            state=state,
            since=known.since if known.state is state else at,
            blind_since=(known.blind_since or at) if blind else None,
            doing=None,
            episode=self._episode(known.episode, state),
        )
        if state is not Tri.TRUE or status.episode is None:
            return Course(status)
        return self._table(status, status.episode)

    def _episode(self, episode: Episode | None, state: Tri) -> Episode | None:
        if state is Tri.TRUE:
            running = episode or Episode(started=self.now)
            return running.evolve(calm_since=None)
        if episode is None:
            return None
        # The table is not read meanwhile, so no row can win two cycles in a row.
        episode = episode.evolve(candidate=None, candidate_since=None)
        if state is Tri.UNKNOWN:
            return episode.evolve(calm_since=None)
        calm = episode.calm_since or whole_seconds(self.now)
        over = self.now - calm >= self.snapshot.spec.reopen_within
        if over and self._own_intent() is None:
            return None
        # What was waited for has ended; when the problem comes back, waiting starts afresh.
        return episode.evolve(calm_since=calm, unsure_since=None, refused_since=None)

    def _own_intent(self) -> Intent | None:
        return next((one for one in self.intents if one.procedure == self.section.name), None)

    def _table(self, status: ProcedureStatus, episode: Episode) -> Course:
        at = whole_seconds(self.now)
        intent = self._own_intent()
        if intent is not None:
            return Course(status.evolve(doing=doing(intent)))
        verdict = table.read(
            self.section.rows,
            self.snapshot.checks,
            skipped=lambda row: self._held_out(row, episode),
        )
        if verdict.why is table.Why.WAIT:
            text = f"waits until row {verdict.row.name} can be decided"
            return Course(status.evolve(doing=text))
        unsure = verdict.why is table.Why.UNSURE
        episode = episode.evolve(unsure_since=(episode.unsure_since or at) if unsure else None)
        if unsure and episode.unsure_since is not None:
            waited = self.now - episode.unsure_since
            if waited < self.snapshot.spec.unsure_for:
                text = f"waits for unknown checks of row {verdict.unknown[0]}"
                return Course(status.evolve(episode=episode, doing=text))
        episode, won = self._seat(episode, verdict.row)
        status = status.evolve(episode=episode)
        if not won:
            text = f"row {verdict.row.name} must win twice to replace {episode.row}"
            return Course(status.evolve(doing=text))
        return self._follow(status, episode, verdict)

    def _held_out(self, row: Row, episode: Episode) -> bool:
        if row.hold is None:
            return False
        since = next((held.since for held in episode.held if held.row == row.name), None)
        return since is not None and self.now - since >= row.hold.at_most

    def _seat(self, episode: Episode, row: Row) -> tuple[Episode, bool]:
        """Let a row win: at once in a fresh episode, after two cycles where another one stands."""
        at = whole_seconds(self.now)
        if episode.row in (None, row.name):
            return episode.evolve(row=row.name, candidate=None, candidate_since=None), True
        if episode.candidate != row.name or episode.candidate_since is None:
            return episode.evolve(candidate=row.name, candidate_since=at), False
        if self.now - episode.candidate_since < self.snapshot.spec.every:
            return episode, False
        won = {"row": row.name, "candidate": None, "candidate_since": None, "refused_since": None}
        return episode.evolve(**won), True

    def _follow(self, status: ProcedureStatus, episode: Episode, verdict: table.Verdict) -> Course:
        row = verdict.row
        if row.hold:
            if not any(held.row == row.name for held in episode.held):
                # Rows that the spec no longer has are forgotten: the list is bounded.
                names = {one.name for one in self.section.rows}
                known = tuple(held for held in episode.held if held.row in names)
                held = (*known, Held(row=row.name, since=self.now))
                episode = episode.evolve(held=held)
            text = f"holds: {row.hold.because}"
            return Course(status.evolve(episode=episode, doing=text))
        if row.remediate:
            return self._remediate(status, episode, row, row.remediate)
        why = {
            table.Why.ROW: EscalationReason.ROW,
            table.Why.NO_ROW: EscalationReason.OTHERWISE,
            table.Why.UNSURE: EscalationReason.UNSURE,
            table.Why.BLOCKED: EscalationReason.UNSURE,
        }[verdict.why]
        said = (
            f"row {', '.join(verdict.unknown)} cannot be decided"
            if why is EscalationReason.UNSURE
            else ""
        )
        return self._escalate(status, episode, row, why, said)

    def _escalate(
        self,
        status: ProcedureStatus,
        episode: Episode,
        row: Row,
        reason: EscalationReason,
        said: str,
    ) -> Course:
        escalate = row.or_else or row.escalate or self.section.rows[-1].escalate
        assert escalate is not None, "the last row always escalates"
        failed = failed_checks(self.section, self.snapshot.checks)
        message = "; ".join(text for text in (escalate.because, said) if text)
        text = f"escalated to {', '.join(escalate.to)}"
        return Course(
            status.evolve(episode=episode, doing=text),
            call=Call(self.section.name, reason, escalate.to, failed, message),
        )

    def _remediate(
        self, status: ProcedureStatus, episode: Episode, row: Row, remediate: Remediate
    ) -> Course:
        target = target_of(self.snapshot.spec, remediate)
        facts = self.snapshot.targets[target]
        what = remediate.action.of(facts.kind, facts.workload)
        running = next(
            (
                one
                for one in self.intents
                if (one.kind, one.workload) == (facts.kind, facts.workload)
            ),
            None,
        )
        if running is not None:
            text = f"waits for the running {running.action.of(running.kind, running.workload)}"
            return Course(status.evolve(episode=episode, doing=text))
        if episode.stopped:
            spent = EscalationReason.SPENT
            return self._escalate(status, episode, row, spent, _no_further(what, episode.stopped))
        uid = facts.view.uid if facts.view else ""
        plan = Plan(
            id=action_id(
                self.snapshot.uid, self.section.name, episode.started, episode.attempts, uid
            ),
            procedure=self.section.name,
            row=row,
            remediate=remediate,
            target=target,
            kind=facts.kind,
            workload=facts.workload,
            uid=uid,
            attempt=episode.attempts,
            pod=pod_of(remediate, self.snapshot.checks),
            skipped=frozenset(
                one.name for one in self.section.rows if self._held_out(one, episode)
            ),
        )
        evidence = evidence_of(self.section, row)
        gate = facts_of(self.snapshot, remediate, plan.id, evidence)
        refused = gates.refusal(gate, remediate, self.now)
        if refused is None:
            episode = episode.evolve(refused_since=None)
            text = f"{what} is next"
            return Course(status.evolve(episode=episode, doing=text), plan=plan)
        return self._refused(status, episode, row, refused, what)

    def _refused(
        self, status: ProcedureStatus, episode: Episode, row: Row, refused: Refused, what: str
    ) -> Course:
        below = refused.reason in (Allowed.OBSERVE, Allowed.DRY_RUN)
        said = fitted(f"no {what}: {refused.message}", MAX_DOING)
        if refused.reason in (Allowed.ATTEMPTS_SPENT, Allowed.LIMIT_REACHED):
            # Spent attempts stay spent for this episode, however long ago they are.
            episode = episode.evolve(stopped=refused.reason.value)
            last = _no_further(what, refused.reason)
            return self._escalate(status, episode, row, EscalationReason.SPENT, last)
        page = below and self.snapshot.spec.notify is Notify.PAGE
        if page or refused.reason in FINAL:
            return self._escalate(status, episode, row, EscalationReason.REFUSED, said)
        if below or refused.reason is Allowed.OPERATOR_STARTING:
            would = "would do: " if refused.reason is Allowed.DRY_RUN else ""
            text = fitted(f"{would}{what} ({refused.message})", MAX_DOING) if would else said
            episode = episode.evolve(refused_since=None)
            return Course(status.evolve(episode=episode, doing=text))
        since = episode.refused_since or whole_seconds(self.now)
        episode = episode.evolve(refused_since=since)
        if self.now - since >= REFUSED_FOR:
            return self._escalate(status, episode, row, EscalationReason.REFUSED, said)
        return Course(status.evolve(episode=episode, doing=said))


_STOPPED = {
    Allowed.ATTEMPTS_SPENT.value: "those that were allowed did not help",
    Allowed.LIMIT_REACHED.value: "as many as are allowed were made",
    Outcome.REFUSED.value: "the API server does not accept it",
    Outcome.DISRUPTION_REFUSED.value: "the PodDisruptionBudget does not let the pod go",
    Outcome.REVERTED.value: "somebody has put the old pod template back",
}


def _no_further(what: str, stopped: str) -> str:
    return f"no further {what}: {_STOPPED.get(stopped, stopped)}"


def doing(intent: Intent) -> str:
    """Say how far an action is."""
    what = intent.action.of(intent.kind, intent.workload)
    under_way = {
        ActionKind.RESTART: f"{what} is rolling out",
        ActionKind.DELETE_POD: f"{what} is done; waits for a pod in its place",
    }
    return {
        Phase.PLANNED: f"{what} is being sent",
        Phase.ISSUED: under_way[intent.action],
        Phase.SETTLING: f"{what} is complete; settling",
        Phase.VERIFYING: f"verifies that the {what} helped",
    }[intent.phase]
