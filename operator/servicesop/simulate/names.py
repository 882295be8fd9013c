"""Names in a file of tests that the SOP does not have."""

from collections.abc import Iterator

from servicesop.api.procedures import FIXED_CONDITIONS
from servicesop.api.sop import Spec
from servicesop.decide.procedures import sections_of
from servicesop.simulate.cases import Case, Expect, Facts, Suite
from servicesop.simulate.given_names import Faults, faults_of, no


def unknown_names(suite: Suite, spec: Spec) -> Iterator[str]:
    """Say which names lead nowhere, where they stand, and which there are."""
    for case in suite.tests:
        for where, fault in _of_case(case, spec):
            yield f"test {case.name!r}: {where}: {fault}"


def _of_case(case: Case, spec: Spec) -> Faults:
    for number, acted in enumerate(case.acted):
        if spec.target_named(acted.target) is None:
            targets = [one.name for one in spec.targets]
            yield f"acted[{number}].target", no("target", acted.target or "to act on", targets)
    for number, given in enumerate(case.given):
        for where, fault in faults_of(given, spec):
            yield f"given[{number}].{where}", fault
    for number, expect in enumerate(case.expect):
        for where, fault in _of_expect(expect, spec):
            yield f"expect[{number}].{where}", fault


def _of_expect(expect: Expect, spec: Spec) -> Faults:
    yield from _of_facts(expect, spec)
    if expect.never is not None:
        yield from ((f"never.{where}", fault) for where, fault in _of_facts(expect.never, spec))
    targets = [one.name for one in spec.targets]
    if expect.target is not None and expect.target not in targets:
        yield "target", no("target", expect.target, targets)


def _of_facts(facts: Facts, spec: Spec) -> Faults:
    procedures = [one.name for one in spec.procedures]
    checks = [one.name for one in spec.checks]
    for field, given, what, there in (
        ("procedures", facts.procedures, "procedure", procedures),
        ("conditions", facts.conditions, "condition", [*FIXED_CONDITIONS, *procedures]),
        ("checks", facts.checks, "check", checks),
    ):
        for name in given or ():
            if name not in there:
                yield field, no(what, name, there)
    rows = [f"{one.name}/{row.name}" for one in sections_of(spec) for row in one.rows]
    for row in facts.row or ():
        if row not in rows:
            yield "row", no("row", row, rows)
    teams = [one.name for one in spec.teams]
    for team in facts.escalated or ():
        if team not in teams:
            yield "escalated", no("team", team, teams)
