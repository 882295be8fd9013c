"""How the results of `servicesop test` are written. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from xml.etree import ElementTree

from servicesop.cli.junit import document, plain
from servicesop.cli.suites import RefusedFile, SuiteFile
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
class Report:
    """All tests."""

    results: tuple[Tested, ...]
    refused: tuple[RefusedFile, ...]
    """The files that cannot be run."""
    seconds: float
    observed_only: bool = False
    """Rows that only plain results reach do not count."""

    @property
    def failed(self) -> int:
        """How many failed."""
        return sum(not one.passed for one in self.results)

    def coverages(self) -> Iterator[tuple[Path, Coverage]]:
        """Give for each SOP which rows its tests reach."""
        for sop in dict.fromkeys(one.file.sop.resolve() for one in self.results):
            own = [one for one in self.results if one.file.sop.resolve() == sop]
            tests = (one.told.rows for one in own)
            yield (
                own[0].file.sop,
                coverage(own[0].file.subject.spec, tests, observed_only=self.observed_only),
            )

    @property
    def covered(self) -> Fraction:
        """Which share of all rows was reached."""
        rows = [(cover.counted, len(cover.rows)) for _, cover in self.coverages()]
        return Fraction(sum(one for one, _ in rows), sum(whole for _, whole in rows) or 1)


def exit_code(report: Report, least: int) -> int:
    """0: all passed; 1: something failed, or less than so many percent of the rows were reached.

    2: a file cannot be run.
    """
    if report.refused:
        return 2
    return 1 if report.failed or report.covered * 100 < least else 0


def text(report: Report, least: int) -> str:
    """Write a line per test, what was not as expected, and the rows that were not reached."""
    lines: list[str] = []
    for one in report.results:
        word = "ok    " if one.passed else "FAILED"
        lines.append(f"{word} {one.file.path}: {plain(one.told.case.name)}")
        lines += [f"         {plain(fault)}" for fault in one.told.faults]
    for sop, cover in report.coverages():
        by = " by observations" if cover.observed_only else ""
        lines += ["", f"{sop}: {cover.counted} of {len(cover.rows)} rows reached{by}"]
        lines += [f"  not reached: {row}" for row in cover.missing]
        lines += [f"  by plain results only: {row}" for row in cover.plain]
    passed = len(report.results) - report.failed
    lines += [
        "",
        f"{len(report.results)} test{'s' * (len(report.results) != 1)} in {report.seconds:.2f}s:"
        f" {passed} passed, {report.failed} failed",
    ]
    if report.covered * 100 < least:
        percent = int(report.covered * 100)
        lines.append(f"{percent} % of the rows are reached, and at least {least} % must be")
    return "\n".join(lines) + "\n"


def as_junit(report: Report, least: int) -> str:
    """Write JUnit's XML: a suite per file, a case per test, and one for the rows that are reached.

    What is not as expected is a failure.
    """
    root = ElementTree.Element("testsuites", {"name": "servicesop test"})
    for path in dict.fromkeys(one.file.path for one in report.results):
        own = [one for one in report.results if one.file.path == path]
        attributes = {
            "name": str(path),
            "tests": str(len(own)),
            "failures": str(sum(not one.passed for one in own)),
            "time": f"{sum(one.seconds for one in own):.3f}",
        }
        suite = ElementTree.SubElement(root, "testsuite", attributes)
        for one in own:
            names = {"classname": one.file.subject.name, "name": plain(one.told.case.name)}
            case = ElementTree.SubElement(
                suite, "testcase", {**names, "time": f"{one.seconds:.3f}"}
            )
            if not one.passed:
                message = {"message": plain(one.told.faults[0])}
                failure = ElementTree.SubElement(case, "failure", message)
                failure.text = "\n".join(map(plain, one.told.faults))
    if least:
        _rows(root, report, least)
    return document(root)


def _rows(root: ElementTree.Element, report: Report, least: int) -> None:
    failed = report.covered * 100 < least
    counts = {"name": "rows", "tests": "1", "failures": str(int(failed)), "time": "0.000"}
    suite = ElementTree.SubElement(root, "testsuite", counts)
    name = {"classname": "rows", "name": f"at least {least} % of the rows are reached"}
    case = ElementTree.SubElement(suite, "testcase", name)
    if failed:
        missing = [str(row) for _, cover in report.coverages() for row in cover.uncounted]
        attributes = {"message": f"{int(report.covered * 100)} % of the rows are reached"}
        ElementTree.SubElement(case, "failure", attributes).text = "\n".join(missing)
