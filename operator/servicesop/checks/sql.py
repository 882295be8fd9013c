"""The check `sql`: what a query gives, one number or so many rows, is within limits."""

import math
from datetime import datetime
from decimal import Decimal

from servicesop.api.checks.check import Check
from servicesop.api.checks.sql import RowLimits, ValueLimits
from servicesop.api.reasons import UnknownReason
from servicesop.checks.runner import NO_TURN, Surroundings
from servicesop.judge.numbers import empty, number_text
from servicesop.judge.results import Sample, failed, passed
from servicesop.sources.errors import SourceError


class SqlRunner:
    """Asks the query and compares. Keeps nothing of its rows."""

    reacts_to = None
    turn = NO_TURN

    def __init__(self, check: Check, surroundings: Surroundings) -> None:
        assert check.sql is not None
        self._spec = check.sql
        self._database = surroundings.database(surroundings.connections[check.sql.connection])
        self._timeout = check.timeout.total_seconds()

    async def run(self, now: datetime) -> Sample:
        """Ask and judge. Raise SourceError."""
        if self._spec.rows is not None:
            rows = await self._ask(_counted_up_to(self._spec.rows))
            return _judge_count(self._spec.rows, len(rows))
        assert self._spec.value is not None, "value or rows is there"
        # A second row is asked for only to see that there is one.
        return _judge_value(self._spec.value, _only_value(await self._ask(2)))

    async def _ask(self, most: int) -> list[tuple[object, ...]]:
        return await self._database.query(self._spec.query, timeout=self._timeout, max_rows=most)


def _counted_up_to(limits: RowLimits) -> int:
    """Give the number of rows that tells; further ones are not fetched."""
    past_max = limits.max + 1 if limits.max is not None else 0
    return max(past_max, limits.min or 0, 1)


def _judge_count(limits: RowLimits, count: int) -> Sample:
    counted = _rows(count)
    if count == _counted_up_to(limits):
        counted = f"at least {counted}"
    if limits.max is not None and count > limits.max:
        return failed({"TooMany"}, f"the query gives more than {_rows(limits.max)}", (counted,))
    if limits.min is not None and count < limits.min:
        return failed({"TooFew"}, f"the query gives fewer than {_rows(limits.min)}", (counted,))
    return passed("the query gives as many rows as it should", (counted,))


def _only_value(rows: list[tuple[object, ...]]) -> object:
    """Give the first column of the only row; None where there is none."""
    if len(rows) > 1:
        # Which of them comes first may change from run to run, and the verdict with it.
        raise SourceError(
            UnknownReason.BAD_ANSWER,
            "the query gives more than one row; make it give one, by an aggregate or LIMIT 1, or"
            " compare rows instead of value",
        )
    if not rows:
        return None
    if not rows[0]:
        raise SourceError(UnknownReason.BAD_ANSWER, "the query gives a row without columns")
    return rows[0][0]


def _judge_value(limits: ValueLimits, value: object) -> Sample:
    if value is None:
        return empty(limits.on_empty, "the query gives no value")
    number = _number(value)
    shown = (f"value {number_text(number)}",) if limits.show else ()
    if limits.max is not None and number > limits.max:
        return failed({"TooMany"}, f"the value is greater than {limits.max}", shown)
    if limits.min is not None and number < limits.min:
        return failed({"TooFew"}, f"the value is less than {limits.min}", shown)
    return passed("the value is within its limits", shown)


def _number(value: object) -> Decimal:
    """Read a number as it is written: 0.1 is not more than "0.1", whatever its binary fraction."""
    match value:
        case bool():
            # An int to Python; in SQL it is none.
            raise _incomparable("true or false; count or cast it: (...)::int")
        case int() | Decimal():
            number = Decimal(value)
        case float():
            number = Decimal(repr(value))
        case _:
            raise _incomparable(
                "no number; cast a text by ::numeric, and turn a span of time into seconds by"
                " extract(epoch FROM ...)"
            )
    if math.isnan(number):
        raise _incomparable("NaN, which is neither more nor less than a limit")
    return number


def _incomparable(what: str) -> SourceError:
    return SourceError(
        UnknownReason.BAD_ANSWER, f"the first column of the query's answer is {what}"
    )


def _rows(count: int) -> str:
    return f"{count} row" + "s" * (count != 1)
