from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from servicesop.api.checks.check import Check
from servicesop.api.reasons import UnknownReason
from servicesop.checks.events import of_deployment, of_stateful_set
from servicesop.checks.registry import build
from servicesop.judge.events import EventView, RecentEvents, Repeated
from servicesop.judge.results import Sample, Verdict
from servicesop.sources.errors import SourceError
from surroundings import NOBODY

CANARY = "canary"
NOW = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)


def at(minutes: float) -> datetime:
    return NOW - timedelta(minutes=minutes)


def event(
    *,
    kind: str = "Job",
    name: str = "nightly",
    reason: str = "BackOff",
    type: str = "Warning",  # noqa: A002 - as the field is called
    message: str = f"failed to pull {CANARY}",
    minutes: float = 1,
    first: float | None = None,
    count: int = 1,
    series: bool = False,
) -> Repeated:
    begun = at(minutes if first is None else first)
    view = EventView(kind, name, reason, type, message, begun, at(minutes), count, series)
    marks = ((begun, 1), (at(minutes), count)) if count > 1 else ((at(minutes), 1),)
    return Repeated(view, marks)


class Known:
    """The Events of a namespace, as they are known."""

    def __init__(self, events: Iterable[Repeated], whole_since: datetime | None = None) -> None:
        self._recent = RecentEvents(tuple(events), whole_since)

    async def recent(self) -> RecentEvents:
        return self._recent


JOB: dict[str, Any] = {"involved": {"kind": "Job", "name": "nightly"}}


async def ask(
    events: Iterable[Repeated], whole_since: datetime | None = None, **spec: Any
) -> Sample:
    fields = {"within": "10m", **JOB} | spec
    if not {"pattern", "reasons", "type"} & fields.keys():
        fields["type"] = "Warning"
    check = Check.model_validate({"name": "quiet", "events": fields})
    runner = build(check, replace(NOBODY, events=Known(events, whole_since)))
    assert runner.reacts_to is None
    async with runner.turn:
        return await runner.run(NOW)


@pytest.mark.parametrize(
    ("spec", "found"),
    [
        ({"type": "Warning"}, True),
        ({"type": "Normal"}, False),
        ({"reasons": ["BackOff"]}, True),
        ({"reasons": ["Failed", "BackOff"]}, True),
        ({"reasons": ["Back"]}, False),
        ({"pattern": "pull"}, True),
        ({"pattern": "^pull"}, False),
        ({"pattern": "(?i)FAILED"}, True),
        ({"pattern": "pull", "type": "Normal"}, False),
        ({"pattern": "pull", "reasons": ["Failed"]}, False),
        ({"pattern": "pull", "reasons": ["BackOff"], "type": "Warning"}, True),
        ({"involved": {"kind": "Job"}}, True),
        ({"involved": {"kind": "Job", "name": "hourly"}}, False),
        ({"involved": {"kind": "CronJob", "name": "nightly"}}, False),
        ({"within": "1m"}, True),
        ({"within": "59s"}, False),
        ({"max": 1}, False),
    ],
)
async def test_what_matches(spec: dict[str, Any], found: bool) -> None:
    sample = await ask([event()], **spec)
    assert sample.verdict is (Verdict.FAILED if found else Verdict.PASSED)


async def test_occurrences_are_added_up_and_shown_by_reason_and_object() -> None:
    sample = await ask(
        [
            event(count=3, first=5),
            event(reason="Failed", minutes=2),
            event(reason="Failed", minutes=3),
            event(reason="Failed", minutes=30),
            event(type="Normal", count=99),
        ],
        max=4,
    )
    assert sample.findings == {"Found"}
    assert sample.message == "more than 4 Events that match occurred within 10m"
    assert sample.evidence == ("BackOff of Job nightly: 3", "Failed of Job nightly: 2")
    assert CANARY not in repr(sample)
    enough = await ask([event(count=3, first=5)], max=3)
    assert enough.verdict is Verdict.PASSED


async def test_what_a_repeated_event_leaves_open_is_inconclusive() -> None:
    older = event(count=50, first=30)
    certain = await ask([older])
    open_ = await ask([older], max=5)
    few = await ask([event(count=4, first=30)], max=5)
    assert certain.findings == {"Found"}
    assert certain.evidence == ("BackOff of Job nightly: 1",)
    assert (open_.verdict, open_.reason) == (Verdict.INCONCLUSIVE, UnknownReason.NOT_COVERED)
    assert few.verdict is Verdict.PASSED


async def test_a_series_that_may_go_on_untold_is_inconclusive() -> None:
    series = event(count=2, first=16, minutes=15, series=True)
    assert (await ask([series])).reason is UnknownReason.NOT_COVERED
    assert (await ask([series], within="20m")).findings == {"Found"}
    over = event(count=2, first=50, minutes=40, series=True)
    assert (await ask([over])).verdict is Verdict.PASSED
    other = event(count=2, first=16, minutes=15, series=True, reason="Other")
    assert (await ask([other], reasons=["BackOff"])).verdict is Verdict.PASSED


async def test_events_that_were_not_kept_leave_it_open_until_the_window_has_passed() -> None:
    missing = await ask([], whole_since=at(9))
    assert missing.reason is UnknownReason.NOT_COVERED
    assert (await ask([], whole_since=at(11))).verdict is Verdict.PASSED
    assert (await ask([event()], whole_since=at(9))).findings == {"Found"}


@pytest.mark.parametrize("text", ["", "two words", CANARY + "!", "x" * 300, "a\nb", "<b>"])
async def test_only_plain_words_and_names_are_shown(text: str) -> None:
    sample = await ask([event(reason=text, name=text)], involved={"kind": "Job"})
    assert sample.evidence == ("an Event of Job: 1",)


async def test_a_pattern_that_compiles_to_too_much_is_an_error() -> None:
    with pytest.raises(SourceError) as refused:
        await ask([event()], pattern="((x{100}){100}){100}")
    assert refused.value.reason is UnknownReason.INVALID_PATTERN


@pytest.mark.parametrize(
    ("kind", "name", "belongs"),
    [
        ("Deployment", "api", True),
        ("Deployment", "api-v2", False),
        ("ReplicaSet", "api-7d9fc5b8", True),
        ("ReplicaSet", "api-v2", False),
        ("ReplicaSet", "api-v2-7d9fc5b8", False),
        ("Pod", "api-7d9fc5b8-x2x4z", True),
        ("Pod", "adopted", True),
        # Gone, or of an older ReplicaSet that is still there.
        ("Pod", "api-5c6bd9-bbbbb", True),
        ("Pod", "api-v2-bbbbb", False),
        ("Pod", "api-v2-7d9fc5b8-x2x4z", False),
        ("Pod", "api-7d9fc5b8-x2x4zz", False),
        ("Pod", "api", False),
        ("Pod", "api-7d9fc5b8", False),
        ("Job", "api", False),
        ("StatefulSet", "api", False),
    ],
)
def test_what_belongs_to_a_deployment(kind: str, name: str, belongs: bool) -> None:
    replica_sets = frozenset({"api-7d9fc5b8", "api-5c6bd9"})
    matches = of_deployment("api", replica_sets, {"api-7d9fc5b8-x2x4z", "adopted"})
    assert matches(event(kind=kind, name=name).event) is belongs


def test_the_pods_of_a_long_name_are_recognised() -> None:
    replica_set = "a" * 57 + "-7d9fc5b8"
    matches = of_deployment("a" * 57, frozenset({replica_set}), set())
    assert matches(event(kind="Pod", name="a" * 57 + "-x2x4z").event)


@pytest.mark.parametrize(
    ("kind", "name", "belongs"),
    [
        ("StatefulSet", "db", True),
        ("Pod", "db-0", True),
        ("Pod", "db-12", True),
        ("Pod", "db-x", False),
        ("Pod", "db-0-0", False),
        ("Pod", "db", False),
        ("Pod", "mydb-0", False),
        ("Deployment", "db", False),
    ],
)
def test_what_belongs_to_a_stateful_set(kind: str, name: str, belongs: bool) -> None:
    assert of_stateful_set("db")(event(kind=kind, name=name).event) is belongs


async def test_a_target_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(SourceError) as refused:
        await ask([], involved=None)
    assert refused.value.reason is UnknownReason.TARGET_NOT_FOUND


def test_an_events_check_says_what_it_can_find() -> None:
    fields = {"type": "Warning", "within": "1h"}
    check = Check.model_validate({"name": "quiet", "events": fields})
    assert (check.type, check.findings) == ("events", ("Found",))
