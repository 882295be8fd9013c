"""The broken cases of checks workload."""

from sop_cases.broken import Broken

CASES = {
    "a workload check that asks nothing": Broken(
        {"checks.0.workload": {}},
        (
            "spec.checks[0].workload: Invalid value: at least one of the fields in "
            "[replicas minReady restarts] must be set"
        ),
    ),
    "restarts in a window of no length": Broken(
        {"checks.0.workload.restarts": {"max": 3, "within": "0s"}},
        ('spec.checks[0].workload.restarts.within: Invalid value: "0s": must be at least "1s"'),
    ),
    "an unknown target of a workload check": Broken(
        {"checks.0.workload.target": "app"},
        (
            "spec.checks: Invalid value: checks[].workload.target must be the name "
            "of one of spec.targets; wrong in replicas-ready"
        ),
        by_models=False,
    ),
}
