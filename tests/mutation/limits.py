"""Which fields of an SOP are limits, and what half and twice of each is. Pure.

A limit is a number or a span of time that a judgement or a decision compares with: from when on a
check fails or is believed, how long is waited, how much may be done. Not limits are how often is
asked (`every`), names in the form of numbers (ports, codes of HTTP), and how long a run may take
(`timeout`), but for a check of the type `http`, whose server fails when it takes longer. Numbers in
the text of queries are no fields: no test of an SOP runs a query.
"""

from collections.abc import Callable, Iterator
from decimal import Decimal

from mutation.fields import Field, Values
from servicesop.api.durations import format_duration, parse_duration


def _always(field: Field, values: Values) -> bool:
    return True


def _asks_http(field: Field, values: Values) -> bool:
    _, index, *_ = field.path
    return "http" in values["checks"][index]


_JUDGED = (
    *("blindFor", "reopenWithin", "unsureFor"),
    *("checks[].for", "checks[].recoverFor"),
    *("checks[].workload.replicas", "checks[].workload.minReady"),
    *("checks[].workload.restarts.max", "checks[].workload.restarts.within"),
    *("checks[].events.max", "checks[].events.within"),
    *("checks[].logs.min", "checks[].logs.max", "checks[].logs.within"),
    "checks[].logs.classes[].minShare",
    *("checks[].leader.forNone", "checks[].leader.forMany"),
    "checks[].leader.logs.heartbeat.within",
    *("checks[].sql.value.min", "checks[].sql.value.max"),
    *("checks[].sql.rows.min", "checks[].sql.rows.max"),
    *("checks[].stuckRows.olderThan", "checks[].stuckRows.min", "checks[].stuckRows.max"),
    "checks[].stuckRows.limits[].olderThan",
    *("checks[].stuckRows.limits[].min", "checks[].stuckRows.limits[].max"),
    *("checks[].prometheus.query.min", "checks[].prometheus.query.max"),
    "checks[].http.maxSeconds",
    "checks[].config.values[].minLength",
    "procedures[].handle[].hold.atMost",
    "procedures[].handle[].remediate.settle",
    "procedures[].handle[].remediate.verify.within",
    "procedures[].handle[].remediate.attempts.max",
    "procedures[].handle[].remediate.attempts.per",
    "procedures[].handle[].remediate.atMost.max",
    "procedures[].handle[].remediate.atMost.per",
    "procedures[].handle[].remediate.cooldown",
)
LIMITS: dict[str, Callable[[Field, Values], bool]] = {
    **dict.fromkeys(_JUDGED, _always),
    "checks[].timeout": _asks_http,
}
"""The fields, each with the question whether it is a limit where it stands."""
NO_LIMITS = frozenset(
    {
        *("every", "checks[].every"),
        *("checks[].http.service.port", "checks[].http.codes[]"),
        "checks[].networkPolicy.mustReach[].ports[].port",
        "checks[].networkPolicy.mustReach[].ports[].endPort",
    }
)
"""All other numbers and spans of time."""


def changes_of(value: object) -> Iterator[tuple[str, object]]:
    """Give half and twice of a limit; of 0, which is both, the next whole number."""
    match value:
        case int():
            yield from _numbers(value)
        case str() if value.endswith(("h", "m", "s")):
            span = parse_duration(value)
            yield "halve", format_duration(span / 2)
            yield "double", format_duration(span * 2)
        case str():
            for verb, number in _decimals(Decimal(value)):
                yield verb, f"{number.normalize():f}"


def _numbers(value: int) -> Iterator[tuple[str, int]]:
    if value == 0:
        yield "raise", 1
    else:
        yield "halve", value // 2
        yield "double", value * 2


def _decimals(value: Decimal) -> Iterator[tuple[str, Decimal]]:
    if value == 0:
        yield "raise", Decimal(1)
    else:
        yield "halve", value / 2
        yield "double", value * 2
