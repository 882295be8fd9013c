"""Whatever a source answers, a check takes it for what it is: it cannot tell, and it goes on.

Binary, endless, huge, slow and malformed logs and rows are Error or Inconclusive. They are Failed
only where what was readable exceeds the limit by itself, and never Passed.
"""

import asyncio
import math
import tracemalloc
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from servicesop.api.checks.check import Check
from servicesop.api.kinds import WorkloadKind
from servicesop.api.reasons import UnknownReason
from servicesop.api.sop import Connection, Target
from servicesop.checks.log_cursor import AHEAD
from servicesop.checks.log_lines import Stamps, nanoseconds
from servicesop.checks.registry import build
from servicesop.checks.runner import CheckRunner
from servicesop.checks.stuck_rows import MAX_ROWS
from servicesop.judge.results import MAX_EVIDENCE, MAX_EVIDENCE_LINE, MAX_MESSAGE, Verdict
from servicesop.judge.rollout import ContainerView, PodView, WorkloadView
from servicesop.sources.errors import SourceError
from servicesop.sources.kubernetes.logs import LogRequest, OnChunk
from surroundings import NOBODY, Logs

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
WINDOW = timedelta(minutes=10)
WORKERS = ("cluster", "kafka_dns")
STATUSES = ("accepted", "provisioning")
OLDER_THAN = 180.0
CHUNK = 64 * 1024
MEMORY = 8 * 1024 * 1024
UNKNOWN = (Verdict.ERROR, Verdict.INCONCLUSIVE)

Row = tuple[object, ...]
Read = Callable[[], AsyncIterator[bytes]]


class Source(Logs):
    """Everything around a check: a database with prepared rows, one pod with a prepared log."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.answering = True
        self.log: Read = lambda: pieces([])

    async def query(
        self,
        text: str,
        parameters: Row = (),
        *,
        timeout: float,  # noqa: ASYNC109 - the protocol's
        max_rows: int,
    ) -> list[Row]:
        if not self.answering:
            await asyncio.sleep(math.inf)
        return self.rows

    async def read(self, request: LogRequest, on_chunk: OnChunk) -> None:
        async for chunk in self.log():
            if not on_chunk(chunk):
                return

    def get(self, kind: WorkloadKind, name: str) -> WorkloadView | None:
        return WorkloadView(name, "u", 1, 1, 1, 1, 1, 1, 1, False, False, False, 0, "", "h")

    def pods(self, workload: WorkloadView) -> tuple[PodView, ...]:
        container = ContainerView("service", "id", 0, True, "", NOW - timedelta(hours=1))
        return (PodView("pod", "uid", "t", True, False, (container,)),)

    def check(self, **kind: object) -> CheckRunner:
        check = Check.model_validate({"name": "check", **kind})
        secret: dict[str, object] = {"secretRef": {"name": "db"}}
        connection = Connection.model_validate({"name": "database", "postgres": secret})
        target = Target.model_validate({"name": "api", "ref": {"kind": "Deployment", "name": "a"}})
        return build(
            check,
            replace(
                NOBODY,
                targets={"api": target},
                default_target=target,
                workloads=self,
                logs=self,
                database=lambda _: self,
                connections={"database": connection},
            ),
        )

    def leader(self) -> CheckRunner:
        lease = {"connection": "database", "table": "leases"}
        return self.check(leader={"workers": WORKERS, "lease": lease})

    def stuck_rows(self) -> CheckRunner:
        fields = {"connection": "database", "table": "clusters", "statuses": STATUSES}
        return self.check(stuckRows=fields | {"olderThan": "3m"})

    def logs(self, **limits: int) -> CheckRunner:
        return self.check(logs={"pattern": "boom", "within": "10m"} | limits)


async def pieces(chunks: Iterable[bytes]) -> AsyncIterator[bytes]:
    for chunk in chunks:
        await asyncio.sleep(0)
        yield chunk


async def endless(chunk: bytes) -> AsyncIterator[bytes]:
    while True:
        await asyncio.sleep(0.01)
        yield chunk


async def silent_after(chunk: bytes) -> AsyncIterator[bytes]:
    yield chunk
    await asyncio.sleep(math.inf)


async def broken_after(chunk: bytes) -> AsyncIterator[bytes]:
    yield chunk
    raise SourceError(UnknownReason.API_UNAVAILABLE, "the log broke off")


async def verdict_of(check: CheckRunner, now: datetime = NOW) -> Verdict:
    """Run a check; SourceError is Error, any other exception is a defect and fails the test."""
    try:
        sample = await check.run(now)
    except SourceError:
        return Verdict.ERROR
    assert len(sample.message) <= MAX_MESSAGE
    assert len(sample.evidence) <= MAX_EVIDENCE
    assert all(len(line) <= MAX_EVIDENCE_LINE for line in sample.evidence)
    return sample.verdict


async def verdicts_of(check: CheckRunner, *seconds: int) -> list[Verdict]:
    return [await verdict_of(check, NOW + timedelta(seconds=each)) for each in seconds]


def line(text: bytes, seconds: float) -> bytes:
    moment = NOW + timedelta(seconds=seconds)
    return f"{moment:%Y-%m-%dT%H:%M:%S.%f}000Z ".encode() + text + b"\n"


# ---- rows

values: st.SearchStrategy[object] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=200),
    st.binary(max_size=200),
    st.datetimes(),
    st.decimals(),
    st.lists(st.none(), max_size=3),
)
any_rows = st.lists(st.lists(values, max_size=5).map(tuple), min_size=1, max_size=5)


def mostly(*columns: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Row]]:
    """Give rows that are as they should be, or are not in one place or another."""
    good = st.tuples(*columns)
    bad = st.tuples(*(st.one_of(column, values) for column in columns))
    return st.one_of(st.lists(good, max_size=4), st.lists(st.one_of(good, bad), max_size=4))


@settings(max_examples=300, deadline=None)
@given(
    rows=st.one_of(
        any_rows, mostly(st.sampled_from(WORKERS), st.integers(1, 3), st.text(max_size=100))
    )
)
async def test_leases_of_another_form_are_an_error(rows: list[Row]) -> None:
    source = Source()
    source.rows = rows
    workers = [row[0] for row in rows if row]
    well_formed = (
        all(len(row) == 3 and row[0] in WORKERS for row in rows)
        and all(isinstance(row[1], int) and row[1] > 0 for row in rows)
        and all(isinstance(row[2], str) for row in rows)
        and len(set(map(str, workers))) == len(workers)
    )
    verdict = await verdict_of(source.leader())
    led = well_formed and {row[0]: row[1] for row in rows} == dict.fromkeys(WORKERS, 1)
    expected = Verdict.PASSED if led else Verdict.FAILED
    assert verdict is (expected if well_formed else Verdict.ERROR)


ids = st.one_of(st.none(), st.text(max_size=100))
CLOCK = 1_800_000_000.0
# Whole seconds, so that an age is exactly the difference of two of them.
ages = st.one_of(st.integers(-(10**9), int(OLDER_THAN)), st.integers(int(OLDER_THAN), 10**9))
written = st.one_of(st.none(), ages.map(lambda age: CLOCK - age))


@settings(max_examples=300, deadline=None)
@given(
    rows=st.one_of(
        any_rows,
        mostly(ids, st.sampled_from(STATUSES), written, st.just(CLOCK), st.just(True)),
    )
)
async def test_rows_of_another_form_are_an_error(rows: list[Row]) -> None:
    def readable(row: Row) -> bool:
        return (
            len(row) == 5
            and isinstance(row[0], str | None)
            and row[1] in STATUSES
            and isinstance(row[2], float | None)
            and isinstance(row[3], float)
            and 0 < row[3] < 250e9
            and row[4] is True
        )

    source = Source()
    source.rows = rows
    verdict = await verdict_of(source.stuck_rows())
    if not all(map(readable, rows)):
        assert verdict is Verdict.ERROR
    else:
        stuck = any(_age(row) > OLDER_THAN for row in rows)
        assert verdict is (Verdict.FAILED if stuck else Verdict.PASSED)


def _age(row: Row) -> float:
    assert isinstance(row[3], float)
    told = isinstance(row[2], float) and math.isfinite(row[2]) and row[2] > 0
    return row[3] - row[2] if told and isinstance(row[2], float) else 0.0


async def test_more_rows_than_were_asked_for_are_not_kept() -> None:
    source = Source()
    source.rows = [
        (f"{number}" + "x" * 1000, "accepted", CLOCK - 1.0, CLOCK, True) for number in range(50_000)
    ]
    check = source.stuck_rows()
    tracemalloc.start()
    try:
        assert await verdict_of(check) is Verdict.INCONCLUSIVE
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < MAX_ROWS * 1024
    source.rows = [("cluster", 1, "a")] * 50_000
    assert await verdict_of(source.leader()) is Verdict.ERROR


@pytest.mark.looptime
async def test_a_database_that_hangs_ends_with_the_timeout_and_can_be_asked_again() -> None:
    source = Source()
    source.rows = [("cluster", 1, "a"), ("kafka_dns", 1, "a")]
    source.answering = False
    check = source.leader()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(5):
            await check.run(NOW)
    source.answering = True
    assert await verdict_of(check) is Verdict.PASSED


# ---- logs

any_moment = st.datetimes().filter(lambda moment: abs(moment.replace(tzinfo=UTC) - NOW).days > 2)
lately = st.floats(0, 1200).map(lambda seconds: NOW.replace(tzinfo=None) - timedelta(0, seconds))
zones = st.sampled_from(["Z", "+00:00", "-23:59", "+14:00", "", "+99:99", "Q"])
stamped = st.builds(
    lambda moment, zone, text: f"{moment.isoformat()}{zone} ".encode() + text,
    st.one_of(any_moment, lately),
    zones,
    st.binary(max_size=50),
)


def is_tolerated(text: bytes) -> bool:
    """Whether a line matters, or is of a clock that is ahead by less than anybody would notice."""
    start = nanoseconds(NOW)
    ahead = any(
        start < (Stamps().read(part) or 0) <= start + 2 * AHEAD for part in text.split(b"\n")
    )
    return ahead or b"boom" in text


fuzzy = st.lists(
    st.one_of(st.binary(max_size=200), stamped).filter(lambda text: not is_tolerated(text)),
    max_size=8,
)
no_stamps = st.lists(
    st.binary(max_size=200).map(lambda text: text.replace(b"20", b"")), min_size=1, max_size=8
)
limits: st.SearchStrategy[dict[str, int]] = st.sampled_from([{"max": 0}, {"min": 1}])
sizes = st.integers(10, 300)


def cut(lines: list[bytes], size: int) -> Read:
    """Serve lines in chunks of any size."""
    body = b"".join(text + b"\n" for text in lines)
    return lambda: pieces(body[start : start + size] for start in range(0, len(body), size))


@settings(max_examples=150, deadline=None)
@given(lines=no_stamps, limit=limits, size=sizes)
async def test_a_log_without_times_says_nothing(
    lines: list[bytes], limit: dict[str, int], size: int
) -> None:
    source = Source()
    source.log = cut(lines, size)
    verdicts = await verdicts_of(source.logs(**limit), 0, 1, 2)
    assert verdicts == [Verdict.INCONCLUSIVE] * 3


@settings(max_examples=150, deadline=None)
@given(lines=fuzzy, size=sizes)
async def test_after_any_log_a_line_that_matters_is_seen_or_the_check_knows_that_it_cannot_tell(
    lines: list[bytes], size: int
) -> None:
    source = Source()
    check = source.logs(max=0)
    source.log = cut(lines, size)
    assert Verdict.FAILED not in await verdicts_of(check, 0, 1)
    source.log = cut([*lines, line(b"boom", 2).rstrip()], size)
    assert Verdict.PASSED not in await verdicts_of(check, 3, 4)


FLOODS = {
    "one line": b"x" * CHUNK,
    "zeros": bytes(CHUNK),
    "lines without a time": (b"no time here" * 10 + b"\n") * (CHUNK // 121),
    "lines of one moment": line(b"x" * 80, -1) * (CHUNK // 112),
    "a time and no end": line(b"x" * CHUNK, -1)[:CHUNK],
}


@pytest.mark.looptime
@pytest.mark.parametrize("flood", FLOODS)
async def test_an_endless_log_is_given_up_in_bounded_memory(flood: str) -> None:
    source = Source()
    source.log = lambda: endless(FLOODS[flood])
    check = source.logs(min=1, max=1)
    tracemalloc.start()
    try:
        for second in range(2):
            try:
                async with asyncio.timeout(5):
                    verdict = await verdict_of(check, NOW + timedelta(seconds=second))
            except TimeoutError:
                verdict = Verdict.ERROR
            assert verdict in UNKNOWN
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < MEMORY


@pytest.mark.looptime
async def test_a_log_that_stands_still_ends_with_the_timeout_and_is_read_on() -> None:
    source = Source()
    first = line(b"start", -3599) + line(b"boom", -1)
    source.log = lambda: silent_after(first)
    check = source.logs(max=1)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(5):
            await check.run(NOW)
    source.log = lambda: pieces([first])
    assert await verdict_of(check) is Verdict.PASSED
    source.log = lambda: pieces([first, line(b"boom", 1)])
    assert await verdict_of(check, NOW + timedelta(seconds=2)) is Verdict.FAILED


async def test_a_log_that_breaks_off_is_an_error_unless_it_has_said_enough() -> None:
    source = Source()
    source.log = lambda: broken_after(line(b"start", -3599) + b"\xff\x00")
    assert await verdict_of(source.logs(max=0)) is Verdict.ERROR
    assert await verdict_of(source.logs(min=1)) is Verdict.ERROR
    source.log = lambda: broken_after(line(b"boom", -1) + b"\xff\x00")
    assert await verdict_of(source.logs(max=0)) is Verdict.FAILED
