"""Any table on any facts is read as a second, independent reading of the rules says."""

from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from servicesop.api.procedures import Row
from servicesop.api.status import CheckState
from servicesop.decide import table
from servicesop.decide.table import Why
from servicesop.judge.debounce import Memory
from servicesop.judge.results import failed
from unit.decide.scenes import memory

NAMES = ("a", "b", "c")
FINDINGS = ("None", "Many")
YES, MAYBE, NO = 1.0, 0.5, 0.0

Facts = dict[str, dict[str, str]]
"""By check and finding: `yes`, `no`, `soon` (pending).

Of all findings of a check alike: `?` (blind), `new` (not run), `suspended`, `changing` (it fails
for changing reasons: unsettled), or `after NAME` (skipped while that check has not passed).
"""


def facts_about(check: str) -> st.SearchStrategy[dict[str, str]]:
    others = [f"after {name}" for name in NAMES if name != check]
    alike = st.sampled_from(["?", "new", "suspended", "changing", *others])
    return st.one_of(
        alike.map(lambda fact: dict.fromkeys(FINDINGS, fact)),
        *[st.fixed_dictionaries({one: st.sampled_from(["yes", "no", "soon"]) for one in FINDINGS})]
        * 2,
    )


refs = st.lists(
    st.builds(
        lambda name, finding: name + finding,
        st.sampled_from(NAMES),
        st.sampled_from(["", *(f"/{one}" for one in FINDINGS)]),
    ),
    min_size=1,
    max_size=3,
)
whens = st.dictionaries(
    st.sampled_from(["anyFailed", "allFailed", "allPassed"]), refs, min_size=1, max_size=3
)
does = st.sampled_from(["remediate", "escalate", "hold"])
WHAT: dict[str, dict[str, Any]] = {
    "remediate": {"restart": {}},
    "escalate": {"to": ["team"]},
    "hold": {"because": "it passes", "atMost": "10m"},
}


ALIKE = {
    "?": CheckState.ERROR,
    "new": CheckState.NOT_RUN,
    "suspended": CheckState.SUSPENDED,
}


def memory_of(found: dict[str, str]) -> Memory:
    confirmed = frozenset(one for one, value in found.items() if value == "yes")
    pending = frozenset(one for one, value in found.items() if value == "soon")
    fact = found[FINDINGS[0]]
    if fact in ALIKE:
        return memory(ALIKE[fact])
    if fact == "changing":
        return memory(CheckState.FAILED, newest=failed({FINDINGS[0]}, "and others before"))
    if fact.startswith("after "):
        return memory(CheckState.SKIPPED, causes=(fact.removeprefix("after "),))
    if confirmed:
        return memory(CheckState.FAILED, confirmed=confirmed, pending=pending)
    return memory(CheckState.PENDING if pending else CheckState.PASSED, pending=pending)


TERMS: dict[str, Callable[[list[float]], float]] = {
    "anyFailed": max,
    "allFailed": min,
    "allPassed": lambda xs: min(1 - x for x in xs),
}


def degree(ref: str, facts: Facts) -> float:
    """How far a reference is failed: 1 yes, 0 no, 0.5 unknown."""
    name, *finding = ref.split("/")
    values = [facts[name][finding[0]]] if finding else list(facts[name].values())
    if "yes" in values or (values[0] == "changing" and not finding):
        return YES
    return NO if set(values) == {"no"} else MAYBE


def row_degree(when: dict[str, list[str]], facts: Facts) -> float:
    """Kleene's logic by numbers: or is max, and is min, not is 1 - x."""
    return min(TERMS[key]([degree(one, facts) for one in refs]) for key, refs in when.items())


def may_settle_itself(when: dict[str, list[str]], facts: Facts) -> bool:
    """Whether everything unknown in a row will be known as soon as its `for` is over."""
    return all(
        settles(facts[ref.split("/")[0]], facts)
        for refs in when.values()
        for ref in refs
        if degree(ref, facts) == MAYBE
    )


def settles(found: dict[str, str], facts: Facts) -> bool:
    """Whether a check will be known by itself. Nothing tells when the blind and the held will."""
    fact = found[FINDINGS[0]]
    if fact.startswith("after "):
        # It runs when the other has passed; which is soon known of what is new or pending only.
        first = set(facts[fact.removeprefix("after ")].values())
        return first == {"new"} or ("soon" in first and "yes" not in first)
    return fact not in ("?", "suspended", "changing")


def oracle(
    rows: list[tuple[dict[str, list[str]], str]], facts: Facts, skipped: set[int]
) -> tuple[int, Why]:
    """The winner's index (-1: the last row) and why, from the rules as written in the design."""
    degrees = [
        NO if index in skipped else row_degree(when, facts) for index, (when, _) in enumerate(rows)
    ]
    pending = [
        index
        for index, (when, _) in enumerate(rows)
        if degrees[index] == MAYBE and may_settle_itself(when, facts)
    ]
    true = [index for index, one in enumerate(degrees) if one == YES]
    first = min(true, default=len(rows))
    if pending and pending[0] < first:
        return pending[0], Why.WAIT
    unknown_above = MAYBE in degrees[:first]
    if not true:
        return -1, Why.UNSURE if unknown_above else Why.NO_ROW
    if rows[first][1] == "remediate" and unknown_above:
        return -1, Why.BLOCKED
    return first, Why.ROW


@settings(max_examples=400, deadline=None)
@given(
    facts=st.fixed_dictionaries({name: facts_about(name) for name in NAMES}),
    table_rows=st.lists(st.tuples(whens, does), max_size=5),
    skipped=st.sets(st.integers(0, 4)),
)
def test_the_table_agrees_with_the_oracle(
    facts: Facts, table_rows: list[tuple[dict[str, list[str]], str]], skipped: set[int]
) -> None:
    rows = [
        Row.model_validate({"name": f"r{index}", "when": when, what: WHAT[what]})
        for index, (when, what) in enumerate(table_rows)
    ]
    last = {"name": "otherwise", "otherwise": True, "escalate": {"to": ["team"]}}
    checks = {name: memory_of(found) for name, found in facts.items()}
    out = {f"r{index}" for index in skipped}

    verdict = table.read(
        (*rows, Row.model_validate(last)), checks, skipped=lambda row: row.name in out
    )

    index, why = oracle(table_rows, facts, skipped)
    assert verdict.why is why
    assert verdict.row.name == ("otherwise" if index < 0 else f"r{index}")
    # The one sentence that everything else is for.
    if verdict.row.remediate and verdict.why is Why.ROW:
        assert not verdict.unknown
