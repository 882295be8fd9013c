"""Reads what Prometheus and Alertmanager answer. Pure; nothing of an answer is trusted.

A form that is not the expected one is a SourceError with BadAnswer, whose message says which form
it was where the query can be written in another way, and repeats nothing of the answer.
"""

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from servicesop.api.reasons import UnknownReason
from servicesop.judge.alerts import AlertingRule, ManagedAlert
from servicesop.judge.series import Series
from servicesop.sources.errors import DoubtError, SourceError

MAX_SERIES = 1000
"""Series of an answer, and alerts, that are looked at; more are an Error."""

# As Go writes a float; the largest has 309 digits before the point.
_NUMBER = re.compile(r"[-+]?(\d{1,400}(\.\d{1,400})?([eE][-+]?\d{1,3})?|Inf|NaN)", re.ASCII)
_INSTEAD = {
    "matrix": "a range of values per series; leave out the [...] at its end, or use a function such"
    " as rate() or max_over_time()",
    "string": "a text; write an expression that gives a number",
}


def data_of(body: bytes, who: str) -> Any:
    """Give the data of an answer of Prometheus. Raise SourceError."""
    answer = json_of(body, who)
    match answer:
        case {"status": "success", "data": data}:
            if answer.get("warnings"):
                # Parts of the data could not be asked, or a function was used in a way that may
                # give nonsense: such a value proves nothing.
                raise DoubtError(
                    f"{who} warns that its answer is incomplete or may be wrong; ask it the query"
                    " by hand to see why"
                )
            return data
        case _:
            raise bad_answer(who)


def json_of(body: bytes, who: str) -> Any:
    """Read JSON. Raise SourceError."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        # UnicodeDecodeError and JSONDecodeError are ValueErrors, and so is a number of a megabyte.
        raise bad_answer(who) from None


def series_of(data: Any, who: str) -> tuple[Series, ...]:
    """Read the result of an instant query: a scalar or a vector. Raise SourceError."""
    match data:
        case {"resultType": "scalar", "result": sample}:
            return (Series(_number(sample, who)),)
        case {"resultType": "vector", "result": list() as samples}:
            _bound(samples, who, "series; aggregate them, by sum() or topk(), or select fewer")
            return tuple(_one_series(sample, who) for sample in samples)
        case {"resultType": str() as kind} if kind in _INSTEAD:
            raise SourceError(UnknownReason.BAD_ANSWER, f"the query gives {_INSTEAD[kind]}")
        case _:
            raise bad_answer(who)


def rules_of(data: Any, name: str, who: str) -> tuple[AlertingRule, ...]:
    """Read the alerting rules of that name. Raise SourceError."""
    match data:
        case {"groups": list() as groups}:
            rules = [rule for group in groups for rule in _listed(group, "rules", who)]
        case _:
            raise bad_answer(who)
    # A server that does not know the parameter for the name gives all of them.
    return tuple(
        _rule(rule, who)
        for rule in rules
        if isinstance(rule, dict) and rule.get("name") == name and rule.get("type") == "alerting"
    )


def managed_of(answer: Any, who: str) -> tuple[ManagedAlert, ...]:
    """Read the alerts that Alertmanager holds. Raise SourceError."""
    if not isinstance(answer, list):
        raise bad_answer(who)
    _bound(answer, who, "alerts; name more labels")
    return tuple(_managed(alert, who) for alert in answer)


def bad_answer(who: str) -> SourceError:
    """Say that the answer has not the form that the API promises."""
    return SourceError(
        UnknownReason.BAD_ANSWER,
        f"{who} does not answer as its API should; the operator's administrator can check the"
        " endpoint's URL",
    )


def _one_series(sample: Any, who: str) -> Series:
    match sample:
        case {"histogram": _}:
            raise SourceError(
                UnknownReason.BAD_ANSWER,
                "the query gives a histogram; take a number of it, by histogram_quantile() or"
                " histogram_count()",
            )
        case {"metric": dict() as labels, "value": value}:
            return Series(_number(value, who), _labels(labels, who))
        case _:
            raise bad_answer(who)


def _number(sample: Any, who: str) -> Decimal | None:
    """Read a number as it is written; None for NaN."""
    match sample:
        case [int() | float(), str() as text] if _NUMBER.fullmatch(text):
            return None if "NaN" in text else Decimal(text)
        case _:
            raise bad_answer(who)


def _rule(rule: Mapping[str, Any], who: str) -> AlertingRule:
    alerts = _listed(rule, "alerts", who)
    _bound(alerts, who, "alerts of that name; name more labels in its rule")
    firing = [alert for alert in alerts if _state(alert, who) == "firing"]
    return AlertingRule(
        evaluated=rule.get("health") == "ok",
        firing=tuple(_labels(alert.get("labels"), who) for alert in firing),
    )


def _state(alert: Any, who: str) -> str:
    match alert:
        case {"state": "firing" | "pending" | "inactive" as state}:
            return str(state)
        case _:
            raise bad_answer(who)


def _managed(alert: Any, who: str) -> ManagedAlert:
    match alert:
        case {
            "labels": dict() as labels,
            "status": {
                "state": "active" | "suppressed" | "unprocessed" as state,
                "silencedBy": list() as silences,
            },
        }:
            silenced = state == "suppressed" and bool(silences)
            return ManagedAlert(_labels(labels, who), silenced)
        case _:
            raise bad_answer(who)


def _listed(holder: Any, field: str, who: str) -> list[Any]:
    match holder:
        case dict() if isinstance(found := holder.get(field, []), list):
            return found
        case _:
            raise bad_answer(who)


def _labels(labels: Any, who: str) -> dict[str, str]:
    if isinstance(labels, dict) and all(isinstance(value, str) for value in labels.values()):
        return labels
    raise bad_answer(who)


def _bound(items: list[Any], who: str, advice: str) -> None:
    if len(items) > MAX_SERIES:
        raise SourceError(UnknownReason.BAD_ANSWER, f"{who} gives more than {MAX_SERIES} {advice}")
