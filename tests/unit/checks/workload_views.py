"""A workload as the watches give it when nothing happens."""

from servicesop.judge.rollout import WorkloadView

STEADY = WorkloadView(
    name="api",
    uid="u",
    generation=3,
    observed_generation=3,
    replicas=3,
    current=3,
    updated=3,
    ready=3,
    available=3,
    paused=False,
    deadline_exceeded=False,
    recreate=False,
    max_unavailable=1,
    action="",
    template_hash="h",
)
