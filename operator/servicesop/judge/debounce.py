"""When an answer counts: `for`, `recoverFor`, and what an unknown answer does to them.

A fold over samples: `step(memory, sample, now, windows)` gives the next memory. Rules:
- A finding is confirmed when it was seen in at least two runs over at least its `for`; until then
  it is pending. It is dropped when it was not seen throughout `recoverFor`.
- A check whose every known answer was Failed, in at least two runs over at least the longest `for`
  of its findings, is Failed, whatever it found: findings that alternate do not excuse each other.
  But none of them has lasted, so none is confirmed: that it does not hold is certain, and why is
  not. It passes again when it has passed throughout `recoverFor`.
- One unknown answer changes nothing: it neither advances nor resets. Two in a row reset everything,
  and the check is unknown until it is answered again.
- A check that is not run (suspended, or skipped) forgets everything.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from servicesop.api.checks.check import Check
from servicesop.api.reasons import UnknownReason
from servicesop.api.status import CheckState, CheckStatus
from servicesop.judge.results import Sample, Verdict, error


@dataclass(frozen=True, slots=True)
class Windows:
    """How long an answer must last to count."""

    fail: Mapping[str, timedelta]
    """`for`, per finding."""
    recover: timedelta
    """`recoverFor`."""

    @property
    def longest(self) -> timedelta:
        """The longest `for`."""
        return max(self.fail.values(), default=timedelta())


def windows_of(check: Check, every: timedelta) -> Windows:
    """Give a check's windows; without `for` and `recoverFor` each is twice its period."""
    fail = check.for_ if check.for_ is not None else 2 * every
    own = dict.fromkeys(check.findings, fail)
    if check.leader:
        own |= {"None": check.leader.for_none, "Many": check.leader.for_many}
    recover = check.recover_for if check.recover_for is not None else 2 * every
    return Windows(fail=own, recover=recover)


KNOWN_RUNS = 2
"""Runs with a known answer before anything is done for what a check says."""
HELD = (CheckState.SKIPPED, CheckState.SUSPENDED)
"""States of checks that are not run."""


@dataclass(frozen=True, slots=True)
class _Seen:
    first: datetime
    runs: int


@dataclass(frozen=True, slots=True)
class Memory:
    """All that is remembered of one check; starts empty with the process."""

    state: CheckState
    since: datetime
    """Since when `state`."""
    last: Sample | None = None
    """The sample that explains `state`."""
    newest: Sample | None = None
    """The newest sample, known or not."""
    sampled: datetime | None = None
    """When the newest sample was taken."""
    known_runs: int = 0
    """Runs with a known answer."""
    unknown_runs: int = 0
    """Unknown answers in a row, up to now."""
    failing: Mapping[str, _Seen] = field(default_factory=dict)
    confirmed: frozenset[str] = frozenset()
    gone: Mapping[str, datetime] = field(default_factory=dict)
    """Confirmed findings that are not seen any more, since when."""
    bad: _Seen | None = None
    """Runs with a failed answer since one passed; two unknown ones in a row end it."""
    lasting: bool = False
    """It has failed throughout its longest `for`, and has not passed throughout `recoverFor`."""
    passing: datetime | None = None
    """Since when every known answer was Passed; two unknown ones in a row end it."""
    steady: bool = False
    """Passed throughout `recoverFor`: this, not a single good answer, proves an action."""
    causes: tuple[str, ...] = ()
    """While Skipped: the checks that it waits for in the end."""

    @property
    def pending(self) -> frozenset[str]:
        """Findings that are seen, but not yet for long enough."""
        return frozenset(self.failing) - self.confirmed if self.failing else frozenset()

    @property
    def unsettled(self) -> bool:
        """Whether it is Failed and which finding it is cannot be told."""
        return self.state is CheckState.FAILED and not self.confirmed

    @property
    def gist(self) -> tuple[object, ...]:
        """All that a decision or a status may take from it while no action is under way.

        What moves with every run is not in it: evidence, and how often and when it was asked.
        """
        last, newest = self.last, self.newest
        return (
            self.state,
            self.since,
            self.confirmed,
            frozenset(self.failing) if self.failing else None,
            self.causes,
            self.known_runs >= KNOWN_RUNS,
            last and (last.reason, last.message),
            newest and (newest.verdict, newest.pod, newest.pod_unclear),
        )

    def pending_until(self, windows: Windows) -> datetime | None:
        """Give the time at which the first pending finding, or the check, may be confirmed."""
        if not self.failing and self.bad is None:
            return None
        ends = [self.failing[one].first + windows.fail[one] for one in self.pending]
        if self.bad is not None and not self.lasting:
            ends.append(self.bad.first + windows.longest)
        return min(ends, default=None)

    def recovers_at(self, windows: Windows) -> datetime | None:
        """Give the time at which the first confirmed finding, or the check, may be dropped."""
        since = [*self.gone.values()]
        if self.lasting and self.passing is not None:
            since.append(self.passing)
        if not since:
            return None
        return min(since) + windows.recover


def begin(now: datetime) -> Memory:
    """Give the memory of a check that has not run."""
    return Memory(state=CheckState.NOT_RUN, since=now)


def resume(written: CheckStatus) -> Memory:
    """Give the memory of a check as an earlier process left it in the status.

    So that a restart of the operator changes nothing that people see. Nothing may rest on it but
    that: it counts as never run, and its first answers decide what becomes of it.
    """
    if written.state in HELD:
        # Whether it still has to wait is found out before anything is said.
        return Memory(state=written.state, since=written.since)
    if written.state not in (CheckState.PASSED, CheckState.FAILED):
        return begin(written.since)
    failed = written.state is CheckState.FAILED
    findings = frozenset(written.findings)
    said = Sample(
        Verdict.FAILED if failed else Verdict.PASSED,
        findings=findings,
        message=written.message or "",
        evidence=written.evidence,
    )
    return Memory(
        state=written.state, since=written.since, last=said, confirmed=findings, lasting=failed
    )


def step(memory: Memory, sample: Sample, now: datetime, windows: Windows) -> Memory:
    """Take one more sample into account."""
    if not sample.verdict.known:
        return _unknown(memory, sample, now)
    seen = sample.findings if sample.verdict is Verdict.FAILED else frozenset[str]()
    failing = {one: _again(memory.failing.get(one), now) for one in seen}
    gone = {one: memory.gone.get(one, now) for one in memory.confirmed - seen}
    recovered = {one for one, since in gone.items() if now - since >= windows.recover}
    confirmed = (memory.confirmed - recovered) | {
        one
        for one, run in failing.items()
        if run.runs >= 2 and now - run.first >= windows.fail[one]
    }
    passing = None if seen else memory.passing or now
    steady = passing is not None and now - passing >= windows.recover
    bad = _again(memory.bad, now) if seen else None
    lasting = (memory.lasting and not steady) or (
        bad is not None and bad.runs >= 2 and now - bad.first >= windows.longest
    )
    if confirmed or lasting:
        state = CheckState.FAILED
    elif failing:
        state = CheckState.PENDING
    else:
        state = CheckState.PASSED
    # While a failed check recovers, its last failure still explains the state.
    explains = sample if seen or state is CheckState.PASSED else memory.last
    # Not by `replace`, which takes several times as long: this is the step of every run.
    return Memory(
        state=state,
        since=memory.since if state is memory.state else now,
        last=explains,
        newest=sample,
        sampled=now,
        known_runs=memory.known_runs + 1,
        unknown_runs=0,
        failing=failing,
        confirmed=confirmed,
        gone={one: since for one, since in gone.items() if one not in recovered},
        bad=bad,
        lasting=lasting,
        passing=passing,
        steady=steady,
        causes=memory.causes,
    )


def _again(seen: _Seen | None, now: datetime) -> _Seen:
    return _Seen(now, 1) if seen is None else _Seen(seen.first, seen.runs + 1)


def _unknown(memory: Memory, sample: Sample, now: datetime) -> Memory:
    in_a_row = memory.unknown_runs + 1
    memory = replace(memory, newest=sample, sampled=now, unknown_runs=in_a_row)
    answered = (CheckState.PASSED, CheckState.PENDING, CheckState.FAILED)
    if memory.state in answered and in_a_row < 2:
        return memory
    return _forget(memory, sample, now)


def overdue(memory: Memory, now: datetime) -> Memory:
    """Give the memory of a check that did not run when it should have: what it said is stale."""
    stale = Sample(Verdict.ERROR, reason=UnknownReason.STALE, message="no run when one was due")
    in_a_row = max(2, memory.unknown_runs)
    return _forget(replace(memory, newest=stale, unknown_runs=in_a_row), stale, now)


def suspend(memory: Memory, now: datetime) -> Memory:
    """Give the memory of a check that is suspended."""
    said = error(UnknownReason.SUSPENDED, "the check's suspend is true")
    return _hold(memory, CheckState.SUSPENDED, said, (), now)


def skip(
    memory: Memory, missing: tuple[str, ...], causes: tuple[str, ...], now: datetime
) -> Memory:
    """Give the memory of a check that waits for others that it depends on, and in the end why."""
    text = f"waits for {', '.join(missing)}"
    if causes != missing:
        text += f"; the cause is {', '.join(causes)}"
    said = error(UnknownReason.DEPENDS_ON, text)
    return _hold(memory, CheckState.SKIPPED, said, causes, now)


def _hold(
    memory: Memory, state: CheckState, said: Sample, causes: tuple[str, ...], now: datetime
) -> Memory:
    if (memory.state, memory.newest, memory.causes) == (state, said, causes):
        return memory
    since = memory.since if memory.state is state else now
    return Memory(
        state=state, since=since, last=said, newest=said, sampled=memory.sampled, causes=causes
    )


def _forget(memory: Memory, sample: Sample, now: datetime) -> Memory:
    inconclusive = sample.verdict is Verdict.INCONCLUSIVE
    state = CheckState.INCONCLUSIVE if inconclusive else CheckState.ERROR
    return replace(
        memory,
        state=state,
        since=memory.since if state is memory.state else now,
        last=sample,
        known_runs=0,
        failing={},
        confirmed=frozenset(),
        gone={},
        bad=None,
        lasting=False,
        passing=None,
        steady=False,
    )
