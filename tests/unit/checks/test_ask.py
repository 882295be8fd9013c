"""One run of a check: whatever happens is an answer, and nobody's text gets into it."""

import asyncio
from datetime import UTC, datetime
from typing import ClassVar

import pytest

from servicesop.api.checks.check import Check
from servicesop.api.reasons import UnknownReason
from servicesop.checks.ask import ask
from servicesop.checks.runner import NO_TURN
from servicesop.judge.results import Sample, Verdict, passed
from servicesop.sources.errors import SourceError

NOW = datetime(2026, 1, 31, tzinfo=UTC)
CANARY = "canary-in-an-exception"


class Runner:
    reacts_to: ClassVar[None] = None
    turn = NO_TURN

    def __init__(self, answer: Sample | Exception | float) -> None:
        self.answer = answer
        self.now: datetime | None = None

    async def run(self, now: datetime) -> Sample:
        self.now = now
        if isinstance(self.answer, float):
            await asyncio.sleep(self.answer)
        elif isinstance(self.answer, Exception):
            raise self.answer
        else:
            return self.answer
        return passed("late")


async def asked(answer: Sample | Exception | float) -> tuple[Sample, list[Exception]]:
    defects: list[Exception] = []
    check = Check.model_validate({"name": "c", "timeout": "2s", "workload": {"replicas": 1}})
    runner = Runner(answer)
    sample = await ask(runner, check, NOW, defects.append)
    assert runner.now == NOW
    return sample, defects


async def test_an_answer_is_given_as_it_is() -> None:
    sample = passed("fine")

    assert await asked(sample) == (sample, [])


async def test_a_source_that_cannot_be_asked_is_an_error_with_its_reason() -> None:
    unable = SourceError(UnknownReason.HOST_NOT_FOUND, "no such host")
    sample, defects = await asked(unable)

    assert (sample.verdict, sample.reason) == (Verdict.ERROR, UnknownReason.HOST_NOT_FOUND)
    assert (sample.message, defects) == ("no such host", [])


@pytest.mark.looptime
async def test_a_run_beyond_its_timeout_is_ended() -> None:
    began = asyncio.get_running_loop().time()
    sample, defects = await asked(600.0)

    assert (sample.verdict, sample.reason) == (Verdict.ERROR, UnknownReason.TIMED_OUT)
    assert asyncio.get_running_loop().time() - began == pytest.approx(2.0)
    assert defects == []


async def test_a_defect_is_told_apart_from_its_text() -> None:
    defect = RuntimeError(CANARY)
    sample, defects = await asked(defect)

    assert (sample.verdict, sample.reason) == (Verdict.ERROR, UnknownReason.INTERNAL_ERROR)
    assert defects == [defect]
    assert CANARY not in repr(sample)
