"""The workers that the replicas elect leaders for."""

WORKERS = {
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
}
"""Lease type of each worker, and how the log prints it."""

ORPHAN = "failed_kafka"
"""A lease type that has a row and no worker: expired for ever, and no fault."""
