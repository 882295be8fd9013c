"""What the check `leader` says of the leases that the database counted."""

from datetime import UTC, datetime

import pytest

from servicesop.api.checks.check import Check
from servicesop.api.kinds import WorkloadKind
from servicesop.api.reasons import UnknownReason
from servicesop.api.sop import Connection
from servicesop.checks.leader import LeaderRunner
from servicesop.checks.runner import (
    NO_TURN,
    CheckRunner,
    Database,
    LogStream,
    Surroundings,
    Workloads,
)
from servicesop.judge.results import Sample, Verdict
from servicesop.judge.rollout import PodView, WorkloadView
from servicesop.sources.errors import SourceError

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)


class Answering:
    """Stands for everything around a check; its database gives one prepared answer."""

    turns = NO_TURN

    def __init__(self, rows: list[tuple[object, ...]]) -> None:
        self.rows = rows
        self.asked: list[tuple[str, tuple[object, ...], float, int]] = []

    async def query(
        self,
        text: str,
        parameters: tuple[object, ...] = (),
        *,
        timeout: float,  # noqa: ASYNC109 - the protocol's
        max_rows: int,
    ) -> list[tuple[object, ...]]:
        self.asked.append((text, parameters, timeout, max_rows))
        return self.rows

    def get(self, kind: WorkloadKind, name: str) -> WorkloadView | None:
        raise AssertionError(name)

    def pods(self, workload: WorkloadView) -> tuple[PodView, ...]:
        raise AssertionError(workload)

    async def read(self, *arguments: object, **options: object) -> None:
        raise AssertionError(arguments, options)


def runner_for(database: Answering, **leader: object) -> CheckRunner:
    lease: dict[str, object] = {"connection": "database", "table": "leader_leases"}
    check = Check.model_validate(
        {
            "name": "leaders",
            "timeout": "7s",
            "leader": {"workers": ["cluster", "kafka_dns"], "lease": lease} | leader,
        }
    )
    connection = Connection.model_validate(
        {"name": "database", "postgres": {"secretRef": {"name": "db"}}}
    )
    asked: Database = database
    workloads: Workloads = database
    logs: LogStream = database
    return LeaderRunner(
        check,
        Surroundings(
            namespace="shop",
            targets={},
            default_target=None,
            workloads=workloads,
            logs=logs,
            database=lambda _: asked,
            connections={"database": connection},
        ),
    )


async def judged(*rows: tuple[object, ...]) -> Sample:
    return await runner_for(Answering(list(rows))).run(NOW)


async def test_one_holder_for_every_worker_passes() -> None:
    sample = await judged(("cluster", 1), ("kafka_dns", 1))
    assert sample.verdict is Verdict.PASSED
    assert sample.evidence == ()


async def test_a_worker_without_a_valid_lease_has_no_leader() -> None:
    sample = await judged(("kafka_dns", 1))
    assert sample.verdict is Verdict.FAILED
    assert sample.findings == {"None"}
    assert sample.message == "no leader: cluster"
    assert sample.evidence == ("cluster: no valid lease",)


async def test_two_holders_of_valid_leases_are_two_leaders() -> None:
    sample = await judged(("cluster", 2), ("kafka_dns", 1))
    assert sample.findings == {"Many"}
    assert sample.message == "more than one leader: cluster"
    assert sample.evidence == ("cluster: 2 leaders",)


async def test_both_findings_are_told_at_once() -> None:
    sample = await judged(("kafka_dns", 3))
    assert sample.findings == {"None", "Many"}
    assert sample.message == "no leader: cluster; more than one leader: kafka_dns"
    assert sample.evidence == ("cluster: no valid lease", "kafka_dns: 3 leaders")


async def test_the_workers_travel_as_a_parameter_and_the_names_are_quoted() -> None:
    database = Answering([])
    columns = {"worker": "Type", "holder": "who", "expires": "until", "deleted": "gone"}
    lease = {"connection": "database", "table": "ops.leases", "columns": columns}
    await runner_for(database, lease=lease).run(NOW)
    (asked,) = database.asked
    assert asked == (
        'SELECT "Type"::text, count(DISTINCT "who"::text)::int FROM "ops"."leases"'
        ' WHERE "Type"::text = ANY($1::text[]) AND "who"::text <> \'\' AND "until" > now()'
        ' AND "gone" IS NULL GROUP BY 1',
        (["cluster", "kafka_dns"],),
        7.0,
        2,
    )


async def test_an_answer_of_another_form_is_an_error_without_its_content() -> None:
    with pytest.raises(SourceError) as caught:
        await judged(("cluster", "canary"))
    assert caught.value.reason is UnknownReason.BAD_ANSWER
    assert "canary" not in caught.value.message
