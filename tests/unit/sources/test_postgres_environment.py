"""libpq reads nothing from the environment, and psycopg logs nothing."""

import logging

import pytest
from psycopg import pq

from servicesop.api.sop import Tls
from servicesop.sources.postgres.connection import Parameters
from servicesop.sources.postgres.session import _options, scrub_environment

PARAMETERS = Parameters("db", 5432, "orders", "reader", "secret")


def test_every_option_that_has_a_variable_is_given() -> None:
    given = _options(PARAMETERS, "10.1.2.3", Tls.REQUIRE, 5.0)
    read = {
        option.keyword.decode()
        for option in pq.Conninfo.get_defaults()
        if option.envvar is not None
    }
    # PGSERVICE has no neutral value: it is taken out of the environment instead.
    assert read - given.keys() == {"service"}


def test_tls_is_what_the_connection_says() -> None:
    assert _options(PARAMETERS, "10.1.2.3", Tls.REQUIRE, 5.0)["sslmode"] == "require"
    assert _options(PARAMETERS, "10.1.2.3", Tls.DISABLE, 5.0)["sslmode"] == "disable"
    assert _options(PARAMETERS, "10.1.2.3", Tls.VERIFY_FULL, 5.0)["sslmode"] == "verify-full"


def test_the_checked_address_is_dialled_and_the_name_is_kept_for_tls() -> None:
    options = _options(PARAMETERS, "10.1.2.3", Tls.REQUIRE, 5.0)
    assert (options["hostaddr"], options["host"]) == ("10.1.2.3", "db")


def test_the_environment_loses_what_libpq_reads_and_nothing_else() -> None:
    variables = [option.envvar.decode() for option in pq.Conninfo.get_defaults() if option.envvar]
    environ = dict.fromkeys([*variables, "PGSERVICEFILE", "PGSYSCONFDIR", "PGTZ"], "x")
    environ |= {"PATH": "/bin", "HOME": "/", "XPG": "1"}
    scrub_environment(environ)
    assert environ == {"PATH": "/bin", "HOME": "/", "XPG": "1"}


def test_psycopg_logs_nothing_at_any_level(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    for name in ("psycopg", "psycopg.waiting"):
        logging.getLogger(name).critical("canary")
    assert not caplog.records
