"""The broken cases of checks prometheus."""

from typing import Any

from sop_cases.broken import ABSENT, Broken, changed


def _query(**fields: Any) -> dict[str, Any]:
    query = changed({"expr": "errors", "max": "5", "onEmpty": "Failed"}, fields)
    return {"name": "few", "prometheus": {"connection": "metrics", "query": query}}


def _alert(**fields: Any) -> dict[str, Any]:
    alert = changed({"name": "Down", "alertmanager": "alerts", "onEmpty": "Failed"}, fields)
    return {"name": "calm", "prometheus": {"alert": alert}}


CASES = {
    "a prometheus check of a query and an alert": Broken(
        {"checks.4": _query(), "checks.4.prometheus.alert": {"name": "Down", "onEmpty": "Passed"}},
        (
            "spec.checks[4].prometheus: Invalid value: exactly one of the fields in [query alert] "
            "must be set"
        ),
    ),
    "a query that nobody is asked": Broken(
        {"checks.4": _query(), "checks.4.prometheus.connection": ABSENT},
        (
            "spec.checks[4].prometheus: Invalid value: connection must be set; only an alert may "
            "name an Alertmanager alone"
        ),
    ),
    "an alert that nobody is asked for": Broken(
        {"checks.4": _alert(alertmanager=ABSENT)},
        (
            "spec.checks[4].prometheus: Invalid value: connection must be set; only an alert may "
            "name an Alertmanager alone"
        ),
    ),
    "a query without limits": Broken(
        {"checks.4": _query(max=ABSENT)},
        (
            "spec.checks[4].prometheus.query: Invalid value: at least one of the fields in [min "
            "max] must be set"
        ),
    ),
    "a query with limits the wrong way round": Broken(
        {"checks.4": _query(min="5.5")},
        ("spec.checks[4].prometheus.query: Invalid value: min must not be greater than max"),
    ),
    "a query of blanks": Broken(
        {"checks.4": _query(expr="  ")},
        (
            'spec.checks[4].prometheus.query.expr: Invalid value: "  ": must be an expression of '
            "PromQL"
        ),
    ),
    "a shown label that is none": Broken(
        {"checks.4": _query(show=["pod-name"])},
        (
            'spec.checks[4].prometheus.query.show[0]: Invalid value: "pod-name": must be the '
            "name of a label: letters, digits and '_', not starting with a digit"
        ),
    ),
    "an alert with a quote in its name": Broken(
        {"checks.4": _alert(name='Down"')},
        (
            'spec.checks[4].prometheus.alert.name: Invalid value: "Down\\"": must be the name of '
            "an alert, "
            "without quotes, backslashes and control characters"
        ),
    ),
    "a label of an alert that is none": Broken(
        {"checks.4": _alert(labels=[{"name": "1st", "value": "x"}])},
        (
            'spec.checks[4].prometheus.alert.labels[0].name: Invalid value: "1st": must be the '
            "name of a label: letters, digits and '_', not starting with a digit"
        ),
    ),
    "a label of an alert that is there twice": Broken(
        {"checks.4": _alert(labels=[{"name": "a", "value": "x"}, {"name": "a", "value": "y"}])},
        (
            "spec.checks[4].prometheus.alert.labels: Invalid value: the names in labels must be "
            "unique: "
            "there are two a"
        ),
        by_models=False,
    ),
    "an unknown connection of a prometheus check": Broken(
        {"checks.4": _query(), "checks.4.prometheus.connection": "alerts"},
        (
            "spec.checks: Invalid value: checks[].prometheus.connection must be the name of one of "
            "spec.connections that has prometheus; wrong in few"
        ),
        by_models=False,
    ),
    "an unknown Alertmanager of an alert": Broken(
        {"checks.4": _alert(alertmanager="metrics")},
        (
            "spec.checks: Invalid value: checks[].prometheus.alert.alertmanager must be the name "
            "of one of "
            "spec.connections that has alertmanager; wrong in calm"
        ),
        by_models=False,
    ),
}
