"""What the process keeps of an SOP: under a new spec, under suspend, and when runs stay away."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest

from servicesop.api.reasons import UnknownReason
from servicesop.api.sop import Spec, TargetRef
from servicesop.api.status import CheckState, Status
from servicesop.checks.runner import NO_TURN, CheckRunner
from servicesop.engine.sop import Sop
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
