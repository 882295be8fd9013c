"""Says what the decision tables make of supposed results of checks, in words for people. Pure.

The tables are read by the operator's own reading. What it does not know is time: `for` is over,
no hold has lasted too long, and whether the guards would let an action through is not asked.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from servicesop.api.checks.check import Check
from servicesop.api.dependencies import in_order
from servicesop.api.durations import format_duration
from servicesop.api.procedures import Row
from servicesop.api.sop import Spec
from servicesop.api.status import CheckState, Tri
from servicesop.decide import table
from servicesop.decide.procedures import Section, sections_of, state_of
from servicesop.decide.snapshot import target_of
from servicesop.decide.table import Three, Verdict, Why
from servicesop.judge import supposed
from servicesop.judge.debounce import Memory
from servicesop.judge.dependencies import held_back

STATES = (
    CheckState.PASSED,
    CheckState.FAILED,
    CheckState.INCONCLUSIVE,
    CheckState.ERROR,
    CheckState.PENDING,
)
"""What may be supposed of a check; the others follow from the SOP."""
_WORDS = {True: "true", False: "false", None: "unknown"}


class GivenError(Exception):
    """What is supposed is not understood; the message says what is allowed."""


@dataclass(frozen=True, slots=True)
class Told:
    """One row, and what it comes to."""

    name: str
    says: str
    """true, false or unknown; empty for the last row."""
    rests_on: str
    """What its checks say."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """One procedure."""

    titles: tuple[str, ...]
    """The procedure's name, then those that are the same under another title."""
    happening: Tri
    because: str
    """Which checks say so."""
    outcome: str
    """What becomes of it; empty where nothing does."""
    rows: tuple[Told, ...]


def suppose(spec: Spec, given: Iterable[str]) -> dict[str, Memory]:
    """Give the memories of all checks. Raise GivenError.

    `given` are `check=State`, or `check/Finding` for a check that has found this. What is not
    given has passed. Checks that are suspended, or whose dependencies have not passed, are not run.
    """
    known = {check.name: check for check in spec.checks}
    states: dict[str, CheckState] = {}
    findings: dict[str, set[str]] = {}
    for one in given:
        name, finding, state = _understood(one, known)
        if states.setdefault(name, state) is not state:
            raise GivenError(f"{one}: {name} is already given as {states[name].value}")
        findings.setdefault(name, set()).update([finding] if finding else [])
    memories = {
        check.name: _memory(check, states.get(check.name), findings.get(check.name, set()))
        for check in spec.checks
    }
    return memories | held_back(in_order(spec.checks), memories, supposed.AT)


def _understood(given: str, known: Mapping[str, Check]) -> tuple[str, str, CheckState]:
    ref, equals, state = given.partition("=")
    name, slash, finding = ref.partition("/")
    if name not in known:
        raise GivenError(f"{given}: there is no check {name}; there are {', '.join(sorted(known))}")
    if slash and finding not in known[name].findings:
        allowed = ", ".join(known[name].findings)
        raise GivenError(f"{given}: {name} has no finding {finding}; it has {allowed}")
    if slash and (not equals or state == CheckState.FAILED):
        return name, finding, CheckState.FAILED
    if not slash and state in STATES:
        return name, "", CheckState(state)
    raise GivenError(
        f"{given}: must be CHECK=STATE with one of {', '.join(STATES)}, or CHECK/FINDING"
    )


def _memory(check: Check, state: CheckState | None, findings: set[str]) -> Memory:
    # Of a check that can find one thing only it is plain what it has found.
    found = frozenset(findings or (check.findings if len(check.findings) == 1 else ()))
    match state:
        case CheckState.FAILED if not found:
            return supposed.changing()
        case CheckState.FAILED:
            return supposed.after([supposed.found(found)] * 2)
        case CheckState.PENDING:
            return supposed.after([supposed.found(found or frozenset(check.findings))])
        case CheckState.INCONCLUSIVE:
            return supposed.after([supposed.CANNOT_TELL] * 2)
        case CheckState.ERROR:
            return supposed.after([supposed.CANNOT_ASK] * 2)
        case _:
            return supposed.after([supposed.PASSED])


def explain(spec: Spec, checks: Mapping[str, Memory]) -> Iterator[Explanation]:
    """Explain every procedure that has a life of its own."""
    for section in sections_of(spec):
        happening = state_of(section, checks)
        outcome = ""
        if happening is Tri.TRUE:
            outcome = _outcome(spec, section, table.read(section.rows, checks), checks)
        yield Explanation(
            titles=section.titles,
            happening=happening,
            because=_listed(section.checks, checks),
            outcome=outcome,
            rows=tuple(_told(row, checks) for row in section.rows),
        )


def _told(row: Row, checks: Mapping[str, Memory]) -> Told:
    if row.when is None:
        return Told(row.name, "", "")
    refs = dict.fromkeys(row.when.refs)
    value = table.holds(row.when, checks)
    return Told(row.name, _WORDS[value], ", ".join(_ref(ref, checks) for ref in refs))


def _ref(ref: str, checks: Mapping[str, Memory]) -> str:
    """Say what a reference comes to: `leader/None is Failed`, `leader is Skipped`."""
    is_failed: Three = table.failed(ref, checks)
    name, _, finding = ref.partition("/")
    if not finding or is_failed is None:
        state = checks[name].state
        told = state is not CheckState.FAILED or not finding
        return f"{name} is {state.value}" if told else f"whether {ref} is Failed is not known"
    return f"{ref} is {'Failed' if is_failed else 'not found'}"


def _listed(names: Iterable[str], checks: Mapping[str, Memory]) -> str:
    """Name the checks that have not passed, or say that all have."""
    states = {name: checks[name].state for name in names}
    bad = [f"{name} is {state.value}" for name, state in states.items() if state != "Passed"]
    return ", ".join(bad) or "all its checks are Passed"


def _outcome(spec: Spec, section: Section, verdict: Verdict, checks: Mapping[str, Memory]) -> str:
    row, unknown = verdict.row, _rows(verdict.unknown)
    wins = f"row {row.name} wins"
    match verdict.why:
        case Why.WAIT:
            return f"waits: row {row.name} cannot be decided yet, and its checks will tell soon"
        case Why.ROW if verdict.unknown:
            why = f"it is the first that is true; {unknown} above cannot be decided"
        case Why.ROW:
            why = "it is the first that is true, and every row above it is false"
        case Why.NO_ROW:
            why = "every row above it is false"
        case Why.UNSURE:
            wins += f" after {format_duration(spec.unsure_for)}"
            why = f"no row is true, and {unknown} cannot be decided"
        case Why.BLOCKED:
            acts = next(one for one in section.rows if one.when and table.holds(one.when, checks))
            why = (
                f"row {acts.name} is true but may not act, because {unknown} above it cannot be"
                " decided and might be the right one"
            )
    return f"{wins}: {_does(spec, row)}; {why}"


def _rows(names: tuple[str, ...]) -> str:
    return f"row{'s' * (len(names) > 1)} {', '.join(names)}"


def _does(spec: Spec, row: Row) -> str:
    if row.escalate:
        because = f" ({row.escalate.because})" if row.escalate.because else ""
        return f"escalate to {', '.join(row.escalate.to)}{because}"
    if row.hold:
        return f"hold for at most {format_duration(row.hold.at_most)} ({row.hold.because})"
    assert row.remediate is not None, "a row does one of three things"
    target = spec.target_named(target_of(spec, row.remediate))
    assert target is not None, "the API server admits only names of targets"
    what = row.remediate.action.of(target.ref.kind, target.ref.name)
    return f"{what}, if every guard allows it"
