"""How the results of `servicesop check` are written: a table, JSON, or JUnit's XML. Pure."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from xml.etree import ElementTree

from servicesop.app.once import Result, State
from servicesop.cli.junit import document, plain
from servicesop.cli.tables import aligned

ONE_SAMPLE = (
    "One sample of each check: `for` and `recoverFor` are not applied, so the operator may still be"
    " waiting where this says Failed."
)
_NOTES = {
    (
        "leader",
        State.FAILED,
    ): "forNone and forMany are not applied: a worker whose lead is just being"
    " taken over fails here",
    (
        "stuckRows",
        State.PASSED,
    ): "the time in a status is known from the last write only: a row that"
    " is written again and again is not found",
}
"""What one run of a type cannot know, where it matters."""


@dataclass(frozen=True, slots=True)
class Report:
    """One run."""

    started: datetime
    seconds: float
    results: tuple[Result, ...]

    def count(self, *states: State) -> int:
        """Count the checks in these states."""
        return sum(result.state in states for result in self.results)

    @property
    def passed(self) -> int:
        """How many passed."""
        return self.count(State.PASSED)

    @property
    def failed(self) -> int:
        """How many failed."""
        return self.count(State.FAILED)

    @property
    def unknown(self) -> int:
        """How many are neither."""
        return len(self.results) - self.passed - self.failed


def exit_code(report: Report) -> int:
    """0: all passed; 1: something failed; 2: nothing failed, but something is unknown."""
    return 1 if report.failed else 2 if report.unknown else 0


def table(report: Report) -> str:
    """Write a line per check, and then the evidence, each line with its check's name in front."""
    several = len({_sop(result) for result in report.results}) > 1
    head = [*["SOP"] * several, "CHECK"]
    rows = [
        [
            *_where(result, several),
            result.check.type,
            result.state.value,
            _why(result),
            f"{result.seconds:.2f}s",
            result.message,
        ]
        for result in report.results
    ]
    parts = [aligned([[*head, "TYPE", "RESULT", "REASON", "TIME", "MESSAGE"], *rows])]
    evidence = [
        [*_where(result, several), line] for result in report.results for line in result.evidence
    ]
    if evidence:
        parts.append(aligned([[*head, "EVIDENCE"], *evidence]))
    notes = {f"{one.check.type}: {note}." for one in report.results if (note := _note(one))}
    parts.append("\n".join([ONE_SAMPLE, *sorted(notes)]) + "\n")
    parts.append(_summary(report) + "\n")
    return "\n".join(parts)


def as_json(report: Report) -> str:
    """Write the documented object (docs/checking.md)."""
    checks = [
        {
            "namespace": result.sop.namespace,
            "sop": result.sop.name,
            "name": result.check.name,
            "title": result.check.title,
            "type": result.check.type,
            "result": result.state.value,
            "findings": list(result.findings),
            "reason": result.reason,
            "message": result.message,
            "evidence": list(result.evidence),
            "note": _note(result),
            "seconds": round(result.seconds, 3),
        }
        for result in report.results
    ]
    document: dict[str, Any] = {
        "started": report.started.isoformat(timespec="seconds"),
        "seconds": round(report.seconds, 3),
        "passed": report.passed,
        "failed": report.failed,
        "unknown": report.unknown,
        "note": ONE_SAMPLE,
        "checks": checks,
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def as_junit(report: Report) -> str:
    """Write JUnit's XML: a suite per SOP, a case per check.

    Failed is a failure; Inconclusive and Error are errors, which CI systems show apart from
    failures and never as passed; what was not run is skipped.
    """
    root = ElementTree.Element("testsuites", {"name": "servicesop check", **_counts(report)})
    for sop in dict.fromkeys(map(_sop, report.results)):
        own = Report(
            report.started,
            max(result.seconds for result in report.results if _sop(result) == sop),
            tuple(result for result in report.results if _sop(result) == sop),
        )
        attributes = {
            "name": sop,
            **_counts(own),
            "timestamp": report.started.strftime("%Y-%m-%dT%H:%M:%S"),
        }
        suite = ElementTree.SubElement(root, "testsuite", attributes)
        for result in own.results:
            case = {
                "name": result.check.name,
                "classname": sop.replace("/", "."),
                "time": f"{result.seconds:.3f}",
            }
            _outcome(ElementTree.SubElement(suite, "testcase", case), result)
    return document(root)


def _outcome(case: ElementTree.Element, result: Result) -> None:
    kinds = {State.FAILED: "failure", State.INCONCLUSIVE: "error", State.ERROR: "error"}
    if result.state is State.PASSED:
        return
    kind = kinds.get(result.state, "skipped")
    attributes = {"message": plain(result.message)}
    if kind != "skipped":
        attributes["type"] = _why(result)
    outcome = ElementTree.SubElement(case, kind, attributes)
    if kind != "skipped":
        note = _note(result)
        lines = [*result.evidence, *([f"({note})"] if note else [])]
        outcome.text = "\n".join(plain(line) for line in lines)


def _counts(report: Report) -> dict[str, str]:
    errors = report.count(State.INCONCLUSIVE, State.ERROR)
    return {
        "tests": str(len(report.results)),
        "failures": str(report.failed),
        "errors": str(errors),
        "skipped": str(report.unknown - errors),
        "time": f"{report.seconds:.3f}",
    }


def _summary(report: Report) -> str:
    return (
        f"{len(report.results)} checks in {report.seconds:.1f}s: {report.passed} passed,"
        f" {report.failed} failed, {report.unknown} unknown"
    )


def _note(result: Result) -> str | None:
    return _NOTES.get((result.check.type, result.state))


def _sop(result: Result) -> str:
    return f"{result.sop.namespace}/{result.sop.name}"


def _where(result: Result, several: bool) -> list[str]:
    return [*[_sop(result)] * several, result.check.name]


def _why(result: Result) -> str:
    return ",".join(result.findings) or result.reason or "-"
