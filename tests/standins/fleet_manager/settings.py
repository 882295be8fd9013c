"""What the stand-in's process is told at its start, in a file that only its owner can read."""

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Settings:
    """Where the stand-in's pods, database and switches are; intervals in seconds."""

    kind: str
    """The name of a Kind."""
    kubeconfig: str
    namespace: str
    selector: str
    container: str
    logs: str
    """Directory for the pods' logs."""
    faults: str
    """File of the fault switches."""
    database: dict[str, Any]
    """Connection parameters of the service's role, by their libpq names."""
    request_id: str
    """What OCM names in its refusals."""
    ports: dict[str, int]
    """Of 127.0.0.1: `api` (https), `metrics`, and `router`, which has metrics of its own."""
    certificate: str
    """File of the API's key and certificate, which may be renewed."""
    lease: float
    election: float
    reconcile: float

    def write(self, path: Path) -> None:
        path.touch(mode=0o600)
        path.write_text(json.dumps(dataclasses.asdict(self)))

    @classmethod
    def read(cls, path: Path) -> Self:
        return cls(**json.loads(path.read_text()))
