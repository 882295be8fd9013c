"""A simulated operator and Deployment, for the model test of actions.

The operator goes the way of the real one through the pure rules - decide, claim, budget, intent,
act, prove. It may die at every arrow, and then loses all but the SOP's status and the ledger.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from servicesop.api.kinds import ActionKind, WorkloadKind
from servicesop.api.procedures import Remediate
from servicesop.api.status import CheckState, HistoryItem, Intent, Outcome, Phase, Status
from servicesop.api.times import whole_seconds
from servicesop.decide import gates, ledger, table
from servicesop.decide.course import Plan
from servicesop.decide.decide import decide
from servicesop.decide.ledger import Budget, BudgetEntry, Claim, TargetRecord
from servicesop.decide.procedures import sections_of
from servicesop.decide.progress import Live, NotSent, advance, issued, recover
from servicesop.decide.snapshot import Snapshot, TargetFacts, facts_of
from servicesop.engine.acting import raw
from servicesop.judge import debounce
from servicesop.judge.debounce import HELD
from servicesop.judge.dependencies import held_back
from unit.decide.scenes import NOW, deployment
from unit.decide.simulated_sop import (
    ANSWERS,
    BAD,
    CHANGING,
    CHECKS,
    COOLDOWN,
    DATABASE,
    GOOD,
    IN_VAIN,
    LEADER,
    MOST,
    OCM,
    OTHER,
    START_HOLD,
    THIRD,
    WINDOWS,
    spec,
)


class Died(Exception):  # noqa: N818 - what happens to the operator
    """The process is gone."""


@dataclass
class Effect:
    """One restart that really happened."""

    id: str
    time: datetime
    """When it was planned, by the operator's clock."""


class Simulation:
    """The operator, its target and its clock; each write is judged where it is made."""

    def __init__(self) -> None:
        super().__init__()
        self.now = NOW
        self.began = NOW
        self.mode = "Enforce"
        self.suspended: frozenset[str] = frozenset()
        self.spec = spec()
        self.round = 0
        # What outlives the process.
        self.status = Status()
        self.record = TargetRecord(namespace="ns", kind="Deployment", name="fleet-manager")
        self.budget = Budget()
        self.live = deployment()
        self.late: Intent | None = None
        # What does not.
        self.cache = self.live
        self.memories = {name: debounce.begin(self.now) for name in CHECKS}
        self.said = dict.fromkeys(CHECKS, "")
        self.hold_back()
        self.arrows_left: int | None = None
        # What must hold is told from these.
        self.effects: list[Effect] = []
        self.outcomes: dict[str, Outcome] = {}
        self.stopped: dict[datetime, int] = {}

    # The target.

    def change(self, **changes: object) -> None:
        self.live = replace(self.live, **changes)  # type: ignore[arg-type]  # fields by name

    def new_template(self, template_hash: str, action: str) -> None:
        self.change(
            generation=self.live.generation + 1,
            observed_generation=self.live.generation + 1,
            template_hash=template_hash,
            action=action,
            updated=1,
            deadline_exceeded=False,
        )

    def patch(self, intent: Intent, *, late: bool = False) -> bool:
        """A conditional write: it applies only to what was judged."""
        if (self.live.uid, self.live.generation) != (intent.uid, intent.generation):
            return False
        if not late:
            # What is late was judged when it was sent.
            self.what_it_rests_on_is_known()
            assert self.open_ids() == {intent.id}, "another action is in flight"
            assert self.live.updated == self.live.replicas, "it was rolling out"
        self.new_template(f"restarted-{intent.id}", intent.id)
        self.effects.append(Effect(intent.id, min(intent.planned, self.now)))
        if not late:
            self.limits_and_cooldown_hold()
        return True

    def what_it_rests_on_is_known(self) -> None:
        leader, ocm = self.memories[LEADER], self.memories[OCM]
        assert (self.said[LEADER], "TooMany" in leader.confirmed) == (BAD, True)
        assert self.said[OCM] in (GOOD, OTHER, THIRD), "a row above was not known"
        assert ocm.state in (CheckState.PASSED, CheckState.PENDING, CheckState.FAILED)
        assert not ocm.unsettled, "it may be what the row above is about"
        assert not self.suspended & {LEADER, OCM}
        assert self.memories[DATABASE].state is CheckState.PASSED

    # The operator.

    def answer(self, name: str, said: str) -> None:
        memory = self.memories[name]
        if memory.state in HELD:
            return
        if said == CHANGING:
            said = (BAD, OTHER, THIRD)[self.round % 3]
        self.memories[name] = debounce.step(memory, ANSWERS[said], self.now, WINDOWS)
        self.said[name] = said
        self.hold_back()

    def hold_back(self) -> None:
        """Skip what has to wait and begin afresh what need not any longer, as after each answer."""
        changed = held_back(self.spec.checks, self.memories, self.now)
        self.memories |= changed
        self.said |= dict.fromkeys(changed, "")

    @contextmanager
    def may_die(self, arrows: int | None) -> Iterator[None]:
        self.arrows_left = arrows
        try:
            yield
        except Died:
            self.began = self.now
            self.forget_everything()
        finally:
            self.arrows_left = None

    def forget_everything(self) -> None:
        self.cache = self.live
        self.memories = {name: debounce.begin(self.now) for name in CHECKS}
        self.said = dict.fromkeys(CHECKS, "")
        self.hold_back()
        self.record = ledger.not_later(self.record, self.now)
        self.budget = ledger.budget_not_later(self.budget, self.now)

    def arrow(self) -> None:
        """Between two steps the process may be killed."""
        if self.arrows_left == 0:
            raise Died
        if self.arrows_left is not None:
            self.arrows_left -= 1

    def open_ids(self) -> set[str]:
        return {one.id for one in self.status.intents}

    def snapshot(self) -> Snapshot:
        def conflict(action: str) -> bool:
            return ledger.claimed_by_other(self.record, action, self.now, self.open_ids())

        def affordable(action: str) -> bool:
            return ledger.budget_left(self.budget, "ns", 1, action, self.open_ids(), self.now)

        facts = TargetFacts(
            kind=WorkloadKind.DEPLOYMENT,
            workload="fleet-manager",
            view=self.cache,
            known=True,
            may_act={ActionKind.RESTART: True},
            entries=ledger.joined(self.record, self.status.history),
            conflict=conflict,
            affordable=affordable,
            ends=ledger.ends(self.record, self.budget),
        )
        return Snapshot(
            spec=self.spec,
            uid="sop",
            checks=self.memories,
            targets={"api": facts, "refresher": facts},
            starting=self.now - self.began < START_HOLD,
        )

    def write(self, intents: tuple[Intent, ...]) -> tuple[Plan, ...]:
        status = self.status.model_copy(update={"intents": intents})
        decision = decide(self.snapshot(), status, self.now)
        update = {"procedures": decision.procedures, "escalations": decision.escalations}
        written = status.model_copy(update=update)
        self.arrow()
        self.status = Status.model_validate_json(written.model_dump_json(by_alias=True))
        self.arrow()
        return decision.plans

    def turn(self) -> None:
        self.settle_ledger()
        for intent in self.status.intents:
            self.pursue(intent)
        plans = self.write(self.status.intents)
        if plans and not self.status.intents:
            self.begin_action(plans[0])
        open_ids = self.open_ids()
        self.record = ledger.reclaim(self.record, open_ids, {"sop"}, self.now)
        self.budget = ledger.sweep(self.budget, open_ids, self.now)

    def pursue(self, intent: Intent) -> None:
        remediate = self.remediate()
        found: Intent | Outcome | NotSent
        if intent.phase is Phase.PLANNED:
            found = recover(intent, Live(self.live), self.now)
        else:
            assert remediate.verify is not None
            within, verify = remediate.verify.within, {"leader": self.memories["leader"]}
            found = advance(intent, remediate.settle, within, self.cache, verify, self.now)
        if isinstance(found, Outcome):
            self.complete(intent, found)
        elif isinstance(found, Intent):
            self.write((found,))
        else:
            status = self.status.model_copy(update={"intents": ()})
            plans = decide(self.snapshot(), status, self.now).plans
            if any(one.id == intent.id and self.confirmed(one) for one in plans):
                self.send(intent)

    def remediate(self) -> Remediate:
        found = sections_of(self.spec)[0].rows[1].remediate
        assert found is not None
        return found

    def confirmed(self, plan: Plan) -> bool:
        newest = {name: raw(memory) for name, memory in self.memories.items()}
        verdict = table.read(sections_of(self.spec)[0].rows, newest)
        return verdict.why is table.Why.ROW and verdict.row.name == plan.row.name

    def begin_action(self, plan: Plan) -> None:
        if not self.confirmed(plan):
            return
        deadline = self.now + ledger.CLAIM_TIME
        made = Claim(id=plan.id, sop="ns/sop", uid="sop", deadline=deadline)
        self.record = ledger.claim(self.record, made, "restart", self.now)
        self.arrow()
        entry = BudgetEntry(id=plan.id, namespace="ns", time=self.now, deadline=deadline)
        self.budget = ledger.spend(self.budget, entry, self.open_ids(), self.now)
        self.arrow()
        evidence = (LEADER, OCM)
        cached = facts_of(self.snapshot(), plan.remediate, plan.id, evidence)
        facts = replace(cached, target=self.live)
        if self.live.uid != plan.uid or gates.refusal(facts, plan.remediate, self.now):
            self.finish(plan.id, Outcome.NOT_NEEDED)
            return
        intent = Intent(
            id=plan.id,
            action="restart",
            procedure=plan.procedure,
            row=plan.row.name,
            target=plan.target,
            workload=plan.workload,
            uid=self.live.uid,
            generation=self.live.generation,
            template_hash=self.live.template_hash,
            attempt=plan.attempt,
            planned=whole_seconds(self.now),
            phase_since=whole_seconds(self.now),
        )
        self.write((intent,))
        self.send(intent)

    def send(self, intent: Intent) -> None:
        if (self.live.uid, self.live.generation) != (intent.uid, intent.generation):
            self.complete(intent, Outcome.NOT_NEEDED)
            return
        try:
            self.arrow()
        except Died:
            # It was on its way, and may arrive whenever.
            self.late = intent
            raise
        applied = self.patch(intent)
        self.arrow()
        if not applied:
            self.complete(intent, Outcome.NOT_NEEDED)
            return
        self.write((issued(intent, self.live, self.now),))

    def complete(self, intent: Intent, outcome: Outcome) -> None:
        if outcome is Outcome.HELPED:
            assert self.memories[LEADER].state is CheckState.PASSED, "nobody has seen that it did"
        item = HistoryItem(
            time=whole_seconds(self.now),
            id=intent.id,
            action="restart",
            workload=intent.workload,
            procedure=intent.procedure,
            outcome=outcome,
        )
        before = self.status
        counted = []
        for one in before.procedures:
            episode = one.episode
            if episode is not None:
                update: dict[str, object] = {"attempts": episode.attempts + 1}
                if outcome in (Outcome.REFUSED, Outcome.REVERTED):
                    update["stopped"] = outcome.value
                episode = episode.model_copy(update=update)
            counted.append(one.model_copy(update={"episode": episode}))
        changes = {"procedures": tuple(counted), "history": (item, *before.history)[:5]}
        self.status = before.model_copy(update=changes)
        try:
            self.write(())
        except Died:
            if self.status.intents:
                self.status = before  # it died before the write
            raise
        self.outcomes[intent.id] = outcome
        self.finish(intent.id, outcome)

    def finish(self, action_id: str, outcome: Outcome) -> None:
        self.record = ledger.finish(self.record, action_id, outcome)
        self.arrow()
        effect = outcome.had_effect
        self.budget = ledger.close(self.budget, action_id, had_effect=effect)
        self.arrow()
        self.record = ledger.release(self.record, action_id)

    def settle_ledger(self) -> None:
        for item in self.status.history:
            entry = next((one for one in self.record.actions if one.id == item.id), None)
            holds = self.record.claim is not None and self.record.claim.id == item.id
            if holds or (entry is not None and entry.outcome is None):
                self.finish(item.id, item.outcome)

    def limits_and_cooldown_hold(self) -> None:
        """Judge the newest effect by the clock as it is now: it may be set back later."""
        *earlier, last = self.effects
        day, span = last.time - timedelta(hours=24), last.time - timedelta(hours=6)
        assert sum(1 for one in earlier if one.time > day) < MOST
        vain = [one for one in earlier if self.was_in_vain(one)]
        assert sum(1 for one in vain if one.time > span) < IN_VAIN
        assert all(one.time + COOLDOWN <= last.time for one in earlier)

    def was_in_vain(self, effect: Effect) -> bool:
        outcome = self.outcomes.get(effect.id)
        return outcome is not None and outcome.spent

    def stopped_now(self) -> str | None:
        episode = self.status.procedures[0].episode
        return episode.stopped if episode else None
