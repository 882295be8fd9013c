"""The check `leader` by a metric on a real Prometheus: the pods' own word, summed over them."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from integration.monitored import Monitored, asked_through, judged, unable
from servicesop.api.reasons import UnknownReason
from servicesop.checks.runner import Surroundings
from servicesop.judge.results import Sample, Verdict

METRIC = "kas_fleet_manager_leader_worker"


@pytest.fixture
async def surroundings(watched: Monitored) -> AsyncIterator[Surroundings]:
    async with asked_through(*watched.endpoints) as surroundings:
        yield surroundings


def spec(expr: str, *workers: str) -> dict[str, Any]:
    metric = {"connection": "metrics", "expr": expr, "worker": "worker_type"}
    return {"workers": list(workers or ("cluster", "kafka")), "metric": metric}


def pods(**leading: str) -> list[str]:
    """Series of each pod: `a="cluster:1 kafka:0"`."""
    return [
        f'{METRIC}{{pod="{pod}",worker_type="{worker}"}} {value}'
        for pod, said in leading.items()
        for worker, value in (one.split(":") for one in said.split())
    ]


@pytest.mark.parametrize("expr", [METRIC, f"sum by (worker_type) ({METRIC})"])
@pytest.mark.parametrize(
    ("leading", "findings", "message"),
    [
        ({"a": "cluster:1", "b": "kafka:1"}, set(), "every worker has exactly one leader"),
        ({"a": "cluster:1 kafka:0", "b": "cluster:0 kafka:1", "c": "cluster:0"}, set(), "every"),
        ({"a": "cluster:0 kafka:1", "b": "cluster:0"}, {"None"}, "no leader: cluster"),
        (
            {"a": "cluster:1 kafka:1", "b": "cluster:1"},
            {"Many"},
            "more than one leader: cluster",
        ),
        ({"a": "cluster:0 kafka:1", "b": "kafka:1"}, {"None", "Many"}, "no leader: cluster; "),
        # A worker of an older version is nobody's business.
        ({"a": "cluster:1 kafka:1 failed_kafka:0"}, set(), "every"),
    ],
)
async def test_the_series_of_a_worker_are_summed_over_the_pods(
    watched: Monitored,
    surroundings: Surroundings,
    expr: str,
    leading: dict[str, str],
    findings: set[str],
    message: str,
) -> None:
    watched.export(*pods(**leading))
    sample = await judged(surroundings, spec(expr))
    assert sample.findings == findings
    assert sample.message.startswith(message)
    assert sample.verdict is (Verdict.FAILED if findings else Verdict.PASSED)


async def test_absent_is_not_zero(watched: Monitored, surroundings: Surroundings) -> None:
    # No pod has ever led the Kafka worker, or its pod is not scraped: nobody can tell.
    watched.export(*pods(a="cluster:1"))
    sample: Sample = await judged(surroundings, spec(METRIC))
    assert (sample.verdict, sample.reason) == (Verdict.INCONCLUSIVE, UnknownReason.EMPTY)
    assert sample.message.endswith("for the workers: kafka")
    # What is certain of one worker counts, whatever is unknown of another.
    watched.export(*pods(a="cluster:0"))
    failed = await judged(surroundings, spec(METRIC))
    assert failed.findings == {"None"}
    assert failed.evidence == ("cluster: by the metric, no pod leads",)


async def test_what_is_no_number_of_leaders_is_an_error(
    watched: Monitored, surroundings: Surroundings
) -> None:
    for value in ("0.5", "-1", "1e300", "+Inf"):
        watched.export(*pods(a=f"cluster:{value} kafka:1"))
        failure = await unable(surroundings, spec(METRIC))
        assert failure.reason is UnknownReason.BAD_ANSWER
    watched.export(*pods(a="cluster:NaN kafka:1"))
    assert (await judged(surroundings, spec(METRIC))).reason is UnknownReason.EMPTY
