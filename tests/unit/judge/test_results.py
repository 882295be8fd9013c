"""Samples are bounded, and an unknown one always says why."""

import pytest

from servicesop.api.reasons import UnknownReason
from servicesop.api.status import CheckStatus
from servicesop.judge.results import (
    MAX_EVIDENCE,
    MAX_EVIDENCE_LINE,
    MAX_MESSAGE,
    Sample,
    Verdict,
    error,
    failed,
    inconclusive,
    passed,
)

LONG = "x" * 5000


def test_a_failed_sample_needs_a_finding() -> None:
    with pytest.raises(ValueError, match="needs a finding"):
        failed(set(), "something")


@pytest.mark.parametrize(
    "sample",
    [
        passed(LONG, (LONG,) * 99),
        failed({"Stuck"}, LONG, (LONG,) * 99),
        inconclusive(UnknownReason.NOT_COVERED, LONG),
        error(UnknownReason.UNREACHABLE, LONG),
    ],
    ids=lambda sample: sample.verdict,
)
def test_samples_are_cut_to_what_a_status_may_hold(sample: Sample) -> None:
    assert len(sample.message) == MAX_MESSAGE
    assert len(sample.evidence) <= MAX_EVIDENCE
    CheckStatus.model_validate(
        {
            "name": "check",
            "state": "Failed",
            "since": "2026-05-04T12:00:00Z",
            "message": sample.message,
            "evidence": sample.evidence,
        }
    )


def test_evidence_keeps_its_first_lines() -> None:
    sample = passed(evidence=tuple(f"{line} {LONG}" for line in range(99)))

    assert [line[:2] for line in sample.evidence] == ["0 ", "1 ", "2 ", "3 ", "4 "]
    assert {len(line) for line in sample.evidence} == {MAX_EVIDENCE_LINE}


@pytest.mark.parametrize(
    ("sample", "known"),
    [
        (passed(), True),
        (failed({"Stuck"}, ""), True),
        (inconclusive(UnknownReason.NO_PODS, ""), False),
        (error(UnknownReason.TIMED_OUT, ""), False),
    ],
    ids=lambda value: value if isinstance(value, bool) else value.verdict,
)
def test_what_could_not_be_asked_or_told_is_unknown(sample: Sample, known: bool) -> None:
    verdict = sample.verdict
    assert isinstance(verdict, Verdict)
    assert verdict.known is known
