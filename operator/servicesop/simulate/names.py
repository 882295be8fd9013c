"""Names in a file of tests that the SOP does not have."""

from collections.abc import Iterable, Iterator

from servicesop.api.procedures import FIXED_CONDITIONS
from servicesop.api.sop import Spec
from servicesop.decide.procedures import sections_of
from servicesop.judge.results import Verdict
from servicesop.simulate.cases import Case, Expect, Facts, Given, Suite


def unknown_names(suite: Suite, spec: Spec) -> Iterator[str]:
    """Say which names lead nowhere, where they stand, and which there are."""
    for case in suite.tests:
        for where, fault in _of_case(case, spec):
            yield f"test {case.name!r}: {where}: {fault}"


def _of_case(case: Case, spec: Spec) -> Iterator[tuple[str, str]]:
    for number, given in enumerate(case.given):
        for where, fault in _of_given(given, spec):
            yield f"given[{number}].{where}", fault
    for number, expect in enumerate(case.expect):
        for where, fault in _of_expect(expect, spec):
            yield f"expect[{number}].{where}", fault


def _of_given(given: Given, spec: Spec) -> Iterator[tuple[str, str]]:
    if given.check is None:
        return
    checks = {check.name: check for check in spec.checks}
    if given.check not in checks:
        yield "check", _no("check", given.check, checks)
        return
    findings = checks[given.check].findings
    for finding in given.finding or ():
        if finding not in findings:
            yield "finding", _no("finding", finding, findings)
    if given.result is Verdict.FAILED and len(findings) != 1:
        yield "result", f"say with finding what is found: {_names(findings)}"


def _of_expect(expect: Expect, spec: Spec) -> Iterator[tuple[str, str]]:
    yield from _of_facts(expect, spec)
    if expect.never is not None:
        yield from ((f"never.{where}", fault) for where, fault in _of_facts(expect.never, spec))
    targets = [one.name for one in spec.targets]
    if expect.target is not None and expect.target not in targets:
        yield "target", _no("target", expect.target, targets)


def _of_facts(facts: Facts, spec: Spec) -> Iterator[tuple[str, str]]:
    procedures = [one.name for one in spec.procedures]
    checks = [one.name for one in spec.checks]
    for field, given, there in (
        ("procedures", facts.procedures, procedures),
        ("conditions", facts.conditions, [*FIXED_CONDITIONS, *procedures]),
        ("checks", facts.checks, checks),
    ):
        for name in given or ():
            if name not in there:
                yield field, _no("check" if field == "checks" else "condition", name, there)
    rows = [f"{one.name}/{row.name}" for one in sections_of(spec) for row in one.rows]
    for row in facts.row or ():
        if row not in rows:
            yield "row", _no("row", row, rows)
    teams = [one.name for one in spec.teams]
    for team in facts.escalated or ():
        if team not in teams:
            yield "escalated", _no("team", team, teams)


def _no(what: str, name: str, there: Iterable[str]) -> str:
    return f"there is no {what} {name}; there are {_names(there)}"


def _names(there: Iterable[str]) -> str:
    return ", ".join(there) or "none"
