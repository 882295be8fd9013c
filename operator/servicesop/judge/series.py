"""Whether the series of a query are within limits. Pure.

A series that is NaN has no number: it is what `onEmpty` says, as an answer without series is. It
is never left out: of a service that one pod of three cannot speak for nobody knows that it is well.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from servicesop.api.checks.limits import OnEmpty
from servicesop.api.checks.prometheus import Combine, MetricQuery
from servicesop.api.reasons import UnknownReason
from servicesop.judge.numbers import empty, number_text
from servicesop.judge.results import MAX_EVIDENCE, Sample, failed, inconclusive, passed

_MAX_LABEL = 40
"""Characters of a label's value that are shown."""


@dataclass(frozen=True, slots=True)
class Series:
    """One series at the present moment."""

    value: Decimal | None
    """None where it is no number (NaN)."""
    labels: Mapping[str, str] = field(default_factory=dict)


def sum_of(series: Sequence[Series]) -> Decimal | None:
    """Add the series up; None where one of them is no number, or the sum is none (Inf - Inf)."""
    numbers = [one.value for one in series if one.value is not None]
    infinite = {number for number in numbers if number.is_infinite()}
    if not numbers or len(numbers) < len(series) or len(infinite) > 1:
        return None
    return infinite.pop() if infinite else sum(numbers, Decimal(0))


def judge_series(query: MetricQuery, series: Sequence[Series]) -> Sample:
    """Compare the series, one by one or their sum."""
    if not series:
        return empty(query.on_empty, "the query gives no series")
    if query.combine is Combine.SUM:
        return _judge(query, [Series(sum_of(series))], "the sum of the series")
    if len(series) == 1:
        return _judge(query, series, "the value")
    subject = "a series" if query.combine is Combine.ANY else "every series is outside: one"
    return _judge(query, series, subject)


def _judge(query: MetricQuery, series: Sequence[Series], subject: str) -> Sample:
    outside = [one for one in series if _outside(query, one)]
    nothing = [one for one in series if one.value is None]
    fails_empty = bool(nothing) and query.on_empty is OnEmpty.FAILED
    unsure = bool(nothing) and query.on_empty is OnEmpty.INCONCLUSIVE
    bad = len(outside) + len(nothing) * fails_empty
    known = len(series) - len(nothing) * unsure
    if query.combine is Combine.ALL:
        fails, tells = bad == len(series), bad < known
    else:
        fails, tells = bad > 0, not unsure
    if fails:
        return _failed(query, series, subject)
    if not tells:
        message = f"{_what(series)} not a number (NaN)"
        return inconclusive(UnknownReason.EMPTY, message)
    return passed("the query's value is within its limits")


def _outside(query: MetricQuery, one: Series) -> str:
    """Give the finding of a series; empty where it has none, or no number."""
    if one.value is None:
        return ""
    if query.max is not None and one.value > query.max:
        return "Above"
    return "Below" if query.min is not None and one.value < query.min else ""


def _failed(query: MetricQuery, series: Sequence[Series], subject: str) -> Sample:
    findings = {found for one in series if (found := _outside(query, one))}
    if query.on_empty is OnEmpty.FAILED and any(one.value is None for one in series):
        findings.add("Empty")
    said = {
        "Above": f"is greater than {query.max}",
        "Below": f"is less than {query.min}",
        "Empty": "is not a number (NaN)",
    }
    message = f"{subject} " + ", one ".join(words for key, words in said.items() if key in findings)
    return failed(findings, message, _evidence(query, series))


def _evidence(query: MetricQuery, series: Sequence[Series]) -> tuple[str, ...]:
    """Show what is at fault: the numbers, and of the labels those that may be shown."""
    fails_empty = query.on_empty is OnEmpty.FAILED
    lines = sorted(
        _line(query, one)
        for one in series
        if _outside(query, one) or (one.value is None and fails_empty)
    )
    if len(lines) <= MAX_EVIDENCE and len(series) == 1:
        return tuple(lines)
    return (f"{len(lines)} of {len(series)} series", *lines[: MAX_EVIDENCE - 1])


def _line(query: MetricQuery, one: Series) -> str:
    number = number_text(one.value) if one.value is not None else "NaN"
    named = [f"{name}={_shown(one.labels[name])}" for name in query.show if name in one.labels]
    return f"{', '.join(named)}: {number}" if named else f"value {number}"


def _shown(text: str) -> str:
    return "".join(each if each.isprintable() else "?" for each in text[:_MAX_LABEL])


def _what(series: Sequence[Series]) -> str:
    return "the value is" if len(series) == 1 else "some series are"
