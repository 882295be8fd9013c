"""Faults of every kind in any order: what must hold of actions holds all the same.

The simulated operator may die at every arrow; its clock may be another one afterwards. Checks pass,
fail for one reason or for changing ones (unsettled), and cannot tell; they are skipped while the
database does not answer, and suspended by people.
"""

from datetime import timedelta

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from servicesop.api.status import CheckState, Outcome
from servicesop.api.times import whole_seconds
from servicesop.decide.progress import EVIDENCE_LIMIT
from servicesop.judge import debounce
from servicesop.judge.debounce import HELD
from unit.decide.scenes import deployment
from unit.decide.simulated_sop import (
    BAD,
    CHANGING,
    CHECKS,
    DARK,
    DATABASE,
    GOOD,
    IN_VAIN,
    LEADER,
    OCM,
    OTHER,
    ROUND,
    spec,
)
from unit.decide.simulation import Simulation


class World(Simulation, RuleBasedStateMachine):
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

    # What must hold.

    @invariant()
    def no_action_has_two_effects(self) -> None:
        ids = [one.id for one in self.effects]
        assert len(ids) == len(set(ids))

    @invariant()
    def a_dry_run_has_no_effect(self) -> None:
        assert not (self.spec.mode == "DryRun" and (self.effects or self.status.intents))

    @invariant()
    def what_is_stopped_stays_stopped(self) -> None:
        for one in self.status.procedures:
            if one.episode is not None and one.episode.stopped:
                known = self.stopped.setdefault(one.episode.started, len(self.effects))
                assert len(self.effects) == known


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
