"""Rules about patterns: the operator must be able to run them, and a text must be able to match."""

from collections.abc import Iterator

from servicesop.checks.patterns import matcher
from servicesop.lint.anchors import can_match
from servicesop.lint.fields import patterns
from servicesop.lint.rules import Problem, Subject
from servicesop.sources.errors import SourceError


def refused_patterns(subject: Subject) -> Iterator[Problem]:
    """Find patterns that RE2 does not know, or that are too much for the operator."""
    for path, pattern in patterns(subject.spec):
        if not _is_valid(pattern):
            yield Problem(
                path,
                f"the pattern {pattern!r} is no valid RE2 pattern, or compiles to more than the"
                " operator runs",
            )


def unmatched_patterns(subject: Subject) -> Iterator[Problem]:
    """Find patterns that match nothing."""
    for path, pattern in patterns(subject.spec):
        if _is_valid(pattern) and not can_match(pattern):
            yield Problem(
                path,
                f"the pattern {pattern!r} matches no text: it asks for the begin of the text after"
                " a part of it, or for a part after its end",
            )


def _is_valid(pattern: str) -> bool:
    try:
        matcher(pattern)
    except SourceError:
        return False
    return True
