"""The broken cases of procedures and their steps."""

from sop_cases.broken import ABSENT, Broken

CASES = {
    "two procedures of one name": Broken(
        {"procedures.1.name": "ClusterProvisioningCorrectness"},
        (
            "spec.procedures: Invalid value: the names in procedures must be "
            "unique: there are two ClusterProvisioningCorrectness"
        ),
        by_models=False,
    ),
    "a procedure named in several words": Broken(
        {"procedures.2.name": "provisioning-correctness"},
        (
            'spec.procedures[2].name: Invalid value: "provisioning-correctness": '
            "must be one CamelCase word such as OSDClusterProvisioningLatency: it "
            "becomes a condition type"
        ),
    ),
    "a procedure named as a fixed condition": Broken(
        {"procedures.2.name": "Healthy"},
        (
            'spec.procedures[2].name: Invalid value: "Healthy": must not be one of '
            "the fixed conditions [Ready, Healthy, RemediationAllowed, Remediating,"
            " Escalated, Stalled, Reconciling]"
        ),
    ),
    "a procedure with a table and a reference to one": Broken(
        {"procedures.0.stepsFrom": "ClusterProvisioningLatency"},
        (
            "spec.procedures[0]: Invalid value: exactly one of the fields in "
            "[handle stepsFrom sameAs] must be set"
        ),
    ),
    "a procedure without a table": Broken(
        {"procedures.1.stepsFrom": ABSENT},
        (
            "spec.procedures[1]: Invalid value: exactly one of the fields in "
            "[handle stepsFrom sameAs] must be set"
        ),
    ),
    "a procedure without checks": Broken(
        {"procedures.1.checks": ABSENT},
        (
            "spec.procedures[1]: Invalid value: exactly one of the fields in "
            "[checks sameAs] must be set"
        ),
    ),
    "a second title with checks of its own": Broken(
        {"procedures.2.checks": ["ocm-accepts"]},
        (
            "spec.procedures[2]: Invalid value: exactly one of the fields in "
            "[checks sameAs] must be set"
        ),
    ),
    "steps beside stepsFrom": Broken(
        {"procedures.1.steps": [{"check": "ocm-accepts"}]},
        (
            "spec.procedures[1]: Invalid value: steps are only allowed beside "
            "handle; with stepsFrom or sameAs they come from the other procedure"
        ),
    ),
    "a step that is nothing": Broken(
        {"procedures.0.steps.1": {"informational": True}},
        (
            "spec.procedures[0].steps[1]: Invalid value: exactly one of the fields "
            "in [manual check] must be set"
        ),
    ),
    "a step that is two things": Broken(
        {"procedures.0.steps.0.check": "ocm-accepts"},
        (
            "spec.procedures[0].steps[0]: Invalid value: exactly one of the fields "
            "in [manual check] must be set"
        ),
    ),
    "an unknown check of a procedure": Broken(
        {"procedures.1.checks": ["ocm-accepts", "ocm-acepts"]},
        (
            "spec.procedures: Invalid value: procedures[].checks must be the name "
            "of one of spec.checks; wrong in ClusterProvisioningErrors"
        ),
        by_models=False,
    ),
    "an unknown check of a step": Broken(
        {"procedures.0.steps.1.check": "leader"},
        (
            "spec.procedures: Invalid value: procedures[].steps[].check must be the"
            " name of one of spec.checks; wrong in ClusterProvisioningLatency"
        ),
        by_models=False,
    ),
    "steps from nowhere": Broken(
        {"procedures.1.stepsFrom": "ClusterProvisioning"},
        (
            "spec.procedures: Invalid value: procedures[].stepsFrom must be the "
            "name of another procedure, one that has a handle of its own; wrong in "
            "ClusterProvisioningErrors"
        ),
        by_models=False,
    ),
    "steps from a procedure without its own": Broken(
        {
            "procedures.2": {
                "name": "ThirdTitle",
                "checks": ["ocm-accepts"],
                "stepsFrom": "ClusterProvisioningErrors",
            }
        },
        (
            "spec.procedures: Invalid value: procedures[].stepsFrom must be the "
            "name of another procedure, one that has a handle of its own; wrong in "
            "ThirdTitle"
        ),
        by_models=False,
    ),
    "the same as itself": Broken(
        {"procedures.2.sameAs": "ClusterProvisioningCorrectness"},
        (
            "spec.procedures: Invalid value: procedures[].sameAs must be the name "
            "of another procedure, one that has a handle of its own; wrong in "
            "ClusterProvisioningCorrectness"
        ),
        by_models=False,
    ),
}
