"""Who leads, by Leases of Kubernetes (coordination.k8s.io/v1): one, or one per worker."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from servicesop.api.checks.leader import WORKER, KubernetesLease
from servicesop.api.reasons import UnknownReason
from servicesop.checks.leader_judgement import Held
from servicesop.checks.runner import Objects

API_VERSION: Final = "coordination.k8s.io/v1"
AHEAD: Final = timedelta(seconds=10)
"""By how much the clock of who renews it may be ahead of ours; beyond it, a lease tells nothing."""
_MAX_SECONDS: Final = 10 * 365 * 24 * 3600


class KubernetesLeases:
    """Reads the Leases as the namespace's runner."""

    def __init__(self, lease: KubernetesLease, workers: tuple[str, ...], objects: Objects) -> None:
        self._names = {worker: lease.name.replace(WORKER, worker) for worker in workers}
        self._objects = objects

    async def held(self, now: datetime) -> dict[str, Held]:
        """Ask for one after the other, by our clock. Raise SourceError."""
        return {
            worker: read_lease(await self._objects.get(API_VERSION, "Lease", name), now)
            for worker, name in self._names.items()
        }


def read_lease(lease: Mapping[str, Any] | None, now: datetime) -> Held:
    """Tell who holds a Lease now. One that does not exist has never been held."""
    if lease is None:
        return Held(0)
    spec = lease.get("spec") or {}
    holder = spec.get("holderIdentity")
    if holder == "":
        # This is how a leader gives it back.
        return Held(0)
    renewed, seconds = _moment(spec.get("renewTime")), spec.get("leaseDurationSeconds")
    if not isinstance(holder, str) or renewed is None or not isinstance(seconds, int):
        return Held(0, doubt=UnknownReason.INCOMPLETE_LEASE)
    if renewed > now + AHEAD:
        return Held(0, doubt=UnknownReason.CLOCKS_DIFFER)
    left = renewed - now + timedelta(seconds=min(seconds, _MAX_SECONDS))
    return Held(1, holder) if left > timedelta() else Held(0)


def _moment(text: object) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return moment if moment is not None and moment.tzinfo is not None else None
