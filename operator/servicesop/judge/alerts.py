"""Whether an alert fires, as Prometheus and Alertmanager tell it. Pure.

Prometheus is the authority for what fires, Alertmanager for what is silenced. An alert that is
inhibited still fires: another one fires too.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from servicesop.api.checks.prometheus import Alert
from servicesop.api.reasons import UnknownReason
from servicesop.judge.numbers import empty
from servicesop.judge.results import Sample, failed, inconclusive, passed


@dataclass(frozen=True, slots=True)
class AlertingRule:
    """One alerting rule of Prometheus."""

    evaluated: bool
    """Whether its latest evaluation went well."""
    firing: tuple[Mapping[str, str], ...]
    """The labels of each of its alerts that fires; pending ones do not."""


@dataclass(frozen=True, slots=True)
class ManagedAlert:
    """One alert that Alertmanager holds."""

    labels: Mapping[str, str]
    silenced: bool


def firing_of(alert: Alert, rules: Sequence[AlertingRule]) -> tuple[Mapping[str, str], ...]:
    """Give the labels of the alerts that fire and are meant."""
    return tuple(labels for rule in rules for labels in rule.firing if _is_meant(alert, labels))


def judge_rules(
    alert: Alert, rules: Sequence[AlertingRule], managed: Sequence[ManagedAlert]
) -> Sample:
    """Judge what Prometheus says, less what Alertmanager says is silenced."""
    if not rules:
        return empty(alert.on_empty, f"there is no alerting rule {alert.name}")
    firing = firing_of(alert, rules)
    loud = [labels for labels in firing if not _is_silenced(labels, managed)]
    if not loud and not all(rule.evaluated for rule in rules):
        return inconclusive(
            UnknownReason.NOT_EVALUATED,
            f"the alerting rule {alert.name} was not evaluated, or its evaluation failed",
        )
    return _judged(alert, len(loud), len(firing) - len(loud))


def judge_managed(alert: Alert, managed: Sequence[ManagedAlert]) -> Sample:
    """Judge what Alertmanager alone says: it holds what fires, and knows no rules."""
    meant = [one for one in managed if _is_meant(alert, one.labels)]
    if not meant:
        return empty(alert.on_empty, f"Alertmanager holds no alert {alert.name}")
    loud = sum(not one.silenced for one in meant)
    return _judged(alert, loud, len(meant) - loud)


def _judged(alert: Alert, loud: int, silenced: int) -> Sample:
    evidence = tuple(
        f"{count} {what}" for count, what in ((loud, "firing"), (silenced, "silenced")) if count
    )
    if loud:
        return failed({"Firing"}, f"the alert {alert.name} fires", evidence)
    what = "fires, but is silenced" if silenced else "does not fire"
    return passed(f"the alert {alert.name} {what}", evidence)


def _is_meant(alert: Alert, labels: Mapping[str, str]) -> bool:
    return labels.get("alertname") == alert.name and all(
        labels.get(label.name) == label.value for label in alert.labels
    )


def _is_silenced(labels: Mapping[str, str], managed: Sequence[ManagedAlert]) -> bool:
    """Whether Alertmanager holds it and each of its copies is silenced.

    It knows the alert by these labels and the external ones that each Prometheus adds. One that
    was relabelled on the way is not found, and counts as not silenced.
    """
    same = [one for one in managed if labels.items() <= one.labels.items()]
    return bool(same) and all(one.silenced for one in same)
