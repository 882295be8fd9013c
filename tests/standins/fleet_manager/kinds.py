"""The two services that this stands in for: the fleet manager of today, and its first form."""

from collections.abc import Mapping
from dataclasses import dataclass

ORPHAN = "failed_kafka"
"""A lease type that has a row and no worker: expired for ever, and no fault."""


@dataclass(frozen=True)
class Kind:
    """What one of them calls its parts."""

    name: str
    """Of its Deployment, its database and its route; its Secrets begin with it."""
    path: str
    """Of the API; what is answered there opens a transaction."""
    workers: Mapping[str, str]
    """Those that the replicas elect leaders for: lease type, and how the log prints it."""
    rounds: Mapping[str, tuple[str, ...]]
    """What a worker does in one round, by `database.ROUNDS`; some have no work of their own."""
    lease: float
    """For how many seconds a leader is elected."""
    election: float
    """Seconds between two elections, or attempts to renew the lease."""
    orphans: tuple[str, ...] = ()
    """Lease types without a worker."""


KAS_FLEET_MANAGER = Kind(
    name="kas-fleet-manager",
    path="/api/kafkas_mgmt",
    workers={
        "cluster": "*cluster_mgrs.ClusterManager",
        "dynamic_scale_up": "*cluster_mgrs.DynamicScaleUpManager",
        "dynamic_scale_down": "*cluster_mgrs.DynamicScaleDownManager",
        "cleanup_clusters": "*cluster_mgrs.CleanupClustersManager",
        "deprovisioning_clusters": "*cluster_mgrs.DeprovisioningClustersManager",
        "general_kafka_worker": "*kafka_mgrs.KafkaManager",
        "accepted_kafka": "*kafka_mgrs.AcceptedKafkaManager",
        "preparing_kafka": "*kafka_mgrs.PreparingKafkaManager",
        "provisioning_kafka": "*kafka_mgrs.ProvisioningKafkaManager",
        "deleting_kafka": "*kafka_mgrs.DeletingKafkaManager",
        "ready_kafka": "*kafka_mgrs.ReadyKafkaManager",
        "kafka_dns": "*kafka_mgrs.KafkaRoutesCNAMEManager",
        "kafka_routes_tls_certificate": "*kafka_mgrs.KafkasRoutesTLSCertificateManager",
        "promoting_kafka": "*promotion.PromotionKafkaManager",
    },
    rounds={
        "cluster": ("clusters",),
        "deprovisioning_clusters": ("deprovisioning clusters",),
        "cleanup_clusters": ("clusters cleaned up",),
        "accepted_kafka": ("accepted Kafkas",),
        "preparing_kafka": ("preparing Kafkas",),
        "provisioning_kafka": ("provisioning Kafkas",),
        "deleting_kafka": ("deleted Kafkas",),
        "kafka_routes_tls_certificate": ("certificates of Kafkas",),
    },
    lease=60.0,
    election=15.0,
    orphans=(ORPHAN,),
)

MANAGED_SERVICES_API = Kind(
    name="managed-services-api",
    path="/api/managed-services-api",
    workers={"cluster": "*workers.ClusterManager", "kafka": "*workers.KafkaManager"},
    rounds={
        "cluster": ("clusters",),
        "kafka": ("accepted Kafkas of old", "Kafkas whose resources are created", "deleted Kafkas"),
    },
    lease=180.0,
    election=30.0,
)

RECONCILE = 30.0
"""Seconds between two rounds of a leader."""

KINDS = {kind.name: kind for kind in (KAS_FLEET_MANAGER, MANAGED_SERVICES_API)}
WORKERS = KAS_FLEET_MANAGER.workers
"""Those of the fleet manager of today."""
