"""Connections shared by all checks of all SOPs that name the same Secret in the same way."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable, Mapping
from dataclasses import dataclass

from servicesop.api.reasons import UnknownReason
from servicesop.api.sop import Connection, Postgres, PostgresKeys
from servicesop.sources.dial import DialGuard
from servicesop.sources.errors import SourceError
from servicesop.sources.postgres import failures
from servicesop.sources.postgres.connection import Parameters, parameters_of
from servicesop.sources.postgres.exchange import LostError
from servicesop.sources.postgres.session import Row, Session
from servicesop.sources.postgres.turns import Turns

ReadSecret = Callable[[str, str], Awaitable[Mapping[str, bytes]]]
"""Gives the data of a Secret, by namespace and name. Raises SourceError."""

MAX_CONNECTIONS = 2
MAX_AGE = 300.0
"""Seconds after which a connection is replaced, so that a changed role takes effect."""
SECRET_AGE = 30.0
"""Seconds after which the Secret is read again, so that a changed one takes effect."""
MAX_IDLE = 120.0
"""Seconds without a query after which a connection is closed, and an empty pool forgotten."""
_PRUNE_EVERY = 30.0
_READ_SECONDS = 5.0
# A connection counts against the role's limit until the server's process for it has ended.
_ENDING_SECONDS = 1.0
_ENDING_POLL = 0.05


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
        self._pools: dict[tuple[str, str, PostgresKeys], _Pool] = {}
        self._timer: asyncio.TimerHandle | None = None

    def for_sop(self, namespace: str) -> Callable[[Connection], "PooledDatabase"]:
        """Give the databases of one SOP in `namespace`, by its connections.

        What is asked through one of these takes turns with what is asked through others.
        """
        sop = object()

        def database(connection: Connection) -> PooledDatabase:
            assert connection.postgres is not None, "the SOP's rules see to it"
            return PooledDatabase(self, namespace, connection.postgres, sop)

        return database

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
        """Give the one pool for this Secret, read with these keys."""
        secret = spec.secret_ref.name
        key = (namespace, secret, spec.keys)
        pool = self._pools.get(key)
        if pool is None:
            pool = self._pools[key] = _Pool(
                lambda: self._read_secret(namespace, secret), secret, self._guard, self._clock
            )
            self._prune_later()
        return pool

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
    sop: Hashable

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
        return await pool.query(self.sop, _Query(self.spec, text, parameters, max_rows), timeout)


@dataclass(frozen=True, slots=True)
class _Query:
    spec: Postgres
    text: str
    parameters: Row
    max_rows: int


@dataclass(slots=True)
class _Kept:
    session: Session
    spec: Postgres
    login: Parameters
    opened: float
    used: float


class _Pool:
    """The connections to one database; those in use and those kept are MAX_CONNECTIONS at most."""

    def __init__(
        self,
        read: Callable[[], Awaitable[Mapping[str, bytes]]],
        secret: str,
        guard: DialGuard,
        clock: Callable[[], float],
    ) -> None:
        self._read = read
        self._secret = secret
        self._guard = guard
        self._clock = clock
        self._turns = Turns(MAX_CONNECTIONS)
        self._users = 0
        self._idle: list[_Kept] = []
        self._last_used = clock()
        self._closed = False
        self._login: Parameters | None = None
        self._read_at = clock()
        self._reading: asyncio.Task[None] | None = None

    async def query(self, sop: Hashable, query: _Query, within: float) -> list[Row]:
        """Ask when it is the turn of `sop`. Raise SourceError after `within` seconds at most."""
        now = asyncio.get_running_loop().time
        asked = now()
        entered: float | None = None
        self._users += 1
        self._read_again_later(query.spec)
        try:
            async with asyncio.timeout_at(asked + within), self._turns.turn(sop):
                entered = now()
                return await self._ask(query, asked + within)
        except (TimeoutError, SourceError) as error:
            late = isinstance(error, TimeoutError) or error.reason is UnknownReason.TIMED_OUT
            if late and (entered is None or entered - asked > within / 2):
                # Too little was left of its time: that is not the fault of the query.
                raise failures.busy(self._secret) from None
            if isinstance(error, SourceError):
                raise
            raise failures.timed_out(self._secret) from None
        finally:
            self._users -= 1
            self._last_used = self._clock()

    async def _ask(self, query: _Query, deadline: float) -> list[Row]:
        kept = self._take(query.spec)
        if kept is not None:
            try:
                return await self._ask_in(kept, query, deadline)
            except LostError:
                # The server may have gone and come back while nobody asked. The connections that
                # were kept with this one are as dead, and asking again changes nothing there.
                self.close_idle()
        fresh = await self._open(query.spec, deadline)
        try:
            return await self._ask_in(fresh, query, deadline)
        except LostError:
            raise failures.unreachable(self._secret) from None

    async def _ask_in(self, kept: _Kept, query: _Query, deadline: float) -> list[Row]:
        rows = await kept.session.query(
            query.text, query.parameters, within=_left(deadline), max_rows=query.max_rows
        )
        kept.used = self._clock()
        if self._closed or kept.login != self._login:
            kept.session.close()
        elif not kept.session.closed:
            self._idle.append(kept)
        return rows

    def _take(self, spec: Postgres) -> _Kept | None:
        """Give the connection that was used last, so that one that is not needed gets old.

        Where none was opened in the way of `spec`, one that was opened in another way makes room.
        """
        for kept in reversed(self._idle):
            if kept.spec == spec:
                self._idle.remove(kept)
                if self._clock() - kept.opened < MAX_AGE:
                    return kept
                kept.session.close()
        if self._idle:
            self._idle.pop(0).session.close()
        return None

    async def _open(self, spec: Postgres, deadline: float) -> _Kept:
        login = self._login
        if login is None:
            return await self._connect(await self._read_login(spec), spec, deadline)
        try:
            return await self._connect(login, spec, deadline)
        except SourceError:
            # The Secret may have changed since it was read.
            latest = await self._read_login(spec)
            if latest == login:
                raise
        return await self._connect(latest, spec, deadline)

    async def _connect(self, login: Parameters, spec: Postgres, deadline: float) -> _Kept:
        try:
            address = await self._guard.address(login.host, login.port)
        except SourceError as failure:
            raise failures.about_secret(self._secret, failure) from None
        patience = min(deadline, asyncio.get_running_loop().time() + _ENDING_SECONDS)
        while True:
            opened = self._clock()
            try:
                session = await Session.connect(login, address, spec=spec, within=_left(deadline))
            except SourceError as failure:
                if failure.reason is not UnknownReason.SOURCE_BUSY or not _left(patience):
                    raise
            else:
                return _Kept(session, spec, login, opened=opened, used=opened)
            await asyncio.sleep(_ENDING_POLL)

    async def _read_login(self, spec: Postgres) -> Parameters:
        self._forget_login()
        self._login = login = parameters_of(spec, await self._read())
        self._read_at = self._clock()
        return login

    def _forget_login(self) -> None:
        self._login = None
        self.close_idle()

    def _read_again_later(self, spec: Postgres) -> None:
        """Read the Secret beside the queries, which do not wait for the API server."""
        old = self._clock() - self._read_at >= SECRET_AGE
        if old and self._login is not None and self._reading is None:
            self._reading = asyncio.create_task(self._read_again(spec))

    async def _read_again(self, spec: Postgres) -> None:
        try:
            async with asyncio.timeout(_READ_SECONDS):
                if parameters_of(spec, await self._read()) != self._login:
                    self._forget_login()
        except TimeoutError:
            pass
        except SourceError as failure:
            # Without the API server nothing says that the Secret has changed.
            if failure.reason is not UnknownReason.API_UNAVAILABLE:
                self._forget_login()
        finally:
            self._read_at = self._clock()
            self._reading = None

    def prune(self) -> bool:
        """Close what is too old. Tell whether nobody needs this pool any more."""
        now = self._clock()
        keep: list[_Kept] = []
        for kept in self._idle:
            if now - kept.opened < MAX_AGE and now - kept.used < MAX_IDLE:
                keep.append(kept)
            else:
                kept.session.close()
        self._idle = keep
        return not keep and not self._users and now - self._last_used >= MAX_IDLE

    def close(self) -> None:
        self._closed = True
        if self._reading is not None:
            self._reading.cancel()
        self.close_idle()

    def close_idle(self) -> None:
        for kept in self._idle:
            kept.session.close()
        self._idle.clear()


def _left(deadline: float) -> float:
    return max(0.0, deadline - asyncio.get_running_loop().time())
