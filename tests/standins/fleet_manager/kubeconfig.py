"""What a kubeconfig of the testbed says."""

from dataclasses import dataclass
from pathlib import Path

import yaml


@dataclass(frozen=True, slots=True)
class Credentials:
    """How to reach an API server, and as whom."""

    server: str
    token: str
    certificate_authority: Path
    """PEM file."""


def read_credentials(path: Path) -> Credentials:
    """Read a kubeconfig with one cluster and one user who has a token."""
    content = yaml.safe_load(path.read_text())
    cluster = content["clusters"][0]["cluster"]
    return Credentials(
        server=cluster["server"],
        token=content["users"][0]["user"]["token"],
        certificate_authority=Path(cluster["certificate-authority"]),
    )
