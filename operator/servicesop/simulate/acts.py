"""What the operator has changed in the cluster of a test."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class ActName(StrEnum):
    """An action, as a row of a decision table names it."""

    RESTART = "restart"
    DELETE_POD = "deletePod"


@dataclass(frozen=True, slots=True)
class Act:
    """One change that reached the API server."""

    time: datetime
    name: ActName
    target: str
    """The SOP's name of the target."""
