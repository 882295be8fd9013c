"""What was said in a test, as a list of what changed when."""

from datetime import timedelta

from servicesop.api.durations import format_duration
from unit.simulate.stories import START, told

STORY = """
given:
- {at: 0s, all: Passed}
- {at: 1m, check: led, finding: None}
- {at: 4m, check: led, result: Passed}
- {at: 20m, sources: {database: Unreachable}}
expect:
- {at: 50m, acts: 1}
"""


def test_what_is_said_is_told_where_it_changes() -> None:
    found = told(STORY).changes

    def course(what: str) -> list[tuple[str, str | None]]:
        return [(format_duration(one.at), one.now) for one in found if one.what == what]

    assert course("check led") == [
        ("0s", "Passed"),
        ("1m", "Pending/None"),
        ("2m30s", "Failed/None"),
        ("5m", "Passed"),
        ("20m30s", "Error/Unreachable"),
    ]
    assert course("row Provisioning") == [("2m30s", "no-leader"), ("5m", None)]
    assert course("escalation Provisioning") == [("30m30s", "Blind to ops")]
    assert course("condition Escalated") == [("0s", "False/NotNeeded"), ("30m30s", "True/Blind")]
    assert course("procedure Provisioned") == course("procedure Provisioning")
    assert [one.at for one in found] == sorted(one.at for one in found)


def test_what_is_done_is_told() -> None:
    (act,) = told(STORY).acts

    assert (act.time - START, act.name, act.target) == (timedelta(minutes=2.5), "restart", "api")
