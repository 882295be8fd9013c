"""All rules, in the order of their codes, and what they find together."""

from collections.abc import Iterable, Iterator

from servicesop.lint.actions import checks_that_cannot_fail, short_cooldowns
from servicesop.lint.dead_rows import dead_rows
from servicesop.lint.names import negative_names
from servicesop.lint.overlays import lost_in_overlay
from servicesop.lint.patterns import refused_patterns, unmatched_patterns
from servicesop.lint.prose import checks_without_step, missing_prose
from servicesop.lint.rules import Finding, Problem, Rule, Severity, Subject
from servicesop.lint.secrets import compared_secrets
from servicesop.lint.uses import nobody_told, unused_checks, unused_entries
from servicesop.lint.windows import short_windows


def _nothing(_: Subject) -> Iterable[Problem]:
    return ()


INVALID = Rule(
    "SOP001",
    "invalid",
    Severity.ERROR,
    "The API server would refuse the SOP. It is not looked at further; other SOPs are.",
    "Change the field as the message says; docs/reference.md has all fields and their bounds.",
    _nothing,
)
"""What is found before there is an SOP that rules could look at."""

RULES = (
    INVALID,
    Rule(
        "SOP002",
        "dead-row",
        Severity.ERROR,
        "A row of a decision table can never win, whatever the checks say.",
        "Move the row up, narrow the `when` of the row that takes its place, or drop it.",
        dead_rows,
    ),
    Rule(
        "SOP003",
        "unused-check",
        Severity.WARNING,
        "A check is run, and nothing rests on it.",
        "Name it in the `checks`, the `steps` or the table of a procedure, or drop it.",
        unused_checks,
    ),
    Rule(
        "SOP004",
        "negative-check-name",
        Severity.WARNING,
        "The name of a check says what is wrong, so that `Failed` reads as if all were well.",
        "Name what should be true: `ocm-accepts`, not `ocm-refuses`.",
        negative_names,
    ),
    Rule(
        "SOP005",
        "lost-in-overlay",
        Severity.ERROR,
        "An SOP has fewer checks or procedures than the one of the same name given before it.",
        "Let kustomize merge lists by name: `openapi: {path: kustomize-schema.json}`.",
        lost_in_overlay,
    ),
    Rule(
        "SOP006",
        "check-without-step",
        Severity.WARNING,
        "A procedure happens by a check that none of its steps shows.",
        "Add `- {check: NAME}` to its `steps`, where the page has it.",
        checks_without_step,
    ),
    Rule(
        "SOP007",
        "short-cooldown",
        Severity.WARNING,
        "An action may be done again before it is known whether the last one helped.",
        "Make `cooldown` at least as long as `settle` and `verify.within` together.",
        short_cooldowns,
    ),
    Rule(
        "SOP008",
        "check-cannot-fail",
        Severity.ERROR,
        "The limits of a check allow everything: it cannot fail, and proves no action.",
        "Give it a limit that something can break, or drop it.",
        checks_that_cannot_fail,
    ),
    Rule(
        "SOP009",
        "nobody-told",
        Severity.WARNING,
        "With `notify: None` what is handed over reaches nobody.",
        "Set `notify` to `Info` or `Page`.",
        nobody_told,
    ),
    Rule(
        "SOP010",
        "unused-entry",
        Severity.WARNING,
        "A team, a link, a text or a connection is not named anywhere.",
        "Name it where it is meant, or drop it.",
        unused_entries,
    ),
    Rule(
        "SOP011",
        "short-window",
        Severity.ERROR,
        "A window (`within`) is shorter than the period (`every`): what happens between is unseen.",
        "Make `within` at least as long as `every`, better twice as long.",
        short_windows,
    ),
    Rule(
        "SOP012",
        "refused-pattern",
        Severity.ERROR,
        "A pattern is no RE2, or compiles to more than the operator runs.",
        "Write it without look-around and backreferences, with smaller repetitions.",
        refused_patterns,
    ),
    Rule(
        "SOP013",
        "unmatched-pattern",
        Severity.ERROR,
        "A pattern contradicts itself and matches no text: `a$b`.",
        "Put `^` first and `$` last, or leave them out.",
        unmatched_patterns,
    ),
    Rule(
        "SOP014",
        "compared-secret",
        Severity.WARNING,
        "A value that is secret by its name is compared, so that the SOP holds it.",
        "Ask for `nonEmpty` or `minLength` only.",
        compared_secrets,
    ),
    Rule(
        "SOP015",
        "missing-prose",
        Severity.WARNING,
        "A summary, a title, an impact or a `because` is missing where people look for it.",
        "Write a sentence or two in words of the service's users.",
        missing_prose,
    ),
)


def lint(subject: Subject) -> Iterator[Finding]:
    """Apply every rule to one SOP."""
    for rule in RULES:
        for problem in rule.find(subject):
            yield Finding(rule, problem)
