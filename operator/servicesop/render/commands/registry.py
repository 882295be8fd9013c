"""The check types: one line each."""

from collections.abc import Callable

from servicesop.api.checks.check import Check
from servicesop.render.by_hand import ByHand, Names
from servicesop.render.commands.config import config
from servicesop.render.commands.database import sql, stuck_rows
from servicesop.render.commands.leader import leader
from servicesop.render.commands.logs import logs
from servicesop.render.commands.metrics import prometheus
from servicesop.render.commands.objects import events, network_policy, objects
from servicesop.render.commands.web import http
from servicesop.render.commands.workload import workload

COMMANDS: dict[str, Callable[[Check, Names], ByHand]] = {
    "workload": workload,
    "resource": objects,
    "events": events,
    "logs": logs,
    "leader": leader,
    "sql": sql,
    "stuckRows": stuck_rows,
    "prometheus": prometheus,
    "http": http,
    "config": config,
    "networkPolicy": network_policy,
}


def by_hand(check: Check, names: Names) -> ByHand:
    """Say what a check asserts, and how a person sees it."""
    return COMMANDS[check.type](check, names)
