"""Whether a StatefulSet gets on, as far as this process has seen it.

A Deployment has a condition and a deadline for that; a StatefulSet has neither.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from servicesop.api.kinds import WorkloadKind
from servicesop.judge.rollout import PodView, WorkloadView, replacing

DEADLINE: Final = timedelta(minutes=10)
"""Without progress for longer than this, a rollout has failed: the default of a Deployment."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What of a StatefulSet only time tells."""

    starting: bool = False
    """It is new: its pods have never all been ready."""
    replacing: bool = False
    """Its pods have not all been ready since old ones were last seen to be replaced."""
    stalled: bool = False
    """Nothing has moved for longer than the deadline."""


class Progress:
    """Watches one StatefulSet after the other; an operator that starts allows the deadline anew."""

    def __init__(self) -> None:
        self._uid = ""
        self._starting = self._replacing = False
        self._seen: tuple[object, ...] = ()
        self._moved: datetime | None = None

    def look(self, workload: WorkloadView, pods: Sequence[PodView], now: datetime) -> Standing:
        """Take note of the workload as it is now; `pods` are those that count."""
        if workload.kind is not WorkloadKind.STATEFUL_SET:
            return Standing()
        if workload.uid != self._uid:
            self._uid = workload.uid
            # One that is older may have been whole before anybody looked.
            self._starting = workload.created is not None and now - workload.created < DEADLINE
            self._replacing = False
        ready = sum(pod.ready for pod in pods)
        # The last pod that is replaced leaves no old one behind, and after a rollback no other
        # trace either: without this it would be taken for a lost one.
        if replacing(workload, pods):
            self._replacing = True
        elif ready >= workload.replicas:
            self._starting = self._replacing = False
        seen = (
            workload.uid,
            workload.generation,
            workload.update_revision,
            workload.updated,
            ready,
        )
        if seen != self._seen or self._moved is None:
            self._seen, self._moved = seen, now
        return Standing(self._starting, self._replacing, now - self._moved >= DEADLINE)
