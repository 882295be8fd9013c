"""Which checks are not run, and what they say meanwhile."""

import itertools
from collections.abc import Mapping

import pytest

from servicesop.api.checks.check import Check
from servicesop.api.dependencies import in_order
from servicesop.api.reasons import UnknownReason
from servicesop.api.status import CheckState
from servicesop.judge import debounce
from servicesop.judge.debounce import Memory
from servicesop.judge.dependencies import causes, held_back
from servicesop.judge.results import error
from unit.decide.scenes import NOW, bad, blind, good, maybe, memory, minutes, suspended

NOT_RUN = memory(CheckState.NOT_RUN)
SKIPPED, SUSPENDED = CheckState.SKIPPED, CheckState.SUSPENDED


def check_of(name: str, *depends_on: str, suspend: bool = False) -> Check:
    logs = {"pattern": "x", "within": "1m", "max": 0}
    fields = {"name": name, "logs": logs, "dependsOn": depends_on, "suspend": suspend}
    return Check.model_validate(fields)


DATABASE = check_of("database")
LEASES = check_of("leases", "database")
LEADER = check_of("leader", "leases")
ALL = (DATABASE, LEASES, LEADER)


def after(memories: Mapping[str, Memory], *checks: Check) -> dict[str, Memory]:
    """All memories once those have been held back that must be."""
    checks = checks or ALL
    return {**memories, **held_back(in_order(checks), memories, NOW + minutes(1))}


def text_of(found: Memory) -> str:
    assert found.last is not None
    return f"{found.last.reason}: {found.last.message}"


def test_nobody_waits_while_everything_passes() -> None:
    memories = dict.fromkeys(("database", "leases", "leader"), good())

    assert held_back(ALL, memories, NOW) == {}


@pytest.mark.parametrize(
    "missing",
    [bad(), maybe(), blind(), memory(CheckState.INCONCLUSIVE), NOT_RUN, suspended()],
    ids=lambda one: str(one.state),
)
@pytest.mark.parametrize("own", [good(), bad(), maybe(), blind(), NOT_RUN])
def test_who_depends_on_a_check_that_is_not_passed_is_skipped_however_far(
    missing: Memory, own: Memory
) -> None:
    checks = (check_of("database", suspend=missing.state is SUSPENDED), LEASES, LEADER)
    found = after({"database": missing, "leases": own, "leader": own}, *checks)

    assert [one.state for one in found.values()] == [missing.state, SKIPPED, SKIPPED]
    assert text_of(found["leases"]) == "DependsOn: waits for database"
    assert text_of(found["leader"]) == "DependsOn: waits for leases; the cause is database"
    assert causes("leader", found) == causes("leases", found) == ("database",)


def test_all_that_are_missing_are_named_in_the_order_of_the_spec() -> None:
    sums = check_of("sums", "leases", "network", "database", "idle")
    memories = {"database": blind(), "leases": good(), "network": maybe(), "idle": good()}
    found = after({**memories, "sums": good()}, DATABASE, LEASES, check_of("network"),
                  check_of("idle"), sums)  # fmt: skip

    assert text_of(found["sums"]) == (
        "DependsOn: waits for leases, network, database; the cause is database, network"
    )


def test_a_suspended_check_says_so_whatever_it_said_and_whatever_it_waits_for() -> None:
    checks = (DATABASE, check_of("leases", "database", suspend=True))
    for own in (good(), bad(), blind(), NOT_RUN):
        found = after({"database": blind(), "leases": own}, *checks)
        assert found["leases"].state is SUSPENDED
        assert text_of(found["leases"]) == "Suspended: the check's suspend is true"


def test_what_was_known_is_forgotten_and_the_newest_answer_is_none() -> None:
    found = after({"database": blind(), "leases": bad("TooMany"), "leader": good()})

    for one in (found["leases"], found["leader"]):
        assert (one.confirmed, one.pending, one.known_runs, one.steady) == (
            frozenset(), frozenset(), 0, False,
        )  # fmt: skip
        assert one.newest is not None
        assert not one.newest.verdict.known


def test_nothing_moves_while_it_goes_on_waiting_for_the_same() -> None:
    found = after({"database": blind(), "leases": good(), "leader": good()})
    found["database"] = bad()

    assert held_back(ALL, found, NOW + minutes(5)) == {}


def test_waiting_for_something_else_changes_the_text_and_not_the_time() -> None:
    both = check_of("both", "database", "leases")
    found = after({"database": blind(), "leases": good(), "both": good()}, DATABASE, LEASES, both)
    began = found["both"].since
    assert text_of(found["both"]) == "DependsOn: waits for database, leases; the cause is database"
    found["database"] = good()
    found |= held_back((DATABASE, LEASES, both), found, NOW + minutes(9))

    assert text_of(found["both"]) == "DependsOn: waits for leases"
    assert found["both"].since == began


def test_who_need_not_wait_any_longer_begins_afresh_and_the_next_waits_for_it() -> None:
    found = after({"database": blind(), "leases": bad(), "leader": bad()})
    found["database"] = good()
    freed = held_back(ALL, found, NOW + minutes(9))

    assert freed["leases"] == debounce.begin(NOW + minutes(9))
    assert text_of(freed["leader"]) == "DependsOn: waits for leases"
    assert causes("leader", found | freed) == ("leases",)


def test_a_check_that_is_not_suspended_any_more_begins_afresh() -> None:
    freed = held_back(ALL, {"database": suspended(), "leases": good(), "leader": good()}, NOW)

    assert freed["database"] == debounce.begin(NOW)
    assert freed["leases"].state is SKIPPED


def test_many_ways_to_one_cause_cost_no_more_than_one() -> None:
    levels = [[f"c{level}x{number}" for number in range(8)] for level in range(8)]
    checks = [check_of(name) for name in levels[0]]
    for below, level in itertools.pairwise(levels):
        checks += [check_of(name, *below) for name in level]
    memories = {one.name: good() for one in checks} | {"c0x0": blind()}
    found = after(memories, *checks)

    assert causes("c7x7", found) == ("c0x0",)
    assert found["c7x7"].last == error(
        UnknownReason.DEPENDS_ON, f"waits for {', '.join(levels[6])}; the cause is c0x0"
    )
