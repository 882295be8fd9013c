"""The largest SOP there can be still gets a status that the API server takes."""

import json
from typing import Any

import pytest

from servicesop.api.status import (
    CheckState,
    CheckStatus,
    Condition,
    Episode,
    Escalation,
    EscalationReason,
    Outcome,
    ProcedureStatus,
    Seen,
    Status,
    Tri,
)
from servicesop.api.texts import fitted
from servicesop.judge.results import failed
from servicesop.status.bounds import MAX_BYTES, bounded, size_of
from unit.decide.scenes import NOW, intent_of, memory, minutes, spec_of
from unit.status.reporting import Reports, ended

TEXT = "x" * 512


def largest(name: int, text: int = 512) -> Status:
    """Everything at once: 64 failing checks, 24 procedures, each with a call of its own."""

    def named(prefix: str, number: int) -> str:
        return f"{prefix}{number:02}".ljust(name, "x")

    said = TEXT[:text]
    titles = ["Ready", "Healthy", "RemediationAllowed", "Remediating", "Escalated"]
    titles += [named("P", number) for number in range(24)]
    return Status(
        observed_generation=7,
        uid="u" * 36,
        conditions=tuple(
            Condition(
                type=title,
                status=Tri.FALSE,
                reason="ChecksFailed",
                message=2 * said,
                last_transition_time=NOW,
            )
            for title in titles
        ),
        failing=named("P", 1),
        message=said,
        procedures=tuple(
            ProcedureStatus(
                name=named("P", number),
                state=Tri.TRUE,
                since=NOW,
                doing=said,
                episode=Episode(started=NOW, row=named("r", 1), stopped="AttemptsSpent"),
            )
            for number in range(24)
        ),
        checks=tuple(
            CheckStatus(
                name=named("c", number),
                state=CheckState.FAILED,
                since=NOW,
                findings=("NotReady",),
                message=said[:256],
                evidence=(TEXT[:160],) * 5,
            )
            for number in range(64)
        ),
        intents=(intent_of(),),
        escalations=tuple(
            Escalation(
                key=f"{number:016}",
                reason=EscalationReason.ROW,
                to=(named("t", number),),
                procedures=(named("P", number),),
                checks=(named("c", number),),
                opened=NOW,
                message=said,
            )
            for number in range(24)
        ),
        history=(ended(Outcome.HELPED),) * 5,
    )


def memory_of(status: Status) -> dict[str, Any]:
    """What must be remembered, texts aside."""
    return {
        "uid": status.uid,
        "intents": status.intents,
        "history": status.history,
        "procedures": [one.model_copy(update={"doing": None}) for one in status.procedures],
        "escalations": [one.model_copy(update={"message": ""}) for one in status.escalations],
        "conditions": [one.model_copy(update={"message": ""}) for one in status.conditions],
        "checks": [(one.name, one.state, one.since, one.findings) for one in status.checks],
    }


@pytest.mark.parametrize("name", [5, 20, 40])
def test_it_fits_and_forgets_nothing_that_must_be_remembered(name: int) -> None:
    whole = largest(name)
    cut = bounded(whole)

    assert size_of(whole) > 3 * MAX_BYTES
    assert size_of(cut) <= MAX_BYTES
    assert memory_of(cut) == memory_of(whole)
    written = cut.model_dump(mode="json", by_alias=True, exclude_none=True)
    assert Status.model_validate(json.loads(json.dumps(written))) == cut


def test_cutting_once_more_changes_nothing() -> None:
    cut = bounded(largest(20))

    assert bounded(cut) == cut
    assert bounded(largest(20)) == cut


def test_a_status_that_fits_stays_as_it_is() -> None:
    small = largest(5, text=10)
    small = small.model_copy(update={"checks": small.checks[:10], "escalations": ()})

    assert bounded(small) is small


def test_a_cut_status_stays_as_it_is_while_nothing_happens() -> None:
    names = [f"check-{number:02}" for number in range(64)]
    last = {"name": "otherwise", "otherwise": True, "escalate": {"to": ["sre"]}}
    logs = {"pattern": "x", "within": "1m", "max": 0}
    spec = spec_of(
        checks=[{"name": name, "logs": logs} for name in names],
        procedures=[
            {"name": f"P{number}", "checks": [name], "handle": [last]}
            for number, name in enumerate(names[:24])
        ],
    )
    sample = failed({"TooMany"}, TEXT, tuple(f"{line} {TEXT}" for line in range(5)))
    seen = memory(CheckState.FAILED, confirmed=frozenset({"TooMany"}), newest=sample)
    reports = Reports(spec)
    first = reports.at_once(dict.fromkeys(names, seen))

    assert 1000 < size_of(first) <= MAX_BYTES
    assert reports.after(minutes(1), dict.fromkeys(names, seen)) == first


def test_evidence_goes_before_messages() -> None:
    whole = largest(5)
    whole = whole.model_copy(
        update={"conditions": (), "escalations": (), "procedures": whole.procedures[:2]}
    )
    cut = bounded(whole)

    assert size_of(cut) <= MAX_BYTES
    assert {len(one.evidence) for one in cut.checks} == {0}
    assert all((one.message or "").startswith("xxx") for one in cut.checks)


def sights(count: int) -> tuple[Seen, ...]:
    """First sights, oldest first."""
    return tuple(Seen(key=f"{number:016x}", since=NOW + minutes(number)) for number in range(count))


def with_sights(status: Status, *counts: int) -> Status:
    checks = tuple(
        one.model_copy(update={"seen": sights(counts[number % len(counts)])})
        for number, one in enumerate(status.checks)
    )
    return status.model_copy(update={"checks": checks})


@pytest.mark.parametrize("name", [5, 20, 40])
def test_the_largest_keeps_of_each_check_the_oldest_that_it_has_seen(name: int) -> None:
    cut = bounded(with_sights(largest(name), 50, 3, 0))
    kept = [len(one.seen) for one in cut.checks]

    assert size_of(cut) <= MAX_BYTES
    assert memory_of(cut) == memory_of(largest(name))
    assert sum(kept) >= 20
    assert all(one.seen == sights(len(one.seen)) for one in cut.checks)
    assert {count for number, count in enumerate(kept) if number % 3 == 2} == {0}


def test_what_was_seen_is_divided_by_turns() -> None:
    quiet = Status(
        checks=tuple(
            CheckStatus(name=f"c{number}", state=CheckState.PASSED, since=NOW)
            for number in range(60)
        )
    )
    # 12 checks could keep 50 each, and that is too much; the others keep all that they have.
    whole = with_sights(quiet, 50, 1, 1, 1, 0)
    cut = bounded(whole)
    kept = [len(one.seen) for one in cut.checks]

    assert size_of(whole) > MAX_BYTES >= size_of(cut)
    assert sum(kept) == 200
    assert kept[1:5] == [1, 1, 1, 0]
    assert set(kept[::5]) == {13, 14}
    assert bounded(cut) == cut


def test_a_cut_memory_stays_as_it_is_while_nothing_happens() -> None:
    names = [f"check-{number:02}" for number in range(64)]
    rows = {"connection": "database", "table": "t", "statuses": ["s"], "olderThan": "1h"}
    last = {"name": "otherwise", "otherwise": True, "escalate": {"to": ["sre"]}}
    spec = spec_of(
        checks=[{"name": name, "stuckRows": rows} for name in names],
        procedures=[{"name": "Stuck", "checks": names[:1], "handle": [last]}],
    )
    seen = dict.fromkeys(names, sights(50))
    passing = dict.fromkeys(names, memory(CheckState.PASSED))
    reports = Reports(spec)
    first = reports.after(minutes(0), passing, seen=seen)

    assert sum(len(one.seen) for one in first.checks) == 200
    assert reports.after(minutes(1), passing, seen=seen) == first
    # Evidence that moves is no reason to write, even where what was seen is cut.
    moved = [
        passing | {names[0]: memory(CheckState.FAILED, newest=failed({"Stuck"}, TEXT, (line,)))}
        for line in ("first", "second")
    ]
    first = reports.after(minutes(1), moved[0], seen=seen)
    assert reports.after(minutes(1), moved[1], seen=seen).checks == first.checks


def test_texts_in_other_alphabets_are_measured_in_bytes() -> None:
    wide = largest(5)
    checks = tuple(one.model_copy(update={"message": "語" * 256}) for one in wide.checks)
    wide = wide.model_copy(update={"checks": checks})

    assert len(bounded(wide).model_dump_json(exclude_none=True).encode()) <= MAX_BYTES


@pytest.mark.parametrize(
    ("text", "length", "expected"),
    [("", 0, ""), ("abc", 3, "abc"), ("abcd", 3, "..."), ("abcde", 4, "a..."), ("abc", 2, "..")],
)
def test_a_text_that_was_cut_shows_it(text: str, length: int, expected: str) -> None:
    assert fitted(text, length) == expected
