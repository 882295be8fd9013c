"""Whatever a log holds: bounded memory, no crash, and never a failure that did not happen."""

import asyncio
import itertools
import math
import re
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml

from servicesop.api.reasons import UnknownReason
from servicesop.checks import log_cursor
from servicesop.checks.log_lines import MAX_LINE
from servicesop.checks.logs import logs_check
from servicesop.checks.runner import CheckRunner
from servicesop.judge.results import MAX_EVIDENCE, MAX_EVIDENCE_LINE, MAX_MESSAGE, Sample, Verdict
from servicesop.sources.errors import SourceError
from servicesop.sources.kubernetes.logs import LogRequest, OnChunk
from surroundings import Logs
from unit.checks.log_pods import Pods, around, at, check_of, line

FAMILIES = yaml.safe_load(
    (Path(__file__).parents[2] / "corpora" / "hostile_logs.yaml").read_text("utf-8")
)
ENTRIES = [
    pytest.param(entry, id=f"{family} {number}")
    for family, entries in FAMILIES.items()
    for number, entry in enumerate(entries, 1)
]
MEMORY = 2 * 1024 * 1024
"""Bytes that may be held at any moment, however large the log is."""
TIMEOUT = 5
WINDOW = 600
MATTERS = b"boom"

Entry = dict[str, Any]

_MADE: dict[str, Callable[[re.Match[str]], bytes]] = {
    r"x (\d+)": lambda found: b"x" * int(found[1]),
    r"zeros (\d+)": lambda found: bytes(int(found[1])),
    r"random (\d+) (\d+)": lambda found: Random(int(found[1])).randbytes(int(found[2])),  # noqa: S311
    r"hex ([0-9a-f]+)": lambda found: bytes.fromhex(found[1]),
}


def made(text: str) -> bytes:
    """Give the bytes of a text of the corpus: `boom+x 1000` is made, `+99:99` is not."""
    parts = [_part(part) for part in text.split("+")]
    if all(part is None for part in parts):
        return text.encode()
    return b"".join(
        plain.encode() if part is None else part
        for plain, part in zip(text.split("+"), parts, strict=True)
    )


def _part(text: str) -> bytes | None:
    for form, make in _MADE.items():
        if found := re.fullmatch(form, text):
            return make(found)
    return None


class Served(Logs):
    """A log as the entry describes it; what is asked for makes no difference."""

    def __init__(self, entry: Entry) -> None:
        self._then = entry["then"]
        self._chunk = entry["chunk"]
        self._pieces = [_piece(seconds, made(text), times) for seconds, text, times in entry["log"]]
        body = b"".join(self._pieces)
        lines = [
            # An endless line is judged by its beginning, another one when it is whole.
            (seconds, made(text)[:MAX_LINE], times or (self._then == "endless"))
            for seconds, text, times in entry["log"]
        ]
        self.most = sum(
            times
            for seconds, text, times in lines
            if (seconds is None or seconds > -WINDOW) and MATTERS in text
        )
        """Lines that matter are not more than these."""
        self.least = sum(
            times
            for seconds, text, times in lines
            if seconds is not None and seconds > -WINDOW and MATTERS in text[: MAX_LINE // 2]
        )
        """Lines that matter, and that stand where everybody must see them."""
        self._chunks = [
            body[start : start + self._chunk] for start in range(0, len(body), self._chunk)
        ]

    async def read(self, request: LogRequest, on_chunk: OnChunk) -> None:
        for chunk in self._all():
            await asyncio.sleep(1 if self._then == "slow" else 0)
            if not on_chunk(chunk):
                return
        if self._then == "silent":
            await asyncio.sleep(math.inf)
        if self._then == "broken":
            raise SourceError(UnknownReason.API_UNAVAILABLE, "the log broke off")

    def _all(self) -> Iterator[bytes]:
        yield from self._chunks
        if self._then == "endless":
            last = self._pieces[-1]
            yield from itertools.repeat(last * max(1, self._chunk // len(last)))


def _piece(seconds: float | None, text: bytes, times: int) -> bytes:
    whole = text + b"\n" if seconds is None else line(text, seconds)
    return whole * times if times else whole[:-1]


async def answer_of(check: CheckRunner, second: float) -> Sample | None:
    """Give what a run says; None where it is an Error. Any other exception is a defect."""
    try:
        async with asyncio.timeout(TIMEOUT):
            sample = await check.run(at(second))
    except (SourceError, TimeoutError):
        return None
    assert len(sample.message) <= MAX_MESSAGE
    assert len(sample.evidence) <= MAX_EVIDENCE
    assert all(len(one) <= MAX_EVIDENCE_LINE for one in sample.evidence)
    return sample


def test_the_corpus_is_large_and_many_kinds_are_in_it() -> None:
    assert len(FAMILIES) >= 20
    assert len(ENTRIES) >= 200
    assert {entry["then"] for entries in FAMILIES.values() for entry in entries} == {
        *("ends", "endless", "silent", "slow", "broken"),
    }


@pytest.mark.hostile
@pytest.mark.looptime
@pytest.mark.parametrize("joined", [False, True], ids=["lines", "messages"])
@pytest.mark.parametrize("entry", ENTRIES)
async def test_a_hostile_log_is_never_a_failure_that_did_not_happen(
    entry: Entry, joined: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if entry["then"] == "endless":
        # What has no end is read up to the limit, wherever that is: this only saves time.
        monkeypatch.setattr(log_cursor, "MAX_NEW_BYTES", 512 * 1024)
        monkeypatch.setattr(log_cursor, "MAX_BYTES", 1024 * 1024)
    served = Served(entry)
    join = {"join": {"start": "^[a-z]"}} if joined else {}
    none = logs_check(check_of(max=0, **join), replace(around(Pods("a")), logs=served))
    some = logs_check(check_of(max=None, min=1, **join), replace(around(Pods("a")), logs=served))
    times = (0, 1, 3)
    tracemalloc.start()
    try:
        all_allowed = [await answer_of(none, n) for n in times]
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < MEMORY
    # It reads and holds the same; to trace memory takes several times as long as to run.
    all_wanted = [await answer_of(some, n) for n in times]
    for allowed, wanted in zip(all_allowed, all_wanted, strict=True):
        if allowed is not None and allowed.verdict is Verdict.FAILED:
            assert served.most > 0
        if wanted is not None and wanted.verdict is Verdict.FAILED:
            assert served.most == 0
            assert entry["then"] == "ends"
        if wanted is not None and wanted.verdict is Verdict.PASSED:
            assert served.most > 0
    # After the last run, a message at the end is complete, too.
    last = all_allowed[-1]
    if last is not None and last.verdict is Verdict.PASSED:
        assert served.least == 0
        assert entry["then"] == "ends"
