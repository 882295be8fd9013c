"""When an answer counts: what `for`, `recoverFor` and unknown answers do, run after run."""

from datetime import UTC, datetime, timedelta

import pytest

from servicesop.api.checks.check import Check
from servicesop.api.checks.logs import Logs
from servicesop.api.checks.workload import Workload
from servicesop.api.reasons import UnknownReason
from servicesop.api.status import CheckState
from servicesop.judge import debounce
from servicesop.judge.debounce import Memory, Windows, windows_of
from servicesop.judge.results import Sample, error, failed, inconclusive, passed

START = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
MINUTE = Windows(
    fail={"Stuck": timedelta(seconds=60), "Many": timedelta(seconds=20)},
    recover=timedelta(seconds=60),
)

GOOD = passed("fine")
BAD = failed({"Stuck"}, "a row is stuck")
OTHER = failed({"Many"}, "two of them")
BOTH = failed({"Stuck", "Many"}, "everything")
UNCLEAR = inconclusive(UnknownReason.NOT_COVERED, "the log is too short")
BROKEN = error(UnknownReason.UNREACHABLE, "no connection")

NOTHING: frozenset[str] = frozenset()
MANY, STUCK = frozenset({"Many"}), frozenset({"Stuck"})

NOT_RUN, PASSED, PENDING = CheckState.NOT_RUN, CheckState.PASSED, CheckState.PENDING
FAILED, INCONCLUSIVE, ERROR = CheckState.FAILED, CheckState.INCONCLUSIVE, CheckState.ERROR

Runs = list[tuple[int, Sample, CheckState]]
"""At this second, this answer, and the state after it."""


def at(second: float) -> datetime:
    return START + timedelta(seconds=second)


def fold(*runs: tuple[float, Sample], windows: Windows = MINUTE) -> Memory:
    memory = debounce.begin(START)
    for second, sample in runs:
        memory = debounce.step(memory, sample, at(second), windows)
    return memory


@pytest.mark.parametrize(
    "runs",
    [
        pytest.param([(0, GOOD, PASSED)], id="one good answer is enough to begin with"),
        pytest.param(
            [(0, BAD, PENDING), (30, BAD, PENDING), (59, BAD, PENDING), (60, BAD, FAILED)],
            id="a failure counts once it has lasted for `for`",
        ),
        pytest.param(
            [(0, BAD, PENDING), (59, GOOD, PASSED), (60, BAD, PENDING), (119, BAD, PENDING)],
            id="a good answer in between starts `for` afresh",
        ),
        pytest.param(
            [(0, BAD, PENDING), (500, BAD, FAILED)],
            id="two failed runs suffice when they are far enough apart",
        ),
        pytest.param(
            [(0, BAD, PENDING), (30, BROKEN, PENDING), (60, BAD, FAILED)],
            id="one unknown answer does not reset `for`",
        ),
        pytest.param(
            [(0, BAD, PENDING), (60, BROKEN, PENDING), (61, BAD, FAILED)],
            id="an unknown answer at the end of `for` does not confirm it",
        ),
        pytest.param(
            [(0, BAD, PENDING), (20, BROKEN, PENDING), (40, BROKEN, ERROR), (60, BAD, PENDING)],
            id="two unknown answers in a row reset `for`",
        ),
        pytest.param(
            [(0, BAD, PENDING), (20, BROKEN, PENDING), (30, BAD, PENDING), (40, UNCLEAR, PENDING)],
            id="unknown answers that are not in a row reset nothing",
        ),
        pytest.param(
            [(0, BAD, PENDING), (60, BAD, FAILED), (70, BROKEN, FAILED),
             (80, UNCLEAR, INCONCLUSIVE)],
            id="a failed check that cannot tell twice is unknown, not failed",
        ),
        pytest.param(
            [(0, GOOD, PASSED), (30, UNCLEAR, PASSED), (60, BROKEN, ERROR), (90, GOOD, PASSED)],
            id="a passed check that cannot tell twice is unknown, not passed",
        ),
        pytest.param(
            [(0, BROKEN, ERROR), (30, UNCLEAR, INCONCLUSIVE), (60, GOOD, PASSED)],
            id="before any known answer one unknown answer says so",
        ),
        pytest.param(
            [(0, GOOD, PASSED), (1, BROKEN, PASSED), (2, BROKEN, ERROR),
             (3, UNCLEAR, INCONCLUSIVE)],
            id="the newest unknown answer explains an unknown check",
        ),
        pytest.param(
            [(0, BAD, PENDING), (60, BAD, FAILED), (90, GOOD, FAILED), (149, GOOD, FAILED),
             (150, GOOD, PASSED)],
            id="a failed check passes again after `recoverFor` of good answers",
        ),
        pytest.param(
            [(0, BAD, PENDING), (60, BAD, FAILED), (90, GOOD, FAILED), (120, BAD, FAILED),
             (150, GOOD, FAILED), (200, GOOD, FAILED), (210, GOOD, PASSED)],
            id="a failure while it recovers starts `recoverFor` afresh",
        ),
        pytest.param(
            [(0, BAD, PENDING), (60, BAD, FAILED), (90, GOOD, FAILED), (150, BROKEN, FAILED),
             (151, GOOD, PASSED)],
            id="one unknown answer neither ends nor resets `recoverFor`",
        ),
        pytest.param(
            [(0, OTHER, PENDING), (20, OTHER, FAILED)],
            id="each finding has its own `for`",
        ),
        pytest.param(
            [(0, BAD, PENDING), (30, OTHER, PENDING), (59, BAD, PENDING), (60, OTHER, FAILED),
             (90, BAD, FAILED)],
            id="findings that alternate do not excuse each other",
        ),
        pytest.param(
            [(0, BAD, PENDING), (500, OTHER, FAILED)],
            id="two runs that fail for two reasons suffice",
        ),
        pytest.param(
            [(0, BAD, PENDING), (30, OTHER, PENDING), (40, GOOD, PASSED), (60, BAD, PENDING),
             (99, OTHER, PENDING), (120, BAD, FAILED)],
            id="a good answer starts the time of alternating findings afresh",
        ),
        pytest.param(
            [(0, BAD, PENDING), (30, BROKEN, PENDING), (60, OTHER, FAILED)],
            id="one unknown answer does not reset it",
        ),
        pytest.param(
            [(0, BAD, PENDING), (59, OTHER, PENDING), (60, BROKEN, PENDING), (61, BAD, FAILED)],
            id="nor does it count",
        ),
        pytest.param(
            [(0, BAD, PENDING), (20, BROKEN, PENDING), (40, BROKEN, ERROR), (60, OTHER, PENDING)],
            id="two unknown answers in a row reset it",
        ),
        pytest.param(
            [(0, BAD, PENDING), (60, OTHER, FAILED), (90, GOOD, FAILED), (149, GOOD, FAILED),
             (150, GOOD, PASSED)],
            id="what failed for changing reasons passes after `recoverFor` too",
        ),
        pytest.param(
            [(0, BAD, PENDING), (60, OTHER, FAILED), (90, GOOD, FAILED), (120, BAD, FAILED),
             (150, GOOD, FAILED), (209, GOOD, FAILED), (210, GOOD, PASSED)],
            id="and any failure meanwhile starts `recoverFor` afresh",
        ),
        pytest.param(
            [(0, BAD, PENDING), (60, BAD, FAILED), (61, OTHER, FAILED), (121, OTHER, FAILED)],
            id="a failed check stays failed when it goes on failing for another reason",
        ),
    ],
)  # fmt: skip
def test_the_state_follows_the_runs(runs: Runs) -> None:
    memory = debounce.begin(START)
    states = []
    for second, sample, _ in runs:
        memory = debounce.step(memory, sample, at(second), MINUTE)
        states.append(memory.state)

    assert states == [state for *_, state in runs]


def test_a_single_failed_run_never_counts_however_short_its_for() -> None:
    at_once = Windows(fail={"Stuck": timedelta()}, recover=timedelta())

    assert fold((0, BAD), windows=at_once).state is PENDING
    assert fold((0, BAD), (1, BAD), windows=at_once).state is FAILED


def test_a_check_that_has_not_run_is_neither_passed_nor_failed() -> None:
    memory = debounce.begin(START)

    assert (memory.state, memory.last, memory.sampled) == (NOT_RUN, None, None)


def test_findings_are_confirmed_one_by_one() -> None:
    memory = fold((0, BOTH), (30, BOTH))
    assert (memory.state, memory.confirmed, memory.pending) == (FAILED, MANY, STUCK)

    memory = fold((0, BOTH), (30, BOTH), (60, BOTH))
    assert (memory.confirmed, memory.pending) == (MANY | STUCK, NOTHING)


def test_a_finding_is_dropped_while_another_goes_on() -> None:
    memory = fold((0, BOTH), (60, BOTH), (70, BAD), (131, BAD))

    assert (memory.state, memory.confirmed) == (FAILED, STUCK)


def test_the_last_confirmed_finding_leaves_a_pending_one_behind() -> None:
    slow = Windows(fail={"Stuck": timedelta(hours=1), "Many": timedelta()}, recover=timedelta())
    memory = fold((0, OTHER), (1, OTHER), (2, BAD), windows=slow)

    assert (memory.state, memory.confirmed, memory.pending) == (PENDING, NOTHING, STUCK)


def test_of_findings_that_alternate_none_is_confirmed() -> None:
    memory = fold((0, BAD), (30, OTHER), (60, BAD), (90, OTHER))
    assert (memory.state, memory.confirmed, memory.unsettled) == (FAILED, NOTHING, True)
    assert memory.last == OTHER

    # The time of a finding is its own: it begins when the other one is not seen any more.
    memory = fold((0, BAD), (30, OTHER), (60, BAD), (90, BAD), (119, BAD))
    assert (memory.confirmed, memory.unsettled) == (NOTHING, True)
    memory = fold((0, BAD), (30, OTHER), (60, BAD), (90, BAD), (120, BAD))
    assert (memory.confirmed, memory.unsettled) == (STUCK, False)


def test_the_longest_for_counts_for_the_check() -> None:
    runs = [(0, OTHER), (10, BAD), (20, OTHER)]
    assert fold(*runs).state is PENDING, "20 s is over, but 60 s are not"
    assert fold(*runs, (60, BAD)).state is FAILED


def test_the_times_at_which_a_check_of_changing_reasons_turns_are_known() -> None:
    memory = fold((0, BAD), (30, OTHER), (50, BAD))
    assert memory.pending_until(MINUTE) == at(60)
    memory = fold((0, BAD), (30, OTHER), (60, BAD), (70, GOOD))
    assert (memory.pending_until(MINUTE), memory.recovers_at(MINUTE)) == (None, at(130))


def test_since_moves_only_with_the_state() -> None:
    memory = fold((0, BAD), (60, BAD), (90, BAD), (95, BROKEN))
    assert memory.since == at(60)

    memory = fold((0, BAD), (60, BAD), (90, BAD), (95, BROKEN), (99, BROKEN), (120, BROKEN))
    assert memory.since == at(99)


def test_a_recovering_check_keeps_the_text_of_its_failure() -> None:
    memory = fold((0, BAD), (60, BAD), (90, GOOD))

    assert memory.last == BAD
    assert memory.newest == GOOD
    assert memory.recovers_at(MINUTE) == at(150)


def test_one_unknown_answer_leaves_the_text_and_shows_in_newest() -> None:
    memory = fold((0, BAD), (30, BROKEN))

    assert (memory.last, memory.newest, memory.sampled) == (BAD, BROKEN, at(30))


def test_the_end_of_the_shortest_pending_for_is_known() -> None:
    assert fold((0, BAD), (5, BOTH)).pending_until(MINUTE) == at(25)
    assert fold((0, GOOD)).pending_until(MINUTE) is None


def test_two_unknown_answers_forget_every_finding() -> None:
    memory = fold((0, BOTH), (60, BOTH), (61, BROKEN), (62, BROKEN))

    assert (memory.confirmed, memory.pending, memory.known_runs) == (NOTHING, NOTHING, 0)
    assert memory.recovers_at(MINUTE) is None


@pytest.mark.parametrize("before", [[GOOD], [BAD], [BAD, BAD], [BAD, BROKEN]])
def test_an_overdue_check_is_stale_whatever_it_said(before: list[Sample]) -> None:
    memory = fold(*((60 * run, sample) for run, sample in enumerate(before)))
    late = debounce.overdue(memory, at(600))

    assert late.state is ERROR
    assert late.last is not None
    assert late.last.reason is UnknownReason.STALE
    # What proves an action looks at the newest answer: there is none.
    assert late.newest == late.last
    assert (late.since, late.confirmed) == (at(600), frozenset())


def test_after_being_overdue_one_more_unknown_answer_is_believed_at_once() -> None:
    late = debounce.overdue(fold((0, GOOD)), at(600))

    assert debounce.step(late, UNCLEAR, at(601), MINUTE).state is INCONCLUSIVE
    assert debounce.step(late, GOOD, at(601), MINUTE).state is PASSED


@pytest.mark.parametrize(
    ("runs", "steady"),
    [
        pytest.param([(0, GOOD)], False, id="the first good answer is not yet a proof"),
        pytest.param([(0, GOOD), (59, GOOD)], False, id="nor is less than recoverFor"),
        pytest.param([(0, GOOD), (60, GOOD)], True, id="recoverFor of good answers is"),
        pytest.param([(0, GOOD), (60, GOOD), (61, BAD)], False, id="a failed run ends it"),
        pytest.param(
            [(0, GOOD), (30, BAD), (40, GOOD), (99, GOOD)], False, id="and starts it afresh"
        ),
        pytest.param([(0, GOOD), (30, BROKEN), (60, GOOD)], True, id="one unknown run does not"),
        pytest.param(
            [(0, GOOD), (30, BROKEN), (50, BROKEN), (60, GOOD)], False, id="two in a row do"
        ),
        pytest.param(
            [(0, BAD), (60, BAD), (70, GOOD), (130, GOOD)],
            True,
            id="a failed check is steady when it passes again, not later",
        ),
    ],
)
def test_a_check_is_steady_when_it_passed_throughout_recover_for(
    runs: list[tuple[float, Sample]], steady: bool
) -> None:
    assert fold(*runs).steady is steady


def test_an_overdue_check_is_not_steady() -> None:
    assert not debounce.overdue(fold((0, GOOD), (60, GOOD)), at(600)).steady


def check_of(**fields: object) -> Check:
    return Check.model_validate({"name": "check"} | fields)


LEASE = {"connection": "database", "table": "leases"}
WORKLOAD = {"workload": {"replicas": 1}}


@pytest.mark.parametrize(
    ("fields", "fail", "recover"),
    [
        (
            {"logs": {"pattern": "x", "within": "1m", "max": 0}},
            dict.fromkeys(Logs.findings, 20),
            20,
        ),
        (
            {"logs": {"pattern": "x", "within": "1m", "max": 0}, "for": "0s", "recoverFor": "7s"},
            dict.fromkeys(Logs.findings, 0),
            7,
        ),
        (
            {"leader": {"workers": ["a"], "lease": LEASE}},
            {"None": 90, "Many": 45, "NoHeartbeat": 20},
            20,
        ),
        (
            {"leader": {"workers": ["a"], "lease": LEASE, "forNone": "2m", "forMany": "0s"}},
            {"None": 120, "Many": 0, "NoHeartbeat": 20},
            20,
        ),
        (
            WORKLOAD | {"for": "5s"},
            dict.fromkeys(Workload.findings, 5),
            20,
        ),
    ],
)
def test_windows_come_from_the_check_or_from_its_period(
    fields: dict[str, object], fail: dict[str, int], recover: int
) -> None:
    windows = windows_of(check_of(**fields), timedelta(seconds=10))

    assert windows.fail == {name: timedelta(seconds=count) for name, count in fail.items()}
    assert windows.recover == timedelta(seconds=recover)
