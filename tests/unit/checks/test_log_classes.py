"""Classes of occurrences, failures of a single pod, and limits that hold for each pod."""

from collections import Counter
from datetime import timedelta

import pytest

from servicesop.api.checks.check import Check
from servicesop.api.checks.logs import Logs
from servicesop.api.reasons import UnknownReason
from servicesop.checks.log_verdict import LogState, PodCounts, judge_logs
from servicesop.judge.debounce import windows_of
from servicesop.judge.results import PodRef, Verdict
from servicesop.sources.errors import SourceError
from unit.checks.log_pods import Pods, at, build

START = 1_000
LONG_AGO = 0
TOKEN_EXCHANGE = "ErrorMeteringTokenExchangeFailure"
CLASSES = [
    {"name": "Unauthorized", "pattern": r"\((401|403)\)", "minShare": "0.25"},
    {"name": "RateLimit", "pattern": r"\(429\)", "minShare": "0.5"},
    {"name": "Timeout", "pattern": "(?i)deadline exceeded|timeout"},
    {"name": "Other", "rest": True, "minShare": "0.5"},
]


def spec(**fields: object) -> Logs:
    return Logs.model_validate({"pattern": "x", "within": "10m"} | fields)


def pod(name: str, count: int = 0, born: int = LONG_AGO, oldest: int = START + 1) -> PodCounts:
    matches = Counter({"": count} if count else {})
    return PodCounts(name, matches, born, oldest if count else None, uid=f"uid of {name}")


def classed(**kinds: int) -> LogState:
    return LogState(START, [PodCounts("a", Counter(kinds), LONG_AGO, START + 1)])


def exchange(pods: Pods, pod: str, what: str, times: int) -> None:
    for index in range(times):
        pods[pod].log(f"{TOKEN_EXCHANGE}: request failed. {what}", -100 + index)


async def test_each_occurrence_belongs_to_the_first_class_that_matches() -> None:
    pods = Pods("a", "b")
    for name in pods.pods:
        pods[name].log("start", -3599)
    exchange(pods, "a", "(429)", 30)
    exchange(pods, "b", "(429) after a timeout", 10)
    exchange(pods, "a", "(401)", 12)
    exchange(pods, "b", "invalid character", 1)
    pods["a"].log("another request failed. (403)", -1)
    check = build(pods, pattern=TOKEN_EXCHANGE, within="1h", max=50, classes=CLASSES)
    sample = await check.run(at(0))
    assert sample.findings == {"TooMany", "RateLimit"}
    assert sample.message == "more than 50 lines match the pattern within 1h: RateLimit"
    assert sample.evidence == ("of 53: Unauthorized 12, RateLimit 40, Other 1", "a: 42", "b: 11")


async def test_classes_are_found_only_when_the_limit_is_exceeded() -> None:
    pods = Pods("a", "b")
    for name in pods.pods:
        pods[name].log("start", -3599)
    exchange(pods, "a", "(429)", 50)
    check = build(pods, pattern=TOKEN_EXCHANGE, within="1h", max=50, classes=CLASSES)
    assert (await check.run(at(0))).verdict is Verdict.PASSED
    pods["a"].log(f"{TOKEN_EXCHANGE} (429)", 1)
    assert (await check.run(at(2))).findings == {"TooMany", "RateLimit", "SinglePod"}


@pytest.mark.parametrize(
    ("kinds", "found"),
    [
        ({"RateLimit": 2, "Other": 2}, {"RateLimit", "Other"}),
        ({"RateLimit": 49, "Other": 51}, {"Other"}),
        ({"Unauthorized": 25, "RateLimit": 75}, {"Unauthorized", "RateLimit"}),
        ({"Unauthorized": 24, "RateLimit": 76}, {"RateLimit"}),
        ({"Timeout": 1, "RateLimit": 1_000_000}, {"RateLimit", "Timeout"}),
        ({"": 5}, set()),
    ],
)
def test_a_class_is_found_from_its_share_on(kinds: dict[str, int], found: set[str]) -> None:
    sample = judge_logs(spec(max=0, classes=CLASSES), classed(**kinds))
    assert sample.findings - {"TooMany"} == found


def test_a_share_is_compared_as_a_decimal_not_as_a_binary_fraction() -> None:
    tenth = [{"name": "A", "pattern": "a", "minShare": "0.1"}]
    state = LogState(START, [PodCounts("a", Counter({"A": 1, "": 9}), LONG_AGO, START + 1)])
    assert "A" in judge_logs(spec(max=0, classes=tenth), state).findings


def test_occurrences_of_no_class_count_but_are_no_finding() -> None:
    some = [{"name": "A", "pattern": "a"}]
    state = LogState(START, [PodCounts("a", Counter({"": 3}), LONG_AGO, START + 1)])
    sample = judge_logs(spec(max=2, classes=some), state)
    assert sample.findings == {"TooMany"}
    assert sample.evidence[0] == "of 3: no class matches"


def test_the_classes_are_findings_of_the_check_and_are_debounced() -> None:
    check = Check.model_validate(
        {"name": "c", "logs": {"pattern": "x", "within": "1m", "max": 0, "classes": CLASSES}}
    )
    named = ("Unauthorized", "RateLimit", "Timeout", "Other")
    assert check.findings == ("TooMany", "TooFew", "SinglePod", *named)
    windows = windows_of(check, timedelta(seconds=30))
    assert set(windows.fail) == set(check.findings)


@pytest.mark.parametrize(
    ("where", "changes"),
    [
        ("the pattern is", {"pattern": r"(\pL{500}){2}"}),
        ("join.start is", {"join": {"start": r"(\pL{500}){2}"}}),
        (
            "the pattern of class Odd is",
            {"classes": [{"name": "Odd", "pattern": r"(\pL{500}){2}"}]},
        ),
    ],
)
async def test_a_pattern_that_is_too_much_is_named(where: str, changes: dict[str, object]) -> None:
    check = build(Pods("a"), **changes)
    for _ in range(2):
        with pytest.raises(SourceError) as error:
            await check.run(at(0))
        assert error.value.reason is UnknownReason.INVALID_PATTERN
        assert error.value.message.startswith(where)


# ---- a single pod


@pytest.mark.parametrize(
    ("pods", "single"),
    [
        ([pod("a", 5), pod("b")], True),
        ([pod("a", 5), pod("b"), pod("c")], True),
        ([pod("a", 5), pod("b", 1)], False),
        # Alone, it says nothing about the pod.
        ([pod("a", 5)], False),
        # A pod that began after the failures has not had the chance to fail.
        ([pod("a", 5, oldest=START + 10), pod("b", born=START + 20)], False),
        ([pod("a", 5, oldest=START + 30), pod("b", born=START + 20)], True),
        ([pod("a", 5), pod("b", born=START + 20), pod("c")], True),
    ],
)
def test_a_single_pod_is_found_where_another_ran_and_did_not_fail(
    pods: list[PodCounts], single: bool
) -> None:
    sample = judge_logs(spec(max=2), LogState(START, pods))
    assert sample.findings == ({"TooMany", "SinglePod"} if single else {"TooMany"})
    assert ("only one pod" in sample.message) is single
    assert sample.pod == (PodRef("a", "uid of a") if single else None)


@pytest.mark.parametrize(
    ("state", "unclear"),
    [
        pytest.param(LogState(START, [pod("a", 5), pod("b")]), False, id="one"),
        pytest.param(LogState(START, [pod("a", 5), pod("b", 5)]), False, id="two"),
        pytest.param(LogState(START, [pod("a", 5)]), False, id="there is no other"),
        pytest.param(
            LogState(START, [pod("a", 5), pod("b")], covered=False), True, id="not all is read"
        ),
        pytest.param(
            LogState(START, [pod("a", 5), pod("b", 1)], covered=False), False, id="two already"
        ),
        pytest.param(
            LogState(START, [pod("a", 5, oldest=START + 10), pod("b", born=START + 20)]),
            True,
            id="the other one is younger",
        ),
    ],
)
def test_whether_it_is_one_pod_may_not_be_told_yet(state: LogState, unclear: bool) -> None:
    assert judge_logs(spec(max=2), state).pod_unclear is unclear


def test_a_single_pod_is_not_claimed_while_others_may_have_been_missed() -> None:
    pods = [pod("a", 5), pod("b")]
    sample = judge_logs(spec(max=2), LogState(START, pods, covered=False))
    assert sample.findings == {"TooMany"}


def test_failures_of_pods_that_are_gone_are_not_those_of_a_single_pod() -> None:
    pods = [pod("a", 5), pod("b")]
    sample = judge_logs(spec(max=2), LogState(START, pods, gone=Counter({"": 1})))
    assert sample.findings == {"TooMany"}
    sample = judge_logs(spec(max=2), LogState(START, [pod("b"), pod("c")], gone=Counter({"": 3})))
    assert sample.findings == {"TooMany"}
    assert sample.evidence[0] == "pods that are gone: 3"


# ---- limits for each pod


def test_limits_may_hold_for_each_pod() -> None:
    each = spec(max=4, per="Pod")
    assert judge_logs(each, LogState(START, [pod("a", 4), pod("b", 4)])).verdict is Verdict.PASSED
    sample = judge_logs(each, LogState(START, [pod("a", 5), pod("b", 4)]))
    # One is bad, and the other is within its limit.
    assert sample.findings == {"TooMany", "SinglePod"}
    assert sample.message.startswith("more than 4 lines of one pod match the pattern within 10m")
    sample = judge_logs(each, LogState(START, [pod("a", 5), pod("b", 5)]))
    assert sample.findings == {"TooMany"}
    gone = LogState(START, [pod("a", 4)], gone=Counter({"": 99}))
    assert judge_logs(each, gone).verdict is Verdict.PASSED


def test_each_pod_must_have_logged_enough() -> None:
    each = spec(min=1, per="Pod")
    assert judge_logs(each, LogState(START, [pod("a", 1), pod("b", 2)])).verdict is Verdict.PASSED
    sample = judge_logs(each, LogState(START, [pod("a", 9), pod("b")]))
    assert sample.findings == {"TooFew"}
    young = LogState(START, [pod("a", 9), pod("b", born=START + 1)])
    assert judge_logs(each, young).reason is UnknownReason.NOT_COVERED
    missed = LogState(START, [pod("a", 9), pod("b")], covered=False)
    assert judge_logs(each, missed).reason is UnknownReason.NOT_COVERED


async def test_a_service_that_has_just_begun_has_not_logged_too_little_yet() -> None:
    pods = Pods("a")
    pods["a"].started = -60
    pods["a"].log("start", -59)
    check = build(pods, pattern="heartbeat", min=1, max=None)
    sample = await check.run(at(0))
    assert (sample.verdict, sample.reason) == (Verdict.INCONCLUSIVE, UnknownReason.NOT_COVERED)
    assert sample.message == "the pods have not run for the whole window of 10m yet"
    # A rollout replaces all pods; somebody has run all the time.
    pods.pods["b"] = pods.pods.pop("a")
    pods["b"].started = 400
    pods["b"].lines.clear()
    pods["b"].log("start", 401)
    assert (await check.run(at(500))).reason is UnknownReason.NOT_COVERED
    assert (await check.run(at(541))).findings == {"TooFew"}
