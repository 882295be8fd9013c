"""Which rows of the decision tables tests reach."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from servicesop.api.sop import Spec
from servicesop.api.status import Status
from servicesop.decide.procedures import Section, failed_checks
from servicesop.engine.sop import Sop
from servicesop.simulate.expectations import winning


@dataclass(frozen=True, slots=True, order=True)
class TableRow:
    """One row of one decision table."""

    procedure: str
    """That has the table; others that use it by `stepsFrom` count for it."""
    row: str

    def __str__(self) -> str:
        return f"{self.procedure}/{self.row}"


@dataclass(frozen=True, slots=True)
class Reached:
    """A row that has won."""

    row: TableRow
    observed: bool
    """All checks that it rests on were judged by what they observed."""


def rows_of(spec: Spec) -> tuple[TableRow, ...]:
    """Give all rows of all tables, each once."""
    return tuple(
        TableRow(procedure.name, row.name)
        for procedure in spec.procedures
        for row in procedure.handle or ()
    )


def reached(sop: Sop, status: Status, is_plain: Callable[[str], bool]) -> Iterator[Reached]:
    """Give the rows that win now; `is_plain` says whether a check's answer was given plainly."""
    won = winning(status)
    for section in sop.sections:
        if section.name in won:
            name = won[section.name]
            table = section.procedure.steps_from or section.name
            rests_on = _rests_on(section, name, sop)
            yield Reached(TableRow(table, name), not any(map(is_plain, rests_on)))


def _rests_on(section: Section, name: str, sop: Sop) -> Iterable[str]:
    row = next(one for one in section.rows if one.name == name)
    if row.when is not None:
        return {ref.partition("/")[0] for ref in row.when.refs}
    return failed_checks(section, sop.checks)


@dataclass(frozen=True, slots=True)
class Coverage:
    """How much of an SOP's tables its tests reach."""

    rows: tuple[TableRow, ...]
    reached: frozenset[TableRow]
    observed: frozenset[TableRow]
    """Of these, those that were reached by observations alone."""

    observed_only: bool = False
    """Only these count."""

    @property
    def counted(self) -> int:
        """How many rows count as reached."""
        return len(self.rows) - len(self.uncounted)

    @property
    def uncounted(self) -> tuple[TableRow, ...]:
        """Rows that do not count as reached."""
        good = self.observed if self.observed_only else self.reached
        return tuple(row for row in self.rows if row not in good)

    @property
    def missing(self) -> tuple[TableRow, ...]:
        """Rows that no test reaches."""
        return tuple(row for row in self.rows if row not in self.reached)

    @property
    def plain(self) -> tuple[TableRow, ...]:
        """Rows that are reached, but only by plain results."""
        return tuple(row for row in self.rows if row in self.reached - self.observed)


def coverage(
    spec: Spec, tests: Iterable[frozenset[Reached]], *, observed_only: bool = False
) -> Coverage:
    """Sum up what the tests of an SOP reach."""
    rows = rows_of(spec)
    found = [one for each in tests for one in each if one.row in rows]
    return Coverage(
        rows,
        frozenset(one.row for one in found),
        frozenset(one.row for one in found if one.observed),
        observed_only,
    )
