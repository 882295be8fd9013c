"""How the results of `servicesop test` are written. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from servicesop.cli.suites import SuiteFile
from servicesop.simulate.reach import Coverage, coverage
from servicesop.simulate.story import Told


@dataclass(frozen=True, slots=True)
class Tested:
    """One test."""

    file: SuiteFile
    told: Told
    seconds: float

    @property
    def passed(self) -> bool:
        """Whether everything was as expected."""
        return not self.told.faults


@dataclass(frozen=True, slots=True)
class TestReport:
    """All tests."""

    results: tuple[Tested, ...]
    seconds: float

    @property
    def failed(self) -> int:
        """How many failed."""
        return sum(not one.passed for one in self.results)

    def coverages(self) -> Iterator[tuple[Path, Coverage]]:
        """Give for each SOP which rows its tests reach."""
        for sop in dict.fromkeys(one.file.sop.resolve() for one in self.results):
            own = [one for one in self.results if one.file.sop.resolve() == sop]
            tests = (one.told.rows for one in own)
            yield own[0].file.sop, coverage(own[0].file.subject.spec, tests)


def exit_code(report: TestReport) -> int:
    """0: all passed; 1: something failed."""
    return 1 if report.failed else 0


def text(report: TestReport) -> str:
    """Write a line per test, what was not as expected, and the rows that were not reached."""
    lines: list[str] = []
    for one in report.results:
        lines.append(
            f"{'ok    ' if one.passed else 'FAILED'} {one.file.path}: {one.told.case.name}"
        )
        lines += [f"         {fault}" for fault in one.told.faults]
    for sop, cover in report.coverages():
        lines.append("")
        lines.append(f"{sop}: {len(cover.reached)} of {len(cover.rows)} rows reached")
        lines += [f"  not reached: {row}" for row in cover.missing]
        lines += [f"  by plain results only: {row}" for row in cover.plain]
    passed = len(report.results) - report.failed
    lines.append("")
    lines.append(
        f"{len(report.results)} tests in {report.seconds:.2f}s:"
        f" {passed} passed, {report.failed} failed"
    )
    return "\n".join(lines) + "\n"
