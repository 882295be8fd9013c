"""The broken cases of checks events."""

from typing import Any

from sop_cases.broken import ABSENT, Broken, changed


def _events(**fields: Any) -> dict[str, Any]:
    return {"name": "quiet", "events": changed({"type": "Warning", "within": "10m"}, fields)}


CASES = {
    "an events check that asks for nothing": Broken(
        {"checks.4": _events(type=ABSENT)},
        (
            "spec.checks[4].events: Invalid value: at least one of the fields in "
            "[pattern reasons type] must be set"
        ),
    ),
    "an events check of two things": Broken(
        {"checks.4": _events(target="api", involved={"kind": "Job"})},
        (
            "spec.checks[4].events: Invalid value: at most one of the fields in "
            "[target involved] may be set"
        ),
    ),
    "a window of events that the API server does not keep": Broken(
        {"checks.4": _events(within="1h1s")},
        (
            "spec.checks[4].events.within: Invalid value: within must not be more than 1h: "
            "the API server keeps Events no longer"
        ),
    ),
    "a window of events that is none": Broken(
        {"checks.4": _events(within="soon")},
        (
            'spec.checks[4].events.within: Invalid value: "soon": must be a duration such as '
            '"30s", "3m" or "1h30m"'
        ),
    ),
    "a reason of events that is none": Broken(
        {"checks.4": _events(reasons=["Back-off"])},
        (
            'spec.checks[4].events.reasons[0]: Invalid value: "Back-off": must be the reason of an '
            'Event such as "FailedScheduling": letters and digits'
        ),
    ),
    "events of a target that is not listed": Broken(
        {"checks.4": _events(target="other")},
        (
            "spec.checks: Invalid value: checks[].events.target must be the name of one of "
            "spec.targets; wrong in quiet"
        ),
        by_models=False,
    ),
}
