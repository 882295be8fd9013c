"""The check `leader` on logs, alone and beside a lease; beside it, the grep of a wiki page."""

import asyncio
from dataclasses import replace

import pytest

from servicesop.api.reasons import UnknownReason
from servicesop.api.status import CheckState
from servicesop.judge.results import Verdict
from servicesop.judge.rollout import ContainerView
from servicesop.sources.errors import SourceError
from unit.checks.electing_service import DNS, Service, asked, watched
from unit.checks.log_pods import Container, Pods, at


async def test_the_pod_that_leads_is_named() -> None:
    service = Service("a", "b", "c")
    service.leads("b", -1000)
    service.works("b", -5)
    sample = await service.check().run(at(0))
    assert sample.verdict is Verdict.PASSED
    assert sample.evidence == ("cluster: led by b",)


async def test_two_leaders_for_one_election_interval_are_no_failure_unless_they_last() -> None:
    naive: list[int] = []

    def for_one_interval(second: float) -> None:
        if second == 15:
            service.leads("a", 14.1)
            service.leads("b", 14.2)
        if second == 30:
            service.loses("b", 29.2)
        if second > 15:
            service.works("a", second - 1)
        naive.append(len(service.grep()))

    service = Service("a", "b", "c")
    course = await watched(service, service.check(heartbeat=False), 120, for_one_interval)
    assert [second for second, memory in course if memory.pending == {"Many"}] == [15]
    assert CheckState.FAILED not in {memory.state for _, memory in course}
    assert course[-1][1].state is CheckState.PASSED
    # The page's grep sees two leaders then, and ever after.
    assert naive == [0, 2, 2, 2, 2, 2, 2, 2, 2]

    service = Service("a", "b", "c")
    service.leads("a", -1)
    service.leads("b", -1)
    course = await watched(service, service.check(heartbeat=False), 60)
    assert [second for second, memory in course if memory.state is CheckState.FAILED] == [45, 60]
    assert course[-1][1].confirmed == {"Many"}


async def test_a_former_leaders_old_line_is_history() -> None:
    service = Service("a", "b")
    service.leads("a", -3000)
    service.loses("a", -2000)
    service.leads("b", -1990)
    service.works("b", -10)
    assert service.grep() == ["a", "b"]
    sample = await service.check().run(at(0))
    assert (sample.verdict, sample.evidence) == (Verdict.PASSED, ("cluster: led by b",))


@pytest.mark.parametrize("ending", ["lost", "stopped"])
async def test_each_of_both_endings_ends_it(ending: str) -> None:
    service = Service("a", "b")
    service.leads("a", -3000)
    what = {"lost": "No longer the leader and stopping worker", "stopped": "Stopping recon"}
    said = what[ending] + ("ciliation loop for" if ending == "stopped" else "")
    service.say("a", said, -2000)
    assert (await service.check().run(at(0))).findings == {"None"}


async def test_a_rotation_that_takes_a_healthy_leaders_line_makes_no_alarm() -> None:
    service = Service("a", "b", "c")
    service.leads("a", -3000)
    service.works("a", -20)
    check = service.check()
    assert (await check.run(at(0))).verdict is Verdict.PASSED
    service.pods["a"].log("something else", 1)
    service.pods["a"].rotate()
    service.pods["a"].log("something else", 5)
    assert service.grep() == []
    sample = await check.run(at(10))
    assert (sample.verdict, sample.reason) == (Verdict.INCONCLUSIVE, UnknownReason.NOT_COVERED)
    service.works("a", 12)
    sample = await check.run(at(20))
    assert (sample.verdict, sample.evidence) == (Verdict.PASSED, ("cluster: led by a",))


async def test_an_operator_that_starts_after_the_rotation_knows_it_by_the_heartbeat() -> None:
    service = Service("a", "b", "c")
    for container in service.containers.values():
        container.rotate()
        container.log("something else", -400)
    service.works("a", -10)
    assert service.grep() == []
    sample = await service.check().run(at(0))
    assert (sample.verdict, sample.evidence) == (Verdict.PASSED, ("cluster: led by a",))
    # Without it nobody can tell, and beside a lease only whether there are two.
    for lease in (False, True):
        service.holds("a")
        sample = await service.check(heartbeat=False, lease=lease).run(at(0))
        assert (sample.verdict, sample.reason) == (
            Verdict.INCONCLUSIVE,
            UnknownReason.SILENT_LOGS,
        )


async def test_a_restarted_pods_line_is_history_of_another_process() -> None:
    service = Service("a", "b")
    service.leads("a", -1000)
    service.works("a", -30)
    followed = service.check()
    assert (await followed.run(at(-25))).verdict is Verdict.PASSED
    service.pods["a"].restart(-20)
    service.pods["a"].log("starting", -19)
    service.leads("b", -1)
    assert service.grep() == ["b"]
    assert service.grep(previous=True) == ["a", "b"]
    for check in (followed, service.check()):
        sample = await check.run(at(0))
        assert (sample.verdict, sample.evidence) == (Verdict.PASSED, ("cluster: led by b",))


async def test_a_leader_that_restarted_leads_no_more_until_it_is_elected_again() -> None:
    service = Service("a", "b")
    service.leads("a", -1000)
    service.pods["a"].restart(-20)
    service.pods["a"].log("starting", -19)
    check = service.check(heartbeat=False)
    # Its line can still be read: the page's grep with --previous calls it the leader.
    assert service.grep(previous=True) == ["a"]
    assert (await check.run(at(0))).findings == {"None"}
    service.leads("a", 10)
    assert (await check.run(at(15))).verdict is Verdict.PASSED


@pytest.mark.parametrize("lease", [False, True])
async def test_without_any_leader_line_nothing_can_be_told(lease: bool) -> None:
    service = Service("a", "b", "c")
    service.holds("a")
    assert service.grep() == []
    check = service.check(lease=lease)
    for second in (0, 100, 1000):
        sample = await check.run(at(second))
        assert (sample.verdict, sample.reason) == (Verdict.INCONCLUSIVE, UnknownReason.SILENT_LOGS)
    # What the lease tells does not need the logs.
    service.lease = []
    assert (await check.run(at(1015))).findings == ({"None"} if lease else set())


@pytest.mark.parametrize("lease", [False, True])
async def test_a_worker_that_hangs_and_keeps_its_lease_has_no_heartbeat(lease: bool) -> None:
    service = Service("a", "b", "c")
    service.holds("a")
    service.leads("a", -1000)
    service.works("a", 0)
    check = service.check(lease=lease)
    # Neither the page's grep nor the table sees anything wrong.
    assert service.grep() == ["a"]
    assert (await check.run(at(75))).verdict is Verdict.PASSED
    sample = await check.run(at(76))
    assert sample.findings == {"NoHeartbeat"}
    assert sample.message == "no heartbeat: cluster"
    assert sample.evidence == ("cluster: no heartbeat of a",)
    service.works("a", 80)
    assert (await check.run(at(90))).verdict is Verdict.PASSED


async def test_a_new_leader_may_take_as_long_to_its_first_heartbeat() -> None:
    service = Service("a", "b")
    service.say("a", "Running as the leader and starting worker", 0)
    check = service.check()
    assert (await check.run(at(70))).verdict is Verdict.PASSED
    assert (await check.run(at(80))).findings == {"NoHeartbeat"}


async def test_the_death_of_a_leader_is_no_failure_when_another_takes_over_in_time() -> None:
    """Measured: the lease runs out after at most 60 s, the next election comes 15 s later."""
    service = Service("a", "b", "c")
    service.leads("a", -1000)
    service.holds("a")

    def dies(second: float) -> None:
        if second < 30:
            service.works("a", second - 0.5)
        if second == 30:
            del service.pods.pods["a"]
        if second == 90:
            service.lease = []
        if second == 105:
            service.holds("b")
            service.leads("b", 104.5)
        if second > 105:
            service.works("b", second - 0.5)

    course = await watched(service, service.check(lease=True), 240, dies)
    assert CheckState.FAILED not in {memory.state for _, memory in course}
    assert course[-1][1].state is CheckState.PASSED


async def test_when_nobody_takes_over_logs_alone_find_it_too() -> None:
    service = Service("a", "b", "c")
    service.leads("a", -1000)
    check = service.check(heartbeat=False)
    assert (await check.run(at(0))).verdict is Verdict.PASSED
    del service.pods.pods["a"]
    # The pods that are left never said a word, but one of their template did.
    assert (await check.run(at(15))).findings == {"None"}
    # An operator that starts now does not know that.
    sample = await service.check(heartbeat=False).run(at(15))
    assert (sample.verdict, sample.reason) == (Verdict.INCONCLUSIVE, UnknownReason.SILENT_LOGS)


async def test_nobody_is_known_to_have_been_silent_before_the_first_reading() -> None:
    service = Service("a", "b")
    service.leads("a", -1000)
    service.loses("a", -500)
    service.holds("gone")
    check = service.check(lease=True)
    sample = await check.run(at(0))
    assert (sample.verdict, sample.reason) == (Verdict.INCONCLUSIVE, UnknownReason.NOT_COVERED)
    assert (await check.run(at(80))).findings == {"NoHeartbeat"}


async def test_a_pod_that_leads_without_the_lease_is_a_second_leader() -> None:
    service = Service("a", "b")
    service.leads("a", -10)
    service.holds("b")
    sample = await service.check(lease=True).run(at(0))
    assert sample.findings == {"Many"}
    assert sample.evidence == ("cluster: a leads by its log, but another holds the lease",)


async def test_a_lost_database_is_an_error_and_no_missing_leader() -> None:
    service = Service("a", "b")
    service.leads("a", -100)
    service.loses("a", -10)
    service.lease = None
    sample = await asked(service.check(lease=True), 0)
    assert (sample.verdict, sample.reason) == (Verdict.ERROR, UnknownReason.UNREACHABLE)


async def test_an_unreadable_log_hides_only_what_it_alone_can_tell() -> None:
    service = Service("a", "b")
    service.leads("a", -100)
    service.works("a", -1)
    service.holds("a")
    broken = SourceError(UnknownReason.API_UNAVAILABLE, "no answer from the node")
    service.pods.problem["b"] = broken
    assert (await asked(service.check(lease=True), 0)).reason is UnknownReason.API_UNAVAILABLE
    assert (await asked(service.check(), 0)).reason is UnknownReason.API_UNAVAILABLE
    service.lease = []
    assert (await asked(service.check(lease=True), 0)).findings == {"None"}


async def test_a_leader_whose_log_cannot_be_read_any_more_makes_no_second_one() -> None:
    service = Service("a", "b")
    service.leads("a", -100)
    check = service.check(heartbeat=False)
    assert (await check.run(at(0))).verdict is Verdict.PASSED
    # Its node is gone, and with it the line that it leads no longer.
    broken = SourceError(UnknownReason.API_UNAVAILABLE, "no answer from the node")
    service.pods.problem["a"] = broken
    service.leads("b", 60)
    assert (await asked(check, 65)).reason is UnknownReason.API_UNAVAILABLE


async def test_a_container_that_does_not_run_leads_nothing() -> None:
    class Crashed(Container):
        def view(self) -> ContainerView:
            return replace(super().view(), waiting="CrashLoopBackOff")

    service = Service("a", "b")
    service.leads("a", -100)
    check = service.check(heartbeat=False)
    assert (await check.run(at(0))).verdict is Verdict.PASSED
    crashed = Crashed()
    crashed.lines = service.pods["a"].lines
    service.pods.pods["a"] = [crashed]
    assert (await check.run(at(15))).findings == {"None"}


async def test_a_log_that_was_rotated_just_now_may_hide_a_second_leader() -> None:
    service = Service("a", "b")
    service.leads("a", -100)
    service.works("a", -5)
    service.pods["b"].rotate()
    service.pods["b"].log("in the new file", -20)
    check = service.check()
    sample = await check.run(at(0))
    assert (sample.verdict, sample.reason) == (Verdict.INCONCLUSIVE, UnknownReason.NOT_COVERED)
    # A second leader would have shown its heartbeat by now.
    service.works("a", 50)
    sample = await check.run(at(56))
    assert (sample.verdict, sample.evidence) == (Verdict.PASSED, ("cluster: led by a",))


async def test_the_last_heartbeat_of_a_pod_that_is_gone_counts_for_as_long() -> None:
    service = Service("a", "b")
    service.leads("a", -50)
    service.holds("a")
    check = service.check(lease=True)
    assert (await check.run(at(0))).verdict is Verdict.PASSED
    service.works("a", 80)
    assert (await check.run(at(85))).verdict is Verdict.PASSED
    del service.pods.pods["a"]
    assert (await check.run(at(150))).verdict is Verdict.PASSED
    assert (await check.run(at(160))).findings == {"NoHeartbeat"}


async def test_a_node_that_never_answers_does_not_hide_that_the_lease_ran_out() -> None:
    class Silent(Pods):
        async def read(self, *arguments: object, **options: object) -> None:
            await asyncio.sleep(3600)

    service = Service()
    service.pods = Silent("a", "b")
    service.timeout = "1s"
    check = service.check(lease=True)
    async with asyncio.timeout(10):
        assert (await asked(check, 0)).findings == {"None"}
        service.holds("a")
        assert (await asked(check, 15)).reason is UnknownReason.TIMED_OUT


async def test_a_container_that_does_not_exist_is_named() -> None:
    service = Service("a")
    with pytest.raises(SourceError) as caught:
        await service.check(container="envoy").run(at(0))
    assert caught.value.reason is UnknownReason.CONTAINER_NOT_FOUND


async def test_workers_are_judged_each_for_itself() -> None:
    service = Service("a", "b")
    service.leads("a", -100)
    service.leads("b", -100, DNS)
    check = service.check("cluster", "kafka_dns", heartbeat=False)
    sample = await check.run(at(0))
    assert sample.evidence == ("cluster: led by a", "kafka_dns: led by b")
    service.leads("a", 1, DNS)
    sample = await check.run(at(5))
    assert sample.message == "more than one leader: kafka_dns"
    assert sample.evidence == ("kafka_dns: 2 pods lead by their logs: a, b",)


async def test_neither_lines_nor_holders_reach_the_status() -> None:
    service = Service("a", "b")
    service.leads("a", -100)
    service.leads("b", -90)
    service.holds("a")
    sample = await service.check(lease=True).run(at(0))
    assert "uuid" not in repr(sample)
    assert "Manager" not in repr(sample)
