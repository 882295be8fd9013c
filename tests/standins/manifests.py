"""The Kubernetes objects of a service."""

from pathlib import Path

import yaml

from testbed.team import Team


def deploy(team: Team, manifest: Path) -> None:
    """Apply the objects of a file to the team's namespace, and wait until its pods are ready."""
    text = manifest.read_text()
    team.kubectl("apply", "-f", "-", input=text)
    for item in yaml.safe_load_all(text):
        if item["kind"] in ("Deployment", "StatefulSet"):
            workload = f"{item['kind'].lower()}/{item['metadata']['name']}"
            team.kubectl("rollout", "status", workload, "--timeout=60s")
