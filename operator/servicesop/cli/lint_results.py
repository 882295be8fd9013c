"""How the findings of `servicesop lint` are written: text, JSON, or SARIF. Pure."""

import json
from collections import Counter
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any
from urllib.parse import quote

from servicesop.lint.chain import RULES
from servicesop.lint.rules import Finding, Rule, Severity

_PAGE = "docs/lint.md"
_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


@dataclass(frozen=True, slots=True)
class Place:
    """Where something was found."""

    file: str
    line: int
    column: int
    sop: str
    """The SOP's name; empty where it has none."""


@dataclass(frozen=True, slots=True)
class Report:
    """One run."""

    sops: int
    """How many were looked at."""
    found: tuple[tuple[Place, Finding], ...]
    unread: tuple[tuple[str, str], ...]
    """What cannot be read, and why."""

    def count(self, severity: Severity) -> int:
        """Count the findings of a severity."""
        return Counter(finding.rule.severity for _, finding in self.found)[severity]


def exit_code(report: Report) -> int:
    """0: nothing found; 1: something found; 2: something cannot be read."""
    return 2 if report.unread else 1 if report.found else 0


def as_text(report: Report) -> str:
    """Write two lines per finding, and then how many there are."""
    lines = []
    for place, finding in report.found:
        rule = finding.rule
        lines += [
            f"{place.file}:{place.line}:{place.column}: {rule.severity}: {finding.problem.message}"
            f" [{rule.code} {rule.name}]",
            f"    {rule.fix}",
        ]
    errors, warnings = report.count(Severity.ERROR), report.count(Severity.WARNING)
    counts = [_counted(errors, "error"), _counted(warnings, "warning")]
    lines.append(f"{_counted(report.sops, 'SOP')}: {', '.join(counts)}")
    return "".join(f"{line}\n" for line in lines)


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def as_json(report: Report) -> str:
    """Write the documented object (docs/lint.md)."""
    document: dict[str, Any] = {
        "sops": report.sops,
        "errors": report.count(Severity.ERROR),
        "warnings": report.count(Severity.WARNING),
        "unread": [{"file": file, "message": message} for file, message in report.unread],
        "findings": [
            {
                "file": place.file,
                "line": place.line,
                "column": place.column,
                "sop": place.sop,
                "path": finding.problem.path,
                "code": finding.rule.code,
                "rule": finding.rule.name,
                "severity": finding.rule.severity.value,
                "message": finding.problem.message,
                "fix": finding.rule.fix,
                "page": _page(finding.rule),
            }
            for place, finding in report.found
        ],
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def as_sarif(report: Report) -> str:
    """Write SARIF 2.1.0, which code hosts and editors show beside the lines."""
    unread = [
        {
            "level": "error",
            "message": {"text": f"{file}: {message}"},
            "locations": [{"physicalLocation": {"artifactLocation": {"uri": quote(file)}}}],
        }
        for file, message in report.unread
    ]
    run = {
        "tool": {
            "driver": {
                "name": "servicesop lint",
                "semanticVersion": version("servicesop"),
                "rules": [_sarif_rule(rule) for rule in RULES],
            }
        },
        "invocations": [{"executionSuccessful": not unread, "toolExecutionNotifications": unread}],
        "columnKind": "unicodeCodePoints",
        "results": [_sarif_result(place, finding) for place, finding in report.found],
    }
    document = {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _sarif_rule(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.code,
        "name": rule.name,
        "shortDescription": {"text": rule.purpose},
        "help": {"text": f"{rule.fix} See {_page(rule)}."},
        "defaultConfiguration": {"level": rule.severity.value},
    }


def _sarif_result(place: Place, finding: Finding) -> dict[str, Any]:
    return {
        "ruleId": finding.rule.code,
        "ruleIndex": RULES.index(finding.rule),
        "level": finding.rule.severity.value,
        "message": {"text": finding.problem.message},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": quote(place.file)},
                    "region": {"startLine": place.line, "startColumn": place.column},
                },
                "logicalLocations": [{"fullyQualifiedName": finding.problem.path}],
            }
        ],
    }


def _page(rule: Rule) -> str:
    return f"{_PAGE}#{rule.anchor}"
