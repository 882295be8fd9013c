"""The check `leader` on a lease table like the fleet manager's, in a real PostgreSQL."""

from datetime import UTC, datetime

import pytest

from integration.reader import Reader
from servicesop.api.checks.check import Check
from servicesop.api.reasons import UnknownReason
from servicesop.checks.leader import leader_check
from servicesop.judge.results import Sample, Verdict
from servicesop.sources.errors import SourceError

# Leases expire by the database's clock; this one must not matter.
NOW = datetime(1999, 1, 1, tzinfo=UTC)


@pytest.fixture
def reader(reader: Reader) -> Reader:
    reader.do(
        "CREATE TABLE leader_leases (id text PRIMARY KEY, created_at timestamptz,"
        " updated_at timestamptz, deleted_at timestamptz, expires timestamptz,"
        " leader text, lease_type text)"
    )
    reader.do(f"GRANT SELECT ON leader_leases TO {reader.user}")
    return reader


def lease(
    reader: Reader,
    worker: str,
    holder: str | None = "canary-holder",
    left: str = "40 s",
    deleted: str | None = None,
) -> None:
    """Insert a lease that is valid for `left`."""
    reader.do(
        "INSERT INTO leader_leases VALUES (gen_random_uuid()::text, now(), now(),"
        " now() - %s::interval, now() + %s::interval, %s, %s)",
        deleted,
        left,
        holder,
        worker,
    )


async def judged(reader: Reader, **lease_table: object) -> Sample:
    table = {"connection": "database", "table": "leader_leases"} | lease_table
    check = Check.model_validate(
        {"name": "led", "leader": {"workers": ["cluster", "kafka_dns"], "lease": table}}
    )
    sample = await leader_check(check, reader.surroundings).run(NOW)
    assert "canary" not in repr(sample)
    return sample


async def test_a_valid_lease_for_each_worker_passes(reader: Reader) -> None:
    lease(reader, "cluster")
    lease(reader, "kafka_dns")
    assert (await judged(reader)).verdict is Verdict.PASSED


async def test_a_lease_of_a_worker_that_is_gone_is_ignored(reader: Reader) -> None:
    lease(reader, "cluster")
    lease(reader, "kafka_dns")
    lease(reader, "failed_kafka", left="-30 days")
    lease(reader, "failed_kafka")
    lease(reader, "failed_kafka", holder="another")
    naive = "SELECT count(*) FROM leader_leases WHERE leader = '' OR expires <= now()"
    assert reader.do(naive) == [(1,)]
    assert (await judged(reader)).verdict is Verdict.PASSED


@pytest.mark.parametrize(
    ("holder", "left"), [("canary", "-1 s"), ("", "40 s"), (None, "40 s"), ("", "-1 s")]
)
async def test_an_expired_or_empty_lease_is_no_leader(
    reader: Reader, holder: str | None, left: str
) -> None:
    lease(reader, "cluster", holder, left)
    lease(reader, "kafka_dns")
    sample = await judged(reader)
    assert sample.findings == {"None"}
    assert sample.evidence == ("cluster: no valid lease",)


async def test_an_empty_table_is_no_leader_for_anybody(reader: Reader) -> None:
    sample = await judged(reader)
    assert sample.findings == {"None"}
    assert sample.evidence == ("cluster: no valid lease", "kafka_dns: no valid lease")


async def test_two_holders_are_two_leaders_and_one_holder_twice_is_one(reader: Reader) -> None:
    lease(reader, "cluster", "canary-a")
    lease(reader, "cluster", "canary-b")
    lease(reader, "kafka_dns", "canary-c")
    lease(reader, "kafka_dns", "canary-c")
    sample = await judged(reader)
    assert sample.findings == {"Many"}
    assert sample.evidence == ("cluster: 2 leaders",)


async def test_a_former_holder_whose_lease_is_over_is_no_second_leader(reader: Reader) -> None:
    lease(reader, "cluster", "canary-a", "-1 s")
    lease(reader, "cluster", "canary-b")
    lease(reader, "kafka_dns")
    assert (await judged(reader)).verdict is Verdict.PASSED


async def test_deleted_leases_count_unless_the_column_is_named(reader: Reader) -> None:
    lease(reader, "cluster")
    lease(reader, "kafka_dns", deleted="1 h")
    assert (await judged(reader)).verdict is Verdict.PASSED
    sample = await judged(reader, columns={"deleted": "deleted_at"})
    assert sample.evidence == ("kafka_dns: no valid lease",)


async def test_a_table_with_its_schema_and_odd_names_is_found(reader: Reader) -> None:
    reader.do('CREATE SCHEMA "Ops"')
    reader.do('CREATE TABLE "Ops"."Lease" ("order" text, "User" text, "end" timestamptz)')
    reader.do("""INSERT INTO "Ops"."Lease" SELECT unnest(ARRAY['cluster', 'kafka_dns']), 'x',
                 now() + interval '1 min'""")
    reader.do(f'GRANT USAGE ON SCHEMA "Ops" TO {reader.user}')
    reader.do(f'GRANT SELECT ON "Ops"."Lease" TO {reader.user}')
    columns = {"worker": "order", "holder": "User", "expires": "end"}
    assert (await judged(reader, table="Ops.Lease", columns=columns)).verdict is Verdict.PASSED


@pytest.mark.parametrize(
    ("lease_table", "words"),
    [
        ({"table": "absent"}, "the table that the check names does not exist"),
        ({"columns": {"holder": "absent"}}, "a column that the check names does not exist"),
        ({"columns": {"expires": "leader"}}, "has not the type"),
        (
            {
                "table": "pg_catalog.pg_authid",
                "columns": {"worker": "rolname", "holder": "rolname", "expires": "rolvaliduntil"},
            },
            "no SELECT privilege",
        ),
    ],
)
async def test_a_table_that_cannot_be_asked_is_an_error_that_says_why(
    reader: Reader, lease_table: dict[str, object], words: str
) -> None:
    with pytest.raises(SourceError) as caught:
        await judged(reader, **lease_table)
    assert caught.value.reason is UnknownReason.QUERY_REFUSED
    assert words in caught.value.message
