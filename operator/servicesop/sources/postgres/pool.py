"""Connections shared by all checks of all SOPs that name the same Secret in the same way."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from servicesop.api.sop import Connection, Postgres
from servicesop.sources.dial import DialGuard
from servicesop.sources.errors import SourceError
from servicesop.sources.postgres import failures
from servicesop.sources.postgres.connection import parameters_of
from servicesop.sources.postgres.exchange import LostError
from servicesop.sources.postgres.session import Row, Session

ReadSecret = Callable[[str, str], Awaitable[Mapping[str, bytes]]]
"""Gives the data of a Secret, by namespace and name. Raises SourceError."""

MAX_CONNECTIONS = 2
MAX_AGE = 300.0
"""Seconds after which a connection is replaced, so that a changed Secret or role takes effect."""
MAX_IDLE = 120.0
"""Seconds without a query after which a connection is closed, and an empty pool forgotten."""
_PRUNE_EVERY = 30.0


class Databases:
    """All databases that checks ask, at most two connections each."""

    def __init__(
        self,
        guard: DialGuard,
        read_secret: ReadSecret,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._guard = guard
        self._read_secret = read_secret
        self._clock = clock
        self._pools: dict[tuple[str, Postgres], _Pool] = {}
        self._timer: asyncio.TimerHandle | None = None

    def for_sop(self, namespace: str) -> Callable[[Connection], "PooledDatabase"]:
        """Give the databases of an SOP in `namespace`, by its connections."""
        return lambda connection: PooledDatabase(self, namespace, connection.postgres)

    def close(self) -> None:
        """Close all idle connections. Those in use close when their query ends."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for pool in self._pools.values():
            pool.close()
        self._pools.clear()

    def prune(self) -> None:
        """Close what is too old or was idle for too long. Happens by itself twice a minute."""
        for key, pool in list(self._pools.items()):
            if pool.prune():
                del self._pools[key]

    def pool(self, namespace: str, spec: Postgres) -> "_Pool":
        """Give the one pool for this Secret, read in this way."""
        key = (namespace, spec)
        pool = self._pools.get(key)
        if pool is None:
            pool = self._pools[key] = _Pool(
                lambda within: self._connect(namespace, spec, within),
                spec.secret_ref.name,
                self._clock,
            )
            self._prune_later()
        return pool

    async def _connect(self, namespace: str, spec: Postgres, within: float) -> Session:
        secret = spec.secret_ref.name
        parameters = parameters_of(spec, await self._read_secret(namespace, secret))
        try:
            address = await self._guard.address(parameters.host, parameters.port)
        except SourceError as failure:
            raise failures.about_secret(secret, failure) from None
        return await Session.connect(
            parameters, address, tls=spec.tls, secret=secret, within=within
        )

    def _prune_later(self) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_PRUNE_EVERY, self._prune_now)

    def _prune_now(self) -> None:
        self._timer = None
        self.prune()
        if self._pools:
            self._prune_later()


@dataclass(frozen=True, slots=True)
class PooledDatabase:
    """One database as one namespace's Secret describes it."""

    databases: Databases
    namespace: str
    spec: Postgres

    async def query(
        self,
        text: str,
        parameters: Row = (),
        *,
        timeout: float,  # noqa: ASYNC109 - the limit is also set in the server, per statement
        max_rows: int,
    ) -> list[Row]:
        """Run one SELECT with `$1`-style parameters and give at most `max_rows` rows.

        `timeout` is in seconds and includes waiting for a connection. Raise SourceError.
        """
        pool = self.databases.pool(self.namespace, self.spec)
        return await pool.query(text, parameters, timeout, max_rows)


@dataclass(slots=True)
class _Idle:
    session: Session
    opened: float
    used: float


class _Pool:
    def __init__(
        self,
        connect: Callable[[float], Awaitable[Session]],
        secret: str,
        clock: Callable[[], float],
    ) -> None:
        self._connect = connect
        self._secret = secret
        self._clock = clock
        # A semaphore wakes its waiters in the order in which they came.
        self._slots = asyncio.Semaphore(MAX_CONNECTIONS)
        self._users = 0
        self._idle: list[_Idle] = []
        self._last_used = clock()
        self._closed = False

    async def query(self, text: str, parameters: Row, within: float, max_rows: int) -> list[Row]:
        waiting = True
        deadline = asyncio.get_running_loop().time() + within
        self._users += 1
        try:
            async with asyncio.timeout_at(deadline), self._slots:
                waiting = False
                return await self._ask(text, parameters, deadline, max_rows)
        except TimeoutError:
            explain = failures.busy if waiting else failures.timed_out
            raise explain(self._secret) from None
        finally:
            self._users -= 1
            self._last_used = self._clock()

    async def _ask(self, text: str, parameters: Row, deadline: float, max_rows: int) -> list[Row]:
        kept = self._take()
        if kept is not None:
            try:
                return await self._ask_in(kept, text, parameters, deadline, max_rows)
            except LostError:
                # The server may have gone and come back while nobody asked. The connections that
                # were kept with this one are as dead, and asking again changes nothing there.
                self.close_idle()
        now = self._clock()
        fresh = _Idle(await self._connect(_left(deadline)), opened=now, used=now)
        try:
            return await self._ask_in(fresh, text, parameters, deadline, max_rows)
        except LostError:
            raise failures.unreachable(self._secret) from None

    async def _ask_in(
        self, kept: _Idle, text: str, parameters: Row, deadline: float, max_rows: int
    ) -> list[Row]:
        rows = await kept.session.query(text, parameters, within=_left(deadline), max_rows=max_rows)
        kept.used = self._clock()
        if self._closed:
            kept.session.close()
        elif not kept.session.closed:
            self._idle.append(kept)
        return rows

    def _take(self) -> _Idle | None:
        """Give the connection that was used last, so that one that is not needed gets old."""
        while self._idle:
            kept = self._idle.pop()
            if self._clock() - kept.opened < MAX_AGE:
                return kept
            kept.session.close()
        return None

    def prune(self) -> bool:
        """Close what is too old. Tell whether nobody needs this pool any more."""
        now = self._clock()
        keep: list[_Idle] = []
        for kept in self._idle:
            if now - kept.opened < MAX_AGE and now - kept.used < MAX_IDLE:
                keep.append(kept)
            else:
                kept.session.close()
        self._idle = keep
        return not keep and not self._users and now - self._last_used >= MAX_IDLE

    def close(self) -> None:
        self._closed = True
        self.close_idle()

    def close_idle(self) -> None:
        for kept in self._idle:
            kept.session.close()
        self._idle.clear()


def _left(deadline: float) -> float:
    return max(0.0, deadline - asyncio.get_running_loop().time())
