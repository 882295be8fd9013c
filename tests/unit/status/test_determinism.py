"""The same facts always give the same status: nothing is written for the passing of time alone."""

import json
import re

import pytest

from servicesop.api.status import Status
from servicesop.judge.debounce import Memory
from unit.decide.scenes import (
    DENIED,
    NO_LEADER,
    bad,
    blind,
    deployment,
    intent_of,
    maybe,
    minutes,
    seconds,
    spec_of,
    target,
)
from unit.status.reporting import NO_RUNNER, Reports

SCENES: dict[str, dict[str, Memory]] = {
    "well": {},
    "no leader": NO_LEADER,
    "escalated": {"leader": bad("Many"), "ocm": bad()},
    "blind": {"leader": blind()},
    "pending": {"leader": maybe("None")},
    "held": NO_LEADER | {"ready": bad("NotReady")},
}


@pytest.mark.parametrize("mode", ["Observe", "DryRun", "Enforce"])
@pytest.mark.parametrize("scene", list(SCENES))
def test_nothing_changes_between_two_looks_at_the_same_facts(scene: str, mode: str) -> None:
    reports = Reports(spec_of(mode=mode))
    first = reports.at_once(SCENES[scene])

    assert reports.after(seconds(3), SCENES[scene]) == first
    assert reports.after(seconds(0.4), SCENES[scene]) == first


@pytest.mark.parametrize("scene", list(SCENES))
def test_what_says_nothing_new_is_not_said_again(scene: str) -> None:
    reports = Reports()
    reports.at_once(SCENES[scene])
    reports.after(minutes(11), SCENES[scene])
    first = reports.after(minutes(1), SCENES[scene])

    # Most turns end so: nothing is validated, measured or written that was before.
    assert reports.after(seconds(3.2), SCENES[scene]) is first


@pytest.mark.parametrize("scene", list(SCENES))
def test_what_was_written_and_read_back_is_the_same(scene: str) -> None:
    reports = Reports()
    reports.at_once(SCENES[scene])
    reports.after(minutes(11), SCENES[scene])
    first = reports.after(minutes(1), SCENES[scene])
    written = json.dumps(first.model_dump(mode="json", by_alias=True, exclude_none=True))
    reports.status = Status.model_validate(json.loads(written))

    assert reports.status == first
    assert reports.after(seconds(3.2), SCENES[scene]) == first


def test_the_order_in_which_checks_answered_does_not_matter() -> None:
    checks = {"leader": bad("Many", "None"), "ocm": bad()}

    assert Reports().at_once(checks) == Reports().at_once(dict(reversed(checks.items())))


def test_texts_hold_no_durations_and_no_times() -> None:
    moving = re.compile(r"\d+(\.\d+)? ?(s|m|h|seconds|minutes)\b|\d\d:\d\d")
    for around in (target(), target(view=deployment(paused=True)), target(may_act=DENIED)):
        for scene in SCENES.values():
            reports = Reports()
            reports.at_once(scene, api=around)
            reports.after(minutes(6), scene, api=around)
            status = reports.after(minutes(6), scene, api=around)
            texts = [one.message for one in status.conditions]
            texts += [one.message for one in status.escalations]
            texts += [one.doing or "" for one in status.procedures]
            assert not [text for text in texts if moving.search(text)]


def test_an_action_in_flight_is_reported_the_same_while_nothing_happens() -> None:
    reports = Reports()
    first = reports.at_once(NO_LEADER, intents=(intent_of(),))

    assert reports.after(seconds(20), NO_LEADER, intents=(intent_of(),)) == first


def test_readiness_says_the_same_twice() -> None:
    reports = Reports()
    first = reports.at_once(NO_LEADER, readiness=NO_RUNNER)

    assert reports.after(seconds(20), NO_LEADER, readiness=NO_RUNNER) == first
