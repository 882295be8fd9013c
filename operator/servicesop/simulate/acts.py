"""What the operator has changed in the cluster of a test."""

from dataclasses import dataclass
from datetime import datetime

from servicesop.api.kinds import ActionKind


@dataclass(frozen=True, slots=True)
class Act:
    """One change that reached the API server."""

    time: datetime
    name: ActionKind
    target: str
    """The SOP's name of the target."""
