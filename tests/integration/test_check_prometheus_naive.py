"""What a naive check of a token-refresher's metrics says wrongly, and how to ask instead.

The proxy counts what the issuer answers in `client_api_requests_total`, and what its own clients
get in `http_requests_total`. Each test shows the naive query to judge wrongly on the same numbers.
"""

import itertools
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import pytest

from integration.monitored import Monitored, asked_through, judged
from servicesop.api.reasons import UnknownReason
from servicesop.checks.runner import Surroundings
from servicesop.judge.results import Sample, Verdict

_NUMBERS = itertools.count(1)


@dataclass(frozen=True)
class Proxy:
    """One token-refresher with counters of its own: rates look back over earlier tests."""

    watched: Monitored
    surroundings: Surroundings
    namespace: str

    def served(self, *matchers: str) -> str:
        return self._metric("http_requests_total", *matchers)

    def issuer(self, *matchers: str) -> str:
        return self._metric("client_api_requests_total", *matchers)

    def _metric(self, name: str, *matchers: str) -> str:
        own = f'namespace="{self.namespace}"'
        return f"{name}{{{','.join([own, *matchers])}}}"

    def count(self, **series: int) -> None:
        """Let the counters grow from 0; `s502` is what was served, `i401` what the issuer said."""
        for factor in (0, 1):
            self.watched.export(
                *(f"{self._counter(name)} {count * factor}" for name, count in series.items())
            )

    def _counter(self, name: str) -> str:
        metric = self.served if name.startswith("s") else self.issuer
        pod, _, code = name[1:].rpartition("_")
        return metric(f'code="{code}"', *([f'pod="{pod}"'] if pod else []))

    async def asked(self, expr: str, **fields: Any) -> Sample:
        given = {"expr": expr, "max": "0.1", "onEmpty": "Inconclusive"} | fields
        return await judged(self.surroundings, {"connection": "metrics", "query": given})


def share(metric: Callable[..., str], wrong: str, by: str = "") -> str:
    """The share of answers with such a code."""
    total = f"sum{by} (rate({metric()}[1m]))"
    matcher = f'code=~"{wrong}"'
    return f"sum{by} (rate({metric(matcher)}[1m])) / {total}"


def share_or_none(metric: Callable[..., str], wrong: str) -> str:
    """The same, where no such answer has been counted yet."""
    matcher = f'code=~"{wrong}"'
    errors = f"(sum(rate({metric(matcher)}[1m])) or vector(0))"
    return f"{errors} / sum(rate({metric()}[1m]))"


@pytest.fixture
async def proxy(watched: Monitored) -> AsyncIterator[Proxy]:
    async with asked_through(*watched.endpoints) as surroundings:
        yield Proxy(watched, surroundings, f"naive-{next(_NUMBERS)}")


async def test_no_traffic_is_no_signal(proxy: Proxy) -> None:
    proxy.count(s200=0, s502=0)
    errors = share(proxy.served, "5..")
    quiet = await proxy.asked(errors)
    assert (quiet.verdict, quiet.reason) == (Verdict.INCONCLUSIVE, UnknownReason.EMPTY)
    # NaN is greater than no limit; and a default in its place is a guess.
    assert proxy.watched.prometheus.values(f"{errors} > 0.1") == []
    assert (await proxy.asked(f"({errors} >= 0) or vector(0)")).verdict is Verdict.PASSED


async def test_no_error_yet_is_not_no_traffic(proxy: Proxy) -> None:
    # A counter appears with its first error: until then the share has no numerator.
    proxy.count(s200=50)
    naive = await proxy.asked(share(proxy.served, "5.."))
    assert (naive.verdict, naive.reason) == (Verdict.INCONCLUSIVE, UnknownReason.EMPTY)
    assert (await proxy.asked(share_or_none(proxy.served, "5.."))).verdict is Verdict.PASSED


async def test_refused_connections_to_the_issuer_are_counted_only_as_502(proxy: Proxy) -> None:
    # The issuer refuses connections: nothing is counted of it, its last answers were good.
    proxy.count(i200=5, s200=10, s502=90)
    naive = await proxy.asked(share_or_none(proxy.issuer, "4..|5.."))
    assert naive.verdict is Verdict.PASSED
    assert (await proxy.asked(share(proxy.served, "502"))).findings == {"Above"}


async def test_a_wrong_client_secret_is_a_401_that_no_rule_for_5xx_sees(proxy: Proxy) -> None:
    proxy.count(i401=50, i200=1)
    naive = await proxy.asked(share_or_none(proxy.issuer, "5.."))
    assert naive.verdict is Verdict.PASSED
    assert (await proxy.asked(share(proxy.issuer, "4..|5.."))).findings == {"Above"}


async def test_502_is_the_proxys_own_and_503_is_the_upstreams(proxy: Proxy) -> None:
    proxy.count(s200=10, s503=90, s502=0)
    # "5xx" says that something is wrong, not whose fault it is.
    assert (await proxy.asked(share(proxy.served, "5.."))).findings == {"Above"}
    assert (await proxy.asked(share(proxy.served, "502"))).verdict is Verdict.PASSED
    assert (await proxy.asked(share(proxy.served, "50[013-9]"))).findings == {"Above"}


async def test_a_service_that_is_not_scraped_is_not_a_quiet_one(proxy: Proxy) -> None:
    proxy.count(s200=50, s502=0)
    matcher = 'code="502"'
    errors = f"sum({proxy.served(matcher)})"
    assert (await proxy.asked(errors)).verdict is Verdict.PASSED
    proxy.watched.exporter.stop()
    try:
        # Prometheus marks the series as stale with the first scrape that fails.
        proxy.watched.until('up{job="service"} == 0')
        dead = await proxy.asked(errors)
        assert (dead.verdict, dead.reason) == (Verdict.INCONCLUSIVE, UnknownReason.EMPTY)
        assert (await proxy.asked(f"{errors} or vector(0)")).verdict is Verdict.PASSED
        down = await proxy.asked('up{job="service"}', min="1", max=None)
        assert down.findings == {"Below"}
    finally:
        proxy.watched.exporter.start()


async def test_one_pod_without_traffic_hides_no_pod_that_fails(proxy: Proxy) -> None:
    proxy.count(
        **{"sidle_200": 0, "sidle_502": 0},
        **{"sbad_200": 10, "sbad_502": 90},
        **{"sgood_200": 90, "sgood_502": 0},
    )
    by_pod = share(proxy.served, "502", by=" by (pod)")
    sample = await proxy.asked(by_pod, show=["pod"])
    assert sample.findings == {"Above"}
    assert sample.evidence[0] == "1 of 3 series"
    # A rate is extrapolated: 0.9 but for the last digits.
    series, value = sample.evidence[1].split(": ")
    assert series == "pod=bad"
    assert float(value) == pytest.approx(0.9)
    # The idle one is unknown: of all three it cannot be said that they are well.
    lenient = await proxy.asked(by_pod, max="0.95")
    assert (lenient.verdict, lenient.reason) == (Verdict.INCONCLUSIVE, UnknownReason.EMPTY)
    said = await proxy.asked(by_pod, max="0.95", onEmpty="Passed")
    assert said.verdict is Verdict.PASSED
    # The naive sum of shares is NaN, which no comparison of PromQL finds.
    assert proxy.watched.prometheus.values(f"sum({by_pod}) > 0.1") == []
