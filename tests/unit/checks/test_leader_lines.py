"""What a log says of leadership, line by line; beside it, what the grep of a wiki page says."""

import re

import pytest

from servicesop.api.checks.leader import LeaderLogs
from servicesop.api.reasons import UnknownReason
from servicesop.checks.leader_lines import (
    LeaderLine,
    LeaderLineReader,
    Says,
    Standing,
    interrupted,
    step,
)
from servicesop.sources.errors import SourceError
from standins.fleet_manager import WORKERS

UUID = "5b8a2a0e-5c1c-4b0e-9f5e-2f6b6c1a9d11"
OTHER = "0d1f6a55-97a5-4b37-8f0c-8f1f5c1f7c22"
PATTERNS = {
    "container": "service",
    "acquired": r"Running as the leader and starting worker \S*{worker} \[{holder}\]",
    "lost": r"No longer the leader and stopping worker \S*{worker} \[",
    "stopped": r"Stopping reconciliation loop for \S*{worker} \[",
    "heartbeat": {"pattern": r"reconciliation loop for \S*{worker} \[{holder}\]"},
}
LAST_PARTS = [
    {"worker": worker, "text": printed.rsplit(".", 1)[1]} for worker, printed in WORKERS.items()
]
WHOLE = [{"worker": worker, "text": printed} for worker, printed in WORKERS.items()]
NAIVE = re.compile("Running as the leader.*KafkaManager")

RUNNING = "Running as the leader and starting worker"
LOST = "No longer the leader and stopping worker"
STOPPING = "Stopping reconciliation loop for"
BEAT = "Timeout triggered reconciliation loop for"
KAFKA = WORKERS["general_kafka_worker"]


def glog(what: str, printed: str, holder: str = UUID) -> bytes:
    return f"I0504 12:00:00.000001       1 x.go:109] {what} {printed} [{holder}]".encode()


def reader(*workers: str, **patterns: object) -> LeaderLineReader:
    spec = LeaderLogs.model_validate(PATTERNS | {"printed": LAST_PARTS} | patterns)
    return LeaderLineReader(spec, workers or tuple(WORKERS))


@pytest.mark.parametrize("printed", [LAST_PARTS, WHOLE], ids=["last parts", "whole types"])
@pytest.mark.parametrize("worker", WORKERS)
def test_each_worker_is_told_from_the_thirteen_others(
    worker: str, printed: list[dict[str, str]]
) -> None:
    line = glog(RUNNING, WORKERS[worker])
    assert reader(printed=printed).read(line) == LeaderLine(Says.ACQUIRED, worker, UUID)
    others = [one for one in WORKERS if one != worker]
    assert reader(*others, printed=printed).read(line) is None


def test_the_pages_grep_takes_seven_workers_for_one() -> None:
    lines = [glog(RUNNING, printed) for printed in WORKERS.values()]
    assert sum(bool(NAIVE.search(line.decode())) for line in lines) == 7
    one = reader("general_kafka_worker")
    assert [one.read(line) for line in lines if one.read(line)] == [
        LeaderLine(Says.ACQUIRED, "general_kafka_worker", UUID)
    ]


def test_a_renamed_package_changes_nothing_where_the_last_part_is_named() -> None:
    old, new = "*workers.ClusterManager", "*cluster_mgrs.ClusterManager"
    naive = re.compile(re.escape(f"Running as the leader and starting worker {old} "))
    assert not naive.search(glog(RUNNING, new).decode())
    for printed in (old, new):
        assert reader().read(glog(RUNNING, printed)) == LeaderLine(Says.ACQUIRED, "cluster", UUID)
    # The whole type means that type and no other.
    exact = reader(printed=WHOLE, acquired=r"starting worker {worker} \[")
    assert exact.read(glog(RUNNING, old)) is None
    assert exact.read(glog(RUNNING, new)) == LeaderLine(Says.ACQUIRED, "cluster")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (glog(RUNNING, WORKERS["cluster"]), LeaderLine(Says.ACQUIRED, "cluster", UUID)),
        (glog(LOST, WORKERS["cluster"]), LeaderLine(Says.ENDED, "cluster")),
        # The heartbeat's pattern matches it too: the first pattern decides.
        (glog(STOPPING, WORKERS["cluster"]), LeaderLine(Says.ENDED, "cluster")),
        (glog(BEAT, WORKERS["cluster"]), LeaderLine(Says.WORKS, "cluster", UUID)),
        (
            glog("Initial reconciliation loop for", WORKERS["kafka_dns"]),
            LeaderLine(Says.WORKS, "kafka_dns", UUID),
        ),
        (glog("not currently leader, skipping reconcile", WORKERS["cluster"]), None),
        (glog(RUNNING, "*cluster_mgrs.ClusterManagerV2"), None),
        (glog(RUNNING, "*cluster_mgrs.OtherManager"), None),
        (b"\xff\xfe\x00 Running as the leader", None),
        (b"", None),
    ],
)
def test_what_a_line_says(line: bytes, said: LeaderLine | None) -> None:
    assert reader().read(line) == said


def test_what_is_printed_is_plain_text_and_a_word_of_its_own() -> None:
    text = r"a.b*(c[d\E"
    fields = {"printed": [{"worker": "odd", "text": text}], "acquired": "leads {worker}$"}
    odd = reader("odd", **fields)
    assert odd.read(f"leads {text}".encode()) == LeaderLine(Says.ACQUIRED, "odd")
    assert odd.read(b"leads axbb(c[dE") is None
    # The longer one of two texts where both would match.
    pair = [{"worker": "a", "text": "Kafka"}, {"worker": "b", "text": "Kafka-2"}]
    both = reader("a", "b", printed=pair, acquired="leads {worker}")
    assert both.read(b"leads Kafka-2") == LeaderLine(Says.ACQUIRED, "b")
    assert both.read(b"leads Kafka") == LeaderLine(Says.ACQUIRED, "a")
    assert both.read(b"leads MyKafka") is None
    assert both.read(b"leads Kafkas") is None


def test_a_single_worker_need_not_stand_in_the_lines() -> None:
    one = reader(
        "controller",
        acquired="successfully acquired lease",
        lost="failed to renew lease",
        printed=[],
    )
    assert one.read(b"successfully acquired lease a/b") == LeaderLine(Says.ACQUIRED, "controller")


@pytest.mark.parametrize(
    "pattern",
    ["(", "x{worker}(", "(?=x)", "({worker}{900}){900}"],
)
def test_a_pattern_that_cannot_be_used_is_refused(pattern: str) -> None:
    with pytest.raises(SourceError) as caught:
        reader(acquired=pattern)
    assert caught.value.reason is UnknownReason.INVALID_PATTERN
    assert caught.value.message.startswith("logs.acquired is not valid RE2")


def test_groups_in_a_pattern_are_the_authors_own() -> None:
    own = reader("cluster", acquired=r"(?P<worker>\w+) leads {worker} as (?P<servicesop_worker>x)")
    assert own.read(b"it leads ClusterManager as x") == LeaderLine(Says.ACQUIRED, "cluster")
    taken = reader("cluster", acquired=r"(?P<servicesop_worker>\w+) leads {worker}")
    assert taken.read(b"it leads ClusterManager") is None


A = LeaderLine(Says.ACQUIRED, "w", UUID)
E = LeaderLine(Says.ENDED, "w")
W = LeaderLine(Says.WORKS, "w", OTHER)
BARE = LeaderLine(Says.WORKS, "w")


@pytest.mark.parametrize(
    ("lines", "end"),
    [
        ([], Standing()),
        ([A], Standing(True, UUID, 0)),
        ([A, E], Standing(False, "", 0)),
        ([A, E, A], Standing(True, UUID, 2)),
        ([E], Standing(False)),
        ([E, E], Standing(False)),
        ([A, BARE], Standing(True, UUID, 1)),
        ([A, W], Standing(True, OTHER, 1)),
        # Nobody saw the line of its election any more, but only a leader works.
        ([W], Standing(True, OTHER, 0)),
        ([BARE], Standing(True, "", 0)),
        # The last round of a worker that was stopped makes no leader.
        ([A, E, W], Standing(False, "", 0)),
        ([E, W], Standing(False)),
    ],
)
def test_the_last_line_decides(lines: list[LeaderLine], end: Standing) -> None:
    standing = Standing()
    for at, line in enumerate(lines):
        standing = step(standing, line, at)
    assert standing == end


def test_after_a_gap_the_next_line_decides_again() -> None:
    before = step(Standing(), A, 5)
    assert interrupted(before) == Standing(worked=5)
    assert step(interrupted(before), W, 9) == Standing(True, OTHER, 9)
    # Before the gap it had lost; in the gap it may have been elected again.
    lost = step(before, E, 6)
    assert step(interrupted(lost), W, 9) == Standing(True, OTHER, 9)
    assert step(interrupted(lost), E, 9).leads is False


def test_a_clock_that_is_set_back_does_not_take_back_a_heartbeat() -> None:
    assert step(step(Standing(), A, 9), W, 5).worked == 9


def test_an_old_line_of_a_former_leader_is_history() -> None:
    logs = {
        "former": [glog(RUNNING, KAFKA, OTHER), glog(LOST, KAFKA, OTHER)],
        "leader": [glog(RUNNING, KAFKA)],
    }
    naive = [pod for pod, lines in logs.items() if any(NAIVE.search(one.decode()) for one in lines)]
    assert naive == ["former", "leader"]
    leading = []
    for pod, lines in logs.items():
        standing = Standing()
        for at, line in enumerate(lines):
            said = reader().read(line)
            assert said is not None
            standing = step(standing, said, at)
        leading += [pod] if standing.leads else []
    assert leading == ["leader"]
