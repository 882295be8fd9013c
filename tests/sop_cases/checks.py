"""The broken cases of what checks of every type have."""

from sop_cases.broken import ABSENT, Broken

TYPES = "workload resource events logs leader sql stuckRows prometheus http config networkPolicy"

CASES = {
    "a check of two types": Broken(
        {"checks.0.logs": {"pattern": "x", "within": "1m", "max": 0}},
        (f"spec.checks[0]: Invalid value: exactly one of the fields in [{TYPES}] must be set"),
    ),
    "a check of no type": Broken(
        {"checks.3.logs": ABSENT},
        (f"spec.checks[3]: Invalid value: exactly one of the fields in [{TYPES}] must be set"),
    ),
    "two checks of one name": Broken(
        {"checks.4": {"name": "replicas-ready", "workload": {"replicas": 1}}},
        (
            "spec.checks: Invalid value: the names in checks must be unique: there "
            "are two replicas-ready"
        ),
        by_models=False,
    ),
    "a name in capitals": Broken(
        {"checks.0.name": "Replicas", "procedures.0.handle.1.when.allFailed": ["ocm-accepts"]},
        (
            'spec.checks[0].name: Invalid value: "Replicas": must be lower case '
            "letters, digits and '-', starting and ending with a letter or digit"
        ),
    ),
    "a check interval below a second": Broken(
        {"checks.0.every": "0s"}, 'spec.checks[0].every: Invalid value: "0s": must be at least "1s"'
    ),
    "a check that depends on itself": Broken(
        {"checks.2.dependsOn": ["replicas-ready", "accepted-moves-on"]},
        ("spec.checks[2].dependsOn: Invalid value: a check must not depend on itself"),
    ),
    "an unknown check in dependsOn": Broken(
        {"checks.2.dependsOn": ["cluster-leader", "database-answers"]},
        (
            "spec.checks: Invalid value: checks[].dependsOn must be the name of one of "
            "spec.checks; wrong in accepted-moves-on"
        ),
        by_models=False,
    ),
    "two checks that depend on each other": Broken(
        {"checks.1.dependsOn": ["accepted-moves-on"], "checks.2.dependsOn": ["cluster-leader"]},
        (
            "spec.checks: Invalid value: checks[].dependsOn must not lead back to the check "
            "itself, and a chain of them may hold at most 8 checks; wrong in cluster-leader"
        ),
        by_models=False,
    ),
}
