"""From what was counted to what is said. Pure; times in seconds, memory in bytes."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

KINDS = ("workload", "logs", "stuckRows", "prometheus", "http")
_COUNTED_BY = {
    "workload": "by the operator itself: it asks no source",
    "logs": "in the API server's audit log",
    "stuckRows": "by PostgreSQL, as scans of the table",
    "http": "by the web server that is asked",
    "prometheus": "by Prometheus, as queries",
}
_SHARE_WITH_IO = (len(KINDS) - 1) / len(KINDS)
_MINUTE = 60.0
_MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Size:
    """How much there is to do: as many checks of each kind as of the others."""

    sops: int
    checks: int
    """Per SOP; a multiple of the number of kinds."""
    every: int
    seconds: int
    """How long is measured; a multiple of `every`, so that each check is due equally often."""

    def per_sop(self, kind: str) -> int:
        return self.checks // len(KINDS)

    def due(self, kind: str) -> int:
        """How many runs are due while it is measured."""
        return self.sops * self.per_sop(kind) * (self.seconds // self.every)

    @property
    def rate(self) -> float:
        """Checks per second."""
        return self.sops * self.checks / self.every


@dataclass(frozen=True, slots=True)
class Floor:
    """What one run of the floor has used: it does the I/O of all checks but `workload`."""

    cpu: float
    asked: int
    """Requests to the API server, Prometheus and the web server, sequences in PostgreSQL."""

    @property
    def per_check(self) -> float:
        """CPU seconds per check of the mix."""
        return self.cpu / self.asked * _SHARE_WITH_IO


@dataclass(frozen=True, slots=True)
class Measured:
    """What was counted while the operator ran."""

    size: Size
    done: Mapping[str, int]
    """Runs of checks by kind."""
    cpu: float
    """CPU seconds of the operator and its children."""
    floors: tuple[Floor, Floor]
    """Before and after."""
    memory: int
    peak_memory: int
    requests: Mapping[str, int]
    """Requests of the operator's and the runners' accounts, by verb and resource."""
    status_writes: int
    lateness: Sequence[float]
    """Of each run of a `logs` check, against its own cadence."""
    detection: Mapping[str, Sequence[float]]
    """By kind: from just before a target was broken until another client saw it in the status."""
    unseen: int
    """Broken targets that were not seen within the time allowed."""
    first_verdicts: float
    """From the start of the process until the last SOP had its first verdict."""


def shortfalls(measured: Measured) -> dict[str, int]:
    """By kind, how many runs are missing.

    One second's worth may be: runs in flight at the end, and PostgreSQL's sessions tell their
    counts once a second.
    """
    size = measured.size
    return {
        kind: size.due(kind) - measured.done[kind]
        for kind in KINDS
        if size.due(kind) - measured.done[kind] > size.due(kind) / size.seconds
    }


def failed(measured: Measured) -> bool:
    """Whether the figures must not be compared with others."""
    return bool(shortfalls(measured) or measured.unseen)


def ratio(measured: Measured) -> float:
    """CPU per check, as a multiple of the floor."""
    before, after = measured.floors
    return _per_check(measured) / ((before.per_check + after.per_check) / 2)


def percentile(values: Sequence[float], percent: float) -> float:
    """The least value that so many percent of the values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(percent / 100 * len(ordered)) - 1)]


def lateness(times: Sequence[float], every: float) -> list[float]:
    """How late each run was, against a fixed cadence through the most punctual of them."""
    if not times:
        return []
    first = min(times)
    offsets = [time - first - round((time - first) / every) * every for time in times]
    return [offset - min(offsets) for offset in offsets]


def lines(measured: Measured) -> Iterator[str]:
    """Write the report."""
    size = measured.size
    yield (
        f"Load       {size.sops} SOPs x {size.checks} checks every {size.every} s:"
        f" {size.rate:,.0f} checks/s for {size.seconds} s"
    )
    short = shortfalls(measured)
    for kind in KINDS:
        mark = "  FAILED" if kind in short else ""
        yield (
            f"Checks     {kind:<11}{measured.done[kind]:>8,} of {size.due(kind):,} due"
            f"  ({_COUNTED_BY[kind]}){mark}"
        )
    if short:
        yield "CPU        FAILED: fewer checks ran than were due, so there is nothing to compare"
    else:
        before, after = measured.floors
        yield (
            f"CPU        {_per_check(measured) * 1e6:,.0f} µs per check:"
            f" {ratio(measured):.2f} times the floor"
            f" ({before.per_check * 1e6:,.0f} µs before, {after.per_check * 1e6:,.0f} µs after);"
            f" {measured.cpu / size.seconds:.1%} of a core"
        )
    memory, peak = measured.memory / _MIB, measured.peak_memory / _MIB
    yield f"Memory     {memory:,.0f} MiB (peak {peak:,.0f} MiB)"
    minutes = size.seconds / _MINUTE
    requests = [
        f"{what} {count / minutes:,.0f}" for what, count in sorted(measured.requests.items())
    ]
    yield f"Requests   per minute: {', '.join(requests) or 'none'}"
    yield f"Status     {measured.status_writes / minutes:,.0f} writes per minute"
    yield f"Lateness   {_spread(measured.lateness)}"
    for kind in KINDS:
        yield f"Detection  {kind:<11}{_spread(measured.detection[kind])}"
    if measured.unseen:
        yield f"Detection  FAILED: {measured.unseen} broken targets were not seen in the status"
    yield f"Start      {measured.first_verdicts:.2f} s until the last SOP's first verdict"


def _per_check(measured: Measured) -> float:
    return measured.cpu / sum(measured.done.values())


def _spread(values: Sequence[float]) -> str:
    if not values:
        return "nothing was measured"
    p50, p99 = percentile(values, 50), percentile(values, 99)
    return f"p50 {p50:.3f} s, p99 {p99:.3f} s, max {max(values):.3f} s (of {len(values):,})"
