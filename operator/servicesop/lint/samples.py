"""What one run of a check can find, as far as the SOP tells: which findings, and which together.

It follows what the modules of `servicesop.checks` answer. A set that is missing here would make a
rule call something impossible that is not; so where the SOP does not tell, all sets are possible.
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from itertools import combinations
from typing import Any

from servicesop.api.checks.check import Check
from servicesop.api.checks.config import Config
from servicesop.api.checks.http import Http, Scheme
from servicesop.api.checks.leader import Leader
from servicesop.api.checks.limits import OnEmpty
from servicesop.api.checks.logs import LogClass, Logs
from servicesop.api.checks.network_policy import NetworkPolicy
from servicesop.api.checks.prometheus import Combine, Prometheus
from servicesop.api.checks.resource import Absence, Resource
from servicesop.api.checks.sql import Sql
from servicesop.api.checks.stuck_rows import StuckRows
from servicesop.api.checks.workload import Workload

Found = frozenset[str]
"""What one failed run found."""


def samples_of(check: Check, wanted: Collection[str] | None = None) -> frozenset[Found]:
    """Give all sets of findings that a failed run can have; none for a check that cannot fail.

    Of the findings that a check names itself only those that are wanted are told apart.
    """
    if check.logs:
        return frozenset(_logs(check.logs, check.findings if wanted is None else wanted))
    sets = _BY_TYPE[check.type](getattr(check, _FIELDS.get(check.type, check.type)))
    return frozenset(one for one in sets if one)


def subsets(names: Collection[str]) -> Iterator[Found]:
    """Give all subsets, the empty one too."""
    for count in range(len(names) + 1):
        yield from map(frozenset, combinations(sorted(names), count))


def _these(**possible: bool) -> list[str]:
    return [name for name, is_possible in possible.items() if is_possible]


def _alone(names: Iterable[str]) -> Iterator[Found]:
    return (frozenset({name}) for name in names)


def _logs(logs: Logs, wanted: Collection[str]) -> Iterator[Found]:
    if logs.max is not None:
        classes = [one for one in logs.classes if one.name in wanted]
        # Where nothing is left over, every occurrence is of one of the classes.
        complete = len(classes) == len(logs.classes) and any(one.rest for one in classes)
        for some in subsets([one.name for one in classes]):
            if _add_up(classes, some, complete=complete):
                yield from (Found({"TooMany"}) | some | single for single in subsets(["SinglePod"]))
    if logs.min:
        yield frozenset({"TooFew"})


def _add_up(classes: Collection[LogClass], some: Found, *, complete: bool) -> bool:
    """Say whether there can be so many of these classes, and so few of the others."""
    shares = {one.name: one.min_share for one in classes if one.min_share is not None}
    taken = sum(share for name, share in shares.items() if name in some)
    if not some:
        return not complete or sum(shares.values()) > 1
    return taken < 1 or (taken == 1 and some <= shares.keys())


def _workload(workload: Workload) -> Iterator[Found]:
    return subsets(
        [
            *_these(
                TooFewConfigured=bool(workload.replicas),
                NotReady=workload.min_ready != 0,
                Restarting=workload.restarts is not None,
            ),
            *("ImagePull", "ConfigError", "CrashLoop", "RolloutFailed"),
        ]
    )


def _resource(resource: Resource) -> Iterator[Found]:
    missing = resource.name is not None or resource.on_none is Absence.FAILED
    return _alone(_these(ConditionNotMet=True, Missing=missing))


def _events(_: Any) -> Iterator[Found]:
    return _alone(["Found"])


def _leader(leader: Leader) -> Iterator[Found]:
    # Of one worker there is either no leader or several, unless two sources disagree.
    two = leader.logs is not None and bool(leader.lease or leader.kubernetes_lease)
    exclude = [{"None", "NoHeartbeat"}, *([] if two else [{"None", "Many"}])]
    possible = ["None"]
    if leader.lease or leader.metric or leader.logs:
        possible.append("Many")
    if leader.logs and leader.logs.heartbeat:
        possible.append("NoHeartbeat")
    for some in subsets(possible):
        if len(leader.names) > 1 or not any(pair <= some for pair in exclude):
            yield some


def _sql(sql: Sql) -> Iterator[Found]:
    if sql.rows:
        return _alone(_these(TooMany=sql.rows.max is not None, TooFew=bool(sql.rows.min)))
    assert sql.value is not None, "value or rows is there"
    return _alone(_limited(sql.value, more="TooMany", less="TooFew"))


def _limited(limits: Any, *, more: str, less: str) -> list[str]:
    """Give the findings of a number that may also be empty."""
    return _these(
        **{
            more: limits.max is not None,
            less: limits.min is not None,
            "Empty": limits.on_empty is OnEmpty.FAILED,
        }
    )


def _stuck_rows(rows: StuckRows) -> Iterator[Found]:
    sets = {Found()}
    for limit in rows.all_limits:
        stuck = _these(Stuck=limit.older_than is not None)
        own = set(subsets([*stuck, *_these(TooMany=limit.max is not None)]))
        if limit.min:
            # They are counted after their ages are looked at: the stuck one may have gone.
            own |= {one | {"TooFew"} for one in subsets(stuck)}
        sets = {one | other for one in sets for other in own}
    return iter(sets)


def _prometheus(prometheus: Prometheus) -> Iterator[Found]:
    if prometheus.alert:
        empty = prometheus.alert.on_empty is OnEmpty.FAILED
        return _alone(_these(Firing=True, Empty=empty))
    assert prometheus.query is not None, "query or alert is there"
    possible = _limited(prometheus.query, more="Above", less="Below")
    return _alone(possible) if prometheus.query.combine is Combine.SUM else subsets(possible)


def _http(http: Http) -> Iterator[Found]:
    yield from _alone(["Timeout", "Refused", "Reset", "Malformed"])
    yield from _alone(_these(TLS=http.scheme is Scheme.HTTPS))
    slow = _these(Latency=http.max_seconds is not None)
    yield from (Found({"Status"}) | some for some in subsets(slow))
    yield from subsets([*slow, *_these(Body=http.body is not None)])


def _config(config: Config) -> Iterator[Found]:
    sets = {Found()}
    for value in config.values:
        own = _these(
            Missing=True,
            Empty=value.non_empty or value.min_length is not None,
            TooShort=(value.min_length or 0) > 1,
            Differs=value.compares,
        )
        sets = {one | other for one in sets for other in (Found(), *_alone(own))}
    return iter(sets)


def _network_policy(policy: NetworkPolicy) -> Iterator[Found]:
    must = bool(policy.must_reach)
    return subsets(
        _these(Missing=must, TooNarrow=must, TooWide=policy.only_these, SelectsNoPod=True)
    )


_FIELDS = {"stuckRows": "stuck_rows", "networkPolicy": "network_policy"}
_BY_TYPE: dict[str, Callable[[Any], Iterator[Found]]] = {
    "workload": _workload,
    "resource": _resource,
    "events": _events,
    "leader": _leader,
    "sql": _sql,
    "stuckRows": _stuck_rows,
    "prometheus": _prometheus,
    "http": _http,
    "config": _config,
    "networkPolicy": _network_policy,
}
