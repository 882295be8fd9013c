"""The broken cases of checks stuckRows."""

from sop_cases.broken import ABSENT, Broken

CASES = {
    "stuck rows in two forms": Broken(
        {"checks.5.stuckRows.statuses": ["failed"], "checks.5.stuckRows.max": 0},
        (
            "spec.checks[5].stuckRows: Invalid value: exactly one of the fields in [statuses "
            "limits] must be set"
        ),
    ),
    "stuck rows of no status": Broken(
        {"checks.2.stuckRows.statuses": ABSENT, "checks.2.stuckRows.olderThan": ABSENT},
        (
            "spec.checks[2].stuckRows: Invalid value: exactly one of the fields in [statuses "
            "limits] must be set"
        ),
    ),
    "stuck rows that may stay for ever": Broken(
        {"checks.2.stuckRows.olderThan": ABSENT},
        (
            "spec.checks[2].stuckRows: Invalid value: beside statuses, at least one of the fields "
            "in [olderThan min max] must be set"
        ),
    ),
    "a limit beside limits": Broken(
        {"checks.5.stuckRows.olderThan": "1m"},
        (
            "spec.checks[5].stuckRows: Invalid value: olderThan, min and max are only allowed "
            "beside statuses; each of limits has its own"
        ),
    ),
    "a limit on rows that limits nothing": Broken(
        {"checks.5.stuckRows.limits.1.max": ABSENT},
        (
            "spec.checks[5].stuckRows.limits[1]: Invalid value: at least one of the fields in "
            "[olderThan min max] must be set"
        ),
    ),
    "counts of rows that exclude each other": Broken(
        {"checks.5.stuckRows.limits.1.min": 1},
        "spec.checks[5].stuckRows.limits[1]: Invalid value: min must not be greater than max",
    ),
    "counts of rows that exclude each other beside statuses": Broken(
        {"checks.2.stuckRows.min": 2, "checks.2.stuckRows.max": 1},
        "spec.checks[2].stuckRows: Invalid value: min must not be greater than max",
    ),
    "a column with a blank": Broken(
        {"checks.2.stuckRows.columns": {"status": "the status"}},
        (
            'spec.checks[2].stuckRows.columns.status: Invalid value: "the status": '
            "must be a plain SQL identifier: letters, digits and '_', not starting "
            "with a digit"
        ),
    ),
    "an unknown connection of a stuckRows check": Broken(
        {"checks.2.stuckRows.connection": "db"},
        (
            "spec.checks: Invalid value: checks[].stuckRows.connection must be the "
            "name of one of spec.connections that has postgres; wrong in accepted-moves-on"
        ),
        by_models=False,
    ),
}
