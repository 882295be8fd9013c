"""The Kubernetes objects of a service."""

from pathlib import Path

import yaml

from testbed import objects
from testbed.team import Team

_READY_SECONDS = 60.0


def deploy(team: Team, manifest: Path) -> None:
    """Apply the objects of a file to the team's namespace, and wait until its pods are ready."""
    api, items = team.control_plane.api, list(yaml.safe_load_all(manifest.read_text()))
    objects.apply(api, team.namespace, *items)
    for item in items:
        if item["kind"] in ("Deployment", "StatefulSet"):
            objects.wait_rolled_out(api, team.namespace, item, _READY_SECONDS)
