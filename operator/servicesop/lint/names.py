"""The rule about names of checks: a name says what should be true."""

from collections.abc import Iterator

from servicesop.lint.rules import Problem, Subject

_DENIALS = frozenset({"not", "no", "never", "without", "nothing", "nobody", "none"})
_BAD = frozenset(
    {
        *("bad", "broken", "crash", "crashed", "crashes", "crashing", "crashloop"),
        *("dead", "degraded", "denied", "denies", "down", "empty", "error", "errors", "exceeded"),
        *("exceeds", "exhausted", "expired", "fail", "failed", "failing", "fails", "failure"),
        *("failures", "hanging", "hangs", "idle", "inactive", "invalid", "lacks"),
        *("lagging", "late", "lost", "missing", "overloaded", "pending", "refused", "refuses"),
        *("rejected", "rejects", "slow", "stale", "stalled", "stuck", "throttled", "timeout"),
        *("timeouts", "too", "unavailable", "unhealthy", "unreachable", "unready", "wrong"),
    }
)
_UNWANTED = frozenset(
    {
        *("alert", "alerts", "backlog", "conflicts", "duplicates", "drift", "evictions", "leak"),
        *("leaks", "orphans", "panics", "queue", "restarts", "retries", "strangers", "warnings"),
        *("fires", "restarted", "evicted", "firing"),
    }
)
"""What is good to be denied, and says nothing by itself."""
_LIMITS = frozenset(
    {
        *("few", "fewer", "rare", "rarely", "low", "below", "under", "within", "bounded"),
        *("limited", "handled", "recovers", "absent", "gone", "resolved", "acceptable"),
    }
)


def negative_names(subject: Subject) -> Iterator[Problem]:
    """Find names that say what is wrong when the check fails, not what should be true."""
    for number, check in enumerate(subject.spec.checks):
        word = _negative(check.name.split("-"))
        if word is not None:
            yield Problem(
                f"spec.checks[{number}].name",
                f"the check {check.name} is Passed when all is well, but its name"
                f" says what is wrong ({word})",
            )


def _negative(words: list[str]) -> str | None:
    """Give the word by which a name is no positive statement; what is bad and denied is good."""
    if _LIMITS & set(words):
        return None
    denial = next((word for word in words if word in _DENIALS), None)
    bad = next((word for word in words if word in _BAD), None)
    if denial is None:
        return bad
    return None if bad or _UNWANTED & set(words) else denial
