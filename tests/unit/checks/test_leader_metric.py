"""Leaders by a metric: doubts, and what a lease and the metric say together."""

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from servicesop.api.checks.leader import LeaderMetric
from servicesop.api.reasons import UnknownReason
from servicesop.checks.leader_judgement import Held, judge_leaders
from servicesop.checks.leader_metric import MetricLeaders, both
from servicesop.judge.alerts import AlertingRule
from servicesop.judge.results import Verdict
from servicesop.judge.series import Series
from servicesop.sources.errors import DoubtError

SPEC = LeaderMetric.model_validate({"connection": "m", "expr": "leads", "worker": "worker"})
NOW = datetime(2026, 1, 1, tzinfo=UTC)
UNKNOWN = Held(0, doubt=UnknownReason.EMPTY)
ONE, NONE, TWO = Held(1), Held(0, nobody="by the metric, no pod leads"), Held(2)
LEASED = Held(1, "me")


@dataclass
class Metrics:
    answer: tuple[Series, ...] | DoubtError

    async def query(self, expression: str, seconds: float) -> tuple[Series, ...]:
        assert (expression, seconds) == ("leads", 5.0)
        if isinstance(self.answer, DoubtError):
            raise self.answer
        return self.answer

    async def rules(self, *arguments: object) -> tuple[AlertingRule, ...]:
        raise AssertionError(arguments)


async def held(*series: tuple[str, str | None], doubt: bool = False) -> dict[str, Held]:
    answer = tuple(
        Series(None if value is None else Decimal(value), {"worker": worker})
        for worker, value in series
    )
    metrics = Metrics(DoubtError("") if doubt else answer)
    return await MetricLeaders(SPEC, ("a", "b"), metrics, 5.0).held(NOW)


async def test_series_of_a_worker_are_summed() -> None:
    assert await held(("a", "1"), ("a", "0"), ("b", "0"), ("c", "7")) == {"a": ONE, "b": NONE}
    assert await held(("a", "1"), ("a", "1.0"), ("b", "1")) == {"a": TWO, "b": ONE}


async def test_absent_nan_and_doubt_are_unknown() -> None:
    assert await held(("a", "1")) == {"a": ONE, "b": UNKNOWN}
    assert await held(("a", "1"), ("a", None), ("b", "1")) == {"a": UNKNOWN, "b": ONE}
    doubted = await held(doubt=True)
    assert {one.doubt for one in doubted.values()} == {UnknownReason.DOUBTFUL_ANSWER}


@pytest.mark.parametrize(
    ("lease", "metric", "verdict", "findings"),
    [
        (LEASED, ONE, Verdict.PASSED, set()),
        (LEASED, TWO, Verdict.FAILED, {"Many"}),
        (LEASED, NONE, Verdict.FAILED, {"None"}),
        (LEASED, UNKNOWN, Verdict.INCONCLUSIVE, set()),
        (Held(0), ONE, Verdict.FAILED, {"None"}),
        (Held(0), UNKNOWN, Verdict.FAILED, {"None"}),
        (Held(2), ONE, Verdict.FAILED, {"Many"}),
        (Held(0, doubt=UnknownReason.CLOCKS_DIFFER), ONE, Verdict.INCONCLUSIVE, set()),
    ],
)
def test_a_lease_and_a_metric_must_both_name_exactly_one(
    lease: Held, metric: Held, verdict: Verdict, findings: set[str]
) -> None:
    sample = judge_leaders(("a",), both({"a": lease}, {"a": metric}), None)
    assert (sample.verdict, sample.findings) == (verdict, frozenset(findings))
