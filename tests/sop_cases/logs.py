"""The broken cases of checks logs."""

from sop_cases.broken import ABSENT, Broken

CASES = {
    "a logs check without a limit": Broken(
        {"checks.3.logs.max": ABSENT},
        ("spec.checks[3].logs: Invalid value: at least one of the fields in [min max] must be set"),
    ),
    "logs limits that exclude each other": Broken(
        {"checks.3.logs.min": 1},
        "spec.checks[3].logs: Invalid value: min must not be greater than max",
    ),
    "a class without a pattern": Broken(
        {"checks.3.logs.classes": [{"name": "RateLimit"}]},
        (
            "spec.checks[3].logs.classes[0]: Invalid value: exactly one of the fields in "
            "[pattern rest] must be set"
        ),
    ),
    "a class with a pattern that takes the rest": Broken(
        {"checks.3.logs.classes": [{"name": "Other", "pattern": "x", "rest": True}]},
        (
            "spec.checks[3].logs.classes[0]: Invalid value: exactly one of the fields in "
            "[pattern rest] must be set"
        ),
    ),
    "two classes for the rest": Broken(
        {"checks.3.logs.classes": [{"name": "A", "rest": True}, {"name": "B", "rest": True}]},
        "spec.checks[3].logs: Invalid value: at most one of classes may be the rest",
    ),
    "two classes of one name": Broken(
        {"checks.3.logs.classes": [{"name": "A", "pattern": "x"}, {"name": "A", "rest": True}]},
        (
            "spec.checks[3].logs.classes: Invalid value: the names in classes must be unique: "
            "there are two A"
        ),
    ),
    "classes of too few": Broken(
        {
            "checks.3.logs": {
                **{"pattern": "x", "within": "1m", "min": 1},
                "classes": [{"name": "A", "rest": True}],
            }
        },
        (
            "spec.checks[3].logs: Invalid value: classes are only allowed beside max: they say "
            "what there is too much of"
        ),
    ),
    "a class named in several words": Broken(
        {"checks.3.logs.classes": [{"name": "rate-limit", "pattern": "429"}]},
        (
            'spec.checks[3].logs.classes[0].name: Invalid value: "rate-limit": must be one '
            "CamelCase word such as RateLimit: it becomes a finding"
        ),
    ),
    "a class named as a finding": Broken(
        {"checks.3.logs.classes": [{"name": "SinglePod", "pattern": "429"}]},
        (
            'spec.checks[3].logs.classes[0].name: Invalid value: "SinglePod": must not be one of '
            "the findings [TooMany, TooFew, SinglePod], which every logs check has"
        ),
    ),
    "a share of more than all": Broken(
        {"checks.3.logs.classes": [{"name": "A", "rest": True, "minShare": "1.5"}]},
        (
            "spec.checks[3].logs.classes[0]: Invalid value: minShare must be greater than "
            '"0" and at most "1"'
        ),
    ),
    "a share that is no number": Broken(
        {"checks.3.logs.classes": [{"name": "A", "rest": True, "minShare": "half"}]},
        (
            'spec.checks[3].logs.classes[0].minShare: Invalid value: "half": must be a quoted '
            'decimal such as "5", "0.8" or "-1.5"'
        ),
    ),
    "a pattern that RE2 does not know": Broken(
        {"checks.3.logs.pattern": "(?=x)"},
        (
            'spec.checks[3].logs.pattern: Invalid value: "string": error parsing '
            "regexp: invalid or unsupported Perl syntax: `(?=` evaluating rule: "
            "must be a valid RE2 pattern (no look-around, no backreferences)"
        ),
        by_models=False,
    ),
    "an unknown target of a logs check": Broken(
        {"checks.3.logs.target": "app"},
        (
            "spec.checks: Invalid value: checks[].logs.target must be the name of "
            "one of spec.targets; wrong in ocm-accepts"
        ),
        by_models=False,
    ),
}
