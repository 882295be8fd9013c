"""The check `prometheus` on a real Prometheus: what a query gives, and what cannot be compared."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from integration.monitored import Monitored, asked_through, endpoint, judged, unable
from servicesop.api.reasons import UnknownReason
from servicesop.checks.runner import Surroundings
from servicesop.judge.results import Sample, Verdict
from testbed import free_port


@pytest.fixture
async def surroundings(watched: Monitored) -> AsyncIterator[Surroundings]:
    async with asked_through(*watched.endpoints) as surroundings:
        yield surroundings


def spec(expr: str, **fields: Any) -> dict[str, Any]:
    given = {"expr": expr, "max": "5", "onEmpty": "Inconclusive"} | fields
    return {"connection": "metrics", "query": given}


async def asked(surroundings: Surroundings, expr: str, **fields: Any) -> Sample:
    return await judged(surroundings, spec(expr, **fields))


# One value.


@pytest.mark.parametrize(
    ("expr", "findings"),
    [
        ("5", set()),
        ("5.000001", {"Above"}),
        ("-2", set()),
        ("-2.5", {"Below"}),
        ("vector(6)", {"Above"}),
        ("1e300", {"Above"}),
        ("-1e300", {"Below"}),
        ("1 / 0", {"Above"}),
        ("vector(-1) / 0", {"Below"}),
        ("1e-300", set()),
        ("time() * 0", set()),
    ],
)
async def test_a_number_is_compared(
    surroundings: Surroundings, expr: str, findings: set[str]
) -> None:
    sample = await asked(surroundings, expr, min="-2")
    assert sample.findings == findings
    assert sample.verdict is (Verdict.FAILED if findings else Verdict.PASSED)


async def test_a_fraction_is_compared_as_it_is_written(surroundings: Surroundings) -> None:
    # As a binary fraction 0.1 is more than 0.1.
    assert (await asked(surroundings, "0.1", min="0.1", max="0.1")).verdict is Verdict.PASSED


async def test_no_series_and_0_by_0_mean_what_the_check_says(surroundings: Surroundings) -> None:
    for expr, says in (
        ("nobody_exports_this", "the query gives no series"),
        ("vector(0) / 0", "the value is not a number (NaN)"),
        ("0 / 0", "the value is not a number (NaN)"),
    ):
        assert (await asked(surroundings, expr, onEmpty="Passed")).verdict is Verdict.PASSED
        assert (await asked(surroundings, expr, onEmpty="Failed")).findings == {"Empty"}
        unknown = await asked(surroundings, expr)
        assert (unknown.verdict, unknown.reason, unknown.message) == (
            Verdict.INCONCLUSIVE,
            UnknownReason.EMPTY,
            says,
        )
    # Zero is a value.
    assert (await asked(surroundings, "vector(0)", onEmpty="Failed")).verdict is Verdict.PASSED


# Several series.


@pytest.mark.parametrize(
    ("values", "combine", "findings"),
    [
        ((1, 9, 2), "Any", {"Above"}),
        ((1, 9, -9), "Any", {"Above", "Below"}),
        ((1, 2, 3), "Any", set()),
        ((1, 9, 9), "All", set()),
        ((8, 9, -9), "All", {"Above", "Below"}),
        ((7, 8, 9), "All", {"Above"}),
        ((2, 2, 2), "Sum", {"Above"}),
        ((1, 1, 1), "Sum", set()),
        ((9, -9, -9), "Sum", {"Below"}),
    ],
)
async def test_series_are_judged_one_by_one_or_together(
    watched: Monitored,
    surroundings: Surroundings,
    values: tuple[int, ...],
    combine: str,
    findings: set[str],
) -> None:
    watched.export(*(f'depth{{pod="p{index}"}} {value}' for index, value in enumerate(values)))
    sample = await asked(surroundings, "depth", min="0", combine=combine)
    assert sample.findings == findings
    assert sample.verdict is (Verdict.FAILED if findings else Verdict.PASSED)


async def test_labels_are_shown_only_where_the_check_says_so(
    watched: Monitored, surroundings: Surroundings
) -> None:
    watched.export('depth{pod="a",token="canary"} 7', 'depth{pod="b",token="canary"} 1')
    quiet = await asked(surroundings, "depth")
    assert (quiet.message, quiet.evidence) == (
        "a series is greater than 5",
        ("1 of 2 series", "value 7"),
    )
    shown = await asked(surroundings, "depth", show=["pod"])
    assert (shown.message, shown.evidence) == (quiet.message, ("1 of 2 series", "pod=a: 7"))
    assert "canary" not in repr((quiet, shown))


async def test_more_series_than_are_read_are_an_error(
    watched: Monitored, surroundings: Surroundings
) -> None:
    watched.export(*(f'many{{n="{n}"}} 1' for n in range(1001)))
    failure = await unable(surroundings, spec("many"))
    assert failure.reason is UnknownReason.BAD_ANSWER
    assert "more than 1000 series" in failure.message
    assert (await asked(surroundings, "sum(many)", max="1001")).verdict is Verdict.PASSED


# What cannot be asked or compared.


@pytest.mark.parametrize(
    ("expr", "reason", "says"),
    [
        ("test_mark[1m]", UnknownReason.BAD_ANSWER, "a range of values per series"),
        ('"canary"', UnknownReason.BAD_ANSWER, "a text"),
        ("sum(canary", UnknownReason.QUERY_REFUSED, "no valid PromQL"),
        ("canary(1)", UnknownReason.QUERY_REFUSED, "no valid PromQL"),
        ('label_replace(test_mark, "a", "b", "c", "(canary")', UnknownReason.QUERY_REFUSED, "by"),
        # What would be a second parameter is a part of the query.
        ("1&query=canary", UnknownReason.QUERY_REFUSED, "no valid PromQL"),
    ],
)
async def test_what_cannot_be_compared_is_an_error(
    surroundings: Surroundings, expr: str, reason: UnknownReason, says: str
) -> None:
    failure = await unable(surroundings, spec(expr))
    assert failure.reason is reason
    assert says in failure.message
    assert "canary" not in failure.message


async def test_an_answer_that_warns_of_itself_proves_nothing(
    watched: Monitored, surroundings: Surroundings
) -> None:
    watched.export('latency_bucket{le="1"} 3', 'latency_bucket{le="+Inf"} 4')
    watched.until("latency_bucket")
    for quantile in ("0.5", "7"):
        sample = await asked(
            surroundings, f"histogram_quantile({quantile}, latency_bucket)", max="0.1"
        )
        wrong = quantile == "7"
        assert sample.findings == (set() if wrong else {"Above"})
        assert sample.reason is (UnknownReason.DOUBTFUL_ANSWER if wrong else None)


async def test_a_server_that_hangs_or_is_not_there_is_an_error(watched: Monitored) -> None:
    async with asked_through(*watched.endpoints) as surroundings:
        watched.prometheus.freeze()
        try:
            failure = await unable(surroundings, spec("1"), within="1s")
        finally:
            watched.prometheus.thaw()
        assert failure.reason is UnknownReason.TIMED_OUT
        # It goes on with the same connections.
        assert (await asked(surroundings, "1")).verdict is Verdict.PASSED
    async with asked_through(
        endpoint("metrics", f"http://127.0.0.1:{free_port()}")
    ) as surroundings:
        assert (await unable(surroundings, spec("1"))).reason is UnknownReason.UNREACHABLE
