"""Names in what a test gives that the SOP does not have, and what none of its checks would see."""

from collections.abc import Iterable, Iterator
from typing import Any

from servicesop.api.checks.check import Check
from servicesop.api.reasons import UnknownReason
from servicesop.api.sop import Spec
from servicesop.judge.results import Verdict
from servicesop.simulate.bearing import connections_of, observed_by, reads_table
from servicesop.simulate.cases import Given
from servicesop.simulate.observations import ANSWERS, SOURCES, TableRows
from servicesop.simulate.times import is_time

Faults = Iterator[tuple[str, str]]
"""Fields, each with what is wrong there."""


def faults_of(given: Given, spec: Spec) -> Faults:
    """Say what of it leads nowhere."""
    found = [*_plain(given, spec), *_observed(given, spec)]
    yield from found
    if not found and given.all is None and given.check is None and not observed_by(given, spec):
        (field,) = given.things
        yield from _unseen(field, given, spec)


def no(what: str, name: str, there: Iterable[str]) -> str:
    """Say that there is none of that name, and which there are."""
    return f"there is no {what} {name}; there are {', '.join(there) or 'none'}"


def _plain(given: Given, spec: Spec) -> Faults:
    if given.check is None:
        return
    checks = {check.name: check for check in spec.checks}
    if given.check not in checks:
        yield "check", no("check", given.check, checks)
        return
    findings = checks[given.check].findings
    for finding in given.finding or ():
        if finding not in findings:
            yield "finding", no("finding", finding, findings)
    if given.result is Verdict.FAILED and len(findings) != 1:
        yield "result", f"say with finding what is found: one of {', '.join(findings)}"


def _observed(given: Given, spec: Spec) -> Faults:
    if given.logs is not None and given.logs.target is not None:
        targets = [one.name for one in spec.targets]
        if given.logs.target not in targets:
            yield "logs.target", no("target", given.logs.target, targets)
    for field, named in (("sql", given.sql), ("samples", given.samples), ("http", given.http)):
        if named is not None:
            yield from _named_check(field, named.check, spec)
    for field, table in (("rows", given.rows), ("leases", given.leases)):
        if table is not None:
            yield from _columns(field, table, spec)
    for name, reason in (given.sources or {}).items():
        yield from _source(name, reason, spec)
    for field, objects in (("objects", given.objects), ("events", given.events)):
        for number, item in enumerate(objects or ()):
            yield from _object(f"{field}[{number}]", item, field)


def _named_check(field: str, name: str, spec: Spec) -> Faults:
    fit = [check.name for check in spec.checks if _is_asked(check, field)]
    if name not in fit:
        yield f"{field}.check", no(f"check that asks {field}", name, fit)


def _is_asked(check: Check, field: str) -> bool:
    match field:
        case "sql":
            return check.sql is not None
        case "http":
            return check.http is not None
    metric = check.leader is not None and check.leader.metric is not None
    return metric or (check.prometheus is not None and check.prometheus.query is not None)


def _columns(field: str, given: TableRows, spec: Spec) -> Faults:
    for check in spec.checks:
        if not reads_table(check, given):
            continue
        wanted: list[str] = []
        time: str | None = None
        if check.stuck_rows is not None:
            columns = check.stuck_rows.columns
            wanted = [columns.id, columns.status]
            if any(one.older_than is not None for one in check.stuck_rows.all_limits):
                time = columns.updated
                wanted.append(time)
        elif check.leader is not None and check.leader.lease is not None:
            lease = check.leader.lease.columns
            time = lease.expires
            wanted = [lease.worker, lease.holder, time]
        for number, row in enumerate(given.rows):
            missing = [name for name in wanted if name not in row]
            if missing:
                yield (
                    f"{field}.rows[{number}]",
                    f"lacks {', '.join(missing)}, which the check {check.name} reads",
                )
            value = row.get(time) if time is not None else None
            if value is not None and not is_time(value):
                yield (
                    f"{field}.rows[{number}].{time}",
                    "must be a time such as 2024-05-01T11:50:00Z or now-10m, or null",
                )


def _source(name: str, reason: str, spec: Spec) -> Faults:
    names = [*(one.name for one in spec.connections), *SOURCES]
    if name not in names:
        yield "sources", no("source", name, names)
    if reason != ANSWERS and reason not in list(UnknownReason):
        yield f"sources.{name}", f"must be {ANSWERS}, or a reason of docs/reference.md"


def _object(where: str, item: dict[str, Any], field: str) -> Faults:
    if field == "events":
        if not isinstance(item.get("involvedObject"), dict):
            yield where, "must have involvedObject, with kind and name"
        return
    metadata = item.get("metadata")
    named = isinstance(metadata, dict) and isinstance(metadata.get("name"), str)
    if not named or not all(isinstance(item.get(key), str) for key in ("apiVersion", "kind")):
        yield where, "must have apiVersion, kind and metadata.name"


def _unseen(field: str, given: Given, spec: Spec) -> Faults:
    """An observation that nobody makes is a mistake of who wrote it, and no test of anything."""
    there: Iterable[str] = ()
    match field:
        case "logs":
            there = (
                f"container {one.container or 'any'} of {one.target or 'the first target'}"
                for check in spec.checks
                for one in (check.logs, check.leader.logs if check.leader else None)
                if one is not None
            )
        case "rows" | "leases":
            there = (
                one.table
                for check in spec.checks
                for one in (check.stuck_rows, check.leader.lease if check.leader else None)
                if one is not None
            )
        case "sources":
            there = (name for check in spec.checks for name in connections_of(check))
    known = ", ".join(dict.fromkeys(there))
    if field in ("objects", "gone") and spec.targets:
        # A workload that no check looks at may still be what an action is for.
        kinds = {str(one.ref.kind) for one in spec.targets} | {"Pod", "PodDisruptionBudget"}
        given_kinds = {str(one.get("kind")) for one in given.objects or ()}
        given_kinds |= {one.kind for one in given.gone or ()}
        if given_kinds & kinds:
            return
    yield field, "no check sees this" + (f"; checks look at {known}" if known else "")
