"""Who leads, by a table of leases: one row per worker, valid until a time in the database."""

from datetime import datetime

from servicesop.api.checks.leader import LeaseTable
from servicesop.api.reasons import UnknownReason
from servicesop.checks.leader_judgement import Held
from servicesop.checks.lease_query import holders_per_worker
from servicesop.checks.runner import Database
from servicesop.sources.errors import SourceError


class TableLeases:
    """Counts the holders of valid leases per worker."""

    def __init__(
        self, table: LeaseTable, workers: tuple[str, ...], database: Database, timeout: float
    ) -> None:
        self._workers = workers
        self._database = database
        self._timeout = timeout
        self._query = holders_per_worker(table)

    async def held(self, _: datetime) -> dict[str, Held]:
        """Ask, by the database's clock. Raise SourceError."""
        rows = await self._database.query(
            self._query,
            (list(self._workers),),
            timeout=self._timeout,
            max_rows=len(self._workers),
        )
        held = dict.fromkeys(self._workers, Held(0))
        for row in rows:
            match row:
                # Only workers that were asked for, each once: no other name may reach the message.
                case (str() as worker, int() as count, str() as holder) if (
                    held.get(worker) == Held(0) and count > 0
                ):
                    held[worker] = Held(count, holder if count == 1 else "")
                case _:
                    raise SourceError(
                        UnknownReason.BAD_ANSWER, "the table of leases cannot be read"
                    )
        return held
