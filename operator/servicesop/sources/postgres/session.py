"""One connection to one database, and the only sequence in which it is ever asked."""

import contextlib
import logging
import math
import os
from collections.abc import Iterator, MutableMapping, Sequence
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import abc, pq
from psycopg.adapt import PyFormat, Transformer

from servicesop.api.sop import Postgres, Tls
from servicesop.sources.postgres import failures
from servicesop.sources.postgres.connection import Parameters
from servicesop.sources.postgres.exchange import (
    LostError,
    TooLargeError,
    bound_receive_buffer,
    exchange,
)

if TYPE_CHECKING:
    from servicesop.sources.errors import SourceError

Row = tuple[object, ...]

_SSLMODE = {Tls.DISABLE: "disable", Tls.REQUIRE: "require", Tls.VERIFY_FULL: "verify-full"}
# A path below a file, which therefore never exists: libpq would otherwise read ~/.postgresql/.
_NO_FILE = "/dev/null/none"
# An older libpq knows fewer options, and reads fewer variables.
_KNOWN_OPTIONS = frozenset(option.keyword.decode() for option in pq.Conninfo.get_defaults())
# The server gives up first, so that nothing goes on there: the rest is the answer's way back.
_SERVER_SHARE = 0.9

_BEGIN = b"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
# The first SELECT takes the snapshot, after which the transaction cannot become READ WRITE.
# LOCAL settings end with the transaction, and hold behind a proxy that drops startup options.
_LIMITS = (
    b"SELECT pg_catalog.set_config('statement_timeout', $1, true),"
    b" pg_catalog.set_config('lock_timeout', '500ms', true),"
    b" pg_catalog.set_config('idle_in_transaction_session_timeout', '5s', true)"
)
# A function may catch the timeout and go on. Servers that can look whether the client is there end
# such a session after we have closed it.
_WATCH = b", pg_catalog.set_config('client_connection_check_interval', '1s', true)"
_WATCHES = 140000
# Advisory locks of the session outlive its transaction. Behind a proxy that pools by transaction
# they would stay in a session that DISCARD ALL need not reach, so they are given up before the end
# of the transaction: in one that an error has aborted, only after a return to a savepoint.
_SAVEPOINT = b"SAVEPOINT s"
_DECLARE = b"DECLARE c NO SCROLL CURSOR FOR "
_RETURN = b"ROLLBACK TO SAVEPOINT s"
_UNLOCK = b"SELECT pg_catalog.pg_advisory_unlock_all()"
_ROLLBACK = b"ROLLBACK"
_DISCARD = b"DISCARD ALL"
_STATEMENTS = 9
_FETCHED = 4
_SYNCS = 4

# What a role could do from within a read-only query, or could give itself. A query may SET ROLE to
# each role of which the session's is a member (set_config does it), so all of these count. Asked of
# the server, because what a role may do differs by version: predefined roles are refused unless
# they are known to read only, and so are the functions that their installation gave to nobody.
_PRIVILEGES = """
WITH own AS (
    SELECT rolname, rolsuper, rolreplication, rolcreaterole FROM pg_catalog.pg_roles
    WHERE pg_catalog.pg_has_role(session_user, oid, 'MEMBER')
)
SELECT CASE
    WHEN EXISTS (SELECT FROM own WHERE rolsuper) THEN 'superuser'
    WHEN EXISTS (SELECT FROM own WHERE rolreplication) THEN 'replication'
    WHEN EXISTS (SELECT FROM own WHERE rolcreaterole) THEN 'createrole'
    WHEN EXISTS (
        SELECT FROM own
        WHERE pg_catalog.starts_with(rolname::text, 'pg_') AND rolname NOT IN (
            'pg_database_owner', 'pg_monitor', 'pg_read_all_data', 'pg_read_all_settings',
            'pg_read_all_stats', 'pg_stat_scan_tables', 'pg_use_reserved_connections')
    ) THEN 'predefined'
    WHEN EXISTS (
        SELECT FROM pg_catalog.pg_init_privs AS i
        JOIN pg_catalog.pg_proc AS p ON p.oid = i.objoid
        WHERE i.classoid = 'pg_catalog.pg_proc'::regclass
          AND NOT EXISTS (
              SELECT FROM pg_catalog.aclexplode(i.initprivs) AS a WHERE a.grantee <> p.proowner)
          AND pg_catalog.has_function_privilege(session_user, p.oid, 'EXECUTE')
    ) THEN 'function'
    WHEN EXISTS (
        SELECT FROM pg_catalog.pg_extension AS e
        JOIN pg_catalog.pg_depend AS d
          ON d.refclassid = 'pg_catalog.pg_extension'::regclass AND d.refobjid = e.oid
         AND d.classid = 'pg_catalog.pg_proc'::regclass
        WHERE e.extname = 'dblink'
          AND pg_catalog.has_function_privilege(session_user, d.objid, 'EXECUTE')
    ) THEN 'dblink'
END
"""
# psycopg writes libpq's texts (user, host, database) at level DEBUG, and errors it swallows at
# WARNING. What is worth knowing leaves this package as a SourceError.
logging.getLogger("psycopg").setLevel(logging.CRITICAL + 1)


def scrub_environment(environ: MutableMapping[str, str]) -> None:
    """Remove everything that libpq would read from the environment. Call it when a process starts.

    `connect` gives every option itself; this also takes away PGSERVICE, which has no neutral value.
    """
    for name in [name for name in environ if name.startswith("PG")]:
        del environ[name]


class Session:
    """An open connection whose role was found to be harmless. One query at a time.

    After any exception out of `query`, cancellation included, it is closed.
    """

    def __init__(self, connection: psycopg.AsyncConnection[Any], secret: str) -> None:
        # The connection is kept for its adapters, and because it owns the pgconn.
        self._connection = connection
        self._pgconn = connection.pgconn
        self._secret = secret
        self._pgconn.enter_pipeline_mode()
        bound_receive_buffer(self._pgconn)

    @classmethod
    async def connect(
        cls, login: Parameters, address: str, *, spec: Postgres, within: float
    ) -> "Session":
        """Connect to `address`, and refuse a role that may do more than read.

        `within` is in seconds; the caller bounds the wait. Raise SourceError.
        """
        secret = spec.secret_ref.name
        failure: SourceError | None = None
        with _readable(login.ca) as authorities:
            options = _options(login, address, spec.protection, within, authorities)
            try:
                connection = await psycopg.AsyncConnection.connect(**options)
            except psycopg.errors.ConnectionTimeout:
                failure = failures.timed_out(secret)
            except (psycopg.Error, OSError, UnicodeError, ValueError) as error:
                failure = failures.failure_of_attempt(secret, str(error))
        # Outside of the handler, so that libpq's text is not even the context of what is raised.
        if failure is not None:
            raise failure
        try:
            session = cls(connection, secret)
            if not spec.allow_privileged_role:
                await session._refuse_privileges(within)
        except (LostError, psycopg.Error, OSError):
            connection.pgconn.finish()
            raise failures.unreachable(secret) from None
        return session

    async def _refuse_privileges(self, within: float) -> None:
        answer = await self.query(_PRIVILEGES, (), within=within, max_rows=1)
        if answer != [(None,)]:
            self.close()
            raise failures.privileged(self._secret, answer[0][0] if answer else None)

    @property
    def closed(self) -> bool:
        """Whether it can no longer be used."""
        return self._pgconn.status == pq.ConnStatus.BAD

    def close(self) -> None:
        """End the connection at once. Safe to call twice."""
        self._pgconn.finish()

    async def query(self, text: str, parameters: Row, *, within: float, max_rows: int) -> list[Row]:
        """Run one SELECT with `$1`-style parameters; give at most `max_rows` rows.

        `within`, in seconds, is what the server is told; the caller bounds the wait. Raise
        SourceError, or LostError when the server has ended the session.
        """
        clean = False
        try:
            transformer = Transformer(self._connection)
            self._send(transformer, text, parameters, within, max_rows)
            fetched = self._fetched(await exchange(self._pgconn, _SYNCS))
            rows = self._load(transformer, fetched)
            clean = self._pgconn.transaction_status == pq.TransactionStatus.IDLE
            return rows
        except TooLargeError:
            raise failures.bad_answer(
                self._secret, "the answer is larger than 1 MiB; select fewer or shorter columns"
            ) from None
        finally:
            if not clean:
                self.close()

    def _send(
        self, transformer: abc.Transformer, text: str, parameters: Row, within: float, max_rows: int
    ) -> None:
        """Queue the whole sequence.

        Every statement is a Parse message of its own, in which a second statement is an error. An
        error skips what follows up to the next Sync, so what cleans up stands behind one, and
        ROLLBACK behind its own; DISCARD ALL stands behind another because it is refused inside of a
        transaction, even an implicit one.
        """
        limit = max(1, int(within * _SERVER_SHARE * 1000))
        send = self._pgconn.send_query_params
        try:
            values = transformer.dump_sequence(parameters, [PyFormat.AUTO] * len(parameters))
            send(_BEGIN, None)
            watch = _WATCH if self._pgconn.server_version >= _WATCHES else b""
            send(_LIMITS + watch, [b"%d" % limit])
            send(_SAVEPOINT, None)
            send(
                _DECLARE + text.encode(),
                values,
                param_types=transformer.types,
                param_formats=transformer.formats,
            )
            send(b"FETCH FORWARD %d FROM c" % max_rows, None)
            self._pgconn.pipeline_sync()
            send(_RETURN, None)
            send(_UNLOCK, None)
            self._pgconn.pipeline_sync()
            send(_ROLLBACK, None)
            self._pgconn.pipeline_sync()
            send(_DISCARD, None)
            self._pgconn.pipeline_sync()
        except psycopg.Error:
            raise LostError from None

    def _fetched(self, answers: Sequence[pq.abc.PGresult]) -> pq.abc.PGresult:
        """Find the rows among the answers. Raise what the first error among them means."""
        for answer in answers:
            if answer.status == pq.ExecStatus.FATAL_ERROR:
                code = answer.error_field(pq.DiagnosticField.SQLSTATE) or b""
                sqlstate = code.decode("ascii", "replace")
                text = answer.error_field(pq.DiagnosticField.MESSAGE_PRIMARY) or b""
                failure = failures.failure_of_pooler(
                    self._secret, sqlstate, text.decode("utf-8", "replace")
                )
                if failure is not None:
                    raise failure
                # libpq makes up an error without a code when the connection breaks.
                if not sqlstate or failures.means_lost(sqlstate):
                    raise LostError
                raise failures.failure_of_answer(self._secret, sqlstate)
        if len(answers) != _STATEMENTS or answers[_FETCHED].status != pq.ExecStatus.TUPLES_OK:
            raise failures.bad_answer(self._secret, "the server does not answer as PostgreSQL does")
        return answers[_FETCHED]

    def _load(self, transformer: abc.Transformer, fetched: pq.abc.PGresult) -> list[Row]:
        try:
            transformer.set_pgresult(fetched)
            return transformer.load_rows(0, fetched.ntuples, tuple)
        except (psycopg.Error, ValueError, OverflowError, RecursionError):
            # The exceptions of the loaders quote the value that they cannot read. For the one of
            # JSON it may be nested too deeply.
            pass
        raise failures.bad_answer(
            self._secret, "a value in the answer cannot be read; select a plainer type"
        )


@contextlib.contextmanager
def _readable(authorities: str | None) -> Iterator[str]:
    """Give the path of a file that holds these certificates, as long as the context lasts.

    libpq takes them from a file only. This one is in memory and has no name: nothing of it is on a
    disk, the process needs no writable directory, and it is gone however the process ends.
    """
    if authorities is None:
        yield _NO_FILE
        return
    descriptor = os.memfd_create("authorities", os.MFD_CLOEXEC)
    with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor
        file.write(authorities.encode())
        file.flush()
        yield f"/proc/self/fd/{descriptor}"


def _options(
    login: Parameters, address: str, tls: Tls, within: float, authorities: str = _NO_FILE
) -> dict[str, Any]:
    """Give every option for which libpq would otherwise ask the environment or a file."""
    options = {
        "host": login.host,
        "hostaddr": address,
        "port": login.port,
        "dbname": login.database,
        "user": login.user,
        "password": login.password,
        "sslmode": _SSLMODE[tls],
        "application_name": "servicesop",
        # A limit below the caller's own; libpq takes whole seconds, 2 at least.
        "connect_timeout": max(2, math.ceil(within)),
        "client_encoding": "UTF8",
        "options": "",
        "passfile": _NO_FILE,
        "channel_binding": "prefer",
        "require_auth": "password,md5,scram-sha-256,none",
        "requirepeer": "",
        "gssencmode": "disable",
        "krbsrvname": "postgres",
        "gsslib": "",
        "gssdelegation": "0",
        "sslnegotiation": "postgres",
        "sslcompression": "0",
        "sslsni": "1",
        "sslcertmode": "disable",
        "sslcert": _NO_FILE,
        "sslkey": _NO_FILE,
        # The mode Require encrypts and does not verify; a stray root.crt would change that.
        "sslrootcert": authorities,
        "sslcrl": "",
        "sslcrldir": "",
        "ssl_min_protocol_version": "TLSv1.2",
        "ssl_max_protocol_version": "",
        "min_protocol_version": "3.0",
        "max_protocol_version": "3.0",
        "target_session_attrs": "any",
        "load_balance_hosts": "disable",
    }
    return {name: value for name, value in options.items() if name in _KNOWN_OPTIONS}
