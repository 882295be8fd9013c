"""Alerts as both servers tell them, where a real one will not say it on request."""

from typing import Any

from servicesop.api.checks.prometheus import Alert
from servicesop.api.reasons import UnknownReason
from servicesop.judge.alerts import AlertingRule, ManagedAlert, judge_managed, judge_rules
from servicesop.judge.results import Verdict

A = {"alertname": "Down", "pod": "a"}
B = {"alertname": "Down", "pod": "b"}


def alert(**fields: Any) -> Alert:
    return Alert.model_validate({"name": "Down", "onEmpty": "Inconclusive"} | fields)


def rule(*firing: dict[str, str], evaluated: bool = True) -> AlertingRule:
    return AlertingRule(evaluated, firing)


def test_an_alert_of_two_prometheis_is_silenced_only_with_both_copies() -> None:
    # Each adds an external label of its own before it sends the alert.
    loud = ManagedAlert(A | {"replica": "0"}, silenced=False)
    quiet = ManagedAlert(A | {"replica": "1"}, silenced=True)
    assert judge_rules(alert(), [rule(A)], [loud, quiet]).findings == {"Firing"}
    assert judge_rules(alert(), [rule(A)], [quiet]).verdict is Verdict.PASSED


def test_what_alertmanager_does_not_hold_is_not_silenced() -> None:
    # Relabelled on the way, or not sent yet.
    other = ManagedAlert(B, silenced=True)
    assert judge_rules(alert(), [rule(A)], [other]).findings == {"Firing"}
    assert judge_rules(alert(), [rule(A)], []).findings == {"Firing"}


def test_what_fires_counts_although_another_rule_was_not_evaluated() -> None:
    broken = rule(evaluated=False)
    assert judge_rules(alert(), [rule(A), broken], []).findings == {"Firing"}
    unknown = judge_rules(alert(), [rule(), broken], [])
    assert (unknown.verdict, unknown.reason) == (
        Verdict.INCONCLUSIVE,
        UnknownReason.NOT_EVALUATED,
    )
    silenced = judge_rules(alert(), [rule(A), broken], [ManagedAlert(A, silenced=True)])
    assert silenced.reason is UnknownReason.NOT_EVALUATED


def test_alertmanager_that_does_not_filter_is_filtered() -> None:
    held = [ManagedAlert(B, silenced=False), ManagedAlert({"alertname": "Up"}, silenced=False)]
    named = alert(labels=[{"name": "pod", "value": "a"}])
    assert judge_managed(named, held).reason is UnknownReason.EMPTY
    assert judge_managed(alert(), held).findings == {"Firing"}
