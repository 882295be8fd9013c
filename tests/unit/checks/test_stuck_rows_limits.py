"""Several limits in one check `stuckRows`: times, and counts of rows."""

import pytest

from servicesop.api.reasons import UnknownReason
from servicesop.judge.results import Verdict
from servicesop.sources.errors import SourceError
from unit.checks.stuck_table import NOW, Table, runner_for

LIMITS = [
    {"statuses": ["accepted"], "olderThan": "3m"},
    {"statuses": ["accepted", "provisioning"], "olderThan": "45m"},
]


async def test_each_status_has_its_own_time() -> None:
    table = Table()
    runner = runner_for(table, statuses=None, olderThan=None, limits=LIMITS)
    table.rows = [("p", "provisioning", 1800.0)]
    sample = await runner.run(NOW)
    assert sample.verdict is Verdict.PASSED
    assert sample.message == (
        "no row stays in accepted for over 3m;"
        " no row stays in accepted or provisioning for over 45m"
    )
    table.rows = [("p", "provisioning", 2701.0), ("a", "accepted", 181.0)]
    sample = await runner.run(NOW)
    assert sample.message == (
        "rows stay in accepted for over 3m; rows stay in accepted or provisioning for over 45m"
    )
    assert sample.evidence == ("a accepted over 3m", "p provisioning over 45m")
    assert table.asked[-1][1] == (["accepted", "provisioning"], [180.0, 2700.0])


def counting(*answer: tuple[int, int, list[list[str | None]] | None]) -> Table:
    table = Table()
    table.answer = list(answer)
    return table


COUNTS = [{"statuses": ["ready"], "min": 2}, {"statuses": ["failed", "lost"], "max": 1}]


async def test_counts_within_their_limits_pass() -> None:
    table = counting((0, 2, None), (1, 1, [["f", "failed"]]))
    sample = await runner_for(table, statuses=None, olderThan=None, limits=COUNTS).run(NOW)
    assert sample.verdict is Verdict.PASSED
    assert sample.message == "at least 2 rows in ready; at most 1 rows in failed or lost"
    ((_, parameters, _, most),) = table.asked
    assert (parameters, most) == ((["ready"], ["failed", "lost"]), 2)


async def test_too_few_and_too_many_rows_are_findings_of_their_own() -> None:
    table = counting((1, 2, [["f", "failed"], [None, "lost"]]), (0, 1, [["r", "ready"]]))
    sample = await runner_for(table, statuses=None, olderThan=None, limits=COUNTS).run(NOW)
    assert sample.findings == {"TooMany", "TooFew"}
    assert sample.message == "fewer than 2 rows in ready; more than 1 row in failed or lost"
    assert sample.evidence == ("1 row in ready", "f failed", "(no id) lost")


@pytest.mark.parametrize(
    "answer",
    [
        [],
        [(0, 2, None)],
        [(0, 2, None), (2, 1, None)],
        [(0, 2, None), (1, None, None)],
        [(0, 2, None), (1, 2, [["f", "secret"]])],
        [(0, 2, None), (1, 2, [["f"]])],
        [(0, 2, None), (1, 2, [["f", "failed", "more"]])],
    ],
)
async def test_counts_of_another_form_are_an_error(answer: list[tuple[object, ...]]) -> None:
    table = Table()
    table.answer = answer
    with pytest.raises(SourceError) as caught:
        await runner_for(table, statuses=None, olderThan=None, limits=COUNTS).run(NOW)
    assert caught.value.reason is UnknownReason.BAD_ANSWER
    assert "secret" not in caught.value.message
