"""Each line is counted once, whatever happens to the file, the container or the pod."""

import asyncio

import pytest

from servicesop.api.reasons import UnknownReason
from servicesop.judge.results import Verdict
from servicesop.sources.errors import PodGone, SourceError
from unit.checks.log_pods import Container, Pods, at, build, counted, line


async def test_each_line_counts_once_however_often_the_check_runs() -> None:
    pods = Pods("a", "b")
    check = build(pods)
    pods["a"].log("start", -3599)
    pods["b"].log("start", -3599)
    assert (await check.run(at(0))).verdict is Verdict.PASSED
    pods["a"].log("boom", 1.2)
    pods["a"].log("boom", 1.2)
    pods["b"].log("boom boom", 1.3)
    first = await check.run(at(1.4))
    pods["a"].log("boom", 1.9)
    second = await check.run(at(2))
    third = await check.run(at(3))

    assert first.findings == {"TooMany"}
    assert counted(first) == {"a": 2, "b": 1}
    assert counted(second) == counted(third) == {"a": 3, "b": 1}
    assert "boom" not in first.message


async def test_a_line_leaves_the_window_exactly_when_it_is_as_old_as_the_window() -> None:
    pods = Pods("a")
    pods["a"].log("start", -3599)
    pods["a"].log("boom", 10)
    check = build(pods)
    assert (await check.run(at(11))).verdict is Verdict.FAILED
    assert (await check.run(at(609.9))).verdict is Verdict.FAILED
    assert (await check.run(at(610))).verdict is Verdict.PASSED


async def test_a_former_leaders_old_line_does_not_count_for_ever() -> None:
    pods = Pods("old-leader", "new-leader")
    pods["old-leader"].log("Running as the leader *cluster_mgrs.ClusterManager [u1]", -3000)
    pods["new-leader"].log("start", -3599)
    pods["new-leader"].log("Running as the leader *cluster_mgrs.ClusterManager [u2]", -60)
    check = build(pods, pattern=r"Running as the leader \*.*\.ClusterManager \[", max=1, min=1)
    sample = await check.run(at(0))
    assert sample.verdict is Verdict.PASSED


async def test_only_what_is_new_is_asked_for() -> None:
    pods = Pods("a")
    for second in range(-3599, 0):
        pods["a"].log("x" * 100, second)
    check = build(pods)
    await check.run(at(0))
    pods.bytes = 0
    pods["a"].log("x", 1)
    await check.run(at(30))
    assert pods.bytes < 300


async def test_a_file_that_begins_inside_the_window_is_not_covered_on_first_contact() -> None:
    pods = Pods("a")
    pods["a"].log("after a rotation", -60)
    check = build(pods)
    sample = await check.run(at(0))
    assert (sample.verdict, sample.reason) == (Verdict.INCONCLUSIVE, UnknownReason.NOT_COVERED)
    assert (await check.run(at(539))).verdict is Verdict.INCONCLUSIVE
    assert (await check.run(at(540))).verdict is Verdict.PASSED


async def test_too_many_is_certain_even_where_the_window_is_not_covered() -> None:
    pods = Pods("a")
    pods["a"].log("boom", -60)
    assert (await build(pods).run(at(0))).findings == {"TooMany"}


async def test_too_few_is_said_only_of_a_covered_window_and_enough_is_enough() -> None:
    pods = Pods("a")
    pods["a"].log("heartbeat", -60)
    few = build(pods, pattern="heartbeat", min=2, max=None)
    enough = build(pods, pattern="heartbeat", min=1, max=None)
    assert (await few.run(at(0))).reason is UnknownReason.NOT_COVERED
    assert (await enough.run(at(0))).verdict is Verdict.PASSED
    sample = await few.run(at(541))
    assert sample.findings == {"TooFew"}
    assert sample.message == "fewer than 2 lines match the pattern within 10m"


async def test_a_rotation_between_two_runs_is_noticed_and_coverage_begins_again() -> None:
    pods = Pods("a")
    pods["a"].log("start", -3599)
    check = build(pods)
    assert (await check.run(at(0))).verdict is Verdict.PASSED
    pods["a"].log("seen by nobody", 10)
    pods["a"].rotate()
    pods["a"].log("new file", 20)
    lost = await check.run(at(30))
    assert (lost.verdict, lost.reason) == (Verdict.INCONCLUSIVE, UnknownReason.NOT_COVERED)
    assert (await check.run(at(619))).verdict is Verdict.INCONCLUSIVE
    assert (await check.run(at(620))).verdict is Verdict.PASSED


async def test_a_line_that_comes_while_a_quiet_log_is_first_looked_at_counts_once() -> None:
    for moment in (1, 2, 3):
        pods = Pods("a")
        pods["a"].log("long ago", -3599)
        pods["a"].log("also long ago", -3599)

        def later(pods: Pods = pods, moment: int = moment) -> None:
            if len(pods.reads) == moment:
                pods["a"].log("boom", 0.5)

        pods.after_read = later
        check = build(pods)
        await check.run(at(1))
        assert counted(await check.run(at(2))) == {"a": 1}
        assert counted(await check.run(at(3))) == {"a": 1}
        assert (await check.run(at(601))).verdict is Verdict.PASSED


async def test_counts_from_before_a_rotation_stay() -> None:
    pods = Pods("a")
    pods["a"].log("start", -3599)
    pods["a"].log("boom", -5)
    check = build(pods, max=1)
    assert (await check.run(at(0))).verdict is Verdict.PASSED
    pods["a"].rotate()
    pods["a"].log("boom", 20)
    assert counted(await check.run(at(30))) == {"a": 2}


async def test_a_rotation_that_leaves_an_empty_file_is_noticed_once() -> None:
    pods = Pods("a")
    pods["a"].log("start", -3599)
    pods["a"].log("tick", -1)
    check = build(pods)
    assert (await check.run(at(0))).verdict is Verdict.PASSED
    pods["a"].rotate()
    assert (await check.run(at(30))).verdict is Verdict.INCONCLUSIVE
    pods["a"].log("tick", 100)
    assert (await check.run(at(620))).verdict is Verdict.INCONCLUSIVE
    assert (await check.run(at(631))).verdict is Verdict.PASSED


async def test_a_rotation_within_the_second_of_the_newest_line_is_not_a_gap() -> None:
    pods = Pods("a")
    pods["a"].log("start", -3599)
    pods["a"].log("one", 5.1)
    pods["a"].log("two", 5.2)
    check = build(pods)
    assert (await check.run(at(5.5))).verdict is Verdict.PASSED
    # Rotated between the two: the newest known line is there, so nothing is missing.
    del pods["a"].lines[:2]
    pods["a"].log("boom", 5.9)
    assert counted(await check.run(at(6))) == {"a": 1}
    assert (await check.run(at(606))).verdict is Verdict.PASSED


async def test_the_end_of_a_crashed_container_is_read_before_its_successor() -> None:
    pods = Pods("a")
    pods["a"].log("start", -3599)
    check = build(pods)
    assert (await check.run(at(0))).verdict is Verdict.PASSED
    pods["a"].log("boom", 10)
    pods["a"].restart(12)
    pods["a"].log("start", 13)
    sample = await check.run(at(30))
    assert counted(sample) == {"a": 1}
    pods["a"].log("boom", 31)
    assert counted(await check.run(at(40))) == {"a": 2}
    # Nothing was missed, so that the window is covered as soon as the lines have left it.
    assert (await check.run(at(632))).verdict is Verdict.PASSED


async def test_two_restarts_between_two_runs_leave_a_gap() -> None:
    pods = Pods("a")
    pods["a"].log("start", -3599)
    check = build(pods)
    await check.run(at(0))
    pods["a"].restart(5)
    pods["a"].log("lost", 6)
    pods["a"].restart(10)
    pods["a"].log("kept", 11)
    pods["a"].restart(20)
    pods["a"].log("now", 21)
    assert (await check.run(at(30))).reason is UnknownReason.NOT_COVERED
    assert (await check.run(at(611))).verdict is Verdict.PASSED


async def test_a_crash_before_the_first_contact_is_read_from_the_previous_container() -> None:
    pods = Pods("a")
    pods["a"].log("start", -3599)
    pods["a"].log("boom", -100)
    pods["a"].restart(-50)
    pods["a"].log("start", -49)
    assert counted(await build(pods).run(at(0))) == {"a": 1}
    quiet = build(pods, max=5)
    assert (await quiet.run(at(0))).verdict is Verdict.PASSED


async def test_a_young_container_is_covered_from_its_start_if_it_spoke_soon() -> None:
    pods = Pods("a")
    pods.pods["a"] = [Container(started=-60)]
    pods["a"].log("start", -58)
    assert (await build(pods).run(at(0))).verdict is Verdict.PASSED
    pods["a"].lines = [line("late", -30)]
    assert (await build(pods).run(at(0))).reason is UnknownReason.NOT_COVERED


async def test_counts_of_pods_that_are_gone_stay_in_the_window() -> None:
    pods = Pods("a", "b")
    pods["a"].log("start", -3599)
    pods["b"].log("start", -3599)
    pods["a"].log("boom", 1)
    check = build(pods)
    await check.run(at(2))
    del pods.pods["a"]
    sample = await check.run(at(30))
    assert counted(sample) == {"pods that are gone": 1, "b": 0}
    assert (await check.run(at(602))).verdict is Verdict.PASSED


async def test_a_pod_that_ends_while_it_is_read_leaves_no_gap() -> None:
    pods = Pods("a", "b")
    for pod in ("a", "b"):
        pods[pod].log("start", -3599)
    check = build(pods)
    assert (await check.run(at(0))).verdict is Verdict.PASSED
    pods.problem["a"] = PodGone()
    assert (await check.run(at(1))).verdict is Verdict.PASSED
    del pods.pods["a"]
    assert (await check.run(at(2))).verdict is Verdict.PASSED


async def test_what_was_lost_of_a_pod_that_is_gone_stays_unknown_for_the_window() -> None:
    pods = Pods("a", "b")
    for pod in ("a", "b"):
        pods[pod].log("start", -3599)
    check = build(pods)
    assert (await check.run(at(0))).verdict is Verdict.PASSED
    # Its node does not answer any more, and then the pod is evicted.
    pods.problem["a"] = SourceError(UnknownReason.API_UNAVAILABLE, "the node does not answer")
    with pytest.raises(SourceError):
        await check.run(at(30))
    del pods.pods["a"]
    assert (await check.run(at(60))).reason is UnknownReason.NOT_COVERED
    assert (await check.run(at(659))).reason is UnknownReason.NOT_COVERED
    assert (await check.run(at(660))).verdict is Verdict.PASSED


async def test_without_pods_it_is_unknown_unless_too_many_were_counted_already() -> None:
    pods = Pods("a")
    pods["a"].log("boom", -1)
    check = build(pods)
    await check.run(at(0))
    pods.pods.clear()
    assert (await check.run(at(1))).findings == {"TooMany"}
    sample = await check.run(at(700))
    assert (sample.verdict, sample.reason) == (Verdict.INCONCLUSIVE, UnknownReason.NO_PODS)


async def test_a_container_that_no_pod_has_is_an_error_not_a_quiet_log() -> None:
    pods = Pods("a")
    with pytest.raises(SourceError) as error:
        await build(pods, container="servcie").run(at(0))
    assert error.value.reason is UnknownReason.CONTAINER_NOT_FOUND


async def test_only_the_named_container_counts_and_without_a_name_all_do() -> None:
    pods = Pods("a")
    pods.pods["a"].append(Container(name="envoy-sidecar"))
    for container in pods.pods["a"]:
        container.log("start", -3599)
        container.log("boom", -1)
    assert counted(await build(pods, container="service").run(at(0))) == {"a": 1}
    assert counted(await build(pods).run(at(0))) == {"a": 2}


async def test_one_pod_that_cannot_be_read_makes_it_an_error_unless_too_many_are_known() -> None:
    pods = Pods("a", "b")
    for pod in ("a", "b"):
        pods[pod].log("start", -3599)
    check = build(pods)
    pods.problem["b"] = SourceError(UnknownReason.API_UNAVAILABLE, "the node does not answer")
    with pytest.raises(SourceError):
        await check.run(at(0))
    pods["a"].log("boom", 1)
    assert (await check.run(at(2))).findings == {"TooMany"}


async def test_a_run_that_is_cancelled_counts_nothing_twice() -> None:
    pods = Pods("a")
    pods["a"].log("start", -3599)
    pods.chunk = 64
    for index in range(100):
        pods["a"].log("boom", -50 + index * 0.01)
    check = build(pods)
    run = asyncio.create_task(check.run(at(0)))
    for _ in range(30):
        await asyncio.sleep(0)
    assert 0 < pods.bytes < 64 * 90
    run.cancel()
    await asyncio.gather(run, return_exceptions=True)
    assert counted(await check.run(at(1))) == {"a": 100}


async def test_a_node_whose_clock_is_ahead_does_not_grow_the_window() -> None:
    pods = Pods("a")
    pods["a"].log("start", -3599)
    for index in range(1000):
        pods["a"].log("boom", 3600 * index)
    check = build(pods)
    assert counted(await check.run(at(0))) == {"a": 1000}
    (log,) = check._follower.logs  # type: ignore[attr-defined]  # inside
    assert len(log.sink.window.buckets) <= 256


async def test_times_in_the_nodes_own_zone_are_understood() -> None:
    pods = Pods("a")
    pods["a"].log("start", -3599)
    pods["a"].lines.append(b"2026-11-21T13:59:59.5+02:00 boom\n")
    assert counted(await build(pods).run(at(0))) == {"a": 1}
