"""Which checks of an SOP see what a test gives to be observed."""

from collections.abc import Iterable

from servicesop.api.checks.check import Check
from servicesop.api.sop import Spec
from servicesop.simulate.cases import Given
from servicesop.simulate.observations import LogLines, TableRows

_WORKLOADS = frozenset({"Deployment", "StatefulSet", "Pod"})
_SEEN_BY = {
    "workload": _WORKLOADS,
    "config": _WORKLOADS | {"ConfigMap", "Secret"},
    "networkPolicy": frozenset({"NetworkPolicy", "Namespace", "Pod"}),
}


def observed_by(given: Given, spec: Spec) -> frozenset[str]:
    """Give the names of the checks that are judged by this from then on."""
    return frozenset(check.name for check in spec.checks if _sees(check, given, spec))


def _sees(check: Check, given: Given, spec: Spec) -> bool:
    if given.logs is not None:
        return _reads_log(check, given.logs, spec)
    if given.rows is not None or given.leases is not None:
        return any(
            one is not None and reads_table(check, one) for one in (given.rows, given.leases)
        )
    for named in (given.sql, given.samples, given.http):
        if named is not None:
            return named.check == check.name
    if given.events is not None:
        return check.events is not None
    if given.alerts is not None:
        return check.prometheus is not None and check.prometheus.alert is not None
    if given.sources is not None:
        return any(_asks(check, source) for source in given.sources)
    kinds = [(str(one.get("apiVersion")), str(one.get("kind"))) for one in given.objects or ()]
    kinds += [(one.api_version, one.kind) for one in given.gone or ()]
    return any(_reads_kind(check, *one) for one in kinds)


def _reads_log(check: Check, given: LogLines, spec: Spec) -> bool:
    first = spec.targets[0].name if spec.targets else None
    asked = (check.logs, check.leader.logs if check.leader is not None else None)
    return any(
        one is not None
        and one.container in (None, given.container)
        and (one.target or first) == (given.target or first)
        for one in asked
    )


def reads_table(check: Check, given: TableRows) -> bool:
    """Say whether a check reads a table."""
    asked = (check.stuck_rows, check.leader.lease if check.leader is not None else None)
    return any(
        one is not None and one.table == given.table and given.connection in (None, one.connection)
        for one in asked
    )


def _reads_kind(check: Check, api_version: str, kind: str) -> bool:
    if check.resource is not None:
        return (check.resource.api_version, check.resource.kind) == (api_version, kind)
    if check.leader is not None:
        return check.leader.kubernetes_lease is not None and kind == "Lease"
    return kind in _SEEN_BY.get(check.type, ())


def _asks(check: Check, source: str) -> bool:
    if source in connections_of(check):
        return True
    match source:
        case "logs":
            return check.logs is not None or (
                check.leader is not None and check.leader.logs is not None
            )
        case "events":
            return check.events is not None
        case "workloads":
            return check.type in ("workload", "logs", "events") or (
                check.leader is not None and check.leader.logs is not None
            )
        case "objects":
            leased = check.leader is not None and check.leader.kubernetes_lease is not None
            return leased or check.type in ("resource", "config", "networkPolicy")
    return False


def connections_of(check: Check) -> Iterable[str]:
    """Give the connections that a check asks, by name."""
    found: list[str | None] = []
    if check.sql is not None:
        found.append(check.sql.connection)
    if check.stuck_rows is not None:
        found.append(check.stuck_rows.connection)
    if check.prometheus is not None:
        found.append(check.prometheus.connection)
        alert = check.prometheus.alert
        found.append(alert.alertmanager if alert is not None else None)
    if check.leader is not None:
        lease, metric = check.leader.lease, check.leader.metric
        found += [one.connection for one in (lease, metric) if one is not None]
    return [name for name in found if name is not None]
