"""What a replica does to the service's tables. Times come from the pod's clock, as in the original.

No statement waits for another replica for long: each one is a transaction of its own.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

import psycopg

from standins.fleet_manager.faults import Cause

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


def _move(table: str, before: str, after: str) -> str:
    return (
        f"UPDATE {table} SET status = '{after}', updated_at = %(now)s"
        f" WHERE deleted_at IS NULL AND status = '{before}'"
    )


ROUNDS = {
    "clusters": _MOVE_CLUSTERS,
    "deprovisioning clusters": _move("clusters", "deprovisioning", "cleanup"),
    "clusters cleaned up": (
        "UPDATE clusters SET deleted_at = %(now)s WHERE deleted_at IS NULL AND status = 'cleanup'"
    ),
    "accepted Kafkas": _move("kafka_requests", "accepted", "preparing"),
    "preparing Kafkas": _move("kafka_requests", "preparing", "provisioning"),
    "provisioning Kafkas": _move("kafka_requests", "provisioning", "ready"),
    "accepted Kafkas of old": _move("kafka_requests", "accepted", "resource_creating"),
    "Kafkas whose resources are created": _move("kafka_requests", "resource_creating", "ready"),
    "deleted Kafkas": (
        "UPDATE kafka_requests SET status = 'deleting', deleted_at = %(now)s"
        " WHERE deleted_at IS NULL AND status IN ('deprovision', 'deleting')"
    ),
    # The original compares references that are always empty, so it always writes.
    "certificates of Kafkas": (
        "UPDATE kafka_requests SET updated_at = %(now)s WHERE deleted_at IS NULL"
        " AND status NOT IN ('deprovision', 'deleting', 'suspended')"
    ),
}
"""What workers do to the tables in one round."""

_CHANGED: dict[Cause, dict[str, str | None]] = {
    Cause.OCM_GIVES_UP: {"clusters": _move("clusters", "cluster_provisioning", "failed")},
    Cause.AGENTS_ARE_SILENT: {
        "provisioning Kafkas": None,
        "Kafkas whose resources are created": None,
        "deleted Kafkas": None,
    },
    Cause.AGENTS_REPORT_ERRORS: {
        "provisioning Kafkas": _move("kafka_requests", "provisioning", "failed"),
        "Kafkas whose resources are created": _move(
            "kafka_requests", "resource_creating", "failed"
        ),
    },
}
"""What becomes of a round while something is broken; None: nothing is done."""


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

    async def do(self, work: str, now: datetime, causes: Collection[Cause]) -> None:
        """Do one round of this work, as far as what is broken lets it."""
        statement: str | None = ROUNDS[work]
        for cause in causes:
            statement = _CHANGED.get(cause, {}).get(work, statement)
        if statement is not None:
            await self._connection.execute(statement.encode(), {"now": now})

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
