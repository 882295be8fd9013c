"""The broken cases of spec.teams, and of what names one."""

from sop_cases.broken import Broken

CASES = {
    "two teams of one name": Broken(
        {"teams.2": {"name": "ocm-support", "title": "OCM"}},
        ("spec.teams: Invalid value: the names in teams must be unique: there are two ocm-support"),
        by_models=False,
    ),
    "an unknown team of a row": Broken(
        {"procedures.0.handle.2.escalate.to": ["ocm-support", "ocm"]},
        (
            "spec.procedures: Invalid value: procedures[].handle[].escalate.to must"
            " be the name of one of spec.teams; wrong in ClusterProvisioningLatency"
        ),
        by_models=False,
    ),
    "an unknown team of orElse": Broken(
        {"procedures.0.handle.0.orElse.to": ["ops"]},
        (
            "spec.procedures: Invalid value: procedures[].handle[].orElse.to must "
            "be the name of one of spec.teams; wrong in ClusterProvisioningLatency"
        ),
        by_models=False,
    ),
}
