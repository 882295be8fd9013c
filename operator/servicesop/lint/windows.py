"""The rule about windows: what slips between two runs is never seen."""

from collections.abc import Iterator
from datetime import timedelta

from servicesop.api.checks.check import Check
from servicesop.api.durations import format_duration
from servicesop.lint.rules import Problem, Subject


def short_windows(subject: Subject) -> Iterator[Problem]:
    """Find windows that do not reach back to the run before."""
    for number, check in enumerate(subject.spec.checks):
        every = check.every or subject.spec.every
        for field, within in _windows(check):
            if within < every:
                yield Problem(
                    f"spec.checks[{number}].{field}",
                    f"the check {check.name} looks back {format_duration(within)} and runs every"
                    f" {format_duration(every)}: what happens between is never seen",
                )


def _windows(check: Check) -> Iterator[tuple[str, timedelta]]:
    if check.logs:
        yield "logs.within", check.logs.within
    if check.events:
        yield "events.within", check.events.within
    if check.workload and check.workload.restarts:
        yield "workload.restarts.within", check.workload.restarts.within
