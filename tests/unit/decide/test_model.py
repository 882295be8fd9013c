"""Faults of every kind in any order: what must hold of actions holds all the same.

A simulated operator goes the way of the real one through the pure rules - decide, claim, budget,
intent, act, prove - against a simulated Deployment. It may die at every arrow, and then loses all
but the SOP's status and the ledger; its clock may be another one afterwards.

Checks pass, fail for one reason or for changing ones (unsettled), and cannot tell; they are skipped
while the database does not answer, and suspended by people.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from servicesop.api.kinds import WorkloadKind
from servicesop.api.procedures import Remediate
from servicesop.api.reasons import UnknownReason
from servicesop.api.sop import Spec
from servicesop.api.status import CheckState, HistoryItem, Intent, Outcome, Phase, Status
from servicesop.api.times import whole_seconds
from servicesop.decide import gates, ledger, table
from servicesop.decide.course import Plan
from servicesop.decide.decide import decide
from servicesop.decide.ledger import Budget, BudgetEntry, Claim, TargetRecord
from servicesop.decide.procedures import sections_of
from servicesop.decide.progress import EVIDENCE_LIMIT, NotSent, advance, issued, recover
from servicesop.decide.snapshot import Snapshot, TargetFacts, facts_of
from servicesop.engine.acting import raw
from servicesop.judge import debounce
from servicesop.judge.debounce import HELD, Windows
from servicesop.judge.dependencies import held_back
from servicesop.judge.results import Sample, error, failed, passed
from unit.decide.scenes import NOW, deployment, minutes, seconds, spec_of

GOOD, BAD, DARK = "good", "bad", "dark"
OTHER, THIRD = "other", "third"
"""Bad for another reason, which no row is about."""
CHANGING = "changing"
"""Bad for each of the three reasons in turn."""
ANSWERS: dict[str, Sample] = {
    GOOD: passed(),
    BAD: failed({"TooMany"}, "too many"),
    OTHER: failed({"TooFew"}, "too few"),
    THIRD: failed({"SinglePod"}, "only one pod"),
    DARK: error(UnknownReason.UNREACHABLE, "no connection"),
}
DATABASE, LEADER, OCM = CHECKS = ("database", "leader", "ocm")
ROUND = seconds(30)
START_HOLD = seconds(60)
MOST, IN_VAIN, COOLDOWN = 3, 2, minutes(10)
WINDOWS = Windows(fail=dict.fromkeys(("TooMany", "TooFew", "SinglePod"), ROUND), recover=ROUND)


def spec(mode: str = "Enforce", suspended: frozenset[str] = frozenset()) -> Spec:
    logs = {"pattern": "x", "within": "1m", "max": 0}
    waits = {LEADER: [DATABASE]}
    return spec_of(
        mode=mode,
        reopenWithin="3m",
        checks=[
            {
                "name": name,
                "logs": logs,
                "dependsOn": waits.get(name, []),
                "suspend": name in suspended,
            }
            for name in CHECKS
        ],
        procedures=[
            {
                "name": "Latency",
                "checks": ["leader"],
                "handle": [
                    {
                        "name": "ocm-refuses",
                        "when": {"anyFailed": ["ocm/TooMany"]},
                        "escalate": {"to": ["ocm-support"]},
                    },
                    {
                        "name": "no-leader",
                        "when": {"anyFailed": ["leader/TooMany"]},
                        "remediate": {
                            "restart": {},
                            "settle": "20s",
                            "verify": {"checks": ["leader"], "within": "1m"},
                            "attempts": {"max": IN_VAIN, "per": "6h"},
                            "atMost": {"max": MOST, "per": "24h"},
                            "cooldown": "10m",
                        },
                    },
                    {
                        "name": "otherwise",
                        "otherwise": True,
                        "escalate": {"to": ["control-plane"]},
                    },
                ],
            }
        ],
    )


class Died(Exception):  # noqa: N818 - what happens to the operator
    """The process is gone."""


@dataclass
class Effect:
    """One restart that really happened."""

    id: str
    time: datetime
    """When it was planned, by the operator's clock."""


class World(RuleBasedStateMachine):
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

    @initialize(mode=st.sampled_from(["Enforce"] * 5 + ["DryRun"]))
    def begin(self, mode: str) -> None:
        self.mode = mode
        self.spec = spec(mode)

    # What happens around the operator.

    @rule(
        leader=st.sampled_from([BAD, BAD, BAD, OTHER, CHANGING, GOOD, DARK]),
        ocm=st.sampled_from([GOOD, GOOD, GOOD, BAD, OTHER, CHANGING, DARK]),
        database=st.sampled_from([GOOD, GOOD, GOOD, BAD, DARK]),
        count=st.integers(1, 8),
        dies=st.one_of(st.none(), st.integers(0, 10)),
    )
    def rounds(
        self, leader: str, ocm: str, count: int, dies: int | None, database: str = GOOD
    ) -> None:
        for number in range(count):
            self.now += ROUND
            self.round += 1
            for name, said in ((DATABASE, database), (LEADER, leader), (OCM, ocm)):
                self.answer(name, said)
            with self.may_die(dies if number == count - 1 else None):
                self.turn()

    @rule(
        leader=st.sampled_from([GOOD, BAD, OTHER, DARK]),
        ocm=st.sampled_from([GOOD, BAD, OTHER, DARK]),
        database=st.sampled_from([GOOD, GOOD, DARK]),
    )
    def flicker(self, leader: str, ocm: str, database: str) -> None:
        self.rounds(leader, ocm, 1, None, database)

    @rule(name=st.sampled_from(CHECKS))
    def somebody_suspends_a_check_or_resumes_it(self, name: str) -> None:
        self.suspended ^= {name}
        self.spec = spec(self.mode, self.suspended)
        # It is another check now, and nothing is known of that.
        self.memories[name] = debounce.begin(self.now)
        self.said[name] = ""
        self.hold_back()

    @rule(hours=st.sampled_from([1, 7, 25]))
    def time_passes(self, hours: int) -> None:
        self.now += timedelta(hours=hours)
        self.late = None
        self.memories = {
            name: memory if memory.state in HELD else debounce.overdue(memory, self.now)
            for name, memory in self.memories.items()
        }
        self.said = dict.fromkeys(CHECKS, DARK)
        self.hold_back()

    @rule(clock=st.sampled_from([0, 0, 0, -48, -3, 3, 48]))
    def restarts(self, clock: int) -> None:
        """The process is replaced, perhaps on a machine whose clock differs by so many hours."""
        self.now = whole_seconds(self.now + timedelta(hours=clock))
        self.began = self.now
        self.late = None if clock else self.late
        self.forget_everything()
        for effect in self.effects:
            effect.time = min(effect.time, self.now)

    @rule()
    def rolls_out(self) -> None:
        whole = self.live.replicas
        self.change(updated=whole, current=whole, observed_generation=self.live.generation)

    @rule()
    def does_not_roll_out(self) -> None:
        if self.live.updated < self.live.replicas:
            self.change(deadline_exceeded=True, observed_generation=self.live.generation)

    @rule()
    def somebody_puts_the_template_back(self) -> None:
        if self.live.action:
            self.new_template("before", "")

    @rule(number=st.integers(0, 2))
    def somebody_deploys(self, number: int) -> None:
        self.new_template(f"release-{number}", self.live.action)

    @rule()
    def somebody_scales(self) -> None:
        generation = self.live.generation + 1
        self.change(generation=generation, observed_generation=generation)

    @rule()
    def somebody_recreates_the_target(self) -> None:
        self.live = deployment(uid=self.live.uid + "x")

    @precondition(lambda self: self.late is not None)
    @rule()
    def a_late_request_arrives(self) -> None:
        assert self.late is not None
        intent, self.late = self.late, None
        # No request is under way for longer than its intent is looked for.
        if self.now - intent.planned <= EVIDENCE_LIMIT:
            self.patch(intent, late=True)

    @rule()
    def the_watch_catches_up(self) -> None:
        self.cache = self.live

    @rule(
        leader=st.sampled_from([BAD, BAD, BAD, GOOD, CHANGING]),
        ocm=st.sampled_from([GOOD, GOOD, GOOD, CHANGING]),
        database=st.sampled_from([GOOD, GOOD, GOOD, DARK]),
        count=st.integers(6, 14),
    )
    def everything_works(
        self, leader: str, count: int, ocm: str = GOOD, database: str = GOOD
    ) -> None:
        """Rollouts complete and the watch is current: actions come to their end."""
        for _ in range(count):
            self.rolls_out()
            self.cache = self.live
            self.rounds(leader, ocm, 1, None, database)

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
            may_patch=True,
            entries=ledger.joined(self.record, self.status.history),
            conflict=conflict,
            affordable=affordable,
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
            found = recover(intent, self.live, self.now)
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

    # What must hold.

    @invariant()
    def no_action_has_two_effects(self) -> None:
        ids = [one.id for one in self.effects]
        assert len(ids) == len(set(ids))

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

    @invariant()
    def a_dry_run_has_no_effect(self) -> None:
        assert not (self.spec.mode == "DryRun" and (self.effects or self.status.intents))

    @invariant()
    def what_is_stopped_stays_stopped(self) -> None:
        for one in self.status.procedures:
            if one.episode is not None and one.episode.stopped:
                known = self.stopped.setdefault(one.episode.started, len(self.effects))
                assert len(self.effects) == known

    def stopped_now(self) -> str | None:
        episode = self.status.procedures[0].episode
        return episode.stopped if episode else None


TestWorld = World.TestCase
TestWorld.settings = settings(
    max_examples=150,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


def test_the_simulated_operator_does_act() -> None:
    world = World()
    world.everything_works(BAD, 44)
    assert len(world.effects) == IN_VAIN
    assert set(world.outcomes.values()) == {Outcome.DID_NOT_HELP}
    assert world.stopped_now() == "AttemptsSpent"

    helped = World()
    helped.everything_works(BAD, 4)
    helped.everything_works(GOOD, 10)
    assert set(helped.outcomes.values()) == {Outcome.HELPED}


def test_wherever_it_dies_it_does_as_much_as_it_may_and_no_more() -> None:
    for arrow in range(12):
        world = World()
        world.rounds(BAD, GOOD, 3, arrow)
        world.everything_works(BAD, 44)
        assert len(world.effects) == IN_VAIN, arrow
        assert (world.open_ids(), world.record.claim) == (set(), None), arrow
        assert world.stopped_now() == "AttemptsSpent", arrow


def unled() -> World:
    """Give a world in which nobody leads, and a restart is about to come."""
    world = World()
    world.rounds(BAD, GOOD, 1, None)
    assert not world.effects
    return world


def test_what_is_not_known_for_certain_restarts_nothing() -> None:
    acting = unled()
    acting.rounds(BAD, GOOD, 6, None)
    assert len(acting.effects) == 1

    for name in (LEADER, OCM):
        world = unled()
        world.somebody_suspends_a_check_or_resumes_it(name)
        world.rounds(BAD, GOOD, 20, None)
        assert (world.memories[name].state, world.effects) == (CheckState.SUSPENDED, [])

    for database in (DARK, BAD):
        world = World()
        world.rounds(BAD, GOOD, 20, None, database)
        assert (world.memories[LEADER].state, world.effects) == (CheckState.SKIPPED, [])

    for leader, ocm, unsettled in ((CHANGING, GOOD, LEADER), (BAD, CHANGING, OCM)):
        world = World()
        world.rounds(leader, ocm, 20, None)
        assert (world.memories[unsettled].unsettled, world.effects) == (True, [])


def test_a_check_that_waits_while_its_action_is_proved_proves_nothing() -> None:
    world = unled()
    world.rounds(BAD, GOOD, 6, None)
    world.rolls_out()
    world.the_watch_catches_up()
    world.rounds(GOOD, GOOD, 20, None, database=DARK)
    assert len(world.effects) == 1
    assert set(world.outcomes.values()) == {Outcome.DID_NOT_HELP}
