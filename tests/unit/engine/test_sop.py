"""What the process keeps of an SOP: under a new spec, under suspend, and when runs stay away."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest

from servicesop.api.reasons import UnknownReason
from servicesop.api.sop import Spec, TargetRef
from servicesop.api.status import CheckState, CheckStatus, Seen, Status
from servicesop.checks.runner import NO_TURN, CheckRunner
from servicesop.engine.sop import Sop
from servicesop.judge import debounce
from servicesop.judge.results import Sample, failed, passed
from unit.decide.scenes import NOW, minutes, seconds, spec_of

EVERY = spec_of().every


@dataclass
class Idle:
    """A runner that nobody runs."""

    reacts_to: TargetRef | None = None
    turn = NO_TURN

    async def run(self, now: datetime) -> Sample:
        raise AssertionError(now)


def build(check: object) -> CheckRunner:
    return Idle()


def sop_of(spec: Spec | None = None) -> Sop:
    sop = Sop(
        key=("ns", "fleet"),
        uid="uid",
        generation=1,
        resource_version="1",
        first_seen=NOW,
        status=Status(),
    )
    sop.fit(spec or spec_of(), build, NOW)
    return sop


def states(sop: Sop) -> dict[str, CheckState]:
    return {name: memory.state for name, memory in sop.checks.items()}


def changed(check: str, **fields: object) -> Spec:
    checks = spec_of().model_dump(mode="json", by_alias=True, exclude_none=True)["checks"]
    return spec_of(checks=[one | (fields if one["name"] == check else {}) for one in checks])


@pytest.mark.parametrize(
    ("spec", "kept"),
    [
        pytest.param(spec_of(title="another"), True, id="what has nothing to do with it"),
        pytest.param(changed("ocm", every="9s"), True, id="another check"),
        pytest.param(changed("leader", every="9s"), False, id="the check itself"),
        pytest.param(spec_of(every="9s"), False, id="the period that it inherits"),
        pytest.param(
            spec_of(connections=[{"name": "database", "postgres": {"secretRef": {"name": "x"}}}]),
            False,
            id="the ground that it stands on",
        ),
    ],
)
def test_a_check_keeps_what_it_knows_unless_it_changed(spec: Spec, kept: bool) -> None:
    sop = sop_of()
    sop.take("leader", passed(), NOW)
    sop.fit(spec, build, NOW)

    assert (states(sop)["leader"] is CheckState.PASSED) is kept


def test_suspending_forgets_and_resuming_starts_afresh() -> None:
    sop = sop_of()
    sop.take("leader", passed(), NOW)
    sop.fit(spec_of(suspend=True), build, NOW)
    assert set(states(sop).values()) == {CheckState.NOT_RUN}

    sop.expire(NOW + minutes(600))
    assert set(states(sop).values()) == {CheckState.NOT_RUN}, "no run is due while suspended"

    sop.fit(spec_of(), build, NOW + minutes(600))
    sop.expire(NOW + minutes(600) + seconds(1))
    assert set(states(sop).values()) == {CheckState.NOT_RUN}


LATE = 2 * EVERY + timedelta(seconds=5) + timedelta(seconds=1)


def test_a_check_that_did_not_run_when_it_was_due_is_stale() -> None:
    sop = sop_of()
    sop.take("leader", passed(), NOW + minutes(1))
    sop.expire(NOW + minutes(1) + LATE)
    assert states(sop)["leader"] is CheckState.PASSED
    # The others have never run.
    assert states(sop)["ocm"] is CheckState.ERROR

    sop.expire(NOW + minutes(1) + LATE + seconds(1))
    last = sop.checks["leader"].last
    assert last is not None
    assert (states(sop)["leader"], last.reason) == (CheckState.ERROR, UnknownReason.STALE)


def test_a_stale_check_is_marked_once() -> None:
    sop = sop_of()
    sop.expire(NOW + minutes(10))
    first = sop.checks["leader"]
    sop.expire(NOW + minutes(20))

    assert sop.checks["leader"] is first


def test_a_check_that_a_new_spec_brought_is_not_late_yet() -> None:
    sop = sop_of()
    sop.take("leader", passed(), NOW + minutes(600))
    sop.fit(changed("leader", every="29s"), build, NOW + minutes(600))
    sop.expire(NOW + minutes(600) + seconds(1))
    assert states(sop)["leader"] is CheckState.NOT_RUN

    sop.expire(NOW + minutes(605))
    assert states(sop)["leader"] is CheckState.ERROR


def waiting(name: str = "leader", on: tuple[str, ...] = ("moves",)) -> Spec:
    """The SOP in which one check depends on others."""
    return changed(name, dependsOn=on)


def test_a_check_that_depends_on_another_is_skipped_until_that_has_passed() -> None:
    sop = sop_of(waiting())
    assert states(sop)["leader"] is CheckState.SKIPPED
    assert sop.hold_back(NOW) == ()

    sop.take("moves", passed(), NOW + seconds(1))
    assert sop.hold_back(NOW + seconds(1)) == ("leader",)
    assert sop.checks["leader"] == debounce.begin(NOW + seconds(1))
    assert sop.hold_back(NOW + seconds(2)) == ()


def test_the_first_failed_run_of_what_it_depends_on_skips_it_and_forgets_what_it_said() -> None:
    sop = sop_of(waiting())
    sop.take("moves", passed(), NOW)
    sop.hold_back(NOW)
    sop.take("leader", passed(), NOW)
    sop.take("moves", stuck("one"), NOW + seconds(1))
    assert sop.hold_back(NOW + seconds(1)) == ()

    assert (states(sop)["moves"], states(sop)["leader"]) == (CheckState.PENDING, CheckState.SKIPPED)
    assert sop.checks["leader"].known_runs == 0


def test_what_a_check_is_watched_by_changes_when_it_is_skipped_and_when_it_is_freed() -> None:
    # An answer that was asked for under the one before must not count under the next.
    sop = sop_of(waiting())
    seen = [sop.watched["leader"]]
    for number, sample in enumerate((passed(), stuck("one"), passed())):
        sop.take("moves", sample, NOW + seconds(number))
        sop.hold_back(NOW + seconds(number))
        seen.append(sop.watched["leader"])

    assert len({id(one) for one in seen}) == len(seen)
    assert {id(one.lock) for one in seen} == {id(seen[0].lock)}, "still one run at a time"


def test_a_chain_is_freed_link_by_link() -> None:
    spec = waiting("ocm", ("leader",)).model_dump(mode="json", by_alias=True, exclude_none=True)
    for one in spec["checks"]:
        if one["name"] == "leader":
            one["dependsOn"] = ["moves"]
    sop = sop_of(spec_of(checks=spec["checks"]))
    freed = []
    for number, name in enumerate(("moves", "leader", "ocm")):
        sop.take(name, passed(), NOW + seconds(number))
        freed.append(sop.hold_back(NOW + seconds(number)))

    assert freed == [("leader",), ("ocm",), ()]


def test_checks_that_are_not_run_are_never_late() -> None:
    spec = waiting().model_dump(mode="json", by_alias=True, exclude_none=True)
    for one in spec["checks"]:
        one["suspend"] = one["name"] == "moves"
    sop = sop_of(spec_of(checks=spec["checks"]))
    sop.expire(NOW + minutes(600))

    assert states(sop) == {
        "leader": CheckState.SKIPPED,
        "moves": CheckState.SUSPENDED,
        "ocm": CheckState.ERROR,
        "ready": CheckState.ERROR,
    }


def test_a_check_is_late_only_once_it_may_run() -> None:
    sop = sop_of(waiting())
    sop.take("moves", passed(), NOW)
    sop.hold_back(NOW)
    assert sop.expire(NOW + minutes(600))
    assert (states(sop)["moves"], states(sop)["leader"]) == (CheckState.ERROR, CheckState.SKIPPED)

    sop.take("moves", passed(), NOW + minutes(601))
    sop.hold_back(NOW + minutes(601))
    sop.expire(NOW + minutes(601) + LATE)
    assert states(sop)["leader"] is CheckState.NOT_RUN
    sop.take("moves", passed(), NOW + minutes(601) + LATE)
    sop.expire(NOW + minutes(601) + LATE + seconds(1))
    assert states(sop)["leader"] is CheckState.ERROR


def test_suspend_of_a_check_is_lifted_by_a_new_spec_and_it_begins_afresh() -> None:
    sop = sop_of()
    sop.take("leader", passed(), NOW)
    sop.fit(changed("leader", suspend=True), build, NOW + seconds(1))
    assert states(sop)["leader"] is CheckState.SUSPENDED

    sop.fit(spec_of(), build, NOW + seconds(2))
    assert sop.checks["leader"] == debounce.begin(NOW + seconds(2))


@pytest.mark.parametrize(
    ("moves", "leader"),
    [
        (CheckState.PASSED, CheckState.PASSED),
        (CheckState.FAILED, CheckState.SKIPPED),
        (CheckState.ERROR, CheckState.SKIPPED),
    ],
)
def test_a_new_process_goes_on_with_what_was_written(moves: CheckState, leader: CheckState) -> None:
    sop = sop_of(waiting())
    since = NOW - minutes(60)
    written = tuple(
        CheckStatus(name=name, state=state, since=since)
        for name, state in (("moves", moves), ("leader", leader))
    )
    sop.status = Status(observed_generation=1, checks=written)
    sop.resume(NOW)

    assert states(sop)["leader"] is leader
    assert sop.checks["leader"].since == since


def test_a_spec_that_depends_on_a_check_that_is_not_there_cannot_be_run() -> None:
    with pytest.raises(LookupError):
        sop_of(waiting(on=("nowhere",)))


def stuck(text: str) -> Sample:
    return failed({"Stuck"}, text)


def test_a_sample_counts_as_news_only_when_people_see_a_difference() -> None:
    sop = sop_of()
    assert sop.take("moves", stuck("one"), NOW)
    assert not sop.take("moves", stuck("one"), NOW + seconds(1))
    assert sop.take("moves", stuck("two"), NOW + seconds(2))
    assert sop.take("moves", stuck("two"), NOW + 2 * EVERY)
    assert sop.take("ocm", passed("a"), NOW)
    assert not sop.take("ocm", passed("b"), NOW + seconds(1))


@dataclass
class Watching(Idle):
    """A runner that keeps what it has seen."""

    seen: tuple[Seen, ...] = ()

    def recall(self, seen: tuple[Seen, ...]) -> None:
        self.seen = seen


ROW = Seen(key="0123456789abcdef", since=NOW - minutes(30))


def watching() -> Sop:
    sop = sop_of()
    sop.fit(spec_of(every="31s"), lambda check: Watching(), NOW)
    return sop


def written_of(sop: Sop, *seen: Seen, generation: int = 1) -> Status:
    checks = tuple(
        CheckStatus(
            name=name, state=CheckState.PASSED, since=NOW, seen=seen if name == "moves" else ()
        )
        for name in sop.watched
    )
    return Status(observed_generation=generation, checks=checks)


def test_what_a_runner_has_seen_is_kept_and_a_change_of_it_is_told() -> None:
    sop = watching()
    sop.take("moves", passed(), NOW)
    assert not sop.take("moves", passed(), NOW)
    assert sop.seen == {}
    runner = sop.watched["moves"].runner
    assert isinstance(runner, Watching)
    runner.seen = (ROW,)
    assert sop.take("moves", passed(), NOW)
    assert sop.seen == {"moves": (ROW,)}
    assert not sop.take("moves", passed(), NOW)
    runner.seen = ()
    assert sop.take("moves", passed(), NOW)
    assert sop.seen == {}


def test_a_runner_gets_back_what_an_earlier_process_has_written() -> None:
    sop = watching()
    sop.status = written_of(sop, ROW)
    sop.resume(NOW)
    assert sop.seen == {"moves": (ROW,)}
    runners = {name: watched.runner for name, watched in sop.watched.items()}
    assert {name for name, one in runners.items() if isinstance(one, Watching) and one.seen} == {
        "moves"
    }
    # What was read back is no news.
    sop.take("moves", passed(), NOW)
    assert not sop.take("moves", passed(), NOW)


def test_what_was_written_about_another_spec_is_not_read_back() -> None:
    sop = watching()
    sop.status = written_of(sop, ROW, generation=0)
    sop.resume(NOW)
    assert sop.seen == {}
