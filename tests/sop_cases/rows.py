"""The broken cases of the rows of a procedure."""

from sop_cases.broken import ABSENT, Broken

FINDINGS = (
    "workload: TooFewConfigured NotReady ImagePull ConfigError CrashLoop Restarting RolloutFailed,"
    " resource: ConditionNotMet Missing, events: Found,"
    " logs: TooMany TooFew SinglePod and its classes, leader: None Many NoHeartbeat,"
    " sql: TooMany TooFew Empty, stuckRows: Stuck TooMany TooFew,"
    " prometheus: Above Below Firing Empty,"
    " http: Timeout Refused Reset TLS Malformed Status Latency Body,"
    " config: Missing Empty TooShort Differs,"
    " networkPolicy: Missing TooNarrow TooWide SelectsNoPod"
)

CASES = {
    "two rows of one name": Broken(
        {"procedures.0.handle.2.name": "no-leader"},
        (
            "spec.procedures[0].handle: Invalid value: the names in handle must be "
            "unique: there are two no-leader"
        ),
        by_models=False,
    ),
    "a row that is conditional and last": Broken(
        {"procedures.0.handle.3.when": {"anyFailed": ["ocm-accepts"]}},
        (
            "spec.procedures[0].handle[3]: Invalid value: exactly one of the fields"
            " in [when otherwise] must be set"
        ),
    ),
    "a row that is never true": Broken(
        {"procedures.0.handle.2.when": ABSENT},
        (
            "spec.procedures[0].handle[2]: Invalid value: exactly one of the fields"
            " in [when otherwise] must be set"
        ),
    ),
    "a row with two outcomes": Broken(
        {"procedures.0.handle.2.hold": {"because": "x", "atMost": "1m"}},
        (
            "spec.procedures[0].handle[2]: Invalid value: exactly one of the fields"
            " in [remediate escalate hold] must be set"
        ),
    ),
    "a row without an outcome": Broken(
        {"procedures.0.handle.2.escalate": ABSENT},
        (
            "spec.procedures[0].handle[2]: Invalid value: exactly one of the fields"
            " in [remediate escalate hold] must be set"
        ),
    ),
    "orElse beside escalate": Broken(
        {"procedures.0.handle.2.orElse": {"to": ["control-plane"]}},
        ("spec.procedures[0].handle[2]: Invalid value: orElse is only allowed beside remediate"),
    ),
    "a last row that waits": Broken(
        {
            "procedures.0.handle.3.escalate": ABSENT,
            "procedures.0.handle.3.hold": {"because": "x", "atMost": "1m"},
        },
        ("spec.procedures[0].handle[3]: Invalid value: the row with otherwise must escalate"),
    ),
    "a table without a last row": Broken(
        {"procedures.0.handle.3": ABSENT},
        (
            "spec.procedures[0].handle: Invalid value: the last row of handle, and "
            "no other, must be the one with otherwise: true"
        ),
    ),
    "a table whose last row is not last": Broken(
        {
            "procedures.0.handle.4": {
                "name": "late",
                "when": {"anyFailed": ["ocm-accepts"]},
                "escalate": {"to": ["ocm-support"]},
            }
        },
        (
            "spec.procedures[0].handle: Invalid value: the last row of handle, and "
            "no other, must be the one with otherwise: true"
        ),
    ),
    "a table with two last rows": Broken(
        {"procedures.0.handle.2.when": ABSENT, "procedures.0.handle.2.otherwise": True},
        (
            "spec.procedures[0].handle: Invalid value: the last row of handle, and "
            "no other, must be the one with otherwise: true"
        ),
    ),
    "a condition that names nothing": Broken(
        {"procedures.0.handle.2.when": {}},
        (
            "spec.procedures[0].handle[2].when: Invalid value: at least one of the "
            "fields in [anyFailed allFailed allPassed] must be set"
        ),
    ),
    "a remediation without an action": Broken(
        {"procedures.0.handle.0.remediate.restart": ABSENT},
        (
            "spec.procedures[0].handle[0].remediate: Invalid value: exactly one of "
            "the fields in [restart deletePod] must be set"
        ),
    ),
    "a remediation of two actions": Broken(
        {"procedures.0.handle.0.remediate.deletePod": {"podFrom": "ocm-accepts"}},
        (
            "spec.procedures[0].handle[0].remediate: Invalid value: exactly one of "
            "the fields in [restart deletePod] must be set"
        ),
    ),
    "an unknown target of a deletePod": Broken(
        {"procedures.3.handle.0.remediate.deletePod.target": "app"},
        (
            "spec.procedures: Invalid value: "
            "procedures[].handle[].remediate.deletePod.target must be the name of one"
            " of spec.targets; wrong in OnePodFails"
        ),
        by_models=False,
    ),
    "an unknown check of a deletePod": Broken(
        {"procedures.3.handle.0.remediate.deletePod.podFrom": "refuses"},
        (
            "spec.procedures: Invalid value: "
            "procedures[].handle[].remediate.deletePod.podFrom must be the name of one"
            " of spec.checks that has logs; wrong in OnePodFails"
        ),
        by_models=False,
    ),
    "a pod from a check that knows no pods": Broken(
        {"procedures.3.handle.0.remediate.deletePod.podFrom": "replicas-ready"},
        (
            "spec.procedures: Invalid value: "
            "procedures[].handle[].remediate.deletePod.podFrom must be the name of one"
            " of spec.checks that has logs; wrong in OnePodFails"
        ),
        by_models=False,
    ),
    "an unknown target of a restart": Broken(
        {"procedures.0.handle.0.remediate.restart.target": "app"},
        (
            "spec.procedures: Invalid value: "
            "procedures[].handle[].remediate.restart.target must be the name of one"
            " of spec.targets; wrong in ClusterProvisioningLatency"
        ),
        by_models=False,
    ),
    "an unknown check of a verification": Broken(
        {"procedures.0.handle.0.remediate.verify.checks": ["leader"]},
        (
            "spec.procedures: Invalid value: "
            "procedures[].handle[].remediate.verify.checks must be the name of one "
            "of spec.checks; wrong in ClusterProvisioningLatency"
        ),
        by_models=False,
    ),
    "an unknown check in anyFailed": Broken(
        {"procedures.0.handle.2.when": {"anyFailed": ["ocm-refuses"]}},
        (
            "spec.procedures: Invalid value: procedures[].handle[].when.anyFailed "
            "must be the name of one of spec.checks, or check/Finding with a "
            f"finding of the check's type ({FINDINGS}); "
            "wrong in ClusterProvisioningLatency"
        ),
        by_models=False,
    ),
    "a finding of another type in anyFailed": Broken(
        {"procedures.0.handle.0.when": {"anyFailed": ["cluster-leader/Stuck"]}},
        (
            "spec.procedures: Invalid value: procedures[].handle[].when.anyFailed "
            "must be the name of one of spec.checks, or check/Finding with a "
            f"finding of the check's type ({FINDINGS}); "
            "wrong in ClusterProvisioningLatency"
        ),
        by_models=False,
    ),
    "an unknown finding in allFailed": Broken(
        {"procedures.0.handle.1.when.allFailed": ["replicas-ready/Gone"]},
        (
            "spec.procedures: Invalid value: procedures[].handle[].when.allFailed "
            "must be the name of one of spec.checks, or check/Finding with a "
            f"finding of the check's type ({FINDINGS}); "
            "wrong in ClusterProvisioningLatency"
        ),
        by_models=False,
    ),
    "an unknown finding in allPassed": Broken(
        {"procedures.0.handle.1.when.allPassed": ["cluster-leader/Few"]},
        (
            "spec.procedures: Invalid value: procedures[].handle[].when.allPassed "
            "must be the name of one of spec.checks, or check/Finding with a "
            f"finding of the check's type ({FINDINGS}); "
            "wrong in ClusterProvisioningLatency"
        ),
        by_models=False,
    ),
    "a finding of an unknown check": Broken(
        {"procedures.0.handle.1.when.allPassed": ["leader/Many"]},
        (
            "spec.procedures: Invalid value: procedures[].handle[].when.allPassed "
            "must be the name of one of spec.checks, or check/Finding with a "
            f"finding of the check's type ({FINDINGS}); "
            "wrong in ClusterProvisioningLatency"
        ),
        by_models=False,
    ),
}
