"""Rules about actions, and about the checks that have to prove them."""

from collections.abc import Iterator

from servicesop.api.durations import format_duration
from servicesop.api.procedures import Remediate, Row
from servicesop.api.sop import Spec
from servicesop.decide.snapshot import verify_of
from servicesop.lint.rules import Problem, Subject
from servicesop.lint.samples import samples_of


def short_cooldowns(subject: Subject) -> Iterator[Problem]:
    """Find actions that may be done again before it is known whether they helped."""
    for path, row, remediate in _actions(subject.spec):
        least = remediate.settle + verify_of(row, remediate).within
        if remediate.cooldown < least:
            yield Problem(
                f"{path}.cooldown",
                f"row {row.name} may act again after {format_duration(remediate.cooldown)}, but"
                f" whether it helped is known only after settle and verify,"
                f" {format_duration(least)}",
            )


def checks_that_cannot_fail(subject: Subject) -> Iterator[Problem]:
    """Find checks whose limits allow everything."""
    proves: dict[str, str] = {}
    for _, row, remediate in _actions(subject.spec):
        for name in verify_of(row, remediate).checks:
            proves.setdefault(name, row.name)
    for number, check in enumerate(subject.spec.checks):
        if not samples_of(check):
            message = f"the check {check.name} cannot fail: its limits allow everything"
            if check.name in proves:
                message += f"; it proves nothing of the action of row {proves[check.name]}"
            yield Problem(f"spec.checks[{number}].{check.type}", message)


def _actions(spec: Spec) -> Iterator[tuple[str, Row, Remediate]]:
    for number, procedure in enumerate(spec.procedures):
        for index, row in enumerate(procedure.handle or ()):
            if row.remediate:
                path = f"spec.procedures[{number}].handle[{index}].remediate"
                yield path, row, row.remediate
