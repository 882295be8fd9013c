"""The check `stuckRows`: how long rows of a table stay in a status, and how many are in one."""

import math
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, zip_longest

from servicesop.api.checks.check import Check
from servicesop.api.checks.stuck_rows import RowLimit
from servicesop.api.durations import format_duration
from servicesop.api.reasons import UnknownReason
from servicesop.api.status import Seen
from servicesop.checks.first_seen import FirstSeen, key_of
from servicesop.checks.row_queries import (
    aged_rows,
    allowed_seconds,
    counted_limits,
    counted_rows,
)
from servicesop.checks.runner import NO_TURN, Surroundings
from servicesop.judge.results import Sample, failed, inconclusive, passed
from servicesop.sources.errors import SourceError

MAX_ROWS = 1000
_YEAR_9999 = 253_370_764_800.0


@dataclass(frozen=True, slots=True)
class _Row:
    id: str | None
    status: str
    idle: float | None
    """Seconds since it was last written; None when the table does not say."""
    now: float
    """The database's clock, in seconds since 1970."""
    shown: tuple[str, ...]

    @property
    def key(self) -> str | None:
        return None if self.id is None else key_of(self.id, self.status)


@dataclass(frozen=True, slots=True)
class _Said:
    """What one limit comes to."""

    finding: str | None
    """None: it holds."""
    message: str
    evidence: tuple[str, ...] = ()


class StuckRowsRunner:
    """Remembers since when it sees each row in its status, also beyond a restart.

    Services write rows again and again without moving them on, so the time since the last write
    says too little; the time since we first saw the row in its status does as well, at first. Both
    are lower bounds of the time in the status, so the greater one counts. Both are taken by the
    database's clock.
    """

    reacts_to = None
    turn = NO_TURN

    def __init__(self, check: Check, surroundings: Surroundings) -> None:
        assert check.stuck_rows is not None
        spec = check.stuck_rows
        self._show = spec.show
        self._aged = tuple(one for one in spec.all_limits if one.older_than is not None)
        self._counted = counted_limits(spec)
        self._allowed = allowed_seconds(spec)
        self._database = surroundings.database(surroundings.connections[spec.connection])
        self._timeout = check.timeout.total_seconds()
        self._ages = aged_rows(spec, self._allowed, MAX_ROWS + 1)
        self._counts = counted_rows(spec, self._counted)
        self._first_seen = FirstSeen()

    @property
    def seen(self) -> tuple[Seen, ...]:
        """The rows that a restart of ours must not make young again."""
        return self._first_seen.kept

    def recall(self, seen: tuple[Seen, ...]) -> None:
        """Take back what an earlier process has seen."""
        self._first_seen.recall(seen)

    async def run(self, now: datetime) -> Sample:
        """Ask and judge, by the database's clock. Raise SourceError."""
        said: list[_Said] = []
        complete = True
        if self._aged:
            answer = await self._database.query(
                self._ages.text,
                self._ages.parameters,
                timeout=self._timeout,
                max_rows=MAX_ROWS + 1,
            )
            complete = len(answer) <= MAX_ROWS
            rows = [self._row(values) for values in answer[:MAX_ROWS]]
            self._look(rows)
            said += self._judge_ages(rows)
        if self._counted:
            answer = await self._database.query(
                self._counts.text,
                self._counts.parameters,
                timeout=self._timeout,
                max_rows=len(self._counted),
            )
            said += self._judge_counts(answer)
        return _summed_up(said, complete=complete)

    def _row(self, values: tuple[object, ...]) -> _Row:
        match values:
            case (_, str() as status, _, _, False, *_) if status in self._allowed:
                raise SourceError(
                    UnknownReason.QUERY_REFUSED,
                    "the column for the last write has no time zone, so it cannot be compared with"
                    " the database's clock; name one of type timestamp with time zone",
                )
            # Another status would be row content, and no age can be told by a clock that is none.
            case (str() | None as id_, str() as status, float() | None as written, float() as now,
                  True, *shown) if status in self._allowed and 0 < now < _YEAR_9999:  # fmt: skip
                known = written is not None and written > 0 and math.isfinite(written)
                idle = now - written if known and written is not None else None
                return _Row(id_, status, idle, now, self._texts(shown))
        raise _unreadable()

    def _texts(self, values: list[object]) -> tuple[str, ...]:
        """Give what may be shown of a row, by the names of the columns."""
        if len(values) != len(self._show):
            raise _unreadable()
        return tuple(
            f"{name}={value if isinstance(value, str) else '-'}"
            for name, value in zip(self._show, values, strict=True)
        )

    def _look(self, rows: list[_Row]) -> None:
        """Take first sights, where one row can be told from another.

        What is not in the answer is forgotten, even where the answer is not complete, and an id
        that stands for several rows is not followed: better too short a time than an untrue one.
        """
        count = Counter(row.key for row in rows)
        single = {
            row.key: self._allowed[row.status]
            for row in rows
            if row.key is not None and count[row.key] == 1
        }
        self._first_seen.look(single, rows[0].now if rows else 0.0)

    def _judge_ages(self, rows: list[_Row]) -> list[_Said]:
        aged = sorted(
            ((self._time_in_status(row), row) for row in rows),
            key=lambda one: (self._allowed[one[1].status] - one[0], one[1].id or "", one[1].status),
        )
        said = []
        for limit in self._aged:
            where, allowed = _among(limit), _allowed(limit)
            stuck = [
                row for age, row in aged if row.status in limit.statuses and age > _seconds(limit)
            ]
            if stuck:
                evidence = tuple(_line(row, f"over {allowed}") for row in stuck)
                said.append(_Said("Stuck", f"rows stay in {where} for over {allowed}", evidence))
            else:
                said.append(_Said(None, f"no row stays in {where} for over {allowed}"))
        return said

    def _time_in_status(self, row: _Row) -> float:
        seen = self._first_seen.age(row.key, row.now) if row.key is not None else 0.0
        return max(row.idle or 0.0, seen)

    def _judge_counts(self, answer: list[tuple[object, ...]]) -> list[_Said]:
        found: dict[int, tuple[int, tuple[str, ...]]] = {}
        for values in answer:
            match values:
                case (int() as number, int() as count, list() | None as sample):
                    found[number] = count, tuple(self._sampled(row) for row in sample or ())
                case _:
                    raise _unreadable()
        if found.keys() != set(range(len(self._counted))):
            raise _unreadable()
        return [_counted(limit, *found[number]) for number, limit in enumerate(self._counted)]

    def _sampled(self, row: object) -> str:
        match row:
            case [str() | None as id_, str() as status, *shown] if any(
                status in limit.statuses for limit in self._counted
            ):
                return " ".join((_shown(id_), status, *map(_shown, self._texts(shown))))
        raise _unreadable()


def _counted(limit: RowLimit, count: int, sample: tuple[str, ...]) -> _Said:
    where = _among(limit)
    if limit.max is not None and count > limit.max:
        return _Said("TooMany", f"more than {_rows(limit.max)} in {where}", sample)
    if limit.min is not None and count < limit.min:
        number = "no row" if not count else _rows(count)
        return _Said(
            "TooFew", f"fewer than {_rows(limit.min)} in {where}", (f"{number} in {where}",)
        )
    bounds = [
        f"{word} {number}"
        for word, number in (("at least", limit.min), ("at most", limit.max))
        if number is not None
    ]
    return _Said(None, f"{' and '.join(bounds)} rows in {where}")


def _summed_up(said: list[_Said], *, complete: bool) -> Sample:
    wrong = [one for one in said if one.finding is not None]
    if wrong:
        message = "; ".join(one.message for one in wrong)
        if not complete:
            message += f" (only the {MAX_ROWS} oldest rows were looked at)"
        # By turns, so that what one limit has found does not hide what another has.
        lines = chain.from_iterable(zip_longest(*(one.evidence for one in wrong)))
        evidence = tuple(line for line in lines if line is not None)
        return failed({one.finding for one in wrong if one.finding is not None}, message, evidence)
    if not complete:
        return inconclusive(
            UnknownReason.NOT_COVERED,
            f"more than {MAX_ROWS} rows are in the statuses; of the {MAX_ROWS} oldest none is there"
            " for too long; watch fewer statuses",
        )
    return passed("; ".join(one.message for one in said))


def _seconds(limit: RowLimit) -> float:
    assert limit.older_than is not None
    return limit.older_than.total_seconds()


def _allowed(limit: RowLimit) -> str:
    assert limit.older_than is not None
    return format_duration(limit.older_than)


def _among(limit: RowLimit) -> str:
    return " or ".join(limit.statuses)


def _rows(count: int) -> str:
    return f"{count} row" + "s" * (count != 1)


def _line(row: _Row, fact: str) -> str:
    return " ".join((_shown(row.id), row.status, fact, *map(_shown, row.shown)))


def _shown(text: str | None) -> str:
    if text is None:
        return "(no id)"
    return "".join(each if each.isprintable() else "?" for each in text)


def _unreadable() -> SourceError:
    return SourceError(UnknownReason.BAD_ANSWER, "the rows of the table cannot be read")
