"""The stand-in's fault switches: a small file that its owner writes and its process reads."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Faults:
    """What is broken.

    `lost`: per worker the uids of the pods that can no longer lead it. Nobody leads that worker
    while one of them is there, as when replicas block each other: only replacing all of them helps.
    """

    lost: Mapping[str, frozenset[str]] = field(default_factory=dict)
    ocm_refuses: bool = False

    def unled(self, present: frozenset[str]) -> frozenset[str]:
        """Return the workers that nobody can lead while these pods are there."""
        return frozenset(worker for worker, uids in self.lost.items() if uids & present)

    def write(self, path: Path) -> None:
        """Replace the file in one go: a reader finds the old switches or the new ones."""
        lost = {worker: sorted(uids) for worker, uids in self.lost.items()}
        fresh = path.with_suffix(".new")
        fresh.write_text(json.dumps({"lost": lost, "ocmRefuses": self.ocm_refuses}))
        fresh.replace(path)

    @classmethod
    def read(cls, path: Path) -> "Faults":
        content = json.loads(path.read_text())
        lost = {worker: frozenset(uids) for worker, uids in content["lost"].items()}
        return cls(lost, content["ocmRefuses"])
