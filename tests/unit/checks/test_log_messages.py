"""Messages of several lines are one occurrence each, whatever cuts them apart."""

import pytest

from servicesop.checks.log_messages import MAX_LINES, MAX_MESSAGE, QUIET, Joiner
from servicesop.checks.patterns import matcher
from servicesop.judge.results import Verdict
from unit.checks.log_pods import Pods, at, build, counted

GLOG = r"^[IWEF][0-9]{4} [0-9:.]+ +[0-9]+ [^ ]+\]"
ERROR = "E1121 11:59:0{}.123456       1 cluster_mgr.go:88] failed to reconcile accepted cluster"


def pods_with(*lines: tuple[str, float]) -> Pods:
    pods = Pods("a")
    pods["a"].log("I1121 11:00:01.000000       1 main.go:1] start", -3599)
    for text, seconds in lines:
        pods["a"].log(text, seconds)
    return pods


async def test_a_message_of_several_lines_is_matched_as_a_whole_and_counts_once() -> None:
    pods = pods_with(
        (ERROR.format(1), -10),
        ("    caused by: failed to create cluster", -9.9),
        ("    caused by: failed to create cluster: 500", -9.8),
        ("I1121 11:59:52.000000       1 main.go:1] next", -8),
    )
    pattern = r"(?s)reconcile accepted cluster.*failed to create cluster"
    check = build(pods, pattern=pattern, join={"start": GLOG})
    sample = await check.run(at(0))
    assert counted(sample) == {"a": 1}
    assert sample.message == "more than 0 messages match the pattern within 10m"
    alone = build(pods, pattern=pattern)
    assert (await alone.run(at(0))).verdict is Verdict.PASSED


async def test_a_class_sees_the_lines_that_continue_the_message() -> None:
    pods = pods_with(
        (ERROR.format(1), -10),
        ("    caused by: OCM answered (429)", -9.9),
        (ERROR.format(2), -5),
        ("    caused by: OCM answered (500)", -4.9),
    )
    classes = [{"name": "RateLimit", "pattern": "429"}, {"name": "Other", "rest": True}]
    check = build(pods, pattern="failed", join={"start": GLOG}, classes=classes)
    sample = await check.run(at(0))
    assert sample.findings == {"TooMany", "RateLimit", "Other"}
    assert sample.evidence[0] == "of 2: RateLimit 1, Other 1"


async def test_the_last_message_is_judged_when_the_log_has_been_quiet_for_a_while() -> None:
    pods = pods_with((ERROR.format(1), 0))
    check = build(pods, pattern="failed", join={"start": GLOG})
    assert (await check.run(at(1))).verdict is Verdict.PASSED
    assert (await check.run(at(2))).findings == {"TooMany"}


async def test_a_line_that_comes_late_still_belongs_to_its_message() -> None:
    pods = pods_with((ERROR.format(1), 0))
    create = build(pods, pattern="(?s)failed to reconcile.*caused by", join={"start": GLOG})
    failed = build(pods, pattern="failed|caused by", join={"start": GLOG})
    assert (await create.run(at(5))).verdict is Verdict.PASSED
    assert counted(await failed.run(at(5))) == {"a": 1}
    pods["a"].log("    caused by: something", 6)
    pods["a"].log("I1121 12:00:07.000000       1 main.go:1] next", 7)
    assert counted(await create.run(at(10))) == {"a": 1}
    # It has counted already.
    assert counted(await failed.run(at(10))) == {"a": 1}


async def test_lines_before_the_first_beginning_are_a_message_of_their_own() -> None:
    pods = Pods("a")
    pods["a"].log("start", -3599)
    pods["a"].log("    caused by: boom", -10)
    pods["a"].log("    caused by: boom", -9.9)
    pods["a"].log("I1121 11:59:52.000000       1 main.go:1] boom", -8)
    assert counted(await build(pods, join={"start": GLOG}).run(at(0))) == {"a": 2}


async def test_a_message_does_not_go_on_after_a_restart_or_a_gap() -> None:
    pattern = "(?s)reconcile.*caused by"
    pods = pods_with((ERROR.format(1), -1))
    check = build(pods, pattern=pattern, join={"start": GLOG})
    assert (await check.run(at(0))).verdict is Verdict.PASSED
    pods["a"].restart(0.1)
    pods["a"].log("    caused by: another process", 0.2)
    assert (await check.run(at(5))).verdict is Verdict.PASSED

    pods = pods_with((ERROR.format(1), -1))
    check = build(pods, pattern=pattern, join={"start": GLOG}, max=0)
    assert (await check.run(at(0))).verdict is Verdict.PASSED
    pods["a"].rotate()
    pods["a"].log("    caused by: something that was lost", 10)
    assert (await check.run(at(15))).verdict is Verdict.INCONCLUSIVE


async def test_a_message_of_a_pod_that_is_gone_is_judged_as_far_as_it_was_read() -> None:
    pods = pods_with((ERROR.format(1), -1))
    pods.pods["b"] = Pods("b").pods["b"]
    pods["b"].log("I1121 start", -3599)
    check = build(pods, pattern="failed", join={"start": GLOG})
    assert (await check.run(at(0))).verdict is Verdict.PASSED
    del pods.pods["a"]
    assert counted(await check.run(at(1))) == {"pods that are gone": 1, "b": 0}


def joiner_to(seen: list[bytes]) -> Joiner:
    """One that adds each message to a list."""

    def judge(at: int, text: bytes) -> bool:
        seen.append(text)
        return True

    return Joiner(matcher("^start"), judge)


def test_what_is_kept_of_a_message_is_bounded() -> None:
    seen: list[bytes] = []
    joiner = joiner_to(seen)
    joiner.line(1, b"start")
    for index in range(10 * MAX_LINES):
        joiner.line(2 + index, b"y")
    assert len(joiner._lines) == MAX_LINES
    joiner.line(20_000, b"start")
    for _ in range(100):
        joiner.line(20_001, b"z" * 9_000)
    assert sum(map(len, joiner._lines)) <= MAX_MESSAGE
    joiner.end()
    assert [len(text) <= MAX_MESSAGE for text in seen] == [True, True]


@pytest.mark.parametrize("quiet", [0, QUIET - 1])
def test_a_message_waits_for_its_end(quiet: int) -> None:
    seen: list[bytes] = []
    joiner = joiner_to(seen)
    joiner.line(1, b"start")
    joiner.settle(1 + quiet)
    assert seen == []
    joiner.settle(1 + QUIET)
    joiner.settle(1 + 2 * QUIET)
    assert seen == [b"start"]
