"""The stand-in's fault switches: a small file that its owner writes and its process reads."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path


class Cause(StrEnum):
    """What is broken around the replicas."""

    OCM_REFUSES = "OCM refuses to create clusters"
    OCM_GIVES_UP = "OCM gives up on the clusters that it creates"
    ACCOUNTS_FAIL = "OCM does not answer for users' accounts, so their requests for Kafkas fail"
    QUERIES_ARE_SLOW = "the database's queries take long"
    AGENTS_ARE_SILENT = "the agents on the clusters report nothing of Kafkas"
    AGENTS_REPORT_ERRORS = "the agents on the clusters report errors of new Kafkas"


@dataclass(frozen=True, slots=True)
class Faults:
    """What is broken.

    `lost`: per worker the uids of the pods that can no longer lead it. Nobody leads that worker
    while one of them is there, as when replicas block each other: only replacing all of them helps.

    `hung`: per worker the uids of the pods whose reconcile does not return. They renew their lease.
    """

    lost: Mapping[str, frozenset[str]] = field(default_factory=dict)
    hung: Mapping[str, frozenset[str]] = field(default_factory=dict)
    causes: frozenset[Cause] = frozenset()

    def unled(self, present: frozenset[str]) -> frozenset[str]:
        """Return the workers that nobody can lead while these pods are there."""
        return frozenset(worker for worker, uids in self.lost.items() if uids & present)

    def hanging(self, pod: str) -> frozenset[str]:
        """Return the workers whose reconcile hangs in the pod of this uid."""
        return frozenset(worker for worker, uids in self.hung.items() if pod in uids)

    def write(self, path: Path) -> None:
        """Replace the file in one go: a reader finds the old switches or the new ones."""
        content = {
            "lost": _lists(self.lost),
            "hung": _lists(self.hung),
            "causes": sorted(self.causes),
        }
        fresh = path.with_suffix(".new")
        fresh.write_text(json.dumps(content))
        fresh.replace(path)

    @classmethod
    def read(cls, path: Path) -> "Faults":
        content = json.loads(path.read_text())
        causes = frozenset(map(Cause, content["causes"]))
        return cls(_sets(content["lost"]), _sets(content["hung"]), causes)


def _lists(uids: Mapping[str, frozenset[str]]) -> dict[str, list[str]]:
    return {worker: sorted(each) for worker, each in uids.items()}


def _sets(uids: Mapping[str, list[str]]) -> dict[str, frozenset[str]]:
    return {worker: frozenset(each) for worker, each in uids.items()}
