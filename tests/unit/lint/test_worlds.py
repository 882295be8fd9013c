"""The states that a check is said to have are exactly those that debouncing brings about."""

from typing import Any

import pytest

from servicesop.api.checks.check import Check
from servicesop.lint.worlds import worlds_of
from unit.lint.reached import EVERY, reached, seen

LOGS = {"pattern": "x", "within": "1m"}
QUERY = {"connection": "database", "query": "SELECT 1"}
CHECKS: dict[str, dict[str, Any]] = {
    "one finding": {"events": {"type": "Warning", "within": "1m"}},
    "one finding implies the other": {"logs": LOGS | {"max": 0}},
    "findings exclude each other": {"logs": LOGS | {"min": 1, "max": 5}},
    "every occurrence has a class": {
        "logs": LOGS
        | {"max": 0, "classes": [{"name": "A", "pattern": "a"}, {"name": "B", "rest": True}]},
    },
    "two values": {"sql": QUERY | {"value": {"min": "1", "max": "2", "onEmpty": "Passed"}}},
    "findings that are apart or together": {
        "stuckRows": {
            "connection": "database",
            "table": "t",
            "statuses": ["a"],
            "olderThan": "1m",
            "max": 3,
        }
    },
    "a check that cannot fail": {"logs": LOGS | {"min": 0}},
}
TIMES: dict[str, dict[str, Any]] = {
    "recovers as soon as it fails": {"for": "30s", "recoverFor": "30s"},
    "recovers later": {"for": "30s", "recoverFor": "1m"},
    "recovers at once": {"for": "1m", "recoverFor": "0s"},
    "fails at once": {"for": "0s", "recoverFor": "1m"},
}


@pytest.mark.parametrize("times", TIMES)
@pytest.mark.parametrize("kind", CHECKS)
def test_the_states_are_those_that_are_reached(kind: str, times: str) -> None:
    check = Check.model_validate({"name": "c"} | CHECKS[kind] | TIMES[times])
    possible = [f"c/{finding}" for finding in check.findings]

    for refs in (["c"], *([one] for one in possible), ["c", *possible]):
        said = set(worlds_of(check, refs, EVERY))

        assert said == {seen("c", refs, memory) for memory in reached(check)}, refs
