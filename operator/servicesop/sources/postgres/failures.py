"""What a failure of the database means, in our own sentences.

The texts of PostgreSQL, libpq and psycopg hold names, passwords and row content: they are read here
at most to choose a sentence, and go no further.
"""

import re

from servicesop.api.reasons import UnknownReason
from servicesop.sources.errors import SourceError

# By SQLSTATE, the longest matching beginning wins.
_BY_SQLSTATE: dict[str, tuple[UnknownReason, str]] = {
    "08": (UnknownReason.UNREACHABLE, "the connection to the database broke; see the database"),
    "0A": (
        UnknownReason.QUERY_REFUSED,
        "the query does what a read-only cursor cannot; it must be one SELECT that only reads",
    ),
    "22": (
        UnknownReason.QUERY_REFUSED,
        "a column has not the type that the check needs; compare the check's columns with the "
        "table",
    ),
    "25006": (
        UnknownReason.QUERY_REFUSED,
        "the query would write, and everything here is read-only",
    ),
    "25P03": (UnknownReason.TIMED_OUT, "the database ended a query that had stood still"),
    "28": (
        UnknownReason.AUTHENTICATION_FAILED,
        "the database refuses the user or the password; correct the Secret, or the database's role",
    ),
    "3D000": (
        UnknownReason.INVALID_CONNECTION,
        "the server has no database of that name; correct the Secret's key for the database",
    ),
    "3F000": (
        UnknownReason.QUERY_REFUSED,
        "the schema that the check names does not exist; correct the check",
    ),
    "42": (
        UnknownReason.QUERY_REFUSED,
        "the database does not accept the query; it must be one SELECT that fits the table",
    ),
    "42501": (
        UnknownReason.QUERY_REFUSED,
        "the database's role has no SELECT privilege on what the check names; grant it",
    ),
    "42601": (
        UnknownReason.QUERY_REFUSED,
        "the query is not one single SELECT statement; correct the check",
    ),
    "42703": (
        UnknownReason.QUERY_REFUSED,
        "a column that the check names does not exist; correct the check's columns",
    ),
    # No operator for the column's type: the same fault, found before a row is read.
    "42883": (
        UnknownReason.QUERY_REFUSED,
        "a column has not the type that the check needs; compare the check's columns with the "
        "table",
    ),
    "42P01": (
        UnknownReason.QUERY_REFUSED,
        "the table that the check names does not exist for this role; correct the check, or name "
        "it as schema.table",
    ),
    "53": (
        UnknownReason.UNREACHABLE,
        "the database has run out of memory or disk space; see the database",
    ),
    "53300": (
        UnknownReason.SOURCE_BUSY,
        "the database has no connection left for this role; raise its connection limit to 2 or "
        "more",
    ),
    "55P03": (
        UnknownReason.TIMED_OUT,
        "another session holds a lock on the table; see pg_locks in the database",
    ),
    "57": (
        UnknownReason.UNREACHABLE,
        "the database shuts down or starts; wait, or see the database",
    ),
    "57014": (
        UnknownReason.TIMED_OUT,
        "the database did not answer within the check's timeout; raise it, or add an index",
    ),
}
_OTHER = (
    UnknownReason.BAD_ANSWER,
    "the database answered with an error of its own; its log has the details",
)
_LOST_CLASSES = ("08", "57P")

# libpq gives no SQLSTATE for a failed connection attempt, only text. Where no line fits (a server
# that speaks another language) the reason is Unreachable, which is true, if less exact.
_REFUSALS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), sqlstate)
    for pattern, sqlstate in (
        (r"password authentication failed|authentication failed for user", "28P01"),
        (r"no pg_hba\.conf entry|pg_hba\.conf rejects|is not permitted to log in", "28000"),
        (r'role ".*" does not exist', "28000"),
        (r'database ".*" does not exist', "3D000"),
        (r'permission denied for database ".*"', "28000"),
        (r"too many (?:connections|clients)|remaining connection slots", "53300"),
        (r"database system is|not accepting connections", "57P03"),
    )
)
_TLS = re.compile(r"SSL|TLS|certificate")


def failure_of_answer(secret: str, sqlstate: str) -> SourceError:
    """Explain an error that the database answered with; `secret` is the name of the Secret."""
    reason, sentence = next(
        (
            _BY_SQLSTATE[sqlstate[:length]]
            for length in range(len(sqlstate), 1, -1)
            if sqlstate[:length] in _BY_SQLSTATE
        ),
        _OTHER,
    )
    return _about(secret, reason, sentence)


def failure_of_attempt(secret: str, text: str) -> SourceError:
    """Explain a failed attempt to connect from libpq's text, of which nothing is passed on."""
    for pattern, sqlstate in _REFUSALS:
        if pattern.search(text):
            return failure_of_answer(secret, sqlstate)
    if _TLS.search(text):
        return _about(
            secret,
            UnknownReason.TLS_FAILED,
            "no encrypted connection to the database; enable TLS there, or set tls: Disable",
        )
    return unreachable(secret)


def unreachable(secret: str) -> SourceError:
    """Say that nobody answers, or that an open connection broke."""
    return _about(
        secret,
        UnknownReason.UNREACHABLE,
        "no connection to the database; check its host and port, that it runs, and the "
        "NetworkPolicies on the way",
    )


def timed_out(secret: str) -> SourceError:
    """Say that the answer did not come in time."""
    return failure_of_answer(secret, "57014")


def busy(secret: str) -> SourceError:
    """Say that other checks used the connections for the whole timeout."""
    return _about(
        secret,
        UnknownReason.SOURCE_BUSY,
        "other checks held both connections for longer than the check's timeout; make them faster "
        "or less frequent",
    )


def privileged(secret: str) -> SourceError:
    """Say that the role may do more than read."""
    return _about(
        secret,
        UnknownReason.PRIVILEGED_DATABASE_ROLE,
        "the database's role is a superuser, may read or write the server's files, run programs, "
        "signal other sessions or use dblink; use a role with SELECT only",
    )


def bad_answer(secret: str, fault: str) -> SourceError:
    """Say that there was an answer, and why it cannot be used."""
    return _about(secret, UnknownReason.BAD_ANSWER, fault)


def about_secret(secret: str, failure: SourceError) -> SourceError:
    """Name the Secret in a failure that does not know it yet."""
    return _about(secret, failure.reason, failure.message)


def means_lost(sqlstate: str) -> bool:
    """Whether the error says that the session is over, not that the query was wrong."""
    return sqlstate.startswith(_LOST_CLASSES)


def _about(secret: str, reason: UnknownReason, sentence: str) -> SourceError:
    return SourceError(reason, f'Secret "{secret}": {sentence}')
