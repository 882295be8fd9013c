"""The check `leader`: every named worker has exactly one valid lease holder in a table."""

from datetime import datetime

from psycopg.sql import SQL, Identifier

from servicesop.api.checks.check import Check
from servicesop.api.checks.leader import LeaseTable
from servicesop.api.reasons import UnknownReason
from servicesop.checks.runner import NO_TURN, Surroundings
from servicesop.judge.results import Sample, failed, passed
from servicesop.sources.errors import SourceError


class LeaderRunner:
    """Counts the holders of valid leases per worker. Keeps nothing between runs.

    A finding is what is seen now: a take-over leaves a worker without a leader for a while, and two
    leaders for one election are usual. How long each may last is for the debouncing of findings.
    """

    reacts_to = None
    turn = NO_TURN

    def __init__(self, check: Check, surroundings: Surroundings) -> None:
        assert check.leader is not None
        lease = check.leader.lease
        self._workers = check.leader.workers
        self._database = surroundings.database(surroundings.connections[lease.connection])
        self._timeout = check.timeout.total_seconds()
        self._query = _holders_per_worker(lease)

    async def run(self, now: datetime) -> Sample:
        """Ask and judge, by the database's clock. Raise SourceError."""
        rows = await self._database.query(
            self._query,
            (list(self._workers),),
            timeout=self._timeout,
            max_rows=len(self._workers),
        )
        holders = dict.fromkeys(self._workers, 0)
        for row in rows:
            match row:
                # Only workers that were asked for, each once: no other name may reach the message.
                case (str() as worker, int() as count) if holders.get(worker) == 0 and count > 0:
                    holders[worker] = count
                case _:
                    raise SourceError(
                        UnknownReason.BAD_ANSWER, "the table of leases cannot be read"
                    )
        return _judge(holders)


def _holders_per_worker(lease: LeaseTable) -> str:
    """Write the query. Rows of other workers (of older versions, say) never come into it."""
    columns = lease.columns
    names = {
        "worker": Identifier(columns.worker),
        "holder": Identifier(columns.holder),
        "expires": Identifier(columns.expires),
        "table": Identifier(*lease.table.split(".")),
    }
    text = (
        "SELECT {worker}::text, count(DISTINCT {holder}::text)::int FROM {table}"
        " WHERE {worker}::text = ANY($1::text[]) AND {holder}::text <> '' AND {expires} > now()"
    )
    if columns.deleted is not None:
        text += " AND {deleted} IS NULL"
        names["deleted"] = Identifier(columns.deleted)
    return SQL(text + " GROUP BY 1").format(**names).as_string()


def _judge(holders: dict[str, int]) -> Sample:
    none = [worker for worker, count in holders.items() if count == 0]
    many = [worker for worker, count in holders.items() if count > 1]
    if not none and not many:
        return passed("every worker has exactly one leader")
    findings = {name for name, workers in (("None", none), ("Many", many)) if workers}
    faults = [
        f"{fault}: {', '.join(workers)}"
        for fault, workers in (("no leader", none), ("more than one leader", many))
        if workers
    ]
    evidence = (
        *(f"{worker}: no valid lease" for worker in none),
        *(f"{worker}: {holders[worker]} leaders" for worker in many),
    )
    return failed(findings, "; ".join(faults), evidence)
