"""What a replica does to the service's tables. Times come from the pod's clock, as in the original.

No statement waits for another replica for long: each one is a transaction of its own.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

import psycopg

_CONNECT_SECONDS = 2

# What the cluster worker does in one round to every cluster that OCM knows: one status further, and
# `updated_at` rewritten even where nothing changes.
_MOVE_CLUSTERS = """
UPDATE clusters SET updated_at = %(now)s, status = CASE status
    WHEN 'cluster_provisioning' THEN 'cluster_provisioned'
    WHEN 'cluster_provisioned' THEN 'waiting_for_kas_fleetshard_operator'
    ELSE 'ready' END
WHERE deleted_at IS NULL AND status IN ('cluster_provisioning', 'cluster_provisioned',
    'waiting_for_kas_fleetshard_operator', 'ready')
"""
_ROUNDS = {
    "cluster": _MOVE_CLUSTERS,
    "deprovisioning_clusters": (
        "UPDATE clusters SET status = 'cleanup', updated_at = %(now)s"
        " WHERE deleted_at IS NULL AND status = 'deprovisioning'"
    ),
    "cleanup_clusters": (
        "UPDATE clusters SET deleted_at = %(now)s WHERE deleted_at IS NULL AND status = 'cleanup'"
    ),
    "accepted_kafka": (
        "UPDATE kafka_requests SET status = 'preparing', updated_at = %(now)s"
        " WHERE deleted_at IS NULL AND status = 'accepted'"
    ),
    "preparing_kafka": (
        "UPDATE kafka_requests SET status = 'provisioning', updated_at = %(now)s"
        " WHERE deleted_at IS NULL AND status = 'preparing'"
    ),
    "provisioning_kafka": (
        "UPDATE kafka_requests SET status = 'ready', updated_at = %(now)s"
        " WHERE deleted_at IS NULL AND status = 'provisioning'"
    ),
    "deleting_kafka": (
        "UPDATE kafka_requests SET status = 'deleting', deleted_at = %(now)s"
        " WHERE deleted_at IS NULL AND status IN ('deprovision', 'deleting')"
    ),
    # The original compares references that are always empty, so it always writes.
    "kafka_routes_tls_certificate": (
        "UPDATE kafka_requests SET updated_at = %(now)s WHERE deleted_at IS NULL"
        " AND status NOT IN ('deprovision', 'deleting', 'suspended')"
    ),
}


@dataclass(frozen=True, slots=True)
class Lease:
    """Who leads a worker, and until when."""

    holder: str
    expires: datetime


class Database:
    """One replica's connection, as the service's own role."""

    def __init__(self, connection: psycopg.AsyncConnection[tuple[Any, ...]]) -> None:
        self._connection = connection

    @classmethod
    async def connect(cls, parameters: Mapping[str, Any]) -> Self:
        return cls(
            await psycopg.AsyncConnection.connect(
                **parameters, autocommit=True, connect_timeout=_CONNECT_SECONDS
            )
        )

    async def close(self) -> None:
        await self._connection.close()

    async def leases(self) -> dict[str, Lease]:
        cursor = await self._connection.execute(
            "SELECT lease_type, leader, expires FROM leader_leases WHERE deleted_at IS NULL"
        )
        return {worker: Lease(holder, expires) async for worker, holder, expires in cursor}

    async def take_lease(self, worker: str, holder: str, now: datetime, until: datetime) -> bool:
        """Take or renew a lease, unless it is somebody else's; tell whether it is ours now."""
        cursor = await self._connection.execute(
            "UPDATE leader_leases SET leader = %(holder)s, expires = %(until)s,"
            " updated_at = %(now)s"
            " WHERE lease_type = %(worker)s AND deleted_at IS NULL"
            " AND (leader IN ('', %(holder)s) OR expires < %(now)s)",
            {"worker": worker, "holder": holder, "now": now, "until": until},
        )
        return cursor.rowcount == 1

    async def reconcile(self, worker: str, now: datetime) -> None:
        """Do one round of a worker; those without work of their own do nothing."""
        if worker in _ROUNDS:
            await self._connection.execute(_ROUNDS[worker].encode(), {"now": now})

    async def accepted_clusters(self) -> list[str]:
        """Return the ids of the clusters that wait for their creation."""
        cursor = await self._connection.execute(
            "SELECT id FROM clusters WHERE deleted_at IS NULL AND status = 'cluster_accepted'"
        )
        return [row[0] for row in await cursor.fetchall()]

    async def provision(self, cluster: str, now: datetime) -> None:
        """OCM has created the cluster: note its id there."""
        await self._connection.execute(
            "UPDATE clusters SET status = 'cluster_provisioning', cluster_id = %(ocm)s,"
            " updated_at = %(now)s WHERE id = %(id)s",
            {"id": cluster, "ocm": f"ocm-{cluster}", "now": now},
        )
