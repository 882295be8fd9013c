"""What differs between the records of two versions: each difference in a line. Pure."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise

from servicesop.api.durations import format_duration
from servicesop.cli.junit import plain
from servicesop.cli.record import CaseRecord, FileRecord, Record

_NOTHING = "none"


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that two versions say differently."""

    file: str
    test: str | None
    """None where it is about the whole file."""
    what: str
    older: str
    """What the older version says of it."""
    newer: str
    """What the newer one says."""
    at: timedelta | None = None
    """From when on, counted from the start; None where it is about the whole test."""
    until: timedelta | None = None
    """Up to when; None where it lasts to the end, or is of a moment."""
    why: str = ""
    """What the version says that refuses the file, or by which the test fails."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What two versions make of the same tests."""

    differences: tuple[Difference, ...]
    tests: int
    """How many tests there are."""
    changed: int
    """For how many of them something differs."""


def compare(older: Record, newer: Record) -> Comparison:
    """Set the records of two versions side by side."""
    before = {one.path: one for one in older.files}
    after = {one.path: one for one in newer.files}
    differences = tuple(
        difference
        for path in sorted(before | after)
        for difference in _of_file(path, before.get(path), after.get(path))
    )
    tests = _tests(older) | _tests(newer)
    same = _tests(older) & _tests(newer) - {(one.file, one.test) for one in differences}
    return Comparison(differences, len(tests), len(tests - same))


def _tests(record: Record) -> set[tuple[str, str | None]]:
    return {(file.path, case.name) for file in record.files for case in file.tests}


def _of_file(path: str, older: FileRecord | None, newer: FileRecord | None) -> Iterator[Difference]:
    before, after = _standing(older), _standing(newer)
    if before != after:
        refused = [why for one in (older, newer) if one is not None for why in one.refused]
        for why in refused or [""]:
            yield Difference(path, None, "", before, after, why=why.removeprefix(f"{path}: "))
        return
    cases = [{case.name: case for case in one.tests} if one else {} for one in (older, newer)]
    for name in cases[0] | cases[1]:
        yield from _of_case(path, name, cases[0].get(name), cases[1].get(name))


def _standing(file: FileRecord | None) -> str:
    if file is None:
        return "no file of tests"
    return "refused" if file.refused else "accepted"


def _of_case(
    path: str, name: str, older: CaseRecord | None, newer: CaseRecord | None
) -> Iterator[Difference]:
    if older is None or newer is None:
        before, after = (_NOTHING if one is None else "there" for one in (older, newer))
        yield Difference(path, name, "test", before, after)
        return
    was, is_ = _failing(older), _failing(newer)
    if was.keys() != is_.keys():
        why = [said for fault, said in (is_ | was).items() if fault not in was.keys() & is_.keys()]
        yield Difference(path, name, "verdict", _verdict(was), _verdict(is_), why=why[0])
    found = [*_of_facts(path, older, newer), *_of_acts(path, older, newer)]
    yield from sorted(found, key=lambda one: one.at or timedelta())


def _failing(case: CaseRecord) -> dict[str, str]:
    """Give what was not as expected: of each expectation what is said first."""
    found: dict[str, str] = {}
    for fault in case.faults:
        found.setdefault(fault.partition(" ")[0], fault)
    return found


def _verdict(failing: dict[str, str]) -> str:
    return f"failed in {', '.join(failing)}" if failing else "passed"


def _of_facts(path: str, older: CaseRecord, newer: CaseRecord) -> Iterator[Difference]:
    before, after = _courses(older), _courses(newer)
    for what in before | after:
        left, right = before.get(what, {}), after.get(what, {})
        said: str | None = None
        says: str | None = None
        for at, until in pairwise([*sorted(left | right), None]):
            assert at is not None, "only the last one is"
            said, says = left.get(at, said), right.get(at, says)
            if said != says:
                yield Difference(
                    path, older.name, what, said or _NOTHING, says or _NOTHING, at, until
                )


def _courses(case: CaseRecord) -> dict[str, dict[timedelta, str | None]]:
    """Give for each thing what is said of it, by the time from which on it is said."""
    found: dict[str, dict[timedelta, str | None]] = {}
    for change in case.changes:
        found.setdefault(change.what, {})[change.at] = change.now
    return found


def _of_acts(path: str, older: CaseRecord, newer: CaseRecord) -> Iterator[Difference]:
    before, after = (
        Counter((a.at, f"{a.act} of {a.target}") for a in one.acts) for one in (older, newer)
    )
    for at, act in sorted((before - after).elements()):
        yield Difference(path, older.name, "act", act, _NOTHING, at)
    for at, act in sorted((after - before).elements()):
        yield Difference(path, older.name, "act", _NOTHING, act, at)


def text(found: Comparison, older: str, newer: str) -> str:
    """Write a line per difference, and then how many tests are not the same."""
    lines = [plain(_line(one, older, newer)) for one in found.differences]
    same = found.tests - found.changed
    noun = "test" if found.tests == 1 else "tests"
    lines.append(
        f"{found.tests} {noun}: {same} the same in {older} and {newer}, {found.changed} not"
    )
    return "".join(f"{line}\n" for line in lines)


def _line(one: Difference, older: str, newer: str) -> str:
    head = [one.file, *filter(None, (one.test, _when(one), one.what))]
    return ": ".join(
        [*head, f"{one.older} ({older}) → {one.newer} ({newer})", *filter(None, [one.why])]
    )


def _when(one: Difference) -> str:
    if one.at is None:
        return ""
    until = "" if one.until is None else f" until {format_duration(one.until)}"
    return f"at {format_duration(one.at)}{until}"
