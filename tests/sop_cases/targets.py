"""The broken cases of spec.targets."""

from sop_cases.broken import ABSENT, Broken

CASES = {
    "two targets of one name": Broken(
        {"targets.1.name": "api"},
        ("spec.targets: Invalid value: the names in targets must be unique: there are two api"),
        by_models=False,
    ),
    "a workload that is no object name": Broken(
        {"targets.0.ref.name": "Kas_Fleet"},
        (
            'spec.targets[0].ref.name: Invalid value: "Kas_Fleet": must be the name'
            " of a Kubernetes object: lower case letters, digits, '-' and '.'"
        ),
    ),
    "no targets": Broken(
        {
            "targets": ABSENT,
            "checks.3.logs.target": ABSENT,
            "procedures.0.handle.0.remediate.restart.target": ABSENT,
            "procedures.3.handle.0.remediate.deletePod.target": ABSENT,
        },
        (
            "spec.targets: Invalid value: targets must hold at least one workload "
            "when one of [workload events logs config networkPolicy restart deletePod] is "
            "used"
        ),
        by_models=False,
    ),
}
