"""Too much, too long, too often: what is read of it, and that each line still counts once."""

import asyncio

import pytest

from servicesop.api.reasons import UnknownReason
from servicesop.judge.results import Verdict
from servicesop.sources.errors import SourceError
from unit.checks.log_pods import Pods, at, build, counted, line


async def test_what_is_too_much_for_one_run_is_read_in_the_next() -> None:
    pods = Pods("a")
    pods["a"].log("start", -3599)
    pods.chunk = 1 << 16
    text = b"x" * 60_000
    for index in range(300):
        pods["a"].log(text, -200 + index * 0.5)
    pods["a"].log("boom", -10)
    check = build(pods)
    first = await check.run(at(0))
    assert (first.verdict, first.reason) == (Verdict.INCONCLUSIVE, UnknownReason.NOT_COVERED)
    assert pods.bytes < 9 * 1024 * 1024
    assert (await check.run(at(1))).verdict is Verdict.INCONCLUSIVE
    assert counted(await check.run(at(2))) == {"a": 1}


async def test_a_second_that_is_too_much_for_any_reading_is_passed_over() -> None:
    pods = Pods("a")
    pods.chunk = 1 << 16
    pods["a"].log("start", -3599)
    pods["a"].log(b"x" * (20 << 20), -300)
    pods["a"].log("boom", -299.9)
    pods["a"].log("quiet", -200)
    check = build(pods, max=1)
    for second in range(3):
        sample = await check.run(at(second))
        assert sample.reason is UnknownReason.NOT_COVERED
    pods.bytes = 0
    # What followed in that second is not known, until it has left the window.
    assert (await check.run(at(300.9))).reason is UnknownReason.NOT_COVERED
    assert (await check.run(at(301.1))).verdict is Verdict.PASSED
    assert pods.bytes < 1000


async def test_an_endless_line_is_looked_at_like_any_long_one() -> None:
    pods = Pods("a")
    pods.chunk = 1 << 16
    pods["a"].log("start", -3599)
    pods["a"].log(b"boom" + b"x" * (20 << 20), -5)
    assert (await build(pods).run(at(0))).findings == {"TooMany"}


async def test_the_place_where_a_line_was_cut_is_not_its_end() -> None:
    pods = Pods("a")
    pods["a"].log("start", -3599)
    pods["a"].log("x" * 100_000, -5)
    assert (await build(pods, pattern="x$").run(at(0))).verdict is Verdict.PASSED


async def test_long_and_binary_lines_are_read_and_cut() -> None:
    pods = Pods("a")
    pods["a"].log("start", -3599)
    pods["a"].log(b"x" * 70_000 + b"boom", -5)
    pods["a"].log(b"\x00\xff\xfe boom \x80", -4)
    pods["a"].log(b"boom\r", -3)
    for size in (1, 7, 1000, 1 << 20):
        pods.chunk = size
        assert counted(await build(pods, pattern="boom( |$)").run(at(0))) == {"a": 2}


async def test_a_line_that_is_still_being_written_is_counted_when_it_is_whole() -> None:
    pods = Pods("a")
    pods["a"].log("start", -3599)
    whole = line("half boom", 1)
    pods["a"].lines.append(whole[:-6])
    check = build(pods)
    assert (await check.run(at(2))).verdict is Verdict.PASSED
    pods["a"].lines[-1] = whole
    assert counted(await check.run(at(3))) == {"a": 1}
    assert counted(await check.run(at(4))) == {"a": 1}


async def test_a_crashed_containers_unfinished_last_line_counts() -> None:
    pods = Pods("a")
    pods["a"].log("start", -3599)
    check = build(pods)
    await check.run(at(0))
    pods["a"].lines.append(line("boom", 1)[:-1])
    pods["a"].restart(2)
    pods["a"].log("start", 3)
    assert counted(await check.run(at(30))) == {"a": 1}


async def test_a_crowded_second_is_neither_counted_twice_nor_taken_for_a_gap() -> None:
    pods = Pods("a")
    pods["a"].log("start", -3599)
    for index in range(6000):
        pods["a"].log(f"boom {index}", 1 + index / 10_000)
    check = build(pods)
    assert counted(await check.run(at(1.7))) == {"a": 6000}
    pods["a"].log("boom", 1.8)
    assert counted(await check.run(at(1.9))) == {"a": 6001}
    assert (await check.run(at(602))).verdict is Verdict.PASSED


async def test_memory_stays_bounded_however_many_lines_match() -> None:
    pods = Pods("a")
    pods["a"].log("start", -3599)
    pods.chunk = 1 << 16
    check = build(pods, within="24h")
    for minute in range(0, 3000, 2):
        pods["a"].lines = pods["a"].lines[-1:]
        pods["a"].log("boom", minute * 60)
        await check.run(at(minute * 60 + 1))
    (log,) = check._follower.logs  # type: ignore[attr-defined]  # inside
    assert len(log.sink.window.buckets) <= 256
    assert 720 <= counted(await check.run(at(2998 * 60 + 1)))["a"] <= 723


async def test_a_catastrophic_pattern_is_linear_and_an_excessive_one_is_refused() -> None:
    pods = Pods("a")
    pods["a"].log("start", -3599)
    pods["a"].log("a" * 50_000 + "!", -1)
    async with asyncio.timeout(2):
        assert (await build(pods, pattern="(a+)+$").run(at(0))).verdict is Verdict.PASSED
    with pytest.raises(SourceError) as error:
        await build(pods, pattern=r"(\pL{500}){2}(\pN{1000})\PL{1000}").run(at(0))
    assert error.value.reason is UnknownReason.INVALID_PATTERN
