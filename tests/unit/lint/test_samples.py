"""What a run is said to find is what the operator's own judges find: all small cases are tried."""

import itertools
from collections import Counter
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import pytest

from servicesop.api.checks.check import Check
from servicesop.api.reasons import UnknownReason
from servicesop.checks.leader_judgement import Held, Logged, PodRole, Role, judge_leaders
from servicesop.checks.leader_judgement import Logs as LeaderLogs
from servicesop.checks.log_verdict import LogState, PodCounts, judge_logs
from servicesop.judge.results import Sample, Verdict
from servicesop.judge.series import Series, judge_series
from servicesop.lint.samples import Found, samples_of

START = 1_000
LOGS = {"pattern": "x", "within": "10m"}
CLASSES: list[dict[str, Any]] = [{"name": "A", "pattern": "a"}, {"name": "B", "rest": True}]


def made(**kind: Any) -> Check:
    return Check.model_validate({"name": "c"} | kind)


def found(samples: Iterable[Sample]) -> set[Found]:
    return {sample.findings for sample in samples if sample.verdict is Verdict.FAILED}


@pytest.mark.parametrize(
    "fields",
    [
        {"max": 2},
        {"min": 1},
        {"min": 0},
        {"min": 1, "max": 2},
        {"max": 2, "per": "Pod"},
        {"max": 0, "classes": CLASSES},
        {"max": 0, "classes": CLASSES[:1]},
        {"max": 0, "classes": [CLASSES[0], CLASSES[1] | {"minShare": "0.7"}]},
        {"max": 0, "classes": [one | {"minShare": "0.6"} for one in CLASSES]},
        {"max": 0, "classes": [one | {"minShare": "0.5"} for one in CLASSES]},
        {"max": 0, "classes": [CLASSES[0] | {"minShare": "1"}, CLASSES[1]]},
    ],
)
def test_logs(fields: dict[str, Any]) -> None:
    check = made(logs=LOGS | fields)
    assert check.logs is not None
    spec = check.logs
    rest = any(one.rest for one in spec.classes)
    others = "B" if rest else ""

    def pod(name: str, a: int, other: int) -> PodCounts:
        kinds = Counter({"A" if spec.classes else "": a}) + Counter({others: other})
        return PodCounts(name, kinds, 0, START + 1 if kinds else None)

    judged = (
        judge_logs(spec, LogState(START, [pod("a", a, b), pod("b", c, d)], running_from=0))
        for a, b, c, d in itertools.product((0, 1, 3), repeat=4)
    )

    assert found(judged) == samples_of(check)


@pytest.mark.parametrize("combine", ["Any", "All", "Sum"])
@pytest.mark.parametrize("empty", ["Passed", "Failed", "Inconclusive"])
@pytest.mark.parametrize("limits", [{"min": "2"}, {"max": "5"}, {"min": "2", "max": "5"}])
def test_series(combine: str, empty: str, limits: dict[str, str]) -> None:
    query = {"expr": "x", "combine": combine, "onEmpty": empty} | limits
    check = made(prometheus={"connection": "metrics", "query": query})
    assert check.prometheus is not None
    assert check.prometheus.query is not None
    values = (None, Decimal(0), Decimal(3), Decimal(9))

    judged = [
        judge_series(check.prometheus.query, [Series(value) for value in some])
        for count in range(4)
        for some in itertools.product(values, repeat=count)
    ]

    assert found(judged) == samples_of(check)


LEASE = {"lease": {"connection": "database", "table": "leases"}}
LINES = {"container": "service", "acquired": "a {worker}", "lost": "l {worker}"}
SAID = {"logs": LINES}
BEATS = {"logs": LINES | {"heartbeat": {"pattern": "b {worker}"}}}


@pytest.mark.parametrize("workers", [["x"], ["x", "y"]])
@pytest.mark.parametrize("sources", [LEASE, SAID, BEATS, LEASE | SAID, LEASE | BEATS])
def test_leaders(workers: list[str], sources: dict[str, Any]) -> None:
    check = made(leader={"workers": workers} | sources)
    beats = sources.get("logs", {}).get("heartbeat") is not None
    held = [Held(count, "a" if count == 1 else "") for count in range(3)]
    logged = [
        Logged([PodRole("a", one, "a"), PodRole("b", other, "b")], works if beats else None)
        for one, other in itertools.product(Role, repeat=2)
        for works in ((True, False) if beats else (None,))
    ]
    leases = held if "lease" in sources else [None]
    single = list(itertools.product(leases, logged if "logs" in sources else [None]))

    def judged(states: tuple[tuple[Held | None, Logged | None], ...]) -> Sample:
        holders = {who: one[0] for who, one in zip(workers, states, strict=True)}
        lines = {who: one[1] for who, one in zip(workers, states, strict=True)}
        return judge_leaders(
            workers,
            {who: one for who, one in holders.items() if one is not None} or None,
            LeaderLogs(
                {who: one for who, one in lines.items() if one is not None},
                wants_heartbeat=beats,
                doubt=UnknownReason.NOT_COVERED,
            )
            if "logs" in sources
            else None,
        )

    every = itertools.product(single, repeat=len(workers))

    assert found(map(judged, every)) == samples_of(check)


SQL = {"connection": "database", "query": "SELECT 1"}
ROWS = {"connection": "database", "table": "t"}
HTTP = {"url": "http://api.example.com"}


@pytest.mark.parametrize(
    ("kind", "sets"),
    [
        ({"sql": SQL | {"rows": {"min": 0, "max": 3}}}, [{"TooMany"}]),
        (
            {"sql": SQL | {"value": {"min": "1", "onEmpty": "Failed"}}},
            [{"TooFew"}, {"Empty"}],
        ),
        (
            {"stuckRows": ROWS | {"statuses": ["a"], "min": 1, "max": 2}},
            [{"TooFew"}, {"TooMany"}],
        ),
        (
            {
                "stuckRows": ROWS
                | {"limits": [{"statuses": ["a"], "min": 1}, {"statuses": ["b"], "max": 0}]}
            },
            [{"TooFew"}, {"TooMany"}, {"TooFew", "TooMany"}],
        ),
        (
            {"resource": {"apiVersion": "v1", "kind": "Pod", "name": "x", "phase": "Running"}},
            [{"ConditionNotMet"}, {"Missing"}],
        ),
        (
            {
                "resource": {
                    "apiVersion": "v1",
                    "kind": "Pod",
                    "selector": {"matchLabels": {"app": "x"}},
                    "onNone": "Inconclusive",
                    "phase": "Running",
                }
            },
            [{"ConditionNotMet"}],
        ),
        ({"events": {"type": "Warning", "within": "1m"}}, [{"Found"}]),
        (
            {"http": HTTP | {"maxSeconds": "1", "body": {"matches": "ok"}}},
            [
                *({one} for one in ("Timeout", "Refused", "Reset", "Malformed", "Status")),
                *({"Latency"}, {"Body"}, {"Latency", "Body"}, {"Latency", "Status"}),
            ],
        ),
        (
            {"config": {"values": [{"env": "A", "equals": "x", "minLength": 1}]}},
            [{"Missing"}, {"Empty"}, {"Differs"}],
        ),
        (
            {"config": {"values": [{"env": "A"}, {"env": "B", "nonEmpty": True}]}},
            [{"Missing"}, {"Empty"}, {"Missing", "Empty"}],
        ),
        (
            {"networkPolicy": {"to": {"target": "api"}, "onlyThese": True}},
            [{"TooWide"}, {"SelectsNoPod"}, {"TooWide", "SelectsNoPod"}],
        ),
        (
            {
                "prometheus": {
                    "connection": "metrics",
                    "alert": {"name": "Down", "onEmpty": "Passed"},
                }
            },
            [{"Firing"}],
        ),
    ],
)
def test_what_the_limits_of_a_check_allow_is_not_found(
    kind: dict[str, Any], sets: list[set[str]]
) -> None:
    assert samples_of(made(**kind)) == set(map(frozenset, sets))


def test_a_workload_that_may_have_no_pods_can_still_fail() -> None:
    check = made(workload={"replicas": 0, "minReady": 0})

    possible = frozenset().union(*samples_of(check))

    assert possible == {"ImagePull", "ConfigError", "CrashLoop", "RolloutFailed"}
