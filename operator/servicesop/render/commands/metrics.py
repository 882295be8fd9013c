"""`prometheus` by hand: the PromQL, and where to ask it."""

import json

from servicesop.api.checks.check import Check
from servicesop.api.checks.prometheus import Alert, Combine, MetricQuery
from servicesop.render.by_hand import ByHand, Command, Names, word
from servicesop.render.markdown import code


def prometheus(check: Check, names: Names) -> ByHand:
    """Ask the query, or whether the alert fires."""
    spec = check.prometheus
    assert spec is not None
    if spec.query is not None:
        assert spec.connection is not None, "the rules of the SOP demand the connection"
        text = spec.query.expr.strip()
        return ByHand(_within(spec.query), (promql(names, spec.connection, text),))
    assert spec.alert is not None, "query or alert is there"
    alert = spec.alert
    commands = []
    if spec.connection is not None:
        commands.append(promql(names, spec.connection, _firing(alert)))
    if alert.alertmanager is not None:
        commands.append(_managed(alert, alert.alertmanager, names))
    silenced = " (silenced is not firing)" if alert.alertmanager is not None else ""
    return ByHand(f"the alert {code(alert.name)} does not fire{silenced}", tuple(commands))


def promql(names: Names, connection: str, text: str, should: str = "") -> Command:
    """Give an expression, and say where it is asked."""
    endpoint = names.connection(connection).prometheus
    assert endpoint is not None
    says = f"In the Prometheus {code(endpoint.endpoint)}{should}:"
    return Command(text, says, language="promql")


def _within(query: MetricQuery) -> str:
    limits = [f"at least {query.min}"] if query.min is not None else []
    limits += [f"at most {query.max}"] if query.max is not None else []
    who = {
        Combine.ANY: "every series of the query is",
        Combine.ALL: "at least one series of the query is",
        Combine.SUM: "the sum of the query's series is",
    }[query.combine]
    return f"{who} {' and '.join(limits)}"


def _firing(alert: Alert) -> str:
    labels = {"alertname": alert.name, "alertstate": "firing"}
    labels |= {label.name: label.value for label in alert.labels}
    wanted = ",".join(f"{name}={json.dumps(value)}" for name, value in labels.items())
    return f"ALERTS{{{wanted}}}"


def _managed(alert: Alert, connection: str, names: Names) -> Command:
    endpoint = names.connection(connection).alertmanager
    assert endpoint is not None
    labels = {"alertname": alert.name} | {label.name: label.value for label in alert.labels}
    matchers = " ".join(word(f"{name}={json.dumps(value)}") for name, value in labels.items())
    says = f"What of it is not silenced, by the Alertmanager {code(endpoint.endpoint)}:"
    return Command(f'amtool --alertmanager.url "$ALERTMANAGER" alert query {matchers}', says)
