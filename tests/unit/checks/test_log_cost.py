"""A window of an hour costs what is new, and no more: each line is read once."""

import tracemalloc

from servicesop.checks.log_lines import SECOND
from servicesop.checks.log_window import MAX_BUCKETS, LogWindow
from servicesop.judge.results import Verdict
from unit.checks.log_pods import Pods, at, build, counted

EVERY = 30
HOUR = 3600
PER_SECOND = 4


async def test_bytes_and_memory_stay_the_same_over_an_hour() -> None:
    pods = Pods("a", "b")
    pods.chunk = 1 << 14
    for name in pods.pods:
        pods[name].log("start", -3599)
    check = build(pods, within="1h", max=1_000_000, classes=[{"name": "Odd", "pattern": "7"}])
    await check.run(at(0))
    logged = 0
    read: list[int] = []
    kept: list[int] = []
    tracemalloc.start()
    try:
        for run in range(1, HOUR // EVERY + 1):
            for name in pods.pods:
                # What is older than the last reading is never asked for again.
                pods[name].lines = pods[name].lines[-2 * PER_SECOND :]
                for index in range(EVERY * PER_SECOND):
                    second = (run - 1) * EVERY + index / PER_SECOND
                    pods[name].log(f"boom {index}", second)
                    logged += 1
            pods.bytes = 0
            before = len(pods.reads)
            assert (await check.run(at(run * EVERY))).verdict is Verdict.PASSED
            assert len(pods.reads) - before == 2, "one request for each log"
            read.append(pods.bytes)
            if run in (20, 120):
                kept.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    for log in check._follower.logs:  # type: ignore[attr-defined]  # inside
        counts = log.sink.window.counts(0)
        assert counts.total() == logged / 2, "each line once"
        assert len(log.sink.window.buckets) <= MAX_BUCKETS
    line = len(pods["a"].lines[-1])
    new = 2 * EVERY * PER_SECOND * line
    # A reading begins with the second in which the last one ended: that second comes twice.
    again = 2 * PER_SECOND * line
    assert all(one <= new + again for one in read)
    assert max(read[60:]) <= max(read[10:60])
    # Ten minutes and an hour: the window holds its 254 buckets, or fewer, of a few counts.
    assert kept[1] - kept[0] < 2 * MAX_BUCKETS * 512


async def test_a_quiet_log_costs_one_request_and_a_second_of_lines() -> None:
    pods = Pods("a")
    for second in range(-3599, -1800):
        pods["a"].log("x" * 1000, second)
    check = build(pods)
    await check.run(at(0))
    pods.bytes = 0
    pods.reads.clear()
    for run in range(1, 20):
        assert (await check.run(at(30 * run))).verdict is Verdict.PASSED
    assert len(pods.reads) == 19
    assert pods.bytes <= 19 * 1100


async def test_first_contact_reads_the_window_and_not_the_whole_file() -> None:
    pods = Pods("a")
    for second in range(-36_000, 0):
        pods["a"].log("x" * 100, second)
    check = build(pods)
    await check.run(at(0))
    assert pods.bytes < 600 * 140 + 3 * pods.chunk


def test_a_window_is_bounded_by_its_buckets_not_by_its_kinds_or_lines() -> None:
    length = HOUR * SECOND
    window = LogWindow(length)
    for second in range(0, 5 * HOUR, 2):
        window.add(second * SECOND, f"kind-{second % 9}")
        if second % 30 == 0:
            window.counts(second * SECOND - length)
            assert len(window.buckets) <= MAX_BUCKETS
    lines = HOUR / 2
    assert 0 <= window.counts(4 * length).total() - lines <= lines / 254 + 1


async def test_counts_of_many_pods_that_are_gone_are_kept_in_one_place() -> None:
    pods = Pods()
    check = build(pods, within="1h", max=1_000_000)
    for number in range(300):
        pods.pods = {f"pod-{number}": Pods("a").pods["a"]}
        pods[f"pod-{number}"].log("start", -3599)
        pods[f"pod-{number}"].log("boom", number)
        await check.run(at(number + 0.5))
    assert len(check._follower.logs) == 1  # type: ignore[attr-defined]  # inside
    assert len(check._gone.buckets) <= MAX_BUCKETS  # type: ignore[attr-defined]  # inside
    strict = build(pods, within="1h", max=0)
    assert counted(await strict.run(at(300))) == {"pod-299": 1}
