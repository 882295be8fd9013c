"""One replica of the service: elects itself, works while it leads, and logs what it does."""

import asyncio
import contextlib
import random
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import psycopg

from standins.fleet_manager.database import Database
from standins.fleet_manager.faults import Cause
from standins.fleet_manager.glog import format_line
from standins.fleet_manager.kinds import Kind
from testbed.pod_log import PodLog

_ELECTION = "leader_election_mgr.go:109"
_RECONCILER = "reconciler.go:62"
_CLUSTERS = "clusters_mgr.go:247"


@dataclass(frozen=True, slots=True)
class Timing:
    """Intervals in seconds; the original has lease 60, election 15, reconcile 30."""

    lease: float
    election: float
    reconcile: float


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is broken for a replica now."""

    unled: frozenset[str]
    """Workers that nobody can lead."""
    hanging: frozenset[str]
    """Workers whose reconcile does not return here."""
    causes: frozenset[Cause]


class Replica:
    """What runs in one pod, under an identity that is new at every start.

    Cancelling `run` is a SIGKILL; `terminate` before it is what SIGTERM adds: lines in the log.
    Leases stay as they are either way, and run out.
    """

    def __init__(
        self,
        kind: Kind,
        log: PodLog,
        database: Mapping[str, Any],
        timing: Timing,
        trouble: Callable[[], Trouble],
        request_id: str,
    ) -> None:
        self._identity = str(uuid.uuid4())
        self._kind = kind
        self._log = log
        self._database = database
        self._timing = timing
        self._trouble = trouble
        self._request_id = request_id
        self._leads: set[str] = set()
        self.has_database = False
        """Whether it could begin a transaction when it last tried something."""

    async def run(self) -> None:
        while True:
            # Pods do not tick together.
            await asyncio.sleep(self._timing.election * random.random())  # noqa: S311 - no secret
            try:
                database = await Database.connect(self._database)
            except psycopg.Error:
                self._lose_database()
                continue
            self.has_database = True
            try:
                await self._work(database)
            except (psycopg.Error, TimeoutError):
                self._lose_database()
            finally:
                with contextlib.suppress(psycopg.Error):
                    await database.close()

    def log_error(self, source: str, message: str) -> None:
        """Log an error; `source` is `file.go:line`."""
        self._write("E", source, message)

    def terminate(self) -> None:
        for worker in self._leads:
            self._stop_working(worker)

    async def _work(self, database: Database) -> None:
        next_round = time.monotonic()
        while True:
            # A server that accepts and never answers is a lost database too.
            async with asyncio.timeout(self._timing.lease):
                fresh = await self._elect(database)
                due = time.monotonic() >= next_round
                for worker in tuple(self._leads) if due else fresh:
                    await self._reconcile(database, worker, first=worker in fresh)
                if due:
                    next_round = time.monotonic() + self._timing.reconcile
            await asyncio.sleep(self._timing.election)

    async def _elect(self, database: Database) -> list[str]:
        """Go through all workers once; return those that this replica leads since now."""
        unled = self._trouble().unled
        leases = await database.leases()
        fresh = []
        for worker in self._kind.workers:
            lease, now = leases[worker], datetime.now(UTC)
            free = not lease.holder or lease.expires < now
            mine = lease.holder == self._identity and not free
            half = timedelta(seconds=self._timing.lease / 2)
            if worker not in unled and (free or (mine and lease.expires - now < half)):
                until = now + 2 * half
                mine = await database.take_lease(worker, self._identity, now, until)
            if mine and worker not in self._leads:
                fresh.append(worker)
                self._leads.add(worker)
                self._say("I", _ELECTION, "Running as the leader and starting worker", worker)
            elif not mine and worker in self._leads:
                self._give_up(worker)
            elif not mine:
                message = "not currently leader, skipping reconcile"
                self._say("I", _ELECTION, message, worker)
        return fresh

    async def _reconcile(self, database: Database, worker: str, *, first: bool) -> None:
        trouble = self._trouble()
        if worker in trouble.hanging:
            return
        kind = "Initial" if first else "Timeout triggered"
        self._say("I", _RECONCILER, f"{kind} reconciliation loop for", worker)
        for work in self._kind.rounds.get(worker, ()):
            await database.do(work, datetime.now(UTC), trouble.causes)
        if worker != "cluster":
            return
        for cluster in await database.accepted_clusters():
            if Cause.OCM_REFUSES in trouble.causes:
                self.log_error(
                    _CLUSTERS,
                    f"failed to reconcile accepted cluster {cluster}: failed to create cluster:"
                    f" OCM answers 500, request {self._request_id}",
                )
            else:
                await database.provision(cluster, datetime.now(UTC))

    def _lose_database(self) -> None:
        self.has_database = False
        for worker in tuple(self._leads):
            self._give_up(worker)
        for worker in self._kind.workers:
            self.log_error(
                _ELECTION, f"failed to acquire leader lease: {worker}: no database connection"
            )

    def _give_up(self, worker: str) -> None:
        self._say("I", _ELECTION, "No longer the leader and stopping worker", worker)
        self._stop_working(worker)
        self._leads.remove(worker)

    def _stop_working(self, worker: str) -> None:
        self._say("I", _RECONCILER, "Stopping reconciliation loop for", worker)

    def _say(self, level: Literal["I", "W", "E"], source: str, what: str, worker: str) -> None:
        self._write(level, source, f"{what} {self._kind.workers[worker]} [{self._identity}]")

    def _write(self, level: Literal["I", "W", "E"], source: str, message: str) -> None:
        now = datetime.now(UTC)
        self._log.append(format_line(level, source, message, now), now)
