"""Series against limits: one by one or together, with and without numbers, in three values."""

from decimal import Decimal
from typing import Any

import pytest

from servicesop.api.checks.prometheus import MetricQuery
from servicesop.api.reasons import UnknownReason
from servicesop.judge.results import MAX_EVIDENCE, MAX_EVIDENCE_LINE, Sample, Verdict
from servicesop.judge.series import Series, judge_series, sum_of

PASSED, FAILED, UNKNOWN = Verdict.PASSED, Verdict.FAILED, Verdict.INCONCLUSIVE


def query(**fields: Any) -> MetricQuery:
    given = {"expr": "x", "min": "0", "max": "5", "onEmpty": "Inconclusive"} | fields
    return MetricQuery.model_validate(given)


def series(*values: str) -> list[Series]:
    return [
        Series(None if value == "NaN" else Decimal(value), {"pod": f"p{index}"})
        for index, value in enumerate(values)
    ]


def judged(*values: str, **fields: Any) -> Sample:
    return judge_series(query(**fields), series(*values))


# The whole table of three values: outside, inside and no number.
@pytest.mark.parametrize(
    ("values", "of_any", "of_all", "of_sum"),
    [
        (["1"], PASSED, PASSED, PASSED),
        (["9"], FAILED, FAILED, FAILED),
        (["NaN"], UNKNOWN, UNKNOWN, UNKNOWN),
        (["1", "2"], PASSED, PASSED, PASSED),
        (["1", "9"], FAILED, PASSED, FAILED),
        (["9", "9"], FAILED, FAILED, FAILED),
        (["1", "NaN"], UNKNOWN, PASSED, UNKNOWN),
        (["9", "NaN"], FAILED, UNKNOWN, UNKNOWN),
        (["NaN", "NaN"], UNKNOWN, UNKNOWN, UNKNOWN),
        (["1", "9", "NaN"], FAILED, PASSED, UNKNOWN),
        (["9", "-9"], FAILED, FAILED, PASSED),
        ([], UNKNOWN, UNKNOWN, UNKNOWN),
    ],
)
def test_what_is_certain_counts_and_the_rest_is_unknown(
    values: list[str], of_any: Verdict, of_all: Verdict, of_sum: Verdict
) -> None:
    for combine, expected in (("Any", of_any), ("All", of_all), ("Sum", of_sum)):
        sample = judged(*values, combine=combine)
        assert sample.verdict is expected, combine
        assert (sample.reason is UnknownReason.EMPTY) is (expected is UNKNOWN)


@pytest.mark.parametrize("combine", ["Any", "All", "Sum"])
def test_no_number_may_be_a_failure_or_well(combine: str) -> None:
    for values in ([], ["NaN"], ["NaN", "NaN"]):
        failed = judged(*values, combine=combine, onEmpty="Failed")
        assert (failed.verdict, failed.findings) == (FAILED, frozenset({"Empty"}))
        assert judged(*values, combine=combine, onEmpty="Passed").verdict is PASSED


def test_no_number_beside_numbers_is_what_the_check_says() -> None:
    assert judged("1", "NaN", onEmpty="Failed").findings == {"Empty"}
    assert judged("9", "NaN", onEmpty="Failed").findings == {"Above", "Empty"}
    assert judged("9", "NaN", onEmpty="Failed", combine="All").findings == {"Above", "Empty"}
    assert judged("1", "NaN", onEmpty="Failed", combine="All").verdict is PASSED
    assert judged("9", "NaN", onEmpty="Passed", combine="All").verdict is PASSED


@pytest.mark.parametrize(
    ("values", "total"),
    [
        (["0.1", "0.2"], "0.3"),
        (["Infinity", "1"], "Infinity"),
        (["-Infinity", "-Infinity"], "-Infinity"),
        (["Infinity", "-Infinity"], None),
        (["1", "NaN"], None),
        ([], None),
    ],
)
def test_a_sum_is_exact_or_none(values: list[str], total: str | None) -> None:
    assert sum_of(series(*values)) == (None if total is None else Decimal(total))


def test_only_one_limit_needs_to_be_given() -> None:
    assert judged("-9", min=None).verdict is PASSED
    assert judged("9", max=None).verdict is PASSED


@pytest.mark.parametrize(
    ("values", "combine", "message"),
    [
        (["9"], "Any", "the value is greater than 5"),
        (["-9"], "All", "the value is less than 0"),
        (["9", "1"], "Any", "a series is greater than 5"),
        (["9", "-9"], "Any", "a series is greater than 5, one is less than 0"),
        (["9", "7"], "All", "every series is outside: one is greater than 5"),
        (["9", "7"], "Sum", "the sum of the series is greater than 5"),
    ],
)
def test_messages_name_the_limit_and_hold_no_number_that_moves(
    values: list[str], combine: str, message: str
) -> None:
    assert judged(*values, combine=combine).message == message


def test_evidence_is_bounded_and_in_one_order() -> None:
    many = series(*[str(100 + number) for number in range(50)])
    sample = judge_series(query(show=["pod"]), many)
    assert sample.evidence[0] == "50 of 50 series"
    assert len(sample.evidence) == MAX_EVIDENCE
    assert sample == judge_series(query(show=["pod"]), many[::-1])
    odd = Series(Decimal(9), {"pod": "a\n\x1b[31m" + "x" * 5000, "job": "j", "other": "canary"})
    (line,) = judge_series(query(show=["pod", "job", "absent"]), [odd]).evidence
    assert len(line) <= MAX_EVIDENCE_LINE
    assert line.isprintable()
    assert line.endswith(", job=j: 9")


def test_a_long_number_is_shown_by_its_first_digits() -> None:
    assert judged("9" * 300).evidence == ("value 1.000000E+300",)
