"""Right before an action its checks are run once more, and their newest answers decide alone."""

from datetime import datetime
from typing import Any, cast

import pytest
from prometheus_client import CollectorRegistry

from servicesop.api.reasons import UnknownReason
from servicesop.api.sop import TargetRef
from servicesop.api.status import Status
from servicesop.checks.runner import NO_TURN, CheckRunner
from servicesop.engine.acting import Acting
from servicesop.engine.metrics import Metrics
from servicesop.engine.sop import Sop
from servicesop.judge.results import Sample, failed, inconclusive, passed
from unit.decide.scenes import NO_LEADER, NOW, Story, bad, minutes, spec_of

HOLDS = NO_LEADER | {"ready": bad("NotReady")}
BAD = {"leader": failed({"None"}, "nobody leads")}
UNKNOWN = inconclusive(UnknownReason.NOT_COVERED, "cannot tell")


class Idle:
    """A runner that nobody runs: the answers are prepared."""

    reacts_to: TargetRef | None = None
    turn = NO_TURN

    async def run(self, now: datetime) -> Sample:
        raise AssertionError(now)


async def confirmed(story: Story, answers: dict[str, Sample]) -> tuple[bool, list[str]]:
    """Whether the plan of the story's latest decision is confirmed, and who was asked for it."""
    (plan,) = story.after(minutes(1), story_checks(story)).plans
    sop = Sop(("ns", "fleet"), "uid", 1, "1", NOW, Status())

    def build(check: object) -> CheckRunner:
        return Idle()

    sop.fit(story.spec, build, NOW)
    asked: list[str] = []

    async def run_check(sop: Sop, name: str) -> None:
        asked.append(name)
        sop.take(name, answers.get(name, passed()), NOW)

    unused = cast("Any", None)
    acting = Acting(
        unused,
        unused,
        unused,
        Metrics(CollectorRegistry()),
        now=lambda: NOW,
        run_check=run_check,
        snapshot=unused,
        targets=unused,
        write=unused,
        complete=unused,
    )
    return await acting.confirmed(sop, plan), asked


def story_checks(story: Story) -> dict[str, Any]:
    return (
        HOLDS
        if any(one.episode and one.episode.held for one in story.status.procedures)
        else NO_LEADER
    )


async def test_a_plan_is_confirmed_by_one_newest_answer_of_each_check() -> None:
    won, asked = await confirmed(Story(spec_of()), BAD)

    assert won
    assert asked == ["ready", "leader"], "its own check and that of the row above"


@pytest.mark.parametrize(
    "answers",
    [
        pytest.param({"leader": passed()}, id="it has passed meanwhile"),
        pytest.param({"leader": UNKNOWN}, id="nobody can tell any more"),
        pytest.param({"leader": failed({"Many"}, "two")}, id="it fails for another reason"),
        pytest.param(BAD | {"ready": failed({"NotReady"}, "one")}, id="a row above is true now"),
        pytest.param(BAD | {"ready": UNKNOWN}, id="a row above cannot be decided now"),
    ],
)
async def test_anything_else_confirms_nothing(answers: dict[str, Sample]) -> None:
    won, _ = await confirmed(Story(), answers)

    assert not won


async def test_a_row_that_has_held_for_as_long_as_it_may_does_not_stand_in_the_way() -> None:
    story = Story()
    story.at_once(HOLDS)
    story.after(minutes(10), HOLDS)
    won, _ = await confirmed(story, BAD | {"ready": failed({"NotReady"}, "one")})

    assert won
