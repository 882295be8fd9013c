"""A complete SOP, and every way to break it that the API server refuses, with its message."""

from sop_cases import (
    checks,
    config,
    connections,
    events,
    http,
    leader,
    links,
    logs,
    network_policy,
    procedures,
    prometheus,
    resource,
    rows,
    sop,
    sql,
    stuck_rows,
    targets,
    teams,
    texts,
    workload,
)
from sop_cases.broken import ABSENT, Broken
from sop_cases.complete import COMPLETE, complete

__all__ = ["ABSENT", "BROKEN", "COMPLETE", "Broken", "complete"]


def _joined(*parts: dict[str, Broken]) -> dict[str, Broken]:
    """Return the cases of all parts; two of one name would hide each other."""
    cases: dict[str, Broken] = {}
    for part in parts:
        if twice := cases.keys() & part.keys():
            raise ValueError(f"broken cases with the name of another: {sorted(twice)}")
        cases |= part
    return cases


BROKEN = _joined(
    sop.CASES,
    targets.CASES,
    connections.CASES,
    teams.CASES,
    links.CASES,
    texts.CASES,
    checks.CASES,
    workload.CASES,
    resource.CASES,
    events.CASES,
    logs.CASES,
    leader.CASES,
    sql.CASES,
    stuck_rows.CASES,
    prometheus.CASES,
    http.CASES,
    config.CASES,
    network_policy.CASES,
    procedures.CASES,
    rows.CASES,
)
