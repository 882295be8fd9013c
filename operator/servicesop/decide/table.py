"""The decision table, read in three-valued logic: what wins, and what may not win.

Rows are read top down and the first true row wins. Once a row that cannot be decided has been
passed, a later row must not *act*, because the undecided row might have been the right one.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from servicesop.api.procedures import Row, When
from servicesop.api.status import CheckState
from servicesop.judge.debounce import Memory
from servicesop.judge.dependencies import causes

Three = bool | None
"""True, False, or None for unknown."""


def failed(ref: str, checks: Mapping[str, Memory]) -> Three:
    """Say whether a check, or one of its findings (`check/Finding`), is Failed."""
    name, _, finding = ref.partition("/")
    memory = checks[name]
    if memory.state is CheckState.PASSED:
        return False
    if not finding:
        return True if memory.state is CheckState.FAILED else None
    if memory.state not in (CheckState.FAILED, CheckState.PENDING):
        return None
    if finding in memory.confirmed:
        return True
    if memory.unsettled:
        return None
    # The check is answered: what it does not even see is not there.
    return None if finding in memory.pending else False


def passed(ref: str, checks: Mapping[str, Memory]) -> Three:
    """Say whether a check is Passed, or one of its findings is known not to be there."""
    is_failed = failed(ref, checks)
    return None if is_failed is None else not is_failed


def any_of(values: Iterable[Three]) -> Three:
    """Kleene's or."""
    values = list(values)
    return True if True in values else None if None in values else False


def all_of(values: Iterable[Three]) -> Three:
    """Kleene's and."""
    values = list(values)
    return False if False in values else None if None in values else True


def holds(when: When, checks: Mapping[str, Memory]) -> Three:
    """Evaluate a row's `when`; its keys are ANDed."""
    terms: list[Three] = []
    if when.any_failed:
        terms.append(any_of(failed(ref, checks) for ref in when.any_failed))
    if when.all_failed:
        terms.append(all_of(failed(ref, checks) for ref in when.all_failed))
    if when.all_passed:
        terms.append(all_of(passed(ref, checks) for ref in when.all_passed))
    return all_of(terms)


class Why(StrEnum):
    """How the outcome came about."""

    ROW = "Row"
    """A row is true, and everything above it is known to be false."""
    NO_ROW = "NoRow"
    """All rows above the last are known to be false."""
    UNSURE = "Unsure"
    """Only rows that cannot be decided stand before the last."""
    BLOCKED = "Blocked"
    """A row that acts is true, but one above it cannot be decided."""
    WAIT = "Wait"
    """A row above is pending: it will be known within its `for`, or after the next run."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the table says now."""

    row: Row
    """The row that wins; for Wait the one that is waited for."""
    why: Why
    unknown: tuple[str, ...] = ()
    """The names of the rows above that cannot be decided."""


def read(
    rows: tuple[Row, ...],
    checks: Mapping[str, Memory],
    skipped: Callable[[Row], bool] = lambda row: False,
) -> Verdict:
    """Read a table; `skipped` rows (a hold that lasted too long) count as false."""
    unknown: list[str] = []
    for row in rows[:-1]:
        assert row.when is not None, "the API server admits `otherwise` only in the last row"
        value = False if skipped(row) else holds(row.when, checks)
        if value is None:
            if _pending(row.when, checks):
                return Verdict(row, Why.WAIT, tuple(unknown))
            unknown.append(row.name)
        elif value:
            if row.remediate and unknown:
                return Verdict(rows[-1], Why.BLOCKED, tuple(unknown))
            return Verdict(row, Why.ROW, tuple(unknown))
    return Verdict(rows[-1], Why.UNSURE if unknown else Why.NO_ROW, tuple(unknown))


def _pending(when: When, checks: Mapping[str, Memory]) -> bool:
    # Waiting ends by itself only when everything unknown in the row will be known by itself.
    unknown = {ref.partition("/")[0] for ref in when.refs if failed(ref, checks) is None}
    return all(will_tell(name, checks) for name in unknown)


def will_tell(name: str, checks: Mapping[str, Memory]) -> bool:
    """Say whether what is unknown of a check will be known by itself."""
    memory = checks[name]
    if memory.state is CheckState.SKIPPED:
        # What it waits for passes or fails within its `for`. A failed one may stay so.
        return all(checks[cause].state in SOON for cause in causes(name, checks))
    return memory.state in SOON or (memory.state is CheckState.FAILED and not memory.unsettled)


SOON = (CheckState.PENDING, CheckState.NOT_RUN)
"""They are known within their `for`, or after the next run; one that stays away is an Error."""
