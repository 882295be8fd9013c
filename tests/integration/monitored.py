"""A Prometheus, an Alertmanager and an exporter, and the operator's way to them."""

import itertools
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from polling import eventually
from servicesop.api.checks.check import Check
from servicesop.api.sop import Connection
from servicesop.checks.registry import build
from servicesop.checks.runner import Surroundings
from servicesop.judge.results import Sample
from servicesop.sources.dial import DialGuard
from servicesop.sources.errors import SourceError
from servicesop.sources.prometheus.client import Endpoints
from servicesop.sources.prometheus.endpoints import Endpoint
from surroundings import NOBODY
from testbed.monitoring import Alertmanager, Exporter, Prometheus
from testbed.processes import Run

NAMESPACE = "shop"
NOW = datetime(1999, 1, 1, tzinfo=UTC)
CONNECTIONS = {
    "metrics": {"prometheus": {"endpoint": "metrics"}},
    "alerts": {"alertmanager": {"endpoint": "alerts"}},
}
RULES = """
groups:
- name: service
  rules:
  - {alert: TelemeterDown, expr: telemeter_up == 0, labels: {severity: critical}}
  - {alert: Slow, expr: telemeter_slow == 1, for: 1h}
  - {alert: Broken, expr: 'telemeter_up * on() telemeter_pair'}
"""


def endpoint(name: str, url: str, kind: str = "Prometheus", **fields: Any) -> Endpoint:
    """What the administrator says of one."""
    given = {"namespaces": [NAMESPACE]} | fields
    return Endpoint.model_validate({"name": name, "kind": kind, "url": url} | given)


@asynccontextmanager
async def asked_through(*endpoints: Endpoint) -> AsyncIterator[Surroundings]:
    """What a check may ask: these endpoints, through a guard that has no other exception."""
    source = Endpoints(endpoints, DialGuard())
    try:
        yield replace(
            NOBODY,
            namespace=NAMESPACE,
            monitoring=source.of(NAMESPACE),
            connections={
                name: Connection.model_validate({"name": name} | given)
                for name, given in CONNECTIONS.items()
            },
        )
    finally:
        await source.close()


async def judged(surroundings: Surroundings, spec: dict[str, Any], within: str = "5s") -> Sample:
    """Run a check once."""
    kind = "leader" if "workers" in spec else "prometheus"
    check = Check.model_validate({"name": "holds", "timeout": within, kind: spec})
    return await build(check, surroundings).run(NOW)


async def unable(
    surroundings: Surroundings, spec: dict[str, Any], within: str = "5s"
) -> SourceError:
    """Run a check that cannot ask, and give why."""
    try:
        sample = await judged(surroundings, spec, within)
    except SourceError as failure:
        return failure
    raise AssertionError(f"no SourceError, but {sample}")


@dataclass
class Monitored:
    """What a service exports, and who watches it."""

    exporter: Exporter
    prometheus: Prometheus
    alertmanager: Alertmanager
    _marks: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def endpoints(self) -> tuple[Endpoint, Endpoint]:
        """Both servers, as an administrator names them."""
        return (
            endpoint("metrics", self.prometheus.url),
            endpoint("alerts", self.alertmanager.url, "Alertmanager"),
        )

    def export(self, *lines: str) -> None:
        """Export these lines instead of earlier ones, and wait until they have been scraped."""
        mark = next(self._marks)
        self.exporter.text = "".join(f"{line}\n" for line in [*lines, f"test_mark {mark}"])
        self.until(f"test_mark == {mark}")

    def until(self, expression: str) -> None:
        """Wait until the expression gives a series."""
        eventually(lambda: self.prometheus.values(expression), expression)

    def until_state(self, alert: str, state: str) -> None:
        """Wait until Prometheus has an alert in that state, or the rule's health is so."""
        eventually(
            lambda: any(
                rule["name"] == alert and state in (rule["state"], rule["health"])
                for group in self.prometheus.get("/api/v1/rules")["data"]["groups"]
                for rule in group["rules"]
            ),
            f"{alert} is {state}",
        )

    def until_managed(self, *states: str) -> None:
        """Wait until Alertmanager holds alerts in these states, and no others."""
        eventually(
            lambda: (
                sorted(
                    alert["status"]["state"] for alert in self.alertmanager.get("/api/v2/alerts")
                )
                == sorted(states)
            ),
            f"alerts {states}",
        )


@contextmanager
def monitored(run: Run) -> Iterator[Monitored]:
    """Start all three."""
    with (
        Exporter() as exporter,
        Alertmanager(run) as alertmanager,
        Prometheus(
            run, {"service": exporter}, rules=RULES, alertmanager=alertmanager
        ) as prometheus,
    ):
        yield Monitored(exporter, prometheus, alertmanager)
