"""What hostile SQL could change or leave behind, and how it is run through the operator's way."""

import contextlib
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import psycopg
import yaml
from psycopg import sql

from integration.reader import PASSWORD, Reader
from polling import until
from servicesop.sources.errors import SourceError
from testbed import Version

CORPORA = Path(__file__).parents[1] / "corpora"
FAMILIES: Mapping[str, list[str]] = yaml.safe_load((CORPORA / "hostile_sql.yaml").read_text())[
    "families"
]
TABLES = (CORPORA / "hostile_sql_tables.sql").read_text()
LIMIT = 0.6
"""Seconds that a query has here."""

# All that is stored in the database and is not just statistics.
CONTENT = """
SELECT (SELECT array_agg(o::text ORDER BY o::text) FROM public.orders AS o)::text,
       (SELECT array_agg(j::text ORDER BY j::text) FROM public.jobs AS j)::text,
       (SELECT (last_value, is_called)::text FROM public.numbers),
       (SELECT array_agg(l::text ORDER BY l::text) FROM pg_largeobject AS l)::text,
       (SELECT array_agg(l::text ORDER BY l::text) FROM pg_largeobject_metadata AS l)::text,
       (SELECT array_agg((oid, relname, relnamespace, relowner, relkind, relacl, reloptions,
                          relrowsecurity)::text ORDER BY oid) FROM pg_class)::text,
       (SELECT array_agg((attrelid, attname, attnum, attacl, attisdropped)::text
                         ORDER BY attrelid, attnum) FROM pg_attribute)::text,
       (SELECT array_agg(p::text ORDER BY oid) FROM pg_proc AS p)::text,
       (SELECT array_agg((oid, typname)::text ORDER BY oid) FROM pg_type)::text,
       (SELECT array_agg(n::text ORDER BY oid) FROM pg_namespace AS n)::text,
       (SELECT array_agg(c::text ORDER BY oid) FROM pg_constraint AS c)::text,
       (SELECT array_agg(t::text ORDER BY oid) FROM pg_trigger AS t)::text,
       (SELECT array_agg((oid, rulename, ev_class)::text ORDER BY oid) FROM pg_rewrite)::text,
       (SELECT array_agg(p::text ORDER BY oid) FROM pg_policy AS p)::text,
       (SELECT array_agg(a::text ORDER BY oid) FROM pg_attrdef AS a)::text,
       (SELECT array_agg(a::text ORDER BY oid) FROM pg_default_acl AS a)::text,
       (SELECT array_agg(d::text ORDER BY d::text) FROM pg_description AS d)::text,
       (SELECT array_agg(s::text ORDER BY s::text) FROM pg_db_role_setting AS s)::text,
       (SELECT array_agg(a::text ORDER BY oid) FROM pg_authid AS a)::text
"""
# A virtual transaction holds itself; everything else is in somebody's way.
LOCKS = """
SELECT count(*) FROM pg_locks AS l JOIN pg_stat_activity AS a USING (pid)
WHERE a.usename = %s AND a.application_name <> 'victim' AND l.locktype <> 'virtualxid'
  AND l.mode <> 'AccessShareLock'
"""
ACTIVE = """
SELECT count(*) FROM pg_stat_activity
WHERE usename = %s AND application_name <> 'victim' AND state IS DISTINCT FROM 'idle'
"""
# What another client, or the role itself, may have set for the session.
SETTINGS = (
    "default_transaction_read_only = off",
    "default_transaction_isolation = 'read committed'",
    "statement_timeout = 0",
    "lock_timeout = 0",
    "idle_in_transaction_session_timeout = 0",
    "search_path = public, pg_catalog",
    "standard_conforming_strings = off",
    "session_replication_role = DEFAULT",
    "work_mem = '64MB'",
)

Prepare = Callable[[], Awaitable[None]]


@dataclass
class World:
    """A database, and a role that owns what is in it."""

    reader: Reader
    watcher: psycopg.Connection[tuple[object, ...]]
    """The superuser's, open all the time."""

    def do(self, statement: str, *parameters: object) -> list[tuple[object, ...]]:
        """Run a statement as superuser, committed."""
        cursor = self.watcher.execute(statement.encode(), parameters or None)
        return cursor.fetchall() if cursor.description else []

    def fill(self) -> None:
        user, database = self.reader.user, self.reader.database
        self.do(f"GRANT ALL ON DATABASE {database} TO {user}")
        self.do(f"GRANT ALL ON SCHEMA public TO {user}")
        # Of several statements only one without parameters is a simple query.
        self.watcher.execute(f"SET SESSION AUTHORIZATION {user};\n{TABLES}".encode())
        self.do("RESET SESSION AUTHORIZATION")

    def renew(self) -> None:
        """Put everything back to what it was."""
        user = sql.Identifier(self.reader.user)
        for statement in (
            sql.SQL("DROP OWNED BY {} CASCADE").format(user),
            sql.SQL("ALTER ROLE {} RESET ALL").format(user),
            sql.SQL("ALTER ROLE {} PASSWORD {}").format(user, sql.Literal(PASSWORD)),
        ):
            self.do(statement.as_string())
        self.fill()

    def content(self) -> object:
        """Give all that could be written."""
        try:
            return self.do(CONTENT)
        except psycopg.Error as error:
            return type(error)

    def locks(self) -> object:
        ((count,),) = self.do(LOCKS, self.reader.user)
        return count

    def active(self) -> object:
        """Count the role's sessions in which something goes on."""
        ((count,),) = self.do(ACTIVE, self.reader.user)
        return count


@contextlib.contextmanager
def world_of(reader: Reader) -> Iterator[World]:
    dsn = reader.server.superuser_dsn | {"dbname": reader.database}
    with psycopg.connect(**dsn, autocommit=True, prepare_threshold=None) as watcher:
        world = World(reader, watcher)
        world.fill()
        yield world


async def ask_everything(world: World, prepare: Prepare) -> Counter[str]:
    """Ask each text of the corpus after `prepare`: nothing is written or locked, and all ends.

    Counts the reasons of what was refused.
    """
    reader = world.reader
    reasons: Counter[str] = Counter()
    before = world.content()
    assert isinstance(before, list)
    for name, family in FAMILIES.items():
        for text in family:
            await prepare()
            begun = time.monotonic()
            try:
                await reader.ask(text, seconds=LIMIT)
            except SourceError as refused:
                reasons[refused.reason] += 1
            assert time.monotonic() - begun < LIMIT + 2.0, text
            # What was closed ends in the server a moment later; what is kept holds nothing.
            if reader.server.version is Version.V13 and "stubborn" in text:
                # It catches its own end, and this version does not look whether anybody is there.
                world.do(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s",
                    reader.user,
                )
            await until(lambda: world.locks() == 0)
        assert world.content() == before, name
    # Nothing of it goes on in the server.
    reader.databases.close()
    await until(lambda: world.active() == 0)
    return reasons
