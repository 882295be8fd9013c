"""What the check `leader` says of leases: those that a database counted, those of Kubernetes."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import NoReturn

import pytest

from servicesop.api.checks.check import Check
from servicesop.api.reasons import UnknownReason
from servicesop.checks.leader import leader_check
from servicesop.checks.leader_judgement import Held
from servicesop.checks.leader_lease import read_lease
from servicesop.checks.runner import CheckRunner
from servicesop.judge.results import Sample, Verdict
from servicesop.sources.errors import SourceError
from servicesop.sources.kubernetes.client import Json
from unit.checks.answering_database import AnsweringDatabase, beside

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)


class Answering(AnsweringDatabase):
    """Stands for everything around a check: a database, and the objects of the namespace."""

    def __init__(self, answer: list[tuple[object, ...]]) -> None:
        super().__init__(answer)
        self.leases: dict[str, Json] = {}
        self.got: list[tuple[str, str, str]] = []

    async def get(self, api_version: str, kind: str, name: str) -> Json | None:
        self.got.append((api_version, kind, name))
        return self.leases.get(name)

    async def find(self, *arguments: object) -> NoReturn:
        raise AssertionError(arguments)


def runner_for(database: Answering, **leader: object) -> CheckRunner:
    lease: dict[str, object] = {"connection": "database", "table": "leader_leases"}
    check = Check.model_validate(
        {
            "name": "leaders",
            "timeout": "7s",
            "leader": {"workers": ["cluster", "kafka_dns"], "lease": lease} | leader
            if leader.keys() <= {"lease", "workers"}
            else leader,
        }
    )
    return leader_check(check, replace(beside(database), objects=database))


async def judged(*rows: tuple[object, ...]) -> Sample:
    return await runner_for(Answering(list(rows))).run(NOW)


async def test_one_holder_for_every_worker_passes() -> None:
    sample = await judged(("cluster", 1, "a"), ("kafka_dns", 1, "b"))
    assert sample.verdict is Verdict.PASSED
    assert sample.evidence == ()


async def test_a_worker_without_a_valid_lease_has_no_leader() -> None:
    sample = await judged(("kafka_dns", 1, "b"))
    assert sample.verdict is Verdict.FAILED
    assert sample.findings == {"None"}
    assert sample.message == "no leader: cluster"
    assert sample.evidence == ("cluster: no valid lease",)


async def test_two_holders_of_valid_leases_are_two_leaders() -> None:
    sample = await judged(("cluster", 2, "a"), ("kafka_dns", 1, "b"))
    assert sample.findings == {"Many"}
    assert sample.message == "more than one leader: cluster"
    assert sample.evidence == ("cluster: 2 leaders",)


async def test_both_findings_are_told_at_once() -> None:
    sample = await judged(("kafka_dns", 3, "b"))
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
        'SELECT "Type"::text, count(DISTINCT "who"::text)::int, left(min("who"::text), 253)'
        ' FROM "ops"."leases"'
        ' WHERE "Type"::text = ANY($1::text[]) AND "who"::text <> \'\' AND "until" > now()'
        ' AND "gone" IS NULL GROUP BY 1',
        (["cluster", "kafka_dns"],),
        7.0,
        2,
    )


@pytest.mark.parametrize(
    "rows",
    [
        [("cluster", "canary", "a")],
        [("cluster", 1, None)],
        [("canary", 1, "a")],
        [("cluster", 1, "a"), ("cluster", 1, "canary")],
        [("cluster", 0, "canary")],
        [("canary",)],
    ],
)
async def test_an_answer_of_another_form_is_an_error_without_its_content(
    rows: list[tuple[object, ...]],
) -> None:
    with pytest.raises(SourceError) as caught:
        await judged(*rows)
    assert caught.value.reason is UnknownReason.BAD_ANSWER
    assert "canary" not in caught.value.message


def lease(
    holder: object = "pod-a", *, renewed: float | str | None = -5, seconds: object = 15
) -> Json:
    """A Lease that was renewed so many seconds from now."""
    moment: str | None = None
    if isinstance(renewed, str):
        moment = renewed
    elif renewed is not None:
        moment = f"{NOW + timedelta(seconds=renewed):%Y-%m-%dT%H:%M:%S.%fZ}"
    spec = {"holderIdentity": holder, "renewTime": moment, "leaseDurationSeconds": seconds}
    return {"spec": {key: value for key, value in spec.items() if value is not None}}


FREE, TAKEN = Held(0), Held(1, "pod-a")
INCOMPLETE = Held(0, doubt=UnknownReason.INCOMPLETE_LEASE)
AHEAD = Held(0, doubt=UnknownReason.CLOCKS_DIFFER)


@pytest.mark.parametrize(
    ("item", "held"),
    [
        (lease(), TAKEN),
        (lease(renewed=-14.999), TAKEN),
        (lease(renewed=-15), FREE),
        (lease(renewed=-3600), FREE),
        (lease(holder=""), FREE),
        (lease(holder="", renewed=None, seconds=None), FREE),
        (None, FREE),
        # Clocks differ by a little everywhere.
        (lease(renewed=10), TAKEN),
        (lease(renewed=10.001), AHEAD),
        (lease(renewed=86400), AHEAD),
        (lease(holder=None), INCOMPLETE),
        (lease(holder=7), INCOMPLETE),
        (lease(renewed=None), INCOMPLETE),
        (lease(renewed="yesterday"), INCOMPLETE),
        (lease(renewed="2026-05-04T12:00:00"), INCOMPLETE),
        (lease(seconds=None), INCOMPLETE),
        (lease(seconds="15"), INCOMPLETE),
        (lease(seconds=2**62), TAKEN),
        ({"spec": {}}, INCOMPLETE),
        ({}, INCOMPLETE),
    ],
)
def test_who_holds_a_lease_of_kubernetes(item: Json | None, held: Held) -> None:
    assert read_lease(item, NOW) == held


async def test_one_lease_per_worker_is_read_by_its_name() -> None:
    around = Answering([])
    around.leases = {"orders-cluster": lease(), "orders-dns": lease(renewed=-60)}
    leases = {"name": "orders-{worker}"}
    runner = runner_for(around, workers=["cluster", "dns"], kubernetesLease=leases)
    sample = await runner.run(NOW)
    assert around.got == [
        ("coordination.k8s.io/v1", "Lease", "orders-cluster"),
        ("coordination.k8s.io/v1", "Lease", "orders-dns"),
    ]
    assert around.asked == []
    assert sample.findings == {"None"}
    assert sample.message == "no leader: dns"


async def test_a_single_lease_needs_no_workers_and_gives_its_name() -> None:
    around = Answering([])
    sample = await runner_for(around, kubernetesLease={"name": "orders"}).run(NOW)
    assert around.got == [("coordination.k8s.io/v1", "Lease", "orders")]
    assert sample.findings == {"None"}
    assert sample.message == "no leader: orders"
    around.leases = {"orders": lease("somebody")}
    assert (
        await runner_for(around, kubernetesLease={"name": "orders"}).run(NOW)
    ).verdict is Verdict.PASSED
