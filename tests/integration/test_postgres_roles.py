"""Roles that may do more than read, on real servers."""

import pytest

from integration.reader import Reader
from polling import until
from servicesop.api.reasons import UnknownReason
from testbed import Postgres, Version

# Predefined roles that read only: what is new in a later version is refused until it is known.
READING = {
    "pg_database_owner",
    "pg_monitor",
    "pg_read_all_data",
    "pg_read_all_settings",
    "pg_read_all_stats",
    "pg_stat_scan_tables",
    "pg_use_reserved_connections",
}


async def refused(reader: Reader, what: str) -> None:
    failure = await reader.refused()
    assert failure.reason is UnknownReason.PRIVILEGED_DATABASE_ROLE
    assert what in failure.message
    assert failure.message.endswith("; use a role with SELECT only")
    await until(lambda: reader.sessions() == 0)


ATTRIBUTES = {
    "SUPERUSER": "is a superuser or may become one",
    "REPLICATION": "may replicate",
    "CREATEROLE": "may create roles",
}


@pytest.mark.parametrize("attribute", ATTRIBUTES)
async def test_a_role_with_such_an_attribute_is_refused(reader: Reader, attribute: str) -> None:
    reader.do(f"ALTER ROLE {reader.user} {attribute}")
    await refused(reader, ATTRIBUTES[attribute])


@pytest.mark.parametrize("attribute", ATTRIBUTES)
async def test_a_role_that_may_become_one_with_such_an_attribute_is_refused(
    reader: Reader, attribute: str
) -> None:
    between, boss = f"between_{reader.user}", f"boss_{reader.user}"
    reader.do(f"CREATE ROLE {boss} {attribute}")
    reader.do(f"CREATE ROLE {between} NOINHERIT")
    reader.do(f"GRANT {boss} TO {between}")
    reader.do(f"GRANT {between} TO {reader.user}")
    await refused(reader, ATTRIBUTES[attribute])
    # Attributes are not inherited, but a query, which may only read, can become that role.
    reader.way |= {"allowPrivilegedRole": True}
    now = f"SELECT set_config('role', '{boss}', true), current_user::text"
    assert (await reader.ask(f"{now} FROM (SELECT) AS one"))[0][0] == boss


async def test_every_predefined_role_that_does_more_than_read_is_refused(reader: Reader) -> None:
    predefined = {name for (name,) in reader.do("SELECT rolname FROM pg_roles WHERE oid < 16384")}
    tried = sorted(str(name) for name in predefined - READING - {"postgres"})
    assert {"pg_signal_backend", "pg_read_server_files"} < set(tried)
    for name in tried:
        reader.do(f"GRANT {name} TO {reader.user}")
        await refused(reader, "is a member of a predefined role")
        reader.do(f"REVOKE {name} FROM {reader.user}")
    for reading in predefined & (READING - {"pg_database_owner"}):
        reader.do(f"GRANT {reading} TO {reader.user}")
    assert await reader.ask("SELECT 1") == [(1,)]


@pytest.mark.parametrize(
    "function", ["pg_read_file(text)", "pg_ls_dir(text)", "lo_export(oid, text)", "pg_switch_wal()"]
)
@pytest.mark.parametrize("grantee", ["{}", "PUBLIC"])
async def test_a_function_of_superusers_is_refused(
    reader: Reader, function: str, grantee: str
) -> None:
    reader.do(f"GRANT EXECUTE ON FUNCTION {function} TO {grantee.format(reader.user)}")
    await refused(reader, "may execute functions that PostgreSQL leaves to superusers")
    reader.do(f"REVOKE EXECUTE ON FUNCTION {function} FROM {grantee.format(reader.user)}")
    assert await reader.ask("SELECT 1") == [(1,)]


async def test_a_role_that_may_use_dblink_is_refused(reader: Reader, postgres: Postgres) -> None:
    assert await reader.ask("SELECT 1") == [(1,)]
    reader.databases.close()
    if postgres.version is Version.V13:
        reader.do("CREATE EXTENSION dblink")
    else:
        # The extension is not among these servers' programs; what is asked is its name, and who may
        # execute its functions.
        reader.do(
            "SET allow_system_table_mods = on;"
            "CREATE FUNCTION dblink_connect(text) RETURNS text LANGUAGE sql AS 'SELECT $1';"
            "INSERT INTO pg_extension SELECT 47110, 'dblink', 10, 2200, true, '1.0', NULL, NULL;"
            "ALTER EXTENSION dblink ADD FUNCTION dblink_connect(text)"
        )
    await refused(reader, "may use dblink")
    reader.do("REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA public FROM PUBLIC")
    assert await reader.ask("SELECT 1") == [(1,)]


@pytest.mark.parametrize("postgres", [Version.V13], indirect=True)
async def test_a_function_that_an_extension_gave_to_nobody_is_refused(reader: Reader) -> None:
    reader.do("CREATE EXTENSION adminpack")
    assert await reader.ask("SELECT 1") == [(1,)]
    reader.databases.close()
    reader.do(f"GRANT EXECUTE ON FUNCTION pg_file_unlink(text) TO {reader.user}")
    await refused(reader, "may execute functions that PostgreSQL leaves to superusers")


async def test_a_role_is_asked_about_again_when_its_connection_is_replaced(reader: Reader) -> None:
    await reader.ask("SELECT 1")
    reader.do(f"ALTER ROLE {reader.user} SUPERUSER")
    reader.clock.now += 300
    await refused(reader, "is a superuser")


async def test_the_sop_may_allow_it_and_another_one_is_still_refused(reader: Reader) -> None:
    reader.do(f"ALTER ROLE {reader.user} SUPERUSER")
    await refused(reader, "is a superuser")
    reader.way |= {"allowPrivilegedRole": True}
    assert await reader.ask("SELECT 1") == [(1,)]
    # Even then nothing can be written.
    failure = await reader.refused("WITH one AS (DELETE FROM pg_class) SELECT 1")
    assert failure.reason is UnknownReason.QUERY_REFUSED
    del reader.way["allowPrivilegedRole"]
    await refused(reader, "is a superuser")
