"""How the operator's process is configured; each field is an option of `servicesop run`."""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from servicesop.sources.dial import Network
from servicesop.sources.prometheus.endpoints import Endpoint


@dataclass(frozen=True, slots=True)
class Config:
    """One process."""

    kubeconfig: Path | None
    """The cluster; None: the one that the process runs in."""
    namespace: str
    """The operator's own namespace, for its records."""
    pod: str | None
    """The operator's own pod there, for what NetworkPolicies mean for it; None: it is none."""
    start_hold: timedelta
    """How long it only watches after its start."""
    heartbeat: timedelta
    """How often an unchanged status is renewed, at least."""
    allow_dial: frozenset[tuple[str, int]]
    """Exact host and port pairs that are dialled although the guard would refuse them."""
    refuse_dial: tuple[Network, ...]
    """Networks that are never dialled, such as the nodes' where no watched pod shows them."""
    endpoints: tuple[Endpoint, ...]
    """The Prometheus and Alertmanager endpoints that SOPs may name."""
    listen: tuple[str, int] | None
    """Where probes and metrics are served."""
