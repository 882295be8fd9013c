"""What a connection's Secret says: explained where it does not fit, and never shown."""

import logging
import os
import traceback
from pathlib import Path

import pytest
from psycopg import pq

from integration.reader import PASSWORD, Reader
from servicesop.api.reasons import UnknownReason
from servicesop.sources.dial import DialGuard
from testbed import free_port


@pytest.fixture
def reader(reader: Reader) -> Reader:
    reader.do("CREATE TABLE orders AS SELECT unnest(ARRAY['canary-note', '']) AS note")
    reader.do(f"GRANT SELECT ON orders TO {reader.user}")
    return reader


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("password", "canary-wrong", UnknownReason.AUTHENTICATION_FAILED),
        ("user", "canary-nobody", UnknownReason.AUTHENTICATION_FAILED),
        ("database", "canary-absent", UnknownReason.INVALID_CONNECTION),
        ("database", "canary_user host=/tmp", UnknownReason.INVALID_CONNECTION),
        ("host", "", UnknownReason.INVALID_CONNECTION),
        ("host", "127.0.0.1,127.0.0.1", UnknownReason.ADDRESS_REFUSED),
        ("host", "/tmp", UnknownReason.ADDRESS_REFUSED),
        ("host", "127.0.0.2", UnknownReason.ADDRESS_REFUSED),
        ("host", "localhost", UnknownReason.ADDRESS_REFUSED),
        ("port", "canary", UnknownReason.INVALID_CONNECTION),
    ],
)
async def test_a_secret_that_does_not_fit_is_explained(
    reader: Reader, key: str, value: str, reason: UnknownReason
) -> None:
    reader.secret[key] = value.encode()
    failure = await reader.refused()
    assert failure.reason is reason
    assert 'Secret "orders-db"' in failure.message
    assert "canary" not in failure.message


async def test_nobody_listening_is_unreachable(reader: Reader) -> None:
    port = free_port()
    reader.secret["port"] = str(port).encode()
    reader.databases._guard = DialGuard(frozenset({("127.0.0.1", port)}))
    assert (await reader.refused()).reason is UnknownReason.UNREACHABLE


async def test_a_changed_secret_is_used_by_the_next_connection(reader: Reader) -> None:
    good = reader.secret["password"]
    reader.secret["password"] = b"canary-wrong"
    assert (await reader.refused()).reason is UnknownReason.AUTHENTICATION_FAILED
    reader.secret["password"] = good
    assert await reader.ask("SELECT 1") == [(1,)]


async def test_a_role_at_its_connection_limit_is_a_busy_source(reader: Reader) -> None:
    reader.do(f"ALTER ROLE {reader.user} CONNECTION LIMIT 0")
    assert (await reader.refused()).reason is UnknownReason.SOURCE_BUSY


async def test_the_environment_of_the_process_has_no_say(
    reader: Reader, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".postgresql").mkdir()
    (tmp_path / ".postgresql" / "root.crt").write_text("no certificate")
    monkeypatch.setenv("HOME", str(tmp_path))
    for option in pq.Conninfo.get_defaults():
        if option.envvar and option.envvar != b"PGSERVICE":
            monkeypatch.setitem(os.environ, option.envvar.decode(), "canary")
    monkeypatch.setenv("PGOPTIONS", "-c search_path=evil")
    assert await reader.ask(
        "SELECT current_setting('application_name'), current_setting('search_path')"
    ) == [("servicesop", '"$user", public')]


async def test_no_value_of_the_secret_or_of_a_row_is_shown_or_logged(
    reader: Reader, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    failures = []
    for text in (
        "SELECT note::int FROM orders",
        "SELECT 1 / length(note) FROM orders",
        "SELECT canary FROM orders",
        "SELECT xmlparse(document note) FROM orders",
        "SELECT note::jsonb FROM orders",
    ):
        failures.append(await reader.refused(text))
    reader.do(
        "CREATE FUNCTION shout() RETURNS int LANGUAGE plpgsql AS $$BEGIN"
        " RAISE NOTICE 'canary-notice'; RAISE EXCEPTION 'canary-raised'; END$$"
    )
    failures.append(await reader.refused("SELECT shout()"))
    for key in ("password", "user", "database"):
        secret = dict(reader.secret)
        reader.databases.close()
        reader.secret[key] = b"canary@:/%'\" wrong " + key.encode()
        failures.append(await reader.refused())
        reader.secret.update(secret)
    for host in (b"canary,canary", b"canary.invalid"):
        secret = dict(reader.secret)
        reader.secret["host"] = host
        failures.append(await reader.refused())
        reader.secret.update(secret)
    # The canaries were really there: the same password and row are read by a query that fits.
    assert PASSWORD.startswith("canary")
    reader.databases.close()
    assert ("canary-note",) in await reader.ask("SELECT note FROM orders")
    for failure in failures:
        told = "".join(traceback.format_exception(failure)) + repr(failure.__context__)
        # Lines of the traceback quote this file, never a value.
        assert "canary" not in failure.message
        assert not [
            line for line in told.splitlines() if "canary" in line and not line.startswith("    ")
        ]
    output = capfd.readouterr()
    for told in (caplog.text, output.out, output.err):
        assert "canary" not in told
