"""How long rows stay in a status, as the check `stuckRows` judges it."""

import re
from datetime import UTC, datetime

import pytest

from servicesop.api.reasons import UnknownReason
from servicesop.api.status import Seen
from servicesop.checks.first_seen import key_of
from servicesop.checks.stuck_rows import MAX_ROWS, StuckRowsRunner
from servicesop.judge.results import Verdict
from servicesop.sources.errors import SourceError
from unit.checks.stuck_table import NOW, START, Table, judged, runner_for


async def test_no_rows_pass() -> None:
    sample = await judged()
    assert sample.verdict is Verdict.PASSED
    assert sample.message == "no row stays in accepted or provisioning for over 3m"


async def test_a_row_may_stay_for_exactly_as_long_as_allowed() -> None:
    assert (await judged(("a", "accepted", 180.0))).verdict is Verdict.PASSED
    assert (await judged(("a", "accepted", 180.1))).verdict is Verdict.FAILED


async def test_a_stuck_row_is_named_with_its_status() -> None:
    sample = await judged(("a", "accepted", 181.0), ("b", "accepted", 5.0))
    assert sample.verdict is Verdict.FAILED
    assert sample.findings == {"Stuck"}
    assert sample.message == "rows stay in accepted or provisioning for over 3m"
    assert sample.evidence == ("a accepted over 3m",)


async def test_the_five_oldest_are_named_oldest_first() -> None:
    rows = [(str(age), "accepted", 200.0 + age) for age in (3, 1, 4, 6, 5, 2)]
    assert (await judged(*rows)).evidence == tuple(f"{n} accepted over 3m" for n in (6, 5, 4, 3, 2))


async def test_a_row_that_is_rewritten_all_the_time_is_stuck_all_the_same() -> None:
    table = Table()
    runner = runner_for(table)
    table.rows = [("a", "provisioning", 10.0)]
    for _ in range(7):
        assert (await runner.run(NOW)).verdict is Verdict.PASSED
        table.clock += 30.0
    sample = await runner.run(NOW)
    assert sample.evidence == ("a provisioning over 3m",)


async def test_a_row_that_moves_on_to_another_status_starts_anew() -> None:
    table = Table()
    runner = runner_for(table)
    table.rows = [("a", "accepted", 10.0)]
    await runner.run(NOW)
    table.clock += 179.0
    table.rows = [("a", "provisioning", 10.0)]
    await runner.run(NOW)
    table.clock += 179.0
    assert (await runner.run(NOW)).verdict is Verdict.PASSED
    table.clock += 2.0
    assert (await runner.run(NOW)).verdict is Verdict.FAILED


async def test_a_row_that_left_and_came_back_starts_anew() -> None:
    table = Table()
    runner = runner_for(table)
    for rows in ([("a", "accepted", 1.0)], [], [("a", "accepted", 1.0)]):
        table.rows = list(rows)
        assert (await runner.run(NOW)).verdict is Verdict.PASSED
        table.clock += 100.0
    assert (await runner.run(NOW)).verdict is Verdict.PASSED


async def test_a_row_without_a_time_counts_from_when_it_was_first_seen() -> None:
    table = Table()
    table.rows = [("a", "accepted", None)]
    runner = runner_for(table)
    assert (await runner.run(NOW)).verdict is Verdict.PASSED
    table.clock += 181.0
    assert (await runner.run(NOW)).verdict is Verdict.FAILED


async def test_a_time_in_the_future_is_no_age() -> None:
    table = Table()
    table.rows = [("a", "accepted", -3600.0)]
    runner = runner_for(table)
    assert (await runner.run(NOW)).verdict is Verdict.PASSED
    table.clock += 181.0
    assert (await runner.run(NOW)).verdict is Verdict.FAILED


async def test_rows_without_an_id_count_by_their_own_time_only() -> None:
    table = Table()
    table.rows = [(None, "accepted", 10.0)]
    runner = runner_for(table)
    await runner.run(NOW)
    table.clock += 300.0
    assert (await runner.run(NOW)).verdict is Verdict.PASSED
    table.rows = [(None, "accepted", 181.0)]
    assert (await runner.run(NOW)).evidence == ("(no id) accepted over 3m",)


async def test_more_rows_than_can_be_looked_at_cannot_pass() -> None:
    table = Table()
    table.rows = [(str(number), "accepted", 10.0) for number in range(MAX_ROWS)]
    runner = runner_for(table)
    assert (await runner.run(NOW)).verdict is Verdict.PASSED
    table.rows.append(("one more", "accepted", 10.0))
    sample = await runner.run(NOW)
    assert sample.verdict is Verdict.INCONCLUSIVE
    assert sample.reason is UnknownReason.NOT_COVERED
    assert "more than 1000 rows" in sample.message


async def test_more_rows_than_can_be_looked_at_can_fail_and_it_says_so() -> None:
    table = Table()
    table.rows = [(str(number), "accepted", 500.0 - number / 2) for number in range(MAX_ROWS + 1)]
    sample = await runner_for(table).run(NOW)
    assert sample.verdict is Verdict.FAILED
    assert sample.message.endswith("(only the 1000 oldest rows were looked at)")


async def test_the_memory_holds_no_more_than_the_last_answer() -> None:
    table = Table()
    runner = runner_for(table)
    for batch in range(5):
        table.rows = [(f"{batch}-{number}", "accepted", 1.0) for number in range(MAX_ROWS + 1)]
        await runner.run(NOW)
    assert isinstance(runner, StuckRowsRunner)
    assert len(runner._first_seen._times) == MAX_ROWS


async def test_an_id_is_shown_on_one_line() -> None:
    sample = await judged(("x\n\x1b[31m", "accepted", 500.0))
    assert sample.evidence == ("x??[31m accepted over 3m",)


async def test_only_the_named_columns_are_asked_and_the_names_are_quoted() -> None:
    table = Table()
    columns = {"id": "Key", "status": "state", "updated": "changed", "deleted": "gone"}
    await runner_for(table, table="shop.orders", columns=columns).run(NOW)
    ((text, parameters, timeout, max_rows),) = table.asked
    asked = set(re.findall('"([^"]+)"', text))
    assert asked == {"Key", "state", "changed", "gone", "shop", "orders"}
    assert '"shop"."orders"' in text
    assert '"gone" IS NULL' in text
    assert parameters == (["accepted", "provisioning"], [180.0, 180.0])
    assert (timeout, max_rows) == (5.0, MAX_ROWS + 1)


async def test_without_a_column_for_soft_deletion_none_is_asked() -> None:
    table = Table()
    await runner_for(table, columns={"deleted": None}).run(NOW)
    assert " AND " not in table.asked[0][0].partition("= ANY")[2]


GOOD = ("a", "accepted", START - 1.0, START, True)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (0, 1),
        (0, b"a"),
        (1, None),
        (1, "of another row"),
        (2, "yesterday"),
        (3, None),
        (3, float("nan")),
        (3, float("inf")),
        (3, -1.0),
        (3, 1e300),
        (4, None),
    ],
)
async def test_an_answer_of_another_form_is_an_error(place: int, value: object) -> None:
    table = Table()
    table.answer = [(*GOOD[:place], value, *GOOD[place + 1 :])]
    with pytest.raises(SourceError) as caught:
        await runner_for(table).run(NOW)
    assert caught.value.reason is UnknownReason.BAD_ANSWER
    assert "of another" not in caught.value.message
    table.answer = [GOOD]
    assert (await runner_for(table).run(NOW)).verdict is Verdict.PASSED


@pytest.mark.parametrize("written", [0.0, -1.0, -62135596800.0, float("-inf"), float("inf")])
async def test_a_time_that_is_none_says_nothing(written: float) -> None:
    table = Table()
    table.answer = [("a", "accepted", written, START, True)]
    assert (await runner_for(table).run(NOW)).verdict is Verdict.PASSED


async def test_a_time_without_a_zone_is_not_compared_with_a_clock() -> None:
    table = Table()
    table.answer = [("a", "accepted", START - 500.0, START, False)]
    with pytest.raises(SourceError, match="has no time zone") as caught:
        await runner_for(table).run(NOW)
    assert caught.value.reason is UnknownReason.QUERY_REFUSED


async def test_an_id_of_several_rows_is_not_followed() -> None:
    table = Table()
    runner = runner_for(table)
    table.rows = [("a", "accepted", 10.0), ("a", "accepted", 20.0)]
    await runner.run(NOW)
    table.clock += 181.0
    assert (await runner.run(NOW)).verdict is Verdict.PASSED
    table.rows = [("a", "accepted", 10.0), ("a", "accepted", 181.0)]
    assert (await runner.run(NOW)).verdict is Verdict.FAILED


# Memory beyond a restart.


async def test_a_row_is_remembered_from_half_of_its_time_on() -> None:
    table = Table()
    runner = runner_for(table)
    assert isinstance(runner, StuckRowsRunner)
    table.rows = [("a", "accepted", 1.0)]
    for seconds in (0.0, 90.0):
        table.clock = START + seconds
        await runner.run(NOW)
        assert runner.seen == ()
    table.clock = START + 90.5
    await runner.run(NOW)
    (kept,) = runner.seen
    assert kept.since.timestamp() == START
    for _ in range(3):
        table.clock += 60.25
        await runner.run(NOW)
        assert runner.seen == (kept,)
    table.rows = []
    await runner.run(NOW)
    assert runner.seen == ()


async def test_what_was_remembered_counts_in_the_next_process() -> None:
    table = Table()
    table.rows = [("a", "accepted", 1.0)]
    first = runner_for(table)
    assert isinstance(first, StuckRowsRunner)
    await first.run(NOW)
    table.clock = START + 100.3
    await first.run(NOW)
    second = runner_for(table)
    assert isinstance(second, StuckRowsRunner)
    second.recall(first.seen)
    assert second.seen == first.seen
    for seconds, verdict in ((179.0, Verdict.PASSED), (180.5, Verdict.FAILED)):
        table.clock = START + seconds
        assert (await second.run(NOW)).verdict is verdict
        assert second.seen == first.seen
    # Without it the row is young again.
    assert (await runner_for(table).run(NOW)).verdict is Verdict.PASSED


async def test_a_time_that_is_remembered_is_never_too_early() -> None:
    table = Table()
    table.clock = START + 0.4
    table.rows = [("a", "accepted", 1.0)]
    runner = runner_for(table)
    assert isinstance(runner, StuckRowsRunner)
    await runner.run(NOW)
    table.clock += 100.0
    await runner.run(NOW)
    assert runner.seen[0].since.timestamp() == START + 1.0


async def test_a_row_that_left_while_nobody_looked_starts_anew_when_a_run_misses_it() -> None:
    table = Table()
    runner = runner_for(table)
    assert isinstance(runner, StuckRowsRunner)
    runner.recall((Seen(key=key_of("a", "accepted"), since=datetime.fromtimestamp(START, UTC)),))
    table.clock = START + 170.0
    await runner.run(NOW)
    assert runner.seen == ()
    table.rows = [("a", "accepted", 1.0)]
    table.clock = START + 200.0
    assert (await runner.run(NOW)).verdict is Verdict.PASSED


async def test_the_oldest_fifty_are_remembered() -> None:
    table = Table()
    runner = runner_for(table)
    assert isinstance(runner, StuckRowsRunner)
    for number in range(60):
        table.rows.append((f"row-{number}", "accepted", 1.0))
        await runner.run(NOW)
        table.clock += 1.0
    table.clock += 100.0
    await runner.run(NOW)
    assert [one.key for one in runner.seen] == [
        key_of(f"row-{number}", "accepted") for number in range(50)
    ]


async def test_a_clock_that_was_set_back_starts_anew() -> None:
    table = Table()
    table.rows = [("a", "accepted", 1.0)]
    runner = runner_for(table)
    await runner.run(NOW)
    table.clock -= 7200.0
    await runner.run(NOW)
    table.clock += 181.0
    assert (await runner.run(NOW)).verdict is Verdict.FAILED


def test_a_key_is_of_one_length_and_tells_apart() -> None:
    keys = [key_of("a", "b"), key_of("", "ab"), key_of("ab", ""), key_of("x" * 10**6, "\n\x1b")]
    assert len(set(keys)) == 4
    assert {len(key) for key in keys} == {16}
