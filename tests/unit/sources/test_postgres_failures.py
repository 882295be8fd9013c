"""What users read when the database says no."""

import pytest

from servicesop.api.reasons import UnknownReason
from servicesop.sources.postgres.failures import (
    failure_of_answer,
    failure_of_attempt,
    failure_of_pooler,
)


@pytest.mark.parametrize(
    ("sqlstate", "reason", "words"),
    [
        ("42P01", UnknownReason.QUERY_REFUSED, "the table that the check names does not exist"),
        ("42703", UnknownReason.QUERY_REFUSED, "a column that the check names does not exist"),
        ("42501", UnknownReason.QUERY_REFUSED, "no SELECT privilege"),
        ("42601", UnknownReason.QUERY_REFUSED, "not one single SELECT statement"),
        ("42883", UnknownReason.QUERY_REFUSED, "a column has not the type"),
        ("42P18", UnknownReason.QUERY_REFUSED, "does not accept the query"),
        ("25006", UnknownReason.QUERY_REFUSED, "would write"),
        ("22P02", UnknownReason.QUERY_REFUSED, "not the type"),
        ("28P01", UnknownReason.AUTHENTICATION_FAILED, "refuses the user or the password"),
        ("28000", UnknownReason.AUTHENTICATION_FAILED, "refuses the user or the password"),
        ("3D000", UnknownReason.INVALID_CONNECTION, "no database of that name"),
        ("57014", UnknownReason.TIMED_OUT, "within the check's timeout"),
        ("55P03", UnknownReason.TIMED_OUT, "holds a lock"),
        ("53300", UnknownReason.SOURCE_BUSY, "no connection left for this role"),
        ("53200", UnknownReason.UNREACHABLE, "out of memory"),
        ("57P03", UnknownReason.UNREACHABLE, "shuts down or starts"),
        ("08006", UnknownReason.UNREACHABLE, "broke"),
        ("XX000", UnknownReason.BAD_ANSWER, "an error of its own"),
        ("P0001", UnknownReason.BAD_ANSWER, "an error of its own"),
    ],
)
def test_an_error_code_has_a_reason_and_a_sentence(
    sqlstate: str, reason: UnknownReason, words: str
) -> None:
    failure = failure_of_answer("orders-db", sqlstate)
    assert failure.reason is reason
    assert failure.message.startswith('Secret "orders-db": ')
    assert words in failure.message
    assert len(failure.message) <= 256


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            'FATAL:  password authentication failed for user "canary"',
            UnknownReason.AUTHENTICATION_FAILED,
        ),
        (
            'FATAL:  no pg_hba.conf entry for host "10.0.0.1", user "canary", no encryption',
            UnknownReason.AUTHENTICATION_FAILED,
        ),
        ('FATAL:  role "canary" does not exist', UnknownReason.AUTHENTICATION_FAILED),
        ('FATAL:  database "canary" does not exist', UnknownReason.INVALID_CONNECTION),
        ('FATAL:  too many connections for role "canary"', UnknownReason.SOURCE_BUSY),
        ("FATAL:  sorry, too many clients already", UnknownReason.SOURCE_BUSY),
        ("FATAL:  the database system is starting up", UnknownReason.UNREACHABLE),
        ("server does not support SSL, but SSL was required", UnknownReason.TLS_NOT_OFFERED),
        ("SSL error: certificate verify failed", UnknownReason.CERTIFICATE_NOT_TRUSTED),
        (
            'server certificate for "canary" (and 1 other name) does not match host name "canary"',
            UnknownReason.CERTIFICATE_NAME_MISMATCH,
        ),
        ("SSL error: wrong version number", UnknownReason.TLS_FAILED),
        # PgBouncer's.
        ("FATAL:  SASL authentication failed", UnknownReason.AUTHENTICATION_FAILED),
        ("FATAL:  auth failed", UnknownReason.AUTHENTICATION_FAILED),
        ("FATAL:  no such user: canary", UnknownReason.AUTHENTICATION_FAILED),
        ("FATAL:  no such database: canary", UnknownReason.INVALID_CONNECTION),
        (
            "FATAL:  no more connections allowed (max_client_conn)",
            UnknownReason.SOURCE_BUSY,
        ),
        ("FATAL:  SSL required", UnknownReason.AUTHENTICATION_FAILED),
        ("Connection refused\n\tIs the server running on host canary?", UnknownReason.UNREACHABLE),
        ("FATAL:  Passwort-Authentifizierung für canary fehlgeschlagen", UnknownReason.UNREACHABLE),
        ("", UnknownReason.UNREACHABLE),
    ],
)
def test_a_failed_attempt_has_a_reason_and_none_of_its_text(
    text: str, reason: UnknownReason
) -> None:
    failure = failure_of_attempt("orders-db", text)
    assert failure.reason is reason
    assert "canary" not in failure.message


@pytest.mark.parametrize(
    ("text", "reason", "words"),
    [
        (
            "transaction blocks not allowed in statement pooling mode",
            UnknownReason.INVALID_CONNECTION,
            "pool_mode transaction or session",
        ),
        ("query_wait_timeout", UnknownReason.SOURCE_BUSY, "raise its pool size"),
    ],
)
def test_a_pooler_that_ends_a_session_has_a_reason(
    text: str, reason: UnknownReason, words: str
) -> None:
    failure = failure_of_pooler("orders-db", "08P01", text)
    assert failure is not None
    assert failure.reason is reason
    assert words in failure.message
    assert len(failure.message) <= 256


@pytest.mark.parametrize(
    ("sqlstate", "text"),
    [("08P01", "server conn crashed?"), ("22023", "query_wait_timeout"), ("08P01", "")],
)
def test_any_other_end_of_a_session_is_not_a_poolers(sqlstate: str, text: str) -> None:
    assert failure_of_pooler("orders-db", sqlstate, text) is None
