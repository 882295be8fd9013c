"""A stand-in for the Kafka Service Fleet Manager, and for the Managed Services API, its first form.

It is not the real program, and says so. What is real: a Deployment of three pods in the cluster, a
PostgreSQL database with the service's tables, its application role and a role for readers. What is
ours: one small process that follows the pods and does for each of them what a replica would do to
the database and write to its log, and that serves their API and their metrics. It reads the pods,
its database and its own fault switches, nothing else; it restarts nothing, and its account has no
right to.

It behaves like the real program in this: a new identity at every pod start; leases per type of
worker, taken when empty or expired, renewed when less than half is left, never released (a
replacement waits until they run out) and stamped with the pod's clock; an orphan row that nobody
leads; the log lines of leadership, heartbeat and refused clusters in the glog format; rows that
are rewritten without changing; deletion that only stamps `deleted_at`; an API that is 500 while the
pods have no database. Without its database it stops its workers, says so in the log and recovers
by itself.

It differs in this: two leaders never overlap; no kubelet probes its pods, so they stay up without
the database; its users are counted and not simulated, there is no sidecar, and the kubelet's own
requests are not counted; OCM and the data planes are decided here, one status per reconcile;
intervals are seconds instead of minutes.
"""

from standins.fleet_manager.faults import Cause
from standins.fleet_manager.kinds import KAS_FLEET_MANAGER, MANAGED_SERVICES_API, WORKERS, Kind
from standins.fleet_manager.service import FleetManager

__all__ = ["KAS_FLEET_MANAGER", "MANAGED_SERVICES_API", "WORKERS", "Cause", "FleetManager", "Kind"]
