"""The check types: one line each."""

from servicesop.api.checks.check import Check
from servicesop.checks.config import config_check
from servicesop.checks.events import events_check
from servicesop.checks.http import http_check
from servicesop.checks.leader import leader_check
from servicesop.checks.logs import logs_check
from servicesop.checks.network_policy import network_policy_check
from servicesop.checks.prometheus import prometheus_check
from servicesop.checks.resource import resource_check
from servicesop.checks.runner import CheckRunner, CheckType, Surroundings
from servicesop.checks.sql import SqlRunner
from servicesop.checks.stuck_rows import StuckRowsRunner
from servicesop.checks.workload import workload_check

BUILDERS: dict[str, CheckType] = {
    "workload": workload_check,
    "resource": resource_check,
    "events": events_check,
    "logs": logs_check,
    "leader": leader_check,
    "sql": SqlRunner,
    "stuckRows": StuckRowsRunner,
    "networkPolicy": network_policy_check,
    "config": config_check,
    "http": http_check,
    "prometheus": prometheus_check,
}


def build(check: Check, surroundings: Surroundings) -> CheckRunner:
    """Build the runner of a check."""
    return BUILDERS[check.type](check, surroundings)
