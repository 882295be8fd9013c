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
    # A cursor for a query that writes is a feature that the server does not support.
    "0A": (
        UnknownReason.QUERY_REFUSED,
        "the database does not accept the query; it must be one SELECT that only reads",
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
        (
            r"password authentication failed|authentication failed for user"
            r"|SASL authentication failed|FATAL:\s+(?:auth failed|no such user)",
            "28P01",
        ),
        (r"no pg_hba\.conf entry|pg_hba\.conf rejects|is not permitted to log in", "28000"),
        (r'role ".*" does not exist', "28000"),
        (r'database ".*" does not exist|FATAL:\s+no such database', "3D000"),
        (r'permission denied for database ".*"', "28000"),
        (
            r"too many (?:connections|clients)|remaining connection slots"
            r"|no more connections allowed",
            "53300",
        ),
        (r"database system is|not accepting connections", "57P03"),
    )
)
_TLS: tuple[tuple[re.Pattern[str], UnknownReason, str], ...] = tuple(
    (re.compile(pattern), reason, sentence)
    for pattern, reason, sentence in (
        (
            r"no pg_hba\.conf entry.*(?:no encryption|SSL off)|FATAL:\s+SSL required",
            UnknownReason.AUTHENTICATION_FAILED,
            "the database does not let this user in without TLS, or not from the operator's "
            "address; set tls: Require, or correct the server's pg_hba.conf",
        ),
        (
            r"does not support SSL",
            UnknownReason.TLS_NOT_OFFERED,
            "the database does not offer TLS; enable TLS there, or set tls: Disable, which sends "
            "the password and the rows in the clear",
        ),
        (
            r"does not match host name",
            UnknownReason.CERTIFICATE_NAME_MISMATCH,
            "the database's certificate is for another host name; correct the Secret's key for the "
            "host, or have the certificate issued for it",
        ),
        (
            r"certificate verify failed",
            UnknownReason.CERTIFICATE_NOT_TRUSTED,
            "the database's certificate is not signed by an authority in the Secret's key for the "
            "CA, or has expired; correct that key, or renew the server's certificate",
        ),
    )
)
_OTHER_TLS = re.compile(r"SSL|TLS|certificate")

# A pooler that ends a session says why with this code, which PostgreSQL has for other things.
_PROTOCOL_VIOLATION = "08P01"
_POOLER: tuple[tuple[re.Pattern[str], UnknownReason, str], ...] = tuple(
    (re.compile(pattern), reason, sentence)
    for pattern, reason, sentence in (
        (
            r"statement pooling mode",
            UnknownReason.INVALID_CONNECTION,
            "the pooler (PgBouncer) pools by statement, where no query can be kept read-only; let "
            "the Secret name a pool with pool_mode transaction or session, or the database itself",
        ),
        (
            r"query_wait_timeout",
            UnknownReason.SOURCE_BUSY,
            "the pooler (PgBouncer) had no connection to the database free in time; raise its pool "
            "size, or see who holds its connections",
        ),
    )
)


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


def failure_of_pooler(secret: str, sqlstate: str, text: str) -> SourceError | None:
    """Explain why a pooler ended the session, of whose text nothing is passed on.

    None where it is not known to be one: then the connection just broke.
    """
    if sqlstate == _PROTOCOL_VIOLATION:
        for pattern, reason, sentence in _POOLER:
            if pattern.search(text):
                return _about(secret, reason, sentence)
    return None


def failure_of_attempt(secret: str, text: str) -> SourceError:
    """Explain a failed attempt to connect from libpq's text, of which nothing is passed on."""
    for pattern, reason, sentence in _TLS:
        if pattern.search(text):
            return _about(secret, reason, sentence)
    for pattern, sqlstate in _REFUSALS:
        if pattern.search(text):
            return failure_of_answer(secret, sqlstate)
    if _OTHER_TLS.search(text):
        return _about(
            secret,
            UnknownReason.TLS_FAILED,
            "the encrypted connection to the database failed; it must offer TLS 1.2 or newer and "
            "ask for no client certificate, see its log",
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
    """Say that other checks used the connections for most of the timeout."""
    return _about(
        secret,
        UnknownReason.SOURCE_BUSY,
        "other checks of this database held its two connections for most of the check's timeout; "
        "make them faster or less frequent",
    )


# By what the query for privileges answers.
_PRIVILEGES = {
    "superuser": "is a superuser or may become one",
    "replication": "may replicate, and so keep all changes on the server's disk for ever",
    "createrole": "may create roles and give itself other privileges",
    "predefined": "is a member of a predefined role that does more than read, such as "
    "pg_signal_backend or pg_read_server_files",
    "function": "may execute functions that PostgreSQL leaves to superusers, such as pg_read_file",
    "dblink": "may use dblink, through which a query can write",
}


def privileged(secret: str, privilege: object) -> SourceError:
    """Say that the role may do more than read."""
    what = _PRIVILEGES.get(str(privilege), "may do more than read")
    return _about(
        secret,
        UnknownReason.PRIVILEGED_DATABASE_ROLE,
        f"the database's role {what}; use a role with SELECT only",
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
