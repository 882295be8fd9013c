"""A database by hand: `sql` and `stuckRows`, by the very queries that the checks send."""

import re

from servicesop.api.checks.check import Check
from servicesop.api.checks.stuck_rows import RowLimit
from servicesop.api.durations import format_duration
from servicesop.api.sop import Connection
from servicesop.checks.row_queries import (
    aged_rows,
    allowed_seconds,
    counted_limits,
    counted_rows,
)
from servicesop.render.by_hand import (
    SECRET_KEY,
    ByHand,
    Command,
    Definition,
    Names,
    here_document,
    word,
)
from servicesop.render.markdown import code

_MOST_ROWS = 20
"""Rows that a person is shown; the oldest come first."""


def sql(check: Check, names: Names) -> ByHand:
    """Ask the query."""
    spec = check.sql
    assert spec is not None
    if spec.rows is not None:
        asserts = f"the query gives {_limits(spec.rows.min, spec.rows.max)} rows"
    else:
        assert spec.value is not None, "value or rows is there"
        limits = _limits(spec.value.min, spec.value.max)
        asserts = f"the value that the query gives is {limits}"
    return ByHand(asserts, (asked(names.connection(spec.connection), spec.query.strip()),))


def stuck_rows(check: Check, names: Names) -> ByHand:
    """Ask for the rows in the statuses, the most overdue first, and for their number."""
    spec = check.stuck_rows
    assert spec is not None
    connection = names.connection(spec.connection)
    allowed, counted = allowed_seconds(spec), counted_limits(spec)
    commands = []
    if allowed:
        query = aged_rows(spec, allowed, _MOST_ROWS)
        says = "Each row with the time of its last write and the present one, in seconds:"
        commands.append(asked(connection, query.filled, says))
    if counted:
        says = "Per limit, how many rows there are (counted no further than it matters), and some:"
        commands.append(asked(connection, counted_rows(spec, counted).filled, says))
    parts = [part for limit in spec.all_limits for part in _row_limit(limit)]
    return ByHand(f"of the rows of {code(spec.table)}, {'; '.join(parts)}", tuple(commands))


def _row_limit(limit: RowLimit) -> list[str]:
    statuses = " or ".join(map(code, limit.statuses))
    parts = []
    if limit.older_than is not None:
        parts.append(f"none stays in {statuses} for over {format_duration(limit.older_than)}")
    if limit.min is not None or limit.max is not None:
        parts.append(f"the number in {statuses} is {_limits(limit.min, limit.max)}")
    return parts


def _limits(least: object, most: object) -> str:
    parts = [f"at least {least}"] if least is not None else []
    parts += [f"at most {most}"] if most is not None else []
    return " and ".join(parts)


def asked(connection: Connection, query: str, says: str = "") -> Command:
    """Give the command that asks a database."""
    definition = _psql(connection)
    return Command(here_document(definition.name, query, "SQL"), says, needs=(definition,))


def _psql(connection: Connection) -> Definition:
    """Give the function that asks a connection: one read-only command, with the Secret's login.

    `--command` sends the text as it is: none of it is a command of psql itself.
    """
    postgres = connection.postgres
    assert postgres is not None
    secret, keys = word(postgres.secret_ref.name), postgres.keys
    name = f"psql_{connection.name.replace('-', '_')}"
    mode = re.sub(r"(?<=[a-z])(?=[A-Z])", "-", postgres.protection.value).lower()
    settings = {
        "PGHOST": keys.host,
        "PGPORT": keys.port,
        "PGDATABASE": keys.database,
        "PGUSER": keys.user,
        "PGPASSWORD": keys.password,
    }
    lines = [f'  {name}="$(secret_key {secret} {word(key)})" \\' for name, key in settings.items()]
    authorities = ""
    if keys.ca is not None:
        key = word(keys.ca)
        authorities = f'  authorities=$(mktemp)\n  secret_key {secret} {key} >"$authorities"\n'
        lines.append('  PGSSLROOTCERT="$authorities" \\')
    settled = "\n".join(lines)
    text = f"""\
{name}() {{  # asks the connection {connection.name}, read-only; nothing of the login is shown
{authorities}{settled}
  PGSSLMODE={mode} PGOPTIONS='-c default_transaction_read_only=on -c statement_timeout=30s' \\
  psql --no-psqlrc --command "$(cat)"
}}"""
    return Definition(name, text, (SECRET_KEY,))
