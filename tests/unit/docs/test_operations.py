"""docs/operations.md and docs/safety.md name what the program really has."""

import re
from inspect import getsource

import click
from prometheus_client import CollectorRegistry

from readme.markdown import section, table, words
from servicesop.app import probes
from servicesop.cli.run import run
from servicesop.decide import ledger
from servicesop.engine.metrics import Metrics

FLAGS = "Flags of `servicesop run`"


def test_the_flags_are_documented_with_their_defaults() -> None:
    documented = {row[0].strip("`"): row[1].strip("`") for row in table("operations.md", FLAGS)}
    options = [one for one in run.params if isinstance(one, click.Option)]

    assert list(documented) == [option.opts[0] for option in options]
    for option in options:
        if isinstance(option.default, str):
            assert documented[option.opts[0]] == option.default


def test_the_metrics_are_documented_with_their_labels() -> None:
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    made = {}
    for metric in vars(metrics).values():
        described = next(iter(metric.describe()))
        suffix = "_total" if described.type == "counter" else ""
        made[described.name + suffix] = list(metric._labelnames)

    documented = {
        row[0].strip("`"): re.findall(r"`(\w+)`", row[1])
        for row in table("operations.md", "Metrics")
    }

    assert documented == made
    assert len(made) == len(list(registry.collect()))


def test_the_probes_are_documented() -> None:
    served = re.findall(r'web\.get\("(/\w+)"', getsource(probes))

    assert [*words("operations.md", "Probes"), "/metrics"] == served
    assert "/metrics" in section("operations.md", "Metrics")


def test_the_fixed_limits_are_documented() -> None:
    limits = {row[0]: row[1] for row in table("safety.md", "Limits")}

    assert limits["actions in flight per namespace"] == str(ledger.MAX_IN_FLIGHT_PER_NAMESPACE)
    assert limits["actions in the cluster per hour"] == str(ledger.MAX_PER_HOUR)
    assert limits["actions in flight in the cluster"] == (
        f"{ledger.IN_FLIGHT_SHARE:.0%} of all targets, at least 1,"
        f" at most {ledger.MAX_IN_FLIGHT}".replace("%", " %")
    )
