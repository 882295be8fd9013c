"""Which rows of a decision table can never win, whatever the checks say. Exact.

A row wins when it is true and nothing above it is. To act it also needs everything above it to be
known to be false; for anything else a row above may stay unknown, but not such that the table
waits for it. A hold above does not stand in the way if it can win itself: it is skipped when it has
lasted too long. And the table is only read while its procedure is happening.

Tables are too large to try all states of all checks. So the checks are gone through one after the
other, and of all combinations so far only what the rows make of them is kept; and of that, only
what no other combination betters.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import ge

from servicesop.api.checks.check import Check
from servicesop.api.dependencies import in_order
from servicesop.api.procedures import Row
from servicesop.api.sop import Spec
from servicesop.decide.procedures import Section, sections_of
from servicesop.decide.table import Three, all_of, any_of
from servicesop.lint.rules import Problem, Subject
from servicesop.lint.worlds import World, skipped, worlds_of

_Row = tuple[Three, Three, Three, bool]
"""What the checks so far make of a row: any failed, all failed, all passed (true where the row has
no such key), and whether all that is unknown in it will be known by itself."""
_PASSED, _SOON, _HELD = "passed", "soon", "held"
"""What checks that depend on a check have to know of it."""


@dataclass(frozen=True, slots=True)
class _State:
    rows: tuple[_Row | None, ...]
    """None for a row that is false for certain."""
    happening: bool
    needed: tuple[tuple[str, str], ...]
    """What is known of the checks on which later ones depend."""


@dataclass(frozen=True, slots=True)
class Table:
    """A section's table, with all states of the checks that matter to it."""

    rows: tuple[Row, ...]
    checks: tuple[Check, ...]
    """Each after those that it depends on."""
    refs: Mapping[str, tuple[str, ...]]
    worlds: Mapping[str, tuple[World, ...]]
    happening: frozenset[str]
    """The checks by whose failure the procedure happens."""

    def dead(self) -> Iterator[int]:
        """Give the indexes of the rows that can never win."""
        skippable: set[int] = set()
        for index, row in enumerate(self.rows[:-1]):
            above = [one for one in range(index) if one not in skippable]
            if not self.wins(index, above):
                yield index
            elif row.hold:
                skippable.add(index)

    def wins(self, index: int, above: Sequence[int]) -> bool:
        """Say whether a row can win, with these rows above it."""
        tried = (*above, index)
        acts = self.rows[index].remediate is not None
        left = [self._names(self.rows[one]) for one in tried]
        begin = _State(tuple(self._begin(one) for one in tried), False, ())
        states = [begin]
        for number, check in enumerate(self.checks):
            later = {name for one in self.checks[number + 1 :] for name in one.depends_on}
            for names in left:
                names.discard(check.name)
            skips = [skipped(self.refs[check.name], soon=soon) for soon in (True, False)]
            worlds = self._telling(begin, tried, check.name, self.worlds[check.name])
            after: set[_State] = set()
            for state in states:
                missing = {known for name, known in state.needed if name in check.depends_on}
                missing.discard(_PASSED)
                for world in worlds if not missing else [skips[missing != {_SOON}]]:
                    next_ = self._next(state, tried, check.name, world)
                    rows = _settled(next_.rows, left, acts=acts)
                    if rows is not None:
                        needed = tuple(one for one in next_.needed if one[0] in later)
                        after.add(_State(rows, next_.happening, needed))
            states = _best(after)
        return any(state.happening for state in states)

    def _telling(
        self, begin: _State, tried: Sequence[int], name: str, worlds: Iterable[World]
    ) -> list[World]:
        """Give the states of a check, of those that promise less than another only the other."""
        found = {self._next(begin, tried, name, world): world for world in worlds}
        return [found[state] for state in _best(found)]

    def _next(self, state: _State, tried: Sequence[int], name: str, world: World) -> _State:
        """Take one check into account."""
        rows = tuple(
            row and self._follow(self.rows[one], row, name, world)
            for one, row in zip(tried, state.rows, strict=True)
        )
        happening = state.happening or (world.failed and name in self.happening)
        return _State(rows, happening, (*state.needed, (name, _known(world))))

    def _names(self, row: Row) -> set[str]:
        assert row.when is not None, "only the last row has no `when`"
        return {ref.partition("/")[0] for ref in row.when.refs}

    def _begin(self, index: int) -> _Row:
        when = self.rows[index].when
        assert when is not None, "only the last row has no `when`"
        return (not when.any_failed, True, True, True)

    def _follow(self, row: Row, before: _Row, name: str, world: World) -> _Row | None:
        values = dict(zip(self.refs[name], world.values, strict=True))
        when = row.when
        assert when is not None, "only the last row has no `when`"
        if not values.keys() & set(when.refs):
            return before
        one, every, none, tells = before
        found = [values[ref] for ref in when.any_failed or () if ref in values]
        one = any_of([one, *found])
        every = all_of([every, *(values[ref] for ref in when.all_failed or () if ref in values)])
        passed = [values[ref] for ref in when.all_passed or () if ref in values]
        none = all_of([none, *(None if value is None else not value for value in passed)])
        unknown = any(values[ref] is None for ref in when.refs if ref in values)
        if every is False or none is False:
            return None
        return one, every, none, tells and (world.tells or not unknown)


def _settled(
    rows: tuple[_Row | None, ...], left: Sequence[set[str]], *, acts: bool
) -> tuple[_Row | None, ...] | None:
    """Give the rows; those of which all is known only as far as it matters. None: no victory.

    The last one is the row that should win.
    """
    settled: list[_Row | None] = []
    for row, more in zip(rows[:-1], left, strict=False):
        if row is None or (not more and row[0] is False):
            settled.append(None)
            continue
        value, tells = all_of(row[:3]), row[3]
        if not more and (value or acts or tells):
            return None
        settled.append(row if more else None)
    row = rows[-1]
    if row is None or None in row[1:3] or (not left[-1] and row[0] is not True):
        return None
    return (*settled, row)


def _best(states: Iterable[_State]) -> list[_State]:
    """Give the states but those from which no more can come than from another one."""
    best: dict[tuple[tuple[str, str], ...], list[tuple[tuple[int, ...], _State]]] = {}
    ranked = [(_merits(state), state) for state in states]
    for merits, state in sorted(ranked, key=lambda one: sum(one[0]), reverse=True):
        rivals = best.setdefault(state.needed, [])
        if not any(all(map(ge, other, merits)) for other, _ in rivals):
            rivals.append((merits, state))
    return [state for rivals in best.values() for _, state in rivals]


_RANKS = {False: 0, None: 1, True: 2}


def _merits(state: _State) -> tuple[int, ...]:
    """Say how far it is from victory: the truer the row and the falser those above, the better."""
    merits = [int(state.happening)]
    for row in state.rows[:-1]:
        merits += (
            (2, 2, 2, 1) if row is None else (*(2 - _RANKS[one] for one in row[:3]), not row[3])
        )
    row = state.rows[-1]
    return (*merits, *((0, 0, 0) if row is None else (_RANKS[one] for one in row[:3])))


def _known(world: World) -> str:
    return _PASSED if world.passed else _SOON if world.soon else _HELD


def table_of(spec: Spec, section: Section) -> Table:
    """Gather what a section's table is about."""
    by_name = {check.name: check for check in spec.checks}
    refs: dict[str, dict[str, None]] = {name: {} for name in section.checks}
    for row in section.rows:
        for ref in row.when.refs if row.when else ():
            refs.setdefault(ref.partition("/")[0], {})[ref] = None
    names = list(refs)
    for name in names:
        names += [below for below in by_name[name].depends_on if below not in names]
    checks = tuple(check for check in in_order(spec.checks) if check.name in names)
    told = {check.name: tuple(refs.get(check.name, ())) for check in checks}
    worlds = {one.name: worlds_of(one, told[one.name], spec.every) for one in checks}
    return Table(section.rows, checks, told, worlds, frozenset(section.checks))


def dead_rows(subject: Subject) -> Iterator[Problem]:
    """Find rows that can never win, in no procedure that uses their table."""
    spec = subject.spec
    sections = sections_of(spec)
    for number, procedure in enumerate(spec.procedures):
        if not procedure.handle:
            continue
        tables = [
            table_of(spec, section)
            for section in sections
            if procedure.name in (section.name, section.procedure.steps_from)
        ]
        dead = set.intersection(*(set(table.dead()) for table in tables))
        for index in sorted(dead):
            row = procedure.handle[index]
            yield Problem(
                f"spec.procedures[{number}].handle[{index}]",
                f"row {row.name} of {procedure.name} can never win: {_why(tables[0], index)}",
            )


def _why(table: Table, index: int) -> str:
    if not table.wins(index, []):
        return "its `when` is never true while the procedure is happening"
    above = table.rows[:index]
    alone = next((row for one, row in enumerate(above) if not table.wins(index, [one])), None)
    by = f"row {alone.name} above it" if alone else "one of the rows above it"
    if table.rows[index].remediate:
        return f"whenever it is true, {by} is true or unknown, and then nothing may be done"
    return f"whenever it is true, {by} is true, or waited for"
