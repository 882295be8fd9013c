"""The broken cases of checks sql."""

from sop_cases.broken import ABSENT, Broken

CASES = {
    "a query check that compares nothing": Broken(
        {"checks.4.sql.value": ABSENT},
        (
            "spec.checks[4].sql: Invalid value: exactly one of the fields in [value rows] must be "
            "set"
        ),
    ),
    "a query check that compares both": Broken(
        {"checks.4.sql.rows": {"min": 1}},
        (
            "spec.checks[4].sql: Invalid value: exactly one of the fields in [value rows] must be "
            "set"
        ),
    ),
    "a value without a limit": Broken(
        {"checks.4.sql.value": {"onEmpty": "Passed"}},
        (
            "spec.checks[4].sql.value: Invalid value: at least one of the fields in [min max] must "
            "be set"
        ),
    ),
    "value limits that exclude each other": Broken(
        {"checks.4.sql.value": {"min": "10", "max": "9.5", "onEmpty": "Passed"}},
        "spec.checks[4].sql.value: Invalid value: min must not be greater than max",
    ),
    "a value limit that is no number": Broken(
        {"checks.4.sql.value": {"min": "1e3", "onEmpty": "Passed"}},
        (
            'spec.checks[4].sql.value.min: Invalid value: "1e3": must be a quoted decimal such as '
            '"5", "0.8" or "-1.5"'
        ),
    ),
    "row limits that exclude each other": Broken(
        {"checks.4.sql.value": ABSENT, "checks.4.sql.rows": {"min": 2, "max": 1}},
        "spec.checks[4].sql.rows: Invalid value: min must not be greater than max",
    ),
    "rows without a limit": Broken(
        {"checks.4.sql.value": ABSENT, "checks.4.sql.rows": {}},
        (
            "spec.checks[4].sql.rows: Invalid value: at least one of the fields in [min max] must "
            "be set"
        ),
    ),
    "a query that is none": Broken(
        {"checks.4.sql.query": "DELETE FROM clusters"},
        (
            'spec.checks[4].sql.query: Invalid value: "DELETE FROM clusters": must be one query '
            "that begins with SELECT or WITH"
        ),
    ),
    "a query with a parameter": Broken(
        {"checks.4.sql.query": "SELECT $1"},
        (
            'spec.checks[4].sql.query: Invalid value: "SELECT $1": must not hold parameters such '
            "as $1; write the values into the query"
        ),
    ),
    "an unknown connection of a query check": Broken(
        {"checks.4.sql.connection": "db"},
        (
            "spec.checks: Invalid value: checks[].sql.connection must be the "
            "name of one of spec.connections that has postgres; wrong in a-cluster-is-ready"
        ),
        by_models=False,
    ),
    "a query of a database that is none": Broken(
        {"checks.4.sql.connection": "metrics"},
        (
            "spec.checks: Invalid value: checks[].sql.connection must be the name of one of "
            "spec.connections that has postgres; wrong in a-cluster-is-ready"
        ),
        by_models=False,
    ),
}
